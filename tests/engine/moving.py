"""Price paths for grids that move, and one run along them that is held to every promise."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from data.candles import CandleColumns, read_candles
from data.decisions import Decision, Rule
from data.grids import GridSpec
from data.journal import Journal
from data.market import Market
from data.values import ZERO
from engine.core import Engine
from engine.grid.slots import violations
from engine.recording import rebuild
from engine.replay import Replay
from engine.state import freeze
from tests.engine.test_replay import SHARED, cut

D = Decimal
MINUTE = 60_000


def path(*prices: str, bar: int = MINUTE) -> CandleColumns:
    """Return bars that go straight from one price to the next."""
    values = [D(price) for price in prices]
    opens, closes = values[:1] + values[:-1], values
    return columns(opens, closes, bar)


def columns(opens: list[Decimal], closes: list[Decimal], bar: int = MINUTE) -> CandleColumns:
    """Return bars with nothing beyond their bodies."""
    both = list(zip(opens, closes, strict=True))
    return CandleColumns(
        at=[1_600_000_000_000 + bar * i for i in range(len(both))],
        open=opens,
        high=[max(pair) for pair in both],
        low=[min(pair) for pair in both],
        close=closes,
        volume=[ZERO] * len(both),
    )


def walk(seed: int, bars: int, *, drift: float = 0, size: float = 0.6, bar: int = MINUTE) -> CandleColumns:
    """Return a random walk from 100 on a tick of 0.01, with gaps now and then."""
    chance, here, opens, closes = random.Random(seed), 100.0, [], []
    for _ in range(bars):
        first = here * (1 + (chance.gauss(0, size / 50) if chance.random() < 0.05 else 0))
        here = max(20.0, first * (1 + drift / 100 + chance.gauss(0, size / 100)))
        opens.append(D(f"{max(20.0, first):.2f}"))
        closes.append(D(f"{here:.2f}"))
    return columns(opens, closes, bar)


def recorded(name: str, bars: int) -> CandleColumns:
    """Return the first bars of a recorded series; skip the test where there is none."""
    file = SHARED / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"needs the recorded candles in {Path(SHARED).resolve()}, which are not part of the repository")
    return cut(read_candles(file), bars)


def run(along: CandleColumns, spec: GridSpec, market: Market) -> Replay:
    """Replay a bot and check its ledger, its books, that no order was named twice, and that its journal tells all."""
    replay = Replay(along, spec, market, Journal.in_memory())
    report = replay.run()
    bot, books = replay.bot, replay.bot.books
    assert report.identity_error == ZERO
    assert violations(bot.slots) == []
    assert books.base == books.lot_quantity == sum((slot.held for slot in bot.slots), ZERO)
    closed = [slot for slot in bot.slots if not slot.open]
    assert [slot.lower for slot in closed] == list(bot.lines[:-1])
    assert [slot.upper for slot in closed] == list(bot.lines[1:])
    assert list(bot.lines) == sorted(set(bot.lines))
    sent = [draft.client_id for decision in decisions(replay) for draft in decision.approved]
    assert max(Counter(sent).values()) == 1, "an order was named twice"
    again = Engine(replay.engine.limits)
    rebuild(again, replay.journal.read())
    assert freeze(again.state) == freeze(replay.engine.state)
    return replay


def decisions(replay: Replay) -> list[Decision]:
    """Return all decisions, oldest first."""
    return list(reversed(replay.journal.decisions(None, 1_000_000)))


def rules(replay: Replay) -> Counter[Rule]:
    """Return how often each rule fired."""
    return Counter(decision.rule for decision in decisions(replay))
