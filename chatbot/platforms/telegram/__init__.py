"""Telegram: long polling, HTML messages, buttons that carry command lines.

platform  the platform itself: updates in, requests to the dispatcher, replies out
taps      what becomes of a message whose button was tapped
sender    messages to a chat, with patience and with every failure named
markup    blocks as HTML, rows of buttons as keyboards
menus     the command menu of each person
polling   updates fetched one after the other, whatever the network does
"""

import os

# Without it the library hands out seconds in two types and warns about the older one.
os.environ.setdefault("PTB_TIMEDELTA", "true")

from chatbot.platforms.telegram.platform import TelegramPlatform  # noqa: E402 - the setting is read at import

__all__ = ["TelegramPlatform"]
