"""Live public market data of a real exchange with simulated fills: the shadow mode, no key needed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal

from data.accounts import AccountStore
from data.events import TickerMoved
from data.market import Candle, Fees, MarketKind, Ticker
from data.values import ZERO, Millis
from engine.clock import Clock
from engine.exchanges.account import SimulatedAccount
from engine.exchanges.base import Emit, ExchangeUnavailable, Submitted, Unknown, timeframe_millis
from engine.exchanges.ccxt_client import Client
from engine.exchanges.public_feed import PublicFeed, Quote
from engine.exchanges.tasks import end, persist, spawn
from engine.risk import Approved

_MINUTE: Millis = 60_000
_MOST_BARS = 1000
_FRESH: Millis = 5_000
_FEES = Fees(maker=Decimal("0.001"), taker=Decimal("0.001"))


class PaperExchange(SimulatedAccount):
    """One simulated account on the live market of ``exchange``.

    Quotes and trades are streamed where the exchange can, otherwise asked for; while a stream is broken quotes are
    asked for with growing pauses. What traded while nobody watched is made up for from candles: only prices strictly
    beyond an order's fill it.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        balances: Mapping[str, Decimal],
        exchange: str = "binance",
        store: AccountStore | None = None,
        haircut: Decimal = ZERO,
        slippage: Decimal = ZERO,
        latency: Millis = 0,
        fees: Fees = _FEES,
        urls: Mapping[str, str] | None = None,
        timeout_seconds: int = 10,
        silence_seconds: float = 10,
        poll_seconds: float = 2,
        name: str = "paper",
    ) -> None:
        """Open an account with ``balances`` unless ``store`` holds one.

        ``silence_seconds`` is how long a stream may say nothing before quotes are asked for, ``poll_seconds`` the
        pause between two questions where there is no stream. ``urls`` are as in ``Client``, ``fees`` as in
        ``PublicFeed``.
        """
        super().__init__(clock, store, latency)
        self.name = name
        self._opening = (balances, haircut, slippage)
        self._source = (exchange, urls or {}, timeout_seconds)
        self._fees = fees
        self._silence, self._poll_pause = silence_seconds, poll_seconds
        self._feed: PublicFeed | None = None
        self._watched: frozenset[str] = frozenset()
        self._quotes: dict[str, Ticker] = {}
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}

    async def open(self, emit: Emit) -> None:
        """Load the markets, catch up with what happened while we were away, and stream from here on."""
        await self.close()
        exchange, urls, timeout = self._source
        client = Client(exchange, MarketKind.SPOT, clock=self._clock, urls=urls, timeout_seconds=timeout)
        feed = self._feed = PublicFeed(client, self._fees)
        try:
            self._markets = await feed.markets()
            self._open_account(*self._opening)
            self._emit = emit
            resting = self._resting_symbols()
            since = self._last_activity()
            for symbol in resting:
                await self._catch_up(symbol, since)
            self._settle_or_fail()
            self._follow(self._watched | resting)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop all streams and connections."""
        await self._unfollow(frozenset(self._tasks))
        feed, self._feed = self._feed, None
        if feed is not None:
            await feed.close()
        self._emit = None
        self._quotes = {}

    async def clock_skew(self) -> int:
        """Return exchange time minus local time in milliseconds, as if the answer took half of the way."""
        before = self._clock.now()
        there = await self._live_feed().server_time()
        return there - (before + self._clock.now()) // 2

    async def ticker(self, symbol: str) -> Ticker:
        """Return the best prices, asked for unless they are fresh."""
        self._listed(symbol)
        return await self._quote(symbol)

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return the newest ``limit`` bars, oldest first, the unfinished one included."""
        self._listed(symbol)
        timeframe_millis(timeframe)
        return (await self._live_feed().candles(symbol, timeframe, limit))[-limit:]

    async def subscribe(self, symbols: frozenset[str]) -> None:
        """Emit tickers of exactly these symbols."""
        for symbol in symbols:
            self._listed(symbol)
        self._watched = symbols
        wanted = symbols | self._resting_symbols()
        self._follow(wanted)
        await self._unfollow(frozenset(self._tasks) - wanted)

    async def submit(self, order: Approved) -> Submitted:
        """Place an order on the simulated book, against a quote that is fresh."""
        draft = order.draft
        try:
            if draft.symbol in self._markets:
                self._follow(frozenset({draft.symbol}))
                await self._quote(draft.symbol)
            answer = await super().submit(order)
            # On its way the order was not yet a reason to follow the market; somebody may have unsubscribed.
            self._follow(self._resting_symbols())
        except ExchangeUnavailable as error:
            return Unknown(client_id=draft.client_id, message=str(error))
        return answer

    # -- following the market

    def _follow(self, symbols: frozenset[str]) -> None:
        """Stream these symbols too. Each has its own streams, so that a change never interrupts the others."""
        feed = self._live_feed()
        for symbol in sorted(symbols - self._tasks.keys()):
            watch = self._watch_quotes if feed.streams else self._poll_quotes
            tasks = self._tasks[symbol] = [spawn(watch(feed, symbol), f"{self.name} quotes of {symbol}")]
            if feed.streams:
                tasks.append(spawn(self._watch_trades(feed, symbol), f"{self.name} trades of {symbol}"))

    async def _unfollow(self, symbols: frozenset[str]) -> None:
        await end([task for symbol in symbols for task in self._tasks.pop(symbol)])

    async def _watch_quotes(self, feed: PublicFeed, symbol: str) -> None:
        silent = False

        async def listen() -> None:
            nonlocal silent
            # Asked first and after every silence: a stream tells changes only, and a dead one tells nothing.
            moved = await self._ask(feed, symbol)
            if silent and moved:
                await feed.drop_streams()
            silent = False
            while not silent:
                try:
                    quotes = await asyncio.wait_for(feed.next_quotes(symbol), self._silence)
                except TimeoutError:
                    silent = True
                else:
                    self._take(quotes)

        await persist(listen, self._clock)

    async def _poll_quotes(self, feed: PublicFeed, symbol: str) -> None:
        async def ask() -> None:
            await self._ask(feed, symbol)
            await self._clock.sleep(self._poll_pause)

        await persist(ask, self._clock)

    async def _watch_trades(self, feed: PublicFeed, symbol: str) -> None:
        async def listen() -> None:
            try:
                trades = await asyncio.wait_for(feed.next_trades(symbol), self._silence)
            except TimeoutError:
                return  # few trades, or streams dropped under our feet: waiting anew opens what is gone
            for trade in trades:
                if trade.symbol in self._markets:
                    self.matching.trade(trade.symbol, trade.price, trade.quantity, self._clock.now())
            self._settle_or_fail()

        await persist(listen, self._clock)

    async def _ask(self, feed: PublicFeed, symbol: str) -> bool:
        """Ask for a quote, make up for what was missed since the last one, and say whether it differs from that."""
        quote, seen = await feed.quote(symbol), self._quotes.get(symbol)
        if seen is not None and self._clock.now() - seen.at > _MINUTE and symbol in self._resting_symbols():
            await self._catch_up(symbol, seen.at)
        self._take([quote])
        return seen is None or (quote.bid, quote.ask) != (seen.bid, seen.ask)

    async def _quote(self, symbol: str) -> Ticker:
        seen = self._quotes.get(symbol)
        if seen is None or self._clock.now() - seen.at > _FRESH:
            await self._ask(self._live_feed(), symbol)
        return self._quotes[symbol]

    def _take(self, quotes: Sequence[Quote]) -> None:
        now, moved = self._clock.now(), []
        for quote in quotes:
            if quote.symbol not in self._markets:
                continue
            # Quotes may go on while trades are not told: a last price outside of the spread is one that has passed.
            known = self.matching.book(quote.symbol).last or quote.ask
            last = quote.last or min(max(known, quote.bid), quote.ask)
            ticker = Ticker(quote.symbol, quote.bid, quote.ask, last, now)
            self._quotes[quote.symbol] = ticker
            self.matching.move(ticker)
            moved.append(ticker)
        self._settle_or_fail()
        for ticker in moved:
            if self._emit is not None and ticker.symbol in self._watched:
                self._emit(TickerMoved(ticker=ticker, at=now))

    async def _catch_up(self, symbol: str, since: Millis) -> None:
        """Fill what bars that opened after ``since`` traded through."""
        away = self._clock.now() - since
        timeframe = "1m" if away < _MOST_BARS * _MINUTE else "1h"
        length = timeframe_millis(timeframe)
        limit = min(away // length + 1, _MOST_BARS)
        for bar in await self._live_feed().candles(symbol, timeframe, limit):
            if bar.opened_at < since:
                continue  # it may have moved before the order was there
            low_first = bar.close >= bar.open
            for price in (bar.low, bar.high) if low_first else (bar.high, bar.low):
                self.matching.trade(symbol, price, ZERO, min(bar.opened_at + length, self._clock.now()))

    def _live_feed(self) -> PublicFeed:
        if self._feed is None:
            raise ExchangeUnavailable(f"{self.name} is not open")
        return self._feed
