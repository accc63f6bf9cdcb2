"""The console itself: lines to the dispatcher, replies to the screen."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from chatbot.charts.renderer import ChartFailed
from chatbot.platform import Audience, Pictures, SendRefused, chat_of
from chatbot.platforms.console.screen import PROMPT, Screen, greeting
from commands.dispatch import Dispatcher, Request
from commands.reply import Button, Chart, Failure, Reply
from config.language import _, use
from engine.clock import Clock

PLATFORM, PERSON = "console", "local"
IDENTITY = f"{PLATFORM}:{PERSON}"
"""Who sits at the console; the composition root gives them their role."""
_QUIT = frozenset({"quit", "exit", "/quit", "/exit"})
_log = logging.getLogger(__name__)


class Lines(Protocol):
    """Where typed lines come from."""

    async def line(self) -> str | None:
        """Return the next line, or None when there will be no more."""

    def close(self) -> None:
        """Read no more."""


def _interrupt() -> None:
    # The one way out of the program is the signal that it listens to anyway.
    signal.raise_signal(signal.SIGINT)


class ConsolePlatform:
    """A chat with whoever sits at the server. Without a keyboard it is led by ``say`` and ``choose``."""

    def __init__(
        self,
        *,
        audience: Audience,
        pictures: Pictures,
        clock: Clock,
        charts: Path,
        screen: Screen,
        keyboard: Lines | None = None,
        leave: Callable[[], None] = _interrupt,
    ) -> None:
        """Save charts below ``charts``; ``leave`` is called when somebody types quit."""
        self._audience, self._pictures, self._clock, self._charts = audience, pictures, clock, charts
        self._screen, self._keyboard, self._leave = screen, keyboard, leave
        self._dispatcher: Dispatcher | None = None
        self._listening: asyncio.Task[None] | None = None
        self._answering = asyncio.Lock()
        self.buttons: tuple[Button, ...] = ()
        """Those of the last answer, in the order of their numbers."""

    @property
    def name(self) -> str:
        """Return ``console``."""
        return PLATFORM

    async def start(self, dispatcher: Dispatcher) -> None:
        """Begin to read lines, if there is a keyboard, and return at once."""
        self._dispatcher = dispatcher
        if self._keyboard is not None and self._listening is None:
            self._listening = asyncio.create_task(self._listen(self._keyboard), name="console")

    async def stop(self) -> None:
        """Read no more and let what is being answered finish."""
        async with self._answering:
            task, self._listening = self._listening, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self._keyboard is not None:
            self._keyboard.close()

    async def send(self, recipient: str, reply: Reply, silent: bool) -> str:
        """Print a message that nobody asked for and return a receipt. Raises ``SendRefused``."""
        if chat_of(recipient, PLATFORM) != PERSON:
            raise SendRefused(f"recipient: {recipient!r} is not here; accepted: {IDENTITY}")
        # Its buttons get no numbers: a push must never change what the number being typed means.
        await self._show((reply,), numbered=False)
        return str(self._clock.now())

    async def say(self, line: str) -> tuple[Reply, ...]:
        """Show ``line`` as if it had been typed, answer it, and return the answer."""
        self._screen.say(PROMPT + line, "bold")
        return await self._answer(line)

    async def choose(self, label: str) -> tuple[Reply, ...]:
        """Press the button of the last answer whose label has ``label`` in it. Raises LookupError for none."""
        for number, each in enumerate(self.buttons, 1):
            if label in each.label:
                return await self.say(str(number))
        raise LookupError(f"no button {label!r}; there are {[each.label for each in self.buttons]}")

    async def _listen(self, keyboard: Lines) -> None:
        with use(self._locale()):
            self._screen.say(greeting(), "dim")
            self._remind()
        while (line := await keyboard.line()) is not None:
            if line.strip().lower() in _QUIT:
                self._leave()
                return
            if line.strip():
                try:
                    await self._answer(line)
                except Exception:
                    _log.exception("the console could not show an answer")

    async def _answer(self, typed: str) -> tuple[Reply, ...]:
        if self._dispatcher is None:
            return ()
        async with self._answering:
            line = self._line(typed.strip())
            if isinstance(line, Failure):
                # A slip of the finger takes no buttons away.
                await self._show((line,), numbered=False)
                return (line,)
            replies = await self._ask(line)
            if not replies and self._keyboard is not None:
                self._remind()
            self.buttons = await self._show(replies, numbered=True)
            return replies

    def _remind(self) -> None:
        # Strangers are met with silence; at the terminal itself it would only look broken.
        if self._audience.person(PLATFORM, PERSON) is None:
            with use(self._locale()):
                self._screen.say(_("First pair: type /pair and the code printed here. /start prints a new one."), "dim")

    async def _ask(self, line: str) -> tuple[Reply, ...]:
        if self._dispatcher is None:
            return ()
        return await self._dispatcher.handle(
            Request(
                platform=PLATFORM, user_id=PERSON, user_name=_("Console"), chat_id=PERSON, private=True, line=line,
                sent_at=self._clock.now(), locale=self._locale(),
            )
        )  # fmt: skip

    def _line(self, typed: str) -> str | Failure:
        if not typed.isdecimal():
            return typed
        if 1 <= int(typed) <= len(self.buttons):
            return self.buttons[int(typed) - 1].line
        with use(self._locale()):
            accepted = _("a number from 1 to {last}").format(last=len(self.buttons)) if self.buttons else _("a command")
            return Failure(problem=_("There is no button with this number."), value=typed, accepted=accepted)

    async def _show(self, replies: Sequence[Reply], *, numbered: bool) -> tuple[Button, ...]:
        zone = self._audience.zone(self._audience.person(PLATFORM, PERSON))
        buttons: list[Button] = []
        for reply in replies:
            where = await self._draw(reply) if isinstance(reply, Chart) else ""
            with use(self._locale()):
                buttons += self._screen.show(reply, zone, first_number=len(buttons) + 1 if numbered else None)
            if where:
                self._screen.say(where, "dim")
        return tuple(buttons)

    async def _draw(self, chart: Chart) -> str:
        with use(self._locale()):
            try:
                png = await self._pictures.png(chart.picture)
            except ChartFailed as error:
                _log.warning("a chart is told in words: %s", error)
                return _("The chart could not be drawn.")
        words = re.sub(r"\W+", "-", chart.picture.title).strip("-").lower()[:60] or "chart"
        file = self._charts / f"{self._clock.now()}-{words}.png"
        try:
            await asyncio.to_thread(file.write_bytes, png)
        except OSError as error:
            _log.warning("a chart could not be saved: %s", error)
            return _("The chart could not be saved.")
        return str(file)

    def _locale(self) -> str:
        with suppress(Exception):
            return self._audience.locale(self._audience.person(PLATFORM, PERSON))
        return ""
