"""A journal stepped again: the same state, or a clear word about where it differs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest

from data.events import EngineStarted, StartBot, TickerMoved
from data.grids import GridSpec
from data.journal import Entry
from data.market import Fees, Filters, Market, Ticker
from engine.core import Engine
from engine.recording import ReplayDiverged, entry_of, rebuild
from engine.risk import RiskLimits
from engine.state import freeze

NOW = 1_760_000_000_000
MARKET = Market(
    exchange="test",
    symbol="AAA/USDT",
    base="AAA",
    quote="USDT",
    filters=Filters(price_tick=Decimal("0.01"), quantity_step=Decimal("0.001"), min_notional=Decimal(5)),
    fees=Fees(maker=Decimal("0.001"), taker=Decimal("0.001")),
)
LIMITS = RiskLimits()


def written(engine: Engine) -> Iterator[Entry]:
    """Start a bot and yield the journal of it."""
    spec = GridSpec(symbol="AAA/USDT", lower=Decimal(90), upper=Decimal(110), levels=11, investment=Decimal(1000))
    price = Decimal(100)
    events = (
        EngineStarted(at=NOW, version="0.1.0", limits=LIMITS),
        TickerMoved(at=NOW, ticker=Ticker("AAA/USDT", price, price, price, NOW)),
        StartBot(at=NOW, by="test", spec=spec, market=MARKET),
    )
    for event in events:
        outcome = engine.step(event)
        if outcome.durable:
            yield entry_of(outcome, engine.state)


def test_stepping_the_journal_again_gives_the_same_state() -> None:
    first, second = Engine(LIMITS), Engine(LIMITS)
    assert rebuild(second, list(written(first))) == 2
    assert freeze(second.state) == freeze(first.state)


def test_a_difference_names_the_place_and_what_to_do() -> None:
    *entries, last = written(Engine(LIMITS))
    other = msgspec.structs.replace(last, approved=last.approved[1:])
    with pytest.raises(
        ReplayDiverged, match=r"sequence 2: stepping the StartBot again gives other approved\. "
    ) as told:
        rebuild(Engine(LIMITS), [*entries, other])
    assert "stop it cleanly" in str(told.value)
    assert len(str(told.value)) < 400
    assert told.value.entry == other
