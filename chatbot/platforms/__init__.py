"""One file or package per chat platform; none knows another.

console   the terminal as a chat
discord   slash commands, buttons, embeds, direct messages
telegram  long polling, messages, buttons that carry command lines
"""
