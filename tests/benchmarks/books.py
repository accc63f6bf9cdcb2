"""What a streamed book costs for each message, beside the answer to one question for it; the wire is not counted."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from time import perf_counter_ns
from typing import Any

from data.market import MarketKind
from engine.clock import SystemClock
from engine.exchanges.ccxt_client import Client
from engine.exchanges.ccxt_observations import to_book
from tests.benchmarks.figures import Figure, Size, latencies

LEVELS, SHOWN = 1_000, 100
CHANGED = 20
"""Levels of each side that a message changes, as a busy market does in a tenth of a second."""
MESSAGES = 2_000
MARKET: dict[str, Any] = {"symbol": "BTC/USDT"}
_TICK, _MIDDLE = Decimal("0.01"), Decimal(61_000)


def measure(size: Size) -> Iterator[Figure]:
    """Take in messages and answers, one after the other, as the adapter does."""
    runs, count = (5, MESSAGES) if size is Size.FULL else (1, MESSAGES // 100)
    client = Client("binance", MarketKind.SPOT, clock=SystemClock())
    try:
        for name, work in (("a message of a stream", _stream), ("an answer to a question", _answers)):
            yield from latencies(name, [work(client.ccxt, count) for _ in range(runs)])
    finally:
        asyncio.run(client.close())


def _side(rng: random.Random, sign: int, places: range) -> list[list[str]]:
    return [[str(_MIDDLE + sign * _TICK * place), f"{rng.uniform(0.001, 2):.5f}"] for place in places]


def _snapshot(rng: random.Random, levels: int) -> dict[str, Any]:
    places = range(1, levels + 1)
    return {"bids": _side(rng, -1, places), "asks": _side(rng, 1, places), "lastUpdateId": 1}


def _stream(ccxt: Any, count: int) -> list[int]:
    rng, taken = random.Random(1), []
    book = ccxt.order_book({}, 5 * LEVELS)
    book.reset(ccxt.parse_order_book(_snapshot(rng, LEVELS), MARKET["symbol"]))
    for number in range(count):
        changes = (_side(rng, sign, range(1, LEVELS, LEVELS // CHANGED)) for sign in (-1, 1))
        told = dict(zip(("b", "a"), changes, strict=True))
        text = json.dumps({"e": "depthUpdate", "E": number, "s": "BTCUSDT", "U": number, "u": number, **told})
        begun = perf_counter_ns()
        ccxt.handle_order_book_message(None, json.loads(text), book)
        found = to_book(MARKET, book.limit(), SHOWN, number)
        taken.append(perf_counter_ns() - begun)
        if len(found.bids) != SHOWN or found.bids[0].price >= found.asks[0].price:
            raise AssertionError("this is not the book that was to be measured")
    return taken


def _answers(ccxt: Any, count: int) -> list[int]:
    rng, taken = random.Random(1), []
    for number in range(count):
        text = json.dumps(_snapshot(rng, SHOWN))
        begun = perf_counter_ns()
        found = to_book(MARKET, ccxt.parse_order_book(json.loads(text), MARKET["symbol"]), SHOWN, number)
        taken.append(perf_counter_ns() - begun)
        if len(found.bids) != SHOWN:
            raise AssertionError("this is not the book that was to be measured")
    return taken
