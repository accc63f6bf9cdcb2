"""The part of a live account that trades one kind of market: its clients, markets, prices, orders and streams."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec

from data.market import Fees, Market, MarketKind, Tier
from data.values import Millis, Mode
from engine.clock import Clock
from engine.exchanges.base import Emit, ExchangeUnavailable, MarketUnknown
from engine.exchanges.ccxt_client import Client
from engine.exchanges.ccxt_markets import decimal, of_kind, to_tiers, tradable
from engine.exchanges.habits import Habits
from engine.exchanges.live_fills import LiveFills
from engine.exchanges.live_orders import LiveOrders
from engine.exchanges.live_prices import LivePrices
from engine.exchanges.live_stream import UserStream
from engine.exchanges.order_socket import OrderSocket
from engine.exchanges.own_orders import OwnOrders
from engine.exchanges.public_data import PublicData
from engine.exchanges.public_feed import PublicFeed
from engine.exchanges.quirks.base import capabilities

_FACTS_KEPT: Millis = 3_600_000
"""How long filters, fees and tiers of a market are taken to stay."""
_HALT_KEPT: Millis = 60_000
"""The same for word that a market is halted, or not listed."""


class Branch:
    """Serves one kind of market of one account. Public data and orders go through connections of their own."""

    def __init__(
        self,
        exchange: str,
        kind: MarketKind,
        mode: Mode,
        keys: tuple[str, str, str],
        *,
        clock: Clock,
        urls: Mapping[str, str],
        timeout_seconds: int,
        random: Random | None,
        habits: Habits,
        order_socket: bool,
    ) -> None:
        """Prepare; raises ValueError where the exchange can not run a grid on this kind of market."""
        self.kind, self._mode, self._clock, self._habits = kind, mode, clock, habits
        public = Client(exchange, kind, clock=clock, urls=urls, timeout_seconds=timeout_seconds, random=random)
        testnet = mode is Mode.TESTNET
        if testnet:
            public.use_testnet()
        self.account = public.private(*keys, testnet=testnet)
        self.feed = PublicFeed(public)
        self.data = PublicData(self.feed, habits)
        self._can = capabilities(public.ccxt, kind)
        if self._can.missing or not self._can.post_only:
            missing = ", ".join(self._can.missing) or "post-only orders"
            raise ValueError(f"exchange.name: {exchange} has no {missing} on {kind.value} markets")
        self.markets: dict[str, Market] = {}
        """All that were ever tradable, or asked for: trades of one that is gone by now must still be understood."""
        self._facts: dict[str, tuple[Millis, Market]] = {}
        self._tiers: dict[str, tuple[Tier, ...]] = {}
        self._loaded_at: Millis = 0
        own = OwnOrders()
        maker = self.account.part.maker
        self._socket: OrderSocket | None = None
        if order_socket and maker is not None and maker.words is not None:
            self._socket = OrderSocket(self.account, maker, maker.words)
        self.orders = LiveOrders(self.account, own, self._listed, self._socket)
        self.fills = LiveFills(self.account, self.orders, self.feed, self.markets)
        self._own = own
        self.prices: LivePrices
        self.stream: UserStream

    async def open(self, emit: Emit) -> None:
        """Load the markets, set the clock and listen."""
        habits = self._habits
        await self._load()
        await self.account.measure_skew()
        self.prices = LivePrices(self.feed, emit, habits)
        self.stream = UserStream(
            self.account,
            self.orders,
            self.fills,
            self._own,
            emit=emit,
            mode=self._mode,
            habits=habits,
        )
        await asyncio.gather(self.stream.open(), *([] if self._socket is None else [self._socket.open()]))

    async def close(self) -> None:
        """Stop all tasks and connections."""
        for part in (self._socket, getattr(self, "stream", None), getattr(self, "prices", None)):
            if part is not None:
                await part.close()
        await self.data.channels.close()
        await asyncio.gather(self.feed.client.close(), self.account.close())

    async def market(self, symbol: str) -> Market:
        """Return a listed market, halted or not, with what the account pays on it and may borrow."""
        known = self._facts.get(symbol)
        if known is not None and self.trades(symbol) and self._clock.now() - known[0] < _FACTS_KEPT:
            return known[1]
        await self._look(_FACTS_KEPT if self.trades(symbol) else _HALT_KEPT)
        market = self._listed(symbol)
        if known is not None and not self.trades(symbol):
            return known[1]  # an exchange may tell no more of a market that is halted
        fees = await self._fees(market)
        market = msgspec.structs.replace(market, fees=fees, tiers=await self._tiers_of(symbol))
        self._facts[symbol] = (self._clock.now(), market)
        self.markets[symbol] = market
        return market

    def lists(self, symbol: str) -> bool:
        """Return whether the exchange lists a market of this kind. While one is halted, its orders rest all the same:
        they can be cancelled, and what they traded before is told.
        """
        found = self._found(symbol)
        return found is not None and of_kind(found, self.kind)

    def trades(self, symbol: str) -> bool:
        """Return whether a market is listed and was neither halted nor closed when that was looked at."""
        found = self._found(symbol)
        return found is not None and tradable(found, self.kind)

    def _found(self, symbol: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = (self.feed.client.ccxt.markets or {}).get(symbol)
        return found

    def _listed(self, symbol: str) -> Market:
        if not self.lists(symbol):
            raise MarketUnknown(symbol)
        if symbol not in self.markets:
            self.markets[symbol] = self.feed.market(symbol)  # halted since before the start
        return self.markets[symbol]

    async def look_again(self) -> None:
        """Ask what is listed, unless that was asked a moment ago."""
        await self._look(_HALT_KEPT)

    async def _look(self, age: Millis) -> None:
        if self._clock.now() - self._loaded_at > age:
            await self._load()

    async def _load(self) -> None:
        self.markets.update(await self.feed.markets())
        self.account.adopt(self.feed.client)
        self._loaded_at = self._clock.now()

    async def _fees(self, market: Market) -> Fees:
        rates = self.account.part.rates
        if rates is not None:
            ask = rates
            told = await self.account.read(lambda exchange: ask(exchange, market.symbol), name="fetch_trading_fee")
            maker, taker = told
        elif self.account.ccxt.has.get("fetchTradingFee"):
            told = await self.account.read("fetch_trading_fee", market.symbol)
            maker, taker = decimal(told["maker"]), decimal(told["taker"])
        else:
            return market.fees
        return msgspec.structs.replace(market.fees, maker=maker, taker=taker)

    async def _tiers_of(self, symbol: str) -> tuple[Tier, ...]:
        if self.kind is MarketKind.SPOT or not self._can.leverage_tiers:
            return ()
        if symbol not in self._tiers or symbol in self._facts:
            ccxt = self.account.ccxt
            if ccxt.has.get("fetchLeverageTiers"):
                told = await self.account.read("fetch_leverage_tiers", [symbol])
                found = told.get(symbol)
            else:
                found = await self.account.read("fetch_market_leverage_tiers", symbol)
            if not found:
                raise ExchangeUnavailable(f"{symbol}: no leverage tiers were told")
            self._tiers[symbol] = to_tiers(found)
        return self._tiers[symbol]
