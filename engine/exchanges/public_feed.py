"""Public market data of a real exchange through ccxt: markets, quotes, trades and candles, without any key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from data.events import RejectReason
from data.market import Candle, Fees, Market
from data.observations import PublicTrade
from data.values import Millis
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown
from engine.exchanges.ccxt_client import Client
from engine.exchanges.ccxt_markets import decimal, to_market, tradable
from engine.exchanges.ccxt_observations import to_candle, to_trades
from engine.exchanges.faults import Refused
from engine.exchanges.pacing import Lane
from engine.exchanges.quirks.base import Best

_SETTLEMENTS = 100


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """Best prices as an exchange tells them; ``last`` is None where the channel does not carry it."""

    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal | None = None


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """Funding of a perpetual at one instant: longs pay ``rate`` of their notional value to shorts."""

    at: Millis
    rate: Decimal
    mark: Decimal | None = None
    """Price it was reckoned at, where the exchange tells."""


class PublicFeed:
    """Market data of one kind of market. Every method may raise ``ExchangeUnavailable``."""

    def __init__(self, client: Client, fees: Fees | None = None) -> None:
        """Ask and listen through ``client``; ``fees`` apply where the exchange does not publish its own."""
        self.client = client
        self.name = client.name
        self._fees = fees

    @property
    def streams(self) -> bool:
        """Whether quotes and trades of this exchange can be streamed."""
        return self._has("watchBidsAsks") and self._has("watchTradesForSymbols")

    @property
    def streams_quotes(self) -> bool:
        """Whether quotes can be streamed."""
        return self._has("watchBidsAsks") or self._has("watchTicker")

    @property
    def streams_lasts(self) -> bool:
        """Whether last prices can be streamed beside the quotes."""
        return self._has("watchBidsAsks") and self._has("watchTicker")

    @property
    def streams_marks(self) -> bool:
        """Whether mark prices can be streamed."""
        return self._has("watchMarkPrice")

    async def markets(self) -> dict[str, Market]:
        """Return the active markets by symbol."""
        listed = await self.client.read("load_markets", True, name="fetch_markets")
        return {symbol: self.market(symbol) for symbol, market in listed.items() if tradable(market, self.client.kind)}

    def market(self, symbol: str) -> Market:
        """Return a market that was listed when that was asked last, active or not."""
        return to_market(self.client, self.client.ccxt.markets[symbol], self._fees)

    async def server_time(self) -> Millis:
        """Ask the exchange what time it is."""
        return int(await self.client.read("fetch_time", tries=1))

    async def quote(self, symbol: str, lane: Lane = Lane.DATA) -> Quote:
        """Ask for the best prices of a market."""
        with self.naming(symbol):
            ticker = await self.client.read("fetch_ticker", symbol, lane=lane, tries=1)
            found = _quotes([ticker])
            if not found and self._has("fetchBidsAsks"):
                # What ccxt calls a ticker lacks bid and ask where the exchange tells them elsewhere.
                best = await self.client.read("fetch_bids_asks", [symbol], lane=lane, tries=1)
                found = _quotes({**each, "last": ticker.get("last")} for each in best.values())
        if not found:
            raise ExchangeUnavailable(f"{symbol} has no bid or no ask")
        return found[0]

    async def mark(self, symbol: str, lane: Lane = Lane.DATA) -> Decimal:
        """Ask for the mark price of a perpetual."""
        with self.naming(symbol):
            price = decimal((await self.client.read("fetch_mark_price", symbol, lane=lane, tries=1))["markPrice"])
        if not price:
            raise ExchangeUnavailable(f"{self.name} tells no mark price of {symbol}")
        return price

    async def listen(self, symbol: str, take: Callable[[Quote], None]) -> None:
        """Hand every new best price of a market to ``take`` as it comes, until the stream breaks. Raises what broke it.

        One listener a market. What ``take`` raises counts as a message that could not be read.
        """
        market, hear = "", partial(_hand_on, symbol, take)
        if self.client.quirks.best is not None:
            with self.naming(symbol):
                market = self.client.ccxt.market(symbol)["id"]
            self.client.best[market] = hear
        try:
            # Where best prices are heard directly, ccxt's watch is there to keep the stream, and says when it breaks.
            while True:
                for quote in await self._next_quotes(symbol):
                    take(quote)
        finally:
            if self.client.best.get(market) is hear:  # and not of who listens since
                del self.client.best[market]

    async def _next_quotes(self, symbol: str) -> list[Quote]:
        with self.naming(symbol):
            if not self._has("watchBidsAsks"):
                return _quotes([await self.client.watch("watch_ticker", symbol)])
            found = await self.client.watch("watch_bids_asks", [symbol])
        # ccxt hands out the first of several messages that came at once; the last one is what counts.
        newest = self.client.ccxt.bidsasks
        return _quotes(newest.get(told, ticker) for told, ticker in found.items())

    async def next_last(self, symbol: str) -> Decimal | None:
        """Wait for the stream to tell the last price of a market; None when it told something else."""
        with self.naming(symbol):
            return decimal((await self.client.watch("watch_ticker", symbol)).get("last")) or None

    async def next_mark(self, symbol: str) -> Decimal | None:
        """Wait for the stream to tell the mark price of a perpetual; None when it told something else."""
        with self.naming(symbol):
            return decimal((await self.client.watch("watch_mark_price", symbol)).get("markPrice")) or None

    async def next_trades(self, symbol: str) -> list[PublicTrade]:
        """Wait for the stream to tell new trades on a market."""
        with self.naming(symbol):
            if self._has("watchTradesForSymbols"):
                found = await self.client.watch("watch_trades_for_symbols", [symbol])
            else:
                found = await self.client.watch("watch_trades", symbol)
        return to_trades(self.client.ccxt.market(symbol), found)

    async def candles(
        self, symbol: str, timeframe: str, limit: int, since: Millis | None = None, lane: Lane = Lane.DATA
    ) -> list[Candle]:
        """Ask for the newest bars, or the first ones since an instant, oldest first."""
        with self.naming(symbol):
            rows = await self.client.read("fetch_ohlcv", symbol, timeframe, since, limit, lane=lane, tries=1)
        return [to_candle(row) for row in rows]

    @contextmanager
    def naming(self, symbol: str) -> Iterator[None]:
        """Raise ``MarketUnknown`` where the exchange does not list a market, or says so itself."""
        known = self.client.ccxt.markets
        if known is not None and symbol not in known:
            raise MarketUnknown(symbol)
        try:
            yield
        except Refused as fault:
            if fault.reason is RejectReason.MARKET_CLOSED:
                raise MarketUnknown(symbol) from fault
            raise

    def _has(self, name: str) -> bool:
        return bool(self.client.ccxt.has.get(name))


async def settlements(client: Client, symbol: str, since: Millis) -> list[Settlement]:
    """Ask for funding settled on a perpetual at or after ``since``, oldest first; none where nobody tells."""
    if not client.ccxt.has.get("fetchFundingRateHistory"):
        return []
    rows = await client.read("fetch_funding_rate_history", symbol, since, _SETTLEMENTS, tries=1)
    found = [
        Settlement(
            at=int(row["timestamp"]),
            rate=decimal(row["fundingRate"]),
            mark=decimal((row.get("info") or {}).get("markPrice")) or None,
        )
        for row in rows
    ]
    return [each for each in found if each.at >= since]


def _hand_on(symbol: str, take: Callable[[Quote], None], best: Best) -> None:
    bid, ask = Decimal(best.bid), Decimal(best.ask)
    if bid and ask:  # neither where one side of the book is empty
        take(Quote(symbol=symbol, bid=bid, ask=ask))


def _quotes(found: Iterable[Mapping[str, Any]]) -> list[Quote]:
    return [
        Quote(
            symbol=ticker["symbol"],
            bid=decimal(ticker["bid"]),
            ask=decimal(ticker["ask"]),
            last=decimal(ticker.get("last")) or None,
        )
        for ticker in found
        if decimal(ticker.get("bid")) and decimal(ticker.get("ask"))
    ]
