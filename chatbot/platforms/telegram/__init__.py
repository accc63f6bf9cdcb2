"""Telegram: long polling, HTML messages, buttons that carry command lines.

platform  the platform itself: updates in, requests to the dispatcher, replies out
taps      what becomes of a message whose button was tapped
sender    messages to a chat, with patience and with every failure named
markup    blocks as HTML, rows of buttons as keyboards
menus     the command menu of each person
polling   updates fetched one after the other, whatever the network does
probe     one question to Telegram: does it take the token
"""

from __future__ import annotations

import os

from pydantic import SecretStr

from chatbot.platform import Outfit, Platform
from config.schema import Settings

# Without it the library hands out seconds in two types and warns about the older one. It is read at its import.
os.environ.setdefault("PTB_TIMEDELTA", "true")


def build(outfit: Outfit) -> Platform | None:
    """Return the platform, or None when it is off or has no token."""
    chat, token = outfit.settings.chat.telegram, outfit.secrets.telegram_bot_token
    if token is None or not chat.is_on(token):
        return None
    from chatbot.platforms.telegram.platform import TelegramPlatform

    return TelegramPlatform(
        token.get_secret_value(),
        outfit.audience,
        outfit.clock,
        outfit.pictures,
        base_url=None if chat.base_url is None else str(chat.base_url),
        base_file_url=None if chat.base_file_url is None else str(chat.base_file_url),
        grace_seconds=float(outfit.settings.scheduler.shutdown_grace_seconds),
    )


async def probe(settings: Settings, token: SecretStr) -> tuple[str, bool]:
    """Ask Telegram who the bot is; return what to tell the operator and whether all is well."""
    from chatbot.platforms.telegram.probe import ask

    address = settings.chat.telegram.base_url
    return await ask(token.get_secret_value(), None if address is None else str(address))
