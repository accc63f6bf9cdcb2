"""Where people talk: the entry point and the composition root.

platform     what every chat is to the rest, and its errors
rendering    from a reply to messages that fit
push         notices on their way to people
platforms    the chats themselves, one file or package each
charts       numbers drawn as pictures
"""
