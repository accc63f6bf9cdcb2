"""Where people talk: the entry point and the composition root.

platforms    the chats themselves, one file or package each
charts       numbers drawn as pictures
"""
