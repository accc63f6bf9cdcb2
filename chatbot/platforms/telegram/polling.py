"""Updates fetched one after the other; whatever the network or another poller does, it goes on."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

from telegram import Bot, Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from chatbot.platform import SendRetry
from chatbot.platforms.telegram.sender import failure_of
from data.values import Millis
from engine.clock import Clock

# Edited messages are not asked for: what was typed once must not run twice.
UPDATES = ("message", "callback_query")
_SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 60.0
_SILENCE: Millis = 600_000
_log = logging.getLogger(__name__)


class Patience:
    """Waits between attempts: longer every time, never the same, and as long as the other side asks."""

    def __init__(self, clock: Clock) -> None:
        """Wait by ``clock``."""
        self._clock = clock
        self._failures = 0
        self._said: dict[str, Millis] = {}

    def over(self) -> None:
        """Forget the failures: something worked."""
        self._failures = 0

    async def wait(self, error: Exception, what: str) -> None:
        """Say what is wrong, though not the same thing again and again, then wait."""
        self._failures += 1
        level, words = _meaning(error, what)
        now = self._clock.now()
        if now - self._said.get(words, -_SILENCE) >= _SILENCE:
            self._said[words] = now
            _log.log(level, words, exc_info=None if isinstance(error, TelegramError) else error)
        failure = failure_of(error) if isinstance(error, TelegramError) else None
        if isinstance(failure, SendRetry):
            await self._clock.sleep(failure.after_seconds)
            return
        most = min(_LONGEST_SECONDS, _SHORTEST_SECONDS * 2.0 ** (self._failures - 1))
        await self._clock.sleep(most * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret


class Poller:
    """Long polling of one bot."""

    def __init__(self, bot: Bot, clock: Clock, take: Callable[[Update], Awaitable[None]], seconds: float) -> None:
        """Hand every update to ``take``; one request waits ``seconds`` for the next."""
        self._bot, self._take, self._seconds = bot, take, seconds
        self._patience = Patience(clock)
        self._offset = 0

    async def run(self) -> None:
        """Fetch until cancelled."""
        while True:
            try:
                updates = await self._fetch(self._seconds)
            except Exception as error:
                # Not Telegram's errors alone: an update that the library cannot read must not end the listening.
                await self._patience.wait(error, "updates cannot be fetched")
                continue
            self._patience.over()
            for update in updates:
                self._offset = update.update_id + 1
                await self._take(update)

    async def confirm(self) -> None:
        """Tell Telegram what was taken, so that a restart does not hear it again. Raises TelegramError."""
        if self._offset:
            await self._bot.get_updates(offset=self._offset, limit=1, timeout=0, allowed_updates=UPDATES)

    async def _fetch(self, seconds: float) -> tuple[Update, ...]:
        return await self._bot.get_updates(
            offset=self._offset, timeout=timedelta(seconds=seconds), allowed_updates=UPDATES
        )


def _meaning(error: Exception, what: str) -> tuple[int, str]:
    match error:
        case Conflict():
            told = "another program fetches the updates of this Telegram bot; stop it, or give each its own token"
            return logging.ERROR, told
        case InvalidToken():
            return logging.ERROR, "Telegram does not accept TELEGRAM_BOT_TOKEN; @BotFather shows the right one"
        case RetryAfter():
            return logging.WARNING, f"{what}: Telegram asks for patience"
        case _:
            return logging.WARNING, f"{what}: {type(error).__name__}; trying again until it works"
