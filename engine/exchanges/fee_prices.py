"""Prices that value fees paid in a third asset, asked for beside the fills, which a slow answer must not hold up."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from decimal import Decimal

import structlog

from data.values import Millis
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown
from engine.exchanges.pacing import Lane
from engine.exchanges.public_feed import PublicFeed
from engine.exchanges.tasks import end, spawn

_MINUTE: Millis = 60_000
_NEAR = 10 * _MINUTE
"""How far from a fill a price may be and still value its fee: the error is a part in a hundred of a part in a thousand
of what was traded."""
_PATIENCE_SECONDS = 1.0
_REMEMBERED = 1_500
"""Minutes of one market."""

log = structlog.get_logger(__name__)


class FeePrices:
    """What an asset cost in a minute, as the open of its bar tells. An answer that fails is asked for again.

    Whoever waits for an answer waits a second at most; while one is late, nobody waits for another of its market.
    """

    def __init__(self, feed: PublicFeed) -> None:
        """Ask through ``feed``, in the lane of what is urgent: charts must not hold up fills."""
        self._feed = feed
        self._known: dict[str, OrderedDict[Millis, Decimal]] = {}
        self._asking: dict[tuple[str, Millis], asyncio.Task[None]] = {}
        self._late: dict[asyncio.Task[None], str] = {}

    async def close(self) -> None:
        """Ask no more."""
        await end(list(self._asking.values()))

    async def near(self, asset: str, quote: str, at: Millis) -> Decimal | None:
        """Return what an asset cost within a few minutes of an instant, or None when that is not told in time."""
        symbol, minute = self._symbol(asset, quote), at // _MINUTE * _MINUTE
        if minute not in self._known.get(symbol, ()):
            await self._learn(symbol, minute)
        found = self._nearest(symbol, minute)
        return found[1] if found is not None and abs(found[0] - minute) <= _NEAR else None

    def last(self, asset: str, quote: str, at: Millis) -> Decimal | None:
        """Return the known price of an asset that is nearest in time to an instant, however far, or None."""
        found = self._nearest(self._symbol(asset, quote), at)
        return found[1] if found is not None else None

    async def _learn(self, symbol: str, minute: Millis) -> None:
        """Ask for the price of a minute, and wait for it unless another is near or waiting has proved of no use."""
        if symbol in self._late.values():
            return
        asking = self._asking.get((symbol, minute))
        if asking is None:
            asking = self._asking[symbol, minute] = spawn(self._ask(symbol, minute), f"price of {symbol}")
            asking.add_done_callback(lambda done: self._answered(symbol, minute, done))
        nearest = self._nearest(symbol, minute)
        if nearest is None or abs(nearest[0] - minute) > _NEAR:
            _, waiting = await asyncio.wait({asking}, timeout=_PATIENCE_SECONDS)
            self._late |= dict.fromkeys(waiting, symbol)

    def _answered(self, symbol: str, minute: Millis, asked: asyncio.Task[None]) -> None:
        self._late.pop(asked, None)
        self._asking.pop((symbol, minute), None)

    async def _ask(self, symbol: str, minute: Millis) -> None:
        try:
            bars = await self._feed.candles(symbol, "1m", 1, minute, lane=Lane.STOP)
            told = bars[0].open if bars and bars[0].opened_at == minute else None
            price = told or (await self._feed.quote(symbol, Lane.STOP)).bid
        except (ExchangeUnavailable, MarketUnknown) as error:
            log.warning("fee_price_unknown", symbol=symbol, reason=str(error))
            return
        known = self._known.setdefault(symbol, OrderedDict())
        known[minute] = price
        if len(known) > _REMEMBERED:
            known.popitem(last=False)

    def _nearest(self, symbol: str, at: Millis) -> tuple[Millis, Decimal] | None:
        known = self._known.get(symbol)
        if not known:
            return None
        minute = at // _MINUTE * _MINUTE
        found = minute if minute in known else min(known, key=lambda other: abs(other - minute))
        return found, known[found]

    def _symbol(self, asset: str, quote: str) -> str:
        names = (f"{asset}/{quote}", f"{asset}/{quote}:{quote}")
        return next((name for name in names if name in self._feed.client.ccxt.markets), names[0])
