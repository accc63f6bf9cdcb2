"""Every command as each platform shows it, compared with what was looked at and found good."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pytest

from chatbot.platforms.console.screen import Screen
from chatbot.platforms.discord.messages import messages
from chatbot.rendering import parts
from commands.context import Person
from commands.registry import Registry, Role, discover
from commands.reply import Reply
from data.grids import MarginMode
from data.values import Mode
from engine.desk import PositionView
from engine.exchanges.base import Position
from tests.commands.fake_desk import FakeDesk
from tests.commands.house import House
from tests.commands.worlds import bot_view, spec

FOLDER = Path(__file__).parent / "renders"
LINES = {
    "balance": "/balance",
    "book": "/book BTC/USDT",
    "bots": "/bots",
    "bots-one": "/bots 1",
    "cache": "/cache",
    "chart": "/chart 1",
    "grid": "/grid",
    "grid-range": "/grid BTC/USDT",
    "grid-plan": "/grid BTC/USDT 58000 64000 9 1000 tp=5% sl=55000",
    "grid-wrong": "/grid BTC/USDT 58000 64000 lots",
    "help": "/help",
    "help-one": "/help grid",
    "indicators": "/indicators BTC/USDT",
    "market": "/market BTC/USDT",
    "markets": "/markets",
    "mode": "/mode",
    "orders": "/orders 1",
    "pause": "/pause 1",
    "people": "/people",
    "pnl": "/pnl 1",
    "pairs": "/pairs",
    "recentre": "/recentre 1 59000 67000",
    "resume": "/resume 2",
    "settings": "/settings",
    "sl": "/sl 1 50000",
    "start": "/start",
    "status": "/status",
    "stop": "/stop 1",
    "tp": "/tp 1 10%",
    "trades": "/trades",
    "trading": "/trading",
    "trail": "/trail 1 up=72000 down=50000",
    "grid-moves": "/grid BTC/USDT 58000 64000 9 1000 trail_up=72000 trail_down=50000 trigger=60000 reinvest=yes",
    "transfer": "/transfer 100 spot futures",
    "doctor": "/doctor",
    "positions": "/positions",
    "unknown": "/bost",
    "validate": "/validate",
    "why": "/why",
    "agents": "/agents",
    "jobs": "/jobs",
    "logs": "/logs",
    "confirm": "/confirm abcdefgh",
    "discard": "/discard abcdefgh",
    "pair": "/pair 12345678",
    "invite": "/invite viewer",
}


def house(registry: Registry) -> House:
    """Return a house whose plans and codes have the same names every time."""
    found = House(registry=registry, desk=FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT"))))
    found.people.put(Person(id="telegram:olga", name="Olga", role=Role.OWNER))
    held = Position(
        symbol="BTC/USDT:USDT", quantity=Decimal("0.5"), entry_price=Decimal(61_000), mark_price=Decimal(60_500),
        liquidation_price=Decimal(45_000), leverage=3, margin=MarginMode.CROSS,
    )  # fmt: skip
    found.desk.open_positions = (PositionView(mode=Mode.SHADOW, position=held, in_bots=Decimal("0.5")),)
    return found


def on_console(replies: Sequence[Reply]) -> str:
    """Return what the terminal shows."""
    output = io.StringIO()
    screen, number = Screen(output, colour=False), 1
    for each in replies:
        number += len(screen.show(each, UTC, first_number=number))
    return output.getvalue()


def on_telegram(replies: Sequence[Reply]) -> str:
    """Return the messages and keyboards a phone shows."""
    from chatbot.platforms.telegram.markup import LIMITS, html

    shown = [
        "\n".join([html(each.blocks), *(" ".join(f"[{b.label}|{b.line}]" for b in row) for row in each.rows)])
        for reply in replies for each in parts(reply, LIMITS)
    ]  # fmt: skip
    return "\n----\n".join(shown) + "\n"


def on_discord(replies: Sequence[Reply]) -> str:
    """Return the content, embed and buttons of each message."""
    shown = []
    for each in (message for reply in replies for message in messages(reply)):
        embed = json.dumps(each.embed.to_dict(), indent=1, ensure_ascii=False) if each.embed else ""
        rows = [" ".join(f"[{button.label}|{button.line}]" for button in row) for row in each.rows]
        shown.append("\n".join(line for line in (each.content, embed, *rows) if line))
    return "\n----\n".join(shown) + "\n"


PLATFORMS = {"console": on_console, "telegram": on_telegram, "discord": on_discord}


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Return every command there is."""
    return discover()


def test_every_command_is_looked_at(registry: Registry) -> None:
    assert {line.split()[0][1:] for line in LINES.values()} >= {each.name for each in registry.all()}


def test_nothing_old_is_kept(update_golden: bool) -> None:
    if update_golden:
        pytest.skip("the files are being written")
    assert {file.stem for file in FOLDER.glob("*.txt")} == {f"{name}.{chat}" for name in LINES for chat in PLATFORMS}


@pytest.mark.parametrize("name", LINES)
async def test_a_command_looks_as_it_did(
    name: str, registry: Registry, update_golden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ids are random so that nobody can guess them; here everybody may.
    monkeypatch.setattr("secrets.token_bytes", lambda count: b"\x01" * count)
    monkeypatch.setattr("secrets.choice", lambda letters: letters[1])
    replies = await house(registry).say(LINES[name], "olga")
    assert replies
    different = []
    for platform, render in PLATFORMS.items():
        file, text = FOLDER / f"{name}.{platform}.txt", render(replies)
        if update_golden:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            different.append(f"{file.name} should be\n{text}")
    assert not different, "\n".join([*different, f"if that is right: pytest {__file__} --update-golden"])
