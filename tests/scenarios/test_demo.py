"""The demo, as a new user runs it without a terminal: what it shows and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from chatbot.app import App
from chatbot.demo import demo_settings, run_demo
from chatbot.folders import Folders
from chatbot.platforms.console.platform import ConsolePlatform
from chatbot.platforms.console.screen import Screen
from chatbot.venues import open_venues
from commands.format import duration
from commands.reply import Card, Proposal, Reply
from config.secrets import Secrets
from data.database import Database
from data.decisions import Decision
from data.journal import Journal
from engine.clock import ScaledClock

START = 1_760_000_000_000
SPEED = 3600.0
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def transcript(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Run `batuta demo` once in a process without a terminal; return what it printed and its home."""
    home = tmp_path_factory.mktemp("home")
    done = subprocess.run(
        [sys.executable, "-m", "chatbot", "demo"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={**os.environ, "BATUTA_HOME": str(home)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout, home


def test_the_demo_confirms_a_plan_and_reports_at_least_ten_fills(transcript: tuple[str, Path]) -> None:
    text, _home = transcript
    assert "Can be confirmed until" in text
    assert "started with 5000.00 USDT" in text
    assert len(re.findall(r"(?:Bought|Sold|Initial buy of) ", text)) >= 10
    assert "stopped: a person asked" in text


def test_the_demo_leaves_charts_that_open_as_pictures(transcript: tuple[str, Path]) -> None:
    text, home = transcript
    files = sorted((home / "charts").glob("*.png"))
    assert len(files) == 2
    for file in files:
        assert str(file) in text
        with Image.open(file) as picture:
            picture.load()
            assert picture.size == (1080, 1350)


def test_every_number_of_the_why_it_shows_is_in_the_journal_it_leaves(transcript: tuple[str, Path]) -> None:
    text, home = transcript
    told = text[text.index("› /why") :]
    shown = told[: told.index("[1] Older")]
    number = re.findall(r"Decision (\S+)", shown)[-1]
    database = Database(home / "demo" / "batuta.sqlite")
    try:
        journal = Journal(database)
        assert journal.verify() == journal.last_sequence > 40
        decision = journal.decision(number)
    finally:
        database.close()
    assert decision is not None
    # Without the line that writes the instant as a date.
    _numbers_are_recorded(re.sub(r"(?m)^(When|Decision) .*$", "", shown).splitlines()[1:], decision)


def test_a_demo_starts_afresh_and_not_beside_another(transcript: tuple[str, Path], tmp_path: Path) -> None:
    _text, home = transcript
    assert sorted(path.name for path in home.iterdir()) == ["charts", "demo"]
    (tmp_path / "demo").mkdir()
    held = Database(tmp_path / "demo" / "batuta.sqlite")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "chatbot", "demo"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "BATUTA_HOME": str(tmp_path)},
        )
    finally:
        held.close()
    assert done.returncode == 2
    assert str(os.getpid()) in done.stdout


async def test_too_little_time_is_said_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run_demo(seed=7, speed=1.0, minutes=0.01, home=tmp_path) == 1
    assert "Too few fills in the time given" in capsys.readouterr().out


async def test_every_number_of_why_is_in_the_record(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    settings = demo_settings(tmp_path, SPEED)
    clock, codes = ScaledClock(START, SPEED), list[str]()
    with open_venues(settings, Secrets(), folders, clock, 7) as venues:
        app = App(settings, folders, venues, clock, announce=codes.append, speed=SPEED)
        console = ConsolePlatform(
            audience=app.audience, pictures=app.renderer, clock=clock, charts=folders.charts, screen=Screen()
        )
        await app.start([console])
        try:
            await app.ready.wait()
            await console.say(codes[0][codes[0].index("/pair") :])
            await _start_a_grid(console)
            async with asyncio.timeout(60):
                while len(app.desk.fills(None, 6)) < 6:
                    await clock.sleep(60)
            decisions = app.desk.decisions(None, 20)
            assert len({decision.rule for decision in decisions}) >= 2
            for decision in decisions:
                (card,) = await console.say(f"/why d{decision.id}")
                assert isinstance(card, Card)
                _numbers_are_recorded([field.value for field in card.fields if field.label != "When"], decision)
        finally:
            await app.stop()


async def _start_a_grid(console: ConsolePlatform) -> None:
    await console.say("/grid SOL/USDT")
    await console.choose("Narrow")
    replies: tuple[Reply, ...] = await console.choose("5000")
    while plan := next((each for each in replies if isinstance(each, Proposal)), None):
        replies = await console.choose(plan.confirm.label)


def _numbers_are_recorded(lines: Sequence[str], decision: Decision) -> None:
    record = msgspec.json.encode(decision).decode()
    known = {Decimal(number) for number in _NUMBER.findall(record)}
    ages = " ".join(duration(each.age_ms) for each in decision.inputs)
    known |= {Decimal(number) for number in _NUMBER.findall(ages)}
    known |= {Decimal(len(each)) for each in (decision.approved, decision.refused, decision.cancelled)}
    hidden = max(len(decision.approved), len(decision.inputs)) - 6
    for line in lines:
        for number in _NUMBER.findall(line):
            assert Decimal(number) in known or Decimal(number) == hidden, (line, record)
