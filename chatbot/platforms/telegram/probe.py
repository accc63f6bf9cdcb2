"""One question to Telegram: does it take the token."""

from __future__ import annotations

import logging

from telegram import Bot
from telegram.error import InvalidToken, TelegramError

from config.language import _

_ADDRESS = "https://api.telegram.org/bot"


async def ask(token: str, base_url: str | None) -> tuple[str, bool]:
    """Return what to tell the operator, and whether all is well."""
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        async with Bot(token, base_url=base_url or _ADDRESS) as bot:
            return _("answers as @{name}").format(name=bot.username), True
    except InvalidToken:
        return _("does not accept TELEGRAM_BOT_TOKEN; @BotFather shows the right one"), False
    except TelegramError as error:
        return _("cannot be reached: {why}").format(why=type(error).__name__), False
