"""Live public market data of a real exchange with simulated fills: the shadow mode, no key needed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from data.accounts import AccountStore
from data.events import TickerMoved
from data.market import Candle, Fees, Market, MarketKind, Ticker
from data.values import ZERO, Millis
from engine.clock import Clock
from engine.exchanges.account import SimulatedAccount
from engine.exchanges.base import Emit, ExchangeUnavailable, Submitted, Unknown, timeframe_millis
from engine.exchanges.ccxt_client import Client
from engine.exchanges.habits import Habits
from engine.exchanges.live_prices import FRESH
from engine.exchanges.public_data import LiveData, PublicData
from engine.exchanges.public_feed import PublicFeed, Quote, settlements
from engine.exchanges.tasks import end, persist, spawn
from engine.exchanges.tiers import CAUTIOUS
from engine.risk import Approved

_MINUTE: Millis = 60_000
_MOST_BARS = 1000
_FEES = Fees(maker=Decimal("0.001"), taker=Decimal("0.001"))


class PaperExchange(SimulatedAccount, LiveData):
    """One simulated account on the live market of ``exchange``.

    Quotes and trades are streamed where the exchange can, otherwise asked for; while a stream is broken quotes are
    asked for with growing pauses. What traded while nobody watched is made up for from candles: only prices strictly
    beyond an order's fill it, and the last price stands for the mark price of a perpetual. Funding is what the exchange
    has settled, found out some minutes later.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        balances: Mapping[str, Decimal],
        margin: Mapping[str, Decimal] | None = None,
        kinds: frozenset[MarketKind] = frozenset({MarketKind.SPOT}),
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
        funding_seconds: float = 300,
        name: str = "paper",
    ) -> None:
        """Open an account with ``balances``, and ``margin`` for perpetuals, unless ``store`` holds one.

        ``silence_seconds`` is how long a stream may say nothing before quotes are asked for, ``poll_seconds`` the
        pause between two questions where there is no stream, ``funding_seconds`` the one between two questions for
        funding. ``urls`` are as in ``Client``, ``fees`` as in
        ``PublicFeed``.
        """
        super().__init__(clock, store, latency)
        self.name = name
        self._opening = (balances, margin or {}, haircut, slippage)
        self._kinds = kinds
        self._source = (exchange, urls or {}, timeout_seconds)
        self._fees = fees
        self._silence, self._poll_pause, self._funding_pause = silence_seconds, poll_seconds, funding_seconds
        self._feeds: dict[MarketKind, PublicFeed] = {}
        self._public: dict[MarketKind, PublicData] = {}
        self._watched: frozenset[str] = frozenset()
        self._quotes: dict[str, Ticker] = {}
        self._funded: dict[str, Millis] = {}
        """Up to when funding is known."""
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}

    async def open(self, emit: Emit) -> None:
        """Load the markets, catch up with what happened while we were away, and stream from here on."""
        await self.close()
        try:
            self._markets = await self._load_markets()
            self._open_account(*self._opening)
            self._emit = emit
            resting = self._resting_symbols()
            since = self._last_activity()
            for symbol in resting:
                await self._catch_up(symbol, since)
                self._funded[symbol] = since + 1
                await self._settle_funding(symbol)
            self._settle_or_fail()
            self._follow(self._watched | resting)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop all streams and connections."""
        await self._unfollow(frozenset(self._tasks))
        feeds, public, self._feeds, self._public = self._feeds, self._public, {}, {}
        for data in public.values():
            await data.channels.close()
        for feed in feeds.values():
            await feed.client.close()
        self._emit = None
        self._quotes, self._funded = {}, {}

    async def _load_markets(self) -> dict[str, Market]:
        exchange, urls, timeout = self._source
        found: dict[str, Market] = {}
        for kind in sorted(self._kinds):
            client = Client(exchange, kind, clock=self._clock, urls=urls, timeout_seconds=timeout)
            if not client.ccxt.has.get("swap" if kind is MarketKind.PERPETUAL else "spot"):
                await client.close()
                continue
            self._feeds[kind] = PublicFeed(client, self._fees)
            self._public[kind] = PublicData(self._feeds[kind], Habits(silence_seconds=self._silence))
            for symbol, market in (await self._feeds[kind].markets()).items():
                tiers = client.part.tiers.get(market.base, CAUTIOUS) if market.perpetual else ()
                found[symbol] = msgspec.structs.replace(market, tiers=tiers)
        return found

    async def clock_skew(self) -> int:
        """Return exchange time minus local time in milliseconds, as if the answer took half of the way."""
        before = self._clock.now()
        there = await self._any_feed().server_time()
        return there - (before + self._clock.now()) // 2

    async def ticker(self, symbol: str) -> Ticker:
        """Return the best prices, asked for unless they are fresh."""
        self._listed(symbol)
        return await self._quote(symbol)

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return the newest ``limit`` bars, oldest first, the unfinished one included."""
        self._listed(symbol)
        timeframe_millis(timeframe)
        return (await self._feed(symbol).candles(symbol, timeframe, limit))[-limit:]

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
        for symbol in sorted(symbols - self._tasks.keys()):
            feed, perpetual = self._feed(symbol), self._markets[symbol].perpetual
            watch = self._watch_quotes if feed.streams else self._poll_quotes
            tasks = self._tasks[symbol] = [spawn(watch(feed, symbol), f"{self.name} quotes of {symbol}")]
            if feed.streams:
                tasks.append(spawn(self._watch_trades(feed, symbol), f"{self.name} trades of {symbol}"))
            if perpetual and feed.streams_marks:
                tasks.append(spawn(self._watch_marks(feed, symbol), f"{self.name} marks of {symbol}"))
            if perpetual:
                self._funded.setdefault(symbol, self._clock.now())
                tasks.append(spawn(self._watch_funding(symbol), f"{self.name} funding of {symbol}"))

    async def _unfollow(self, symbols: frozenset[str]) -> None:
        await end([task for symbol in symbols for task in self._tasks.pop(symbol)])
        # What is followed again later begins anew: news of the mark price must not bring back an old bid and ask.
        self._quotes = {
            symbol: seen for symbol, seen in self._quotes.items() if symbol not in symbols - self._tasks.keys()
        }

    async def _watch_quotes(self, feed: PublicFeed, symbol: str) -> None:
        silent = False

        async def listen() -> None:
            nonlocal silent
            # Asked first and after every silence: a stream tells changes only, and a dead one tells nothing.
            moved = await self._ask(feed, symbol)
            if silent and moved:
                await feed.client.drop_streams()
            silent = False
            listening = asyncio.create_task(feed.listen(symbol, lambda quote: self._take([quote])))
            try:
                while not silent:
                    heard = self._quotes[symbol].at
                    if (await asyncio.wait({listening}, timeout=self._silence))[0]:
                        await listening  # raises what broke it
                    silent = self._quotes[symbol].at == heard
            finally:
                await end([listening])

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

    async def _watch_marks(self, feed: PublicFeed, symbol: str) -> None:
        async def listen() -> None:
            try:
                price = await asyncio.wait_for(feed.next_mark(symbol), self._silence)
            except TimeoutError:
                price = await feed.mark(symbol)
            known, now = self._quotes.get(symbol), self._clock.now()
            if price is None or known is None:
                return
            # When bid and ask were last heard of stays: they may be older than this.
            ticker = self._quotes[symbol] = msgspec.structs.replace(known, mark=price)
            self.matching.mark(symbol, price, now)
            self._settle_or_fail()
            self._tell(ticker)

        await persist(listen, self._clock)

    async def _watch_funding(self, symbol: str) -> None:
        async def ask() -> None:
            await self._clock.sleep(self._funding_pause)
            await self._settle_funding(symbol)
            self._settle_or_fail()

        await persist(ask, self._clock)

    async def _settle_funding(self, symbol: str) -> None:
        """Settle what became due since the last look, where anything was open."""
        since = self._funded[symbol]
        held = any(position.symbol == symbol for position in self.matching.margin.positions())
        if not self._markets[symbol].perpetual or not (held or self.matching.fills(symbol, since)):
            return
        for due in await settlements(self._feed(symbol).client, symbol, since):
            self.matching.fund(symbol, due.rate, due.at, due.mark)
            self._funded[symbol] = due.at + 1

    async def _ask(self, feed: PublicFeed, symbol: str) -> bool:
        """Ask for a quote, make up for what was missed since the last one, and say whether it differs from that.

        What a stream told while the question was under way is newer than the answer, which is then good for nothing.
        """
        seen = self._quotes.get(symbol)
        mark = await feed.mark(symbol) if self._markets[symbol].perpetual else None
        quote = await feed.quote(symbol)
        if seen is not None and self._clock.now() - seen.at > _MINUTE and symbol in self._resting_symbols():
            await self._catch_up(symbol, seen.at)
        told = self._quotes.get(symbol)
        if told is not None and (seen is None or told.at != seen.at):
            return False
        self._take([quote], told.mark if told is not None and seen is not None and told.mark != seen.mark else mark)
        return seen is None or (quote.bid, quote.ask) != (seen.bid, seen.ask)

    async def _quote(self, symbol: str) -> Ticker:
        seen = self._quotes.get(symbol)
        if seen is None or not 0 <= self._clock.now() - seen.at <= FRESH:
            await self._ask(self._feed(symbol), symbol)
        return self._quotes[symbol]

    def _take(self, quotes: Sequence[Quote], mark: Decimal | None = None) -> None:
        now, moved = self._clock.now(), []
        for quote in quotes:
            if quote.symbol not in self._markets:
                continue
            # Quotes may go on while trades are not told: a last price outside of the spread is one that has passed.
            known = self.matching.book(quote.symbol).last or quote.ask
            last = quote.last or min(max(known, quote.bid), quote.ask)
            seen = self._quotes.get(quote.symbol)
            ticker = Ticker(quote.symbol, quote.bid, quote.ask, last, now, mark or (seen.mark if seen else None))
            self._quotes[quote.symbol] = ticker
            self.matching.move(ticker)
            moved.append(ticker)
        self._settle_or_fail()
        for ticker in moved:
            self._tell(ticker)

    def _tell(self, ticker: Ticker) -> None:
        if self._emit is not None and ticker.symbol in self._watched:
            self._emit(TickerMoved(ticker=ticker, at=self._clock.now()))

    async def _catch_up(self, symbol: str, since: Millis) -> None:
        """Fill what bars that opened after ``since`` traded through."""
        away = self._clock.now() - since
        timeframe = "1m" if away < _MOST_BARS * _MINUTE else "1h"
        length = timeframe_millis(timeframe)
        limit = min(away // length + 1, _MOST_BARS)
        for bar in await self._feed(symbol).candles(symbol, timeframe, limit):
            if bar.opened_at < since:
                continue  # it may have moved before the order was there
            low_first = bar.close >= bar.open
            for price in (bar.low, bar.high) if low_first else (bar.high, bar.low):
                at = min(bar.opened_at + length, self._clock.now())
                self.matching.trade(symbol, price, ZERO, at)
                if self._markets[symbol].perpetual:
                    self.matching.mark(symbol, price, at)

    def _feed(self, symbol: str) -> PublicFeed:
        """Return the feed of a listed market."""
        feed = self._feeds.get(self._markets[symbol].kind)
        if feed is None:
            raise ExchangeUnavailable(f"{self.name} is not open")
        return feed

    def _all_data(self) -> Mapping[MarketKind, PublicData]:
        self._any_feed()
        return self._public

    def _data(self, symbol: str) -> PublicData:
        kind = self._listed(symbol).kind
        self._any_feed()
        return self._public[kind]

    def _any_feed(self) -> PublicFeed:
        for feed in self._feeds.values():
            return feed
        raise ExchangeUnavailable(f"{self.name} is not open")
