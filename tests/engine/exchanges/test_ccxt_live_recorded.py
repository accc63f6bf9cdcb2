"""Recorded market streams, played by a loopback server to the live adapter over unmodified sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from data.observations import Level
from engine.exchanges.base import Channel
from engine.exchanges.habits import Habits
from tests.contracts.live_venues import LivePerpetualVenue, LiveSpotVenue, LiveVenue
from tests.contracts.observer import Observer
from tests.contracts.venues import stream_of
from tests.engine.exchanges.live import Perpetual, Spot, opened

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "data" / "l2"
LINES, BATCH = 12_000, 200
DIFFERENCES, EARLY = 800, 6


def lines(market: str) -> Iterator[dict[str, Any]]:
    path = RECORDED / f"binance-{market}-BTCUSDT-l2stream-20240808T2354Z.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    with gzip.open(path, "rt") as told:
        for line in told:
            yield json.loads(line.partition(" ")[2])


def recorded(market: str) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((told["stream"], told["data"]) for told in lines(market) if "stream" in told)


class Rebuilt:
    """A book rebuilt from the recording by the rules that Binance publishes, level by level and as text."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.number = snapshot["lastUpdateId"]
        self.sides = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}

    def take(self, event: dict[str, Any]) -> None:
        """Apply one difference."""
        if event["u"] <= self.number:
            return
        assert event["U"] <= self.number + 1 or event["pu"] <= self.number
        for side, levels in self.sides.items():
            for price, quantity in event[side]:
                if Decimal(quantity):
                    levels[price] = quantity
                else:
                    levels.pop(price, None)
        self.number = event["u"]

    def best(self, count: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return the best levels of both sides."""
        bids, asks = (
            sorted((Level(Decimal(price), Decimal(held)) for price, held in levels.items()), reverse=side == "b")
            for side, levels in self.sides.items()
        )
        return tuple(bids[:count]), tuple(asks[:count])


class PatientSpot(LiveSpotVenue):
    """Asks for nothing that the recording could not answer."""

    habits = Habits(silence_seconds=60)


class PatientPerpetual(LivePerpetualVenue):
    """Asks for nothing that the recording could not answer."""

    habits = Habits(silence_seconds=60)


@pytest.mark.parametrize(("kind", "market"), [(Spot, "spot"), (Perpetual, "usdm")])
async def test_recorded_quotes_arrive_as_tickers(
    tmp_path: Path, kind: type[Spot] | type[Perpetual], market: str
) -> None:
    events = list(islice(recorded(market), LINES))
    quotes = [(Decimal(told["b"]), Decimal(told["a"])) for stream, told in events if stream.endswith("@bookTicker")]
    async with opened(kind(tmp_path)) as venue:
        streams = venue.server.streams if isinstance(venue, Spot) else venue.server.usdm.streams
        await venue.exchange.subscribe(frozenset({venue.symbol}))
        await streams.until(lambda: streams.heard("btcusdt@bookTicker"))
        connections = list(streams.peers)
        seen = len(venue.inbox.tickers(venue.symbol))
        for start in range(0, len(events), BATCH):
            for stream, told in events[start : start + BATCH]:
                streams.publish(stream, told)
            await asyncio.sleep(0.001)
        await venue.inbox.until(lambda: told_last(venue) == quotes[-1] or None)
        tickers = [(each.ticker.bid, each.ticker.ask) for each in venue.inbox.tickers(venue.symbol)[seen:]]
        following = iter(quotes)
        # In the order of the quotes, none invented; of those that come at once the last one is told.
        assert all(ticker in following for ticker in _changes(tickers))
        assert len(tickers) > 10
        # A message that could not be read would have cost the connection.
        assert list(streams.peers) == connections


def told_last(venue: LiveVenue) -> tuple[Decimal, Decimal]:
    ticker = venue.inbox.tickers(venue.symbol)[-1].ticker
    return ticker.bid, ticker.ask


def _changes(tickers: list[tuple[Decimal, Decimal]]) -> list[tuple[Decimal, Decimal]]:
    return [ticker for number, ticker in enumerate(tickers) if not number or ticker != tickers[number - 1]]


@pytest.mark.parametrize(
    ("kind", "market", "path"),
    [(PatientSpot, "spot", "/api/v3/depth"), (PatientPerpetual, "usdm", "/fapi/v1/depth")],
)
async def test_the_recorded_book_is_told_level_by_level(
    tmp_path: Path, kind: type[LiveVenue], market: str, path: str
) -> None:
    events = [each for each in lines(market) if "lastUpdateId" in each or "@depth" in each["stream"]]
    (snapshot,) = (each for each in events if "lastUpdateId" in each)
    differences = [each["data"] for each in events[:DIFFERENCES] if "stream" in each]
    rebuilt, states = Rebuilt(snapshot), []
    for event in differences:
        rebuilt.take(event)
        states.append(rebuilt.best(20))
    async with opened(kind(tmp_path)) as venue:
        rest, observer = venue.server.rest, Observer()
        rest.routes["GET", path] = replace(rest.routes["GET", path], answer=lambda call: snapshot)
        venue.server.faults.add("delay", f"GET {path}", seconds=0.1)  # so that some differences come before
        channel = Channel("book", venue.symbol)
        await venue.exchange.observe(frozenset({channel}), observer.hear)
        await venue.streaming(channel)
        for number, event in enumerate(differences):
            venue.streams.publish(stream_of(channel), event)
            if number == EARLY:
                await observer.until(lambda: observer.books(channel) or None)
            await asyncio.sleep(0)
        await observer.until(lambda: observer.books(channel)[-1].bids[:20] == states[-1][0] or None)
    told = [(book.bids[:20], book.asks[:20]) for book in observer.books(channel)]
    following = iter(states)
    # Every book told is one there was, to the last digit and in their order; of those that come at once the last.
    assert all(book in following for book in told)
    assert len(told) > len(states) / 10
    assert not observer.breaks(channel)
