"""Recorded market streams, played by a loopback server to the live adapter over unmodified sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.live_venues import LiveVenue
from tests.engine.exchanges.live import Perpetual, Spot, opened

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "data" / "l2"
LINES, BATCH = 12_000, 200


def recorded(market: str) -> Iterator[tuple[str, dict[str, Any]]]:
    path = RECORDED / f"binance-{market}-BTCUSDT-l2stream-20240808T2354Z.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    with gzip.open(path, "rt") as lines:
        for line in lines:
            told = json.loads(line.partition(" ")[2])
            if "stream" in told:
                yield told["stream"], told["data"]


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
