"""The live adapter behind the same handle, over sockets against a loopback Binance."""

from __future__ import annotations

from abc import abstractmethod
from decimal import Decimal
from pathlib import Path

from data.accounts import AccountStore
from data.values import Mode
from engine.clock import SystemClock
from engine.exchanges.base import Channel, Exchange
from engine.exchanges.ccxt_live import CcxtExchange
from engine.exchanges.habits import Habits
from tests.contracts.perpetual_venues import OnMargin
from tests.contracts.venues import BALANCES, Venue, stream_of
from tests.servers.binance.limits import Limits
from tests.servers.binance.market import Market
from tests.servers.binance.server import BinanceServer
from tests.servers.binance.sockets import Sockets

KEY, SECRET = "key-of-the-tests", "its-secret"
TICK = Decimal("0.01")


class LiveVenue(Venue):
    """An account at prices around a hundred."""

    habits = Habits()
    timeout_seconds = 10
    mode = Mode.PRODUCTION
    order_socket = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = BinanceServer()
        self.server.add_key(KEY, SECRET)

    @property
    @abstractmethod
    def market(self) -> Market:
        """The market the suite trades on."""

    @abstractmethod
    def move(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        """Set the outside quote of a market, by its unified name."""

    @property
    @abstractmethod
    def streams(self) -> Sockets:
        """The connections that hear market data."""

    @property
    @abstractmethod
    def calls(self) -> Sockets:
        """The connections that orders are placed over."""

    @property
    @abstractmethod
    def limits(self) -> Limits:
        """What may be asked."""

    async def streaming(self, channel: Channel) -> None:
        await self.streams.subscribed(stream_of(channel))
        self.server.begin_minute()

    async def traded(self) -> None:
        self.market.trade(self.market.ask, "0.5")

    async def next_bar(self) -> None:
        self.server.begin_minute(next_one=True)
        self.market.trade(self.market.bid, "0.25")

    async def start(self) -> None:
        if not self.server.running:
            await self.server.start()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        await self.server.stop()
        assert not self.server.mistakes

    def make(self, store: AccountStore) -> Exchange:
        return CcxtExchange(
            clock=SystemClock(),
            mode=self.mode,
            key=KEY,
            secret=SECRET,
            kinds=frozenset({self.kind}),
            urls=self.server.urls,
            habits=self.habits,
            timeout_seconds=self.timeout_seconds,
            order_socket=self.order_socket,
        )

    async def through(self, client_id: str) -> None:
        report = await self.exchange.order(client_id, self.symbol)
        assert report is not None
        beyond = report.price - report.side.sign * Decimal("0.5")
        self.move(self.symbol, beyond - TICK, beyond)
        await self.inbox.until(lambda: self.inbox.filled(client_id) == report.quantity or None)

    async def touch(self, client_id: str) -> None:
        order = next(order for order in self.market.resting() if order.client_id == client_id)
        self.market.trade(order.price, order.queue + order.quantity / 2)
        await self.inbox.until(lambda: self.inbox.filled(client_id) or None)

    async def ticked(self, symbol: str) -> None:
        best = await self.exchange.ticker(symbol)
        self.move(symbol, best.bid - 1, best.ask - 1)
        await self.inbox.until(lambda: self.inbox.tickers(symbol) or None)


class LiveSpotVenue(LiveVenue):
    """A spot account."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        spec = self.server.spot.markets["BTCUSDT"].spec
        spec.step = spec.min_quantity = Decimal("0.0001")
        for asset, amount in BALANCES.items():
            self.server.spot.deposit(asset, amount)
        self.server.spot.list(spec, "100.00", "100.01")
        self.market.liquidity = Decimal(30)

    @property
    def market(self) -> Market:
        return self.server.market("BTCUSDT")

    @property
    def streams(self) -> Sockets:
        return self.server.streams

    @property
    def calls(self) -> Sockets:
        return self.server.users.sockets

    @property
    def limits(self) -> Limits:
        return self.server.spot_limits

    def move(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        self.server.market(symbol.replace("/", "")).move(bid, ask)


class LivePerpetualVenue(OnMargin, LiveVenue):
    """A futures account that borrows nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        contract = self.server.usdm.contracts["BTCUSDT"]
        spec = contract.spec
        spec.step = spec.min_quantity = spec.market_step = spec.market_min_quantity = Decimal("0.0001")
        spec.tick, spec.min_price, spec.min_notional = TICK, TICK, Decimal(5)
        spec.max_quantity = Decimal(9000)
        self.server.usdm.list(contract, "100.00", "100.01")
        self.market.liquidity = Decimal(30)
        self.server.usdm.deposit(BALANCES["USDT"])

    @property
    def market(self) -> Market:
        return self.server.perpetual("BTCUSDT")

    @property
    def streams(self) -> Sockets:
        return self.server.usdm.streams

    @property
    def calls(self) -> Sockets:
        return self.server.usdm.calls.sockets

    @property
    def limits(self) -> Limits:
        return self.server.usdm.limits

    def move(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        self.server.usdm.move(symbol.partition(":")[0].replace("/", ""), bid, ask)


LIVE_VENUES: dict[str, type[Venue]] = {"ccxt_live spot": LiveSpotVenue, "ccxt_live perpetual": LivePerpetualVenue}
