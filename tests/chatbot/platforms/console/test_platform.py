"""The terminal as a chat: lines, numbers, pictures, pushes, and the way out."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chatbot.charts.renderer import ChartFailed
from chatbot.platform import Audience, SendRefused
from chatbot.platforms.console.platform import IDENTITY, ConsolePlatform
from chatbot.platforms.console.screen import Screen
from commands.context import Person
from commands.registry import Role, discover
from commands.reply import Button, Failure, GridPicture, PnlSeries, Table, Text
from config.schema import Settings
from tests.commands.house import House

PNG = b"\x89PNG\r\n\x1a\n"


class Drawer:
    """Draws the same small thing each time, or nothing."""

    def __init__(self) -> None:
        """Have a pen."""
        self.broken = False

    async def png(self, picture: PnlSeries | GridPicture) -> bytes:
        """Return it."""
        if self.broken:
            raise ChartFailed("no pen")
        return PNG


class Typist:
    """Types given lines, then waits or hangs up."""

    def __init__(self, *lines: str | None) -> None:
        """Type ``lines``; None is the end of the input."""
        self._lines = list(lines)
        self.done = asyncio.Event()
        self.closed = False

    async def line(self) -> str | None:
        """Return the next line."""
        if self._lines:
            return self._lines.pop(0)
        self.done.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    def close(self) -> None:
        """Stop typing."""
        self.closed = True


class Desk:
    """A console in a house, with everything it prints."""

    def __init__(self, charts: Path, keyboard: Typist | None = None, leave: Callable[[], None] | None = None) -> None:
        """Sit down as owner."""
        self.house = House(registry=discover())
        self.house.people.put(Person(id=IDENTITY, name="Olga", role=Role.OWNER))
        self.output, self.drawer = io.StringIO(), Drawer()
        self.console = ConsolePlatform(
            audience=Audience(self.house.people, Settings().chat), pictures=self.drawer, clock=self.house.clock,
            charts=charts, screen=Screen(self.output, colour=False), keyboard=keyboard,
            leave=leave or (lambda: None),
        )  # fmt: skip

    @property
    def shown(self) -> str:
        """Return all that was printed."""
        return self.output.getvalue()


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    """Return a console without keyboard."""
    desk = Desk(tmp_path)
    await desk.console.start(desk.house.dispatcher)
    return desk


async def test_a_line_is_shown_and_answered(desk: Desk) -> None:
    replies = await desk.console.say("/bots")
    assert isinstance(replies[0], Table)
    assert desk.shown.startswith("› /bots\nBots\n")


async def test_a_number_taps_a_button_of_the_last_answer(desk: Desk) -> None:
    await desk.console.say("/bots")
    assert [each.line for each in desk.console.buttons] == ["/bots 1", "/grid"]
    await desk.console.say("1")
    assert "Bot 1 BTC/USDT" in desk.shown.partition("› 1\n")[2]


async def test_a_wrong_number_takes_no_buttons_away(desk: Desk) -> None:
    await desk.console.say("/bots")
    (failure,) = await desk.console.say("9")
    assert isinstance(failure, Failure)
    assert (failure.value, failure.accepted) == ("9", "a number from 1 to 2")
    assert len(desk.console.buttons) == 2


async def test_a_push_does_not_change_what_numbers_mean(desk: Desk) -> None:
    await desk.console.say("/bots")
    await desk.console.send(IDENTITY, Text(text="filled", buttons=(Button("Why?", "/why 7"),)), False)
    assert desk.console.buttons[0].line == "/bots 1"
    assert desk.shown.endswith("filled\nWhy?: /why 7\n")


async def test_a_push_to_somebody_else_is_refused(desk: Desk) -> None:
    with pytest.raises(SendRefused):
        await desk.console.send("console:other", Text(text="x"), False)


async def test_a_button_is_chosen_by_its_label(desk: Desk) -> None:
    await desk.console.say("/bots")
    await desk.console.choose("Start a grid")
    assert "Which market" in desk.shown
    with pytest.raises(LookupError, match="Nonsense"):
        await desk.console.choose("Nonsense")


async def test_a_chart_is_saved_and_its_path_is_shown(desk: Desk, tmp_path: Path) -> None:
    await desk.console.say("/pnl 1")
    (file,) = tmp_path.glob("*.png")
    assert file.read_bytes() == PNG
    assert str(file) in desk.shown


async def test_a_chart_that_cannot_be_drawn_is_told_in_words(desk: Desk, tmp_path: Path) -> None:
    desk.drawer.broken = True
    await desk.console.say("/pnl 1")
    assert "The chart could not be drawn." in desk.shown
    assert list(tmp_path.glob("*.png")) == []


async def test_typed_lines_are_answered_in_turn(tmp_path: Path) -> None:
    typist = Typist("", "/bots", "1")
    desk = Desk(tmp_path, typist)
    await desk.console.start(desk.house.dispatcher)
    await asyncio.wait_for(typist.done.wait(), 5)
    await desk.console.stop()
    assert "Bot 1 BTC/USDT" in desk.shown
    assert typist.closed


@pytest.mark.parametrize("word", ["quit", "EXIT ", "/quit"])
async def test_quit_leaves(tmp_path: Path, word: str) -> None:
    left = asyncio.Event()
    desk = Desk(tmp_path, Typist(word), left.set)
    await desk.console.start(desk.house.dispatcher)
    await asyncio.wait_for(left.wait(), 5)
    await desk.console.stop()


async def test_the_end_of_the_input_ends_no_engine(tmp_path: Path) -> None:
    left = asyncio.Event()
    desk = Desk(tmp_path, Typist(None), left.set)
    await desk.console.start(desk.house.dispatcher)
    await desk.console.say("/bots")
    await desk.console.stop()
    assert not left.is_set()


PROGRAM = """
import asyncio, sys
from chatbot.platforms.console.keyboard import Keyboard
from chatbot.platforms.console.screen import Screen
async def main():
    screen = Screen(colour=False)
    keyboard = Keyboard(screen)
    first = asyncio.ensure_future(keyboard.line())
    print("ready", flush=True)
    line = await first
    screen.say("heard " + line)
    second = asyncio.ensure_future(keyboard.line())
    await asyncio.sleep(0)
    screen.say("pushed")
    keyboard.close()
asyncio.run(main())
"""


def test_a_plain_terminal_is_enough_and_is_left_as_it_was() -> None:
    mine, theirs = pty.openpty()
    import termios

    before = termios.tcgetattr(theirs)
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=theirs, stdout=theirs, stderr=theirs, cwd=Path(__file__).parents[4]
    )
    shown = b""
    while b"ready" not in shown:
        shown += os.read(mine, 1000)
    os.write(mine, b"/status\n")
    while b"pushed" not in shown:
        shown += os.read(mine, 1000)
    assert program.wait(10) == 0
    assert b"heard /status" in shown
    assert termios.tcgetattr(theirs)[:4] == before[:4]
    os.close(mine)
    os.close(theirs)
