"""Every exchange adapter behind one handle, so that one suite can ask the same of each."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from data.accounts import AccountStore
from data.candles import CandleColumns
from data.database import Database
from data.events import OrderCancelled, OrderFilled, TickerMoved
from data.market import FeeAsset, Fees, MarketKind
from data.orders import Draft, OrderStatus, OrderType, Purpose
from data.values import ZERO, Mode, Side
from engine.clock import ManualClock, SystemClock
from engine.exchanges.base import Balance, Channel, Exchange, Told
from engine.exchanges.invented_market import Listing
from engine.exchanges.paper import PaperExchange
from engine.exchanges.replayed import ReplayedExchange
from engine.exchanges.simulated import FEES, SimulatedExchange
from engine.risk import Approved
from tests.servers.binance import BinanceServer
from tests.servers.binance.market import Market

START = 1_790_000_000_000
MINUTE, DAY = 60_000, 86_400_000
BALANCES = {"USDT": Decimal(100_000), "BTC": Decimal(100)}
MARGIN = {"USDT": BALANCES["USDT"]}
T = TypeVar("T")


def name_of(symbol: str) -> str:
    """Return what Binance calls a market."""
    return symbol.partition(":")[0].replace("/", "")


def stream_of(channel: Channel) -> str:
    """Return what Binance calls a channel."""
    what = {"candles": f"kline_{channel.timeframe}", "book": "depth@100ms", "trades": "trade"}
    return f"{name_of(channel.symbol).lower()}@{what[channel.what]}"


class Inbox:
    """Collects what an adapter emits and lets a test wait for it."""

    def __init__(self) -> None:
        self.events: list[Told] = []
        self._arrived = asyncio.Event()

    def emit(self, event: Told) -> None:
        """Take an event, as the engine's inbox does."""
        self.events.append(event)
        self._arrived.set()

    async def until(self, found: Callable[[], T | None]) -> T:
        """Wait until ``found`` returns something after an event."""
        while (result := found()) is None:
            self._arrived.clear()
            await asyncio.wait_for(self._arrived.wait(), 10)
        return result

    def filled(self, client_id: str) -> Decimal:
        """Return the base the order's fills add up to."""
        fills = (event.fill for event in self.events if isinstance(event, OrderFilled))
        return sum((fill.quantity for fill in fills if fill.client_id == client_id), Decimal(0))

    def cancelled(self, client_id: str) -> int:
        """Return how often the order was said to be cancelled."""
        return sum(isinstance(event, OrderCancelled) and event.client_id == client_id for event in self.events)

    def tickers(self, symbol: str) -> list[TickerMoved]:
        """Return the tickers of a market."""
        return [event for event in self.events if isinstance(event, TickerMoved) and event.ticker.symbol == symbol]


class Trade(NamedTuple):
    """An own execution as a test expects it."""

    side: Side
    price: Decimal
    quantity: Decimal
    maker: bool = True


class Venue(ABC):
    """One adapter on one market that a test can move. On spot fees are taken from what a fill brings in, 0.1 % each."""

    kind = MarketKind.SPOT
    symbol = "BTC/USDT"
    other: str | None = "ETH/USDT"
    fees = Fees(maker=Decimal("0.001"), taker=Decimal("0.001"), asset=FeeAsset.RECEIVED)
    too_much: Mapping[Side, str] = MappingProxyType({Side.BUY: "1500", Side.SELL: "101"})
    """Quantities that the account can not pay."""
    distance = Decimal("0.1")
    """How far from the market a far price is, as a fraction."""
    """A second market, where there is one."""
    spread = True
    """Whether the bid is below the ask; else both are the last price."""
    partial = True
    """Whether an order can fill in part."""
    books = True
    """Whether books and trades between others are known."""

    def __init__(self, folder: Path) -> None:
        self.inbox = Inbox()
        self.database = Database(folder / "account.db")
        self.exchange: Exchange

    async def start(self) -> None:
        """Open the adapter for the first time."""
        self.exchange = self.make(AccountStore(self.database))
        await self.exchange.open(self.inbox.emit)

    async def stop(self) -> None:
        """Close everything."""
        await self.exchange.close()
        self.database.close()

    async def restart(self) -> None:
        """Replace the adapter by a new one on the same account, as after a crash of the process."""
        await self.exchange.close()
        await self.start()

    @abstractmethod
    def make(self, store: AccountStore) -> Exchange:
        """Return a new adapter on the account in ``store``."""

    @abstractmethod
    async def through(self, client_id: str) -> None:
        """Move the market through the price of a resting order until all of it is filled."""

    @abstractmethod
    async def touch(self, client_id: str) -> None:
        """Let the market trade at the price of a resting order until part of it is filled."""

    @abstractmethod
    async def ticked(self, symbol: str) -> None:
        """Move a market until a ticker of it could have been seen."""

    @abstractmethod
    async def traded(self) -> None:
        """Let others trade on the market of the suite."""

    @abstractmethod
    async def next_bar(self) -> None:
        """Let a minute end, and others trade in the next one."""

    @abstractmethod
    async def streaming(self, channel: Channel) -> None:
        """Wait until what happens on a channel that is observed will be told."""

    async def near(self, side: Side) -> Decimal:
        """Return the price closest to the market at which a maker order of ``side`` rests."""
        ticker = await self.exchange.ticker(self.symbol)
        return ticker.bid if side is Side.BUY else ticker.ask

    async def far(self, side: Side) -> Decimal:
        """Return a price well away from the market."""
        tick = (await self.exchange.market(self.symbol)).filters.price_tick
        return round((await self.near(side)) * (1 - side.sign * self.distance) / tick) * tick

    def fee(self, trade: Trade) -> tuple[Decimal, str]:
        """Return what a trade costs, and in which asset."""
        rate = self.fees.maker if trade.maker else self.fees.taker
        if self.fees.asset is FeeAsset.RECEIVED and trade.side is Side.BUY:
            return trade.quantity * rate, "BTC"
        return trade.quantity * trade.price * rate, "USDT"

    async def held(self, asset: str) -> Balance:
        """Return what the account holds of an asset."""
        return next(balance for balance in await self.exchange.balances() if balance.asset == asset)

    async def check_account(self, *trades: Trade, locked: Decimal = ZERO) -> None:
        """Assert that the account is what trades have made of it, with so much quote locked."""
        expected = dict(BALANCES)
        for trade in trades:
            expected["BTC"] += trade.side.sign * trade.quantity
            expected["USDT"] -= trade.side.sign * trade.quantity * trade.price
            cost, asset = self.fee(trade)
            expected[asset] -= cost
        assert await self.held("USDT") == Balance("USDT", expected["USDT"] - locked, locked)
        assert await self.held("BTC") == Balance("BTC", expected["BTC"], ZERO)

    def order(
        self, client_id: str, side: Side, price: Decimal, quantity: str = "1", type: OrderType = OrderType.LIMIT_MAKER
    ) -> Approved:
        """Return an approved order on the venue's market."""
        return Approved(
            Draft(
                client_id=client_id,
                bot=1,
                slot=0,
                symbol=self.symbol,
                mode=Mode.SHADOW,
                side=side,
                type=type,
                purpose=Purpose.GRID,
                price=price,
                quantity=Decimal(quantity),
            )
        )


class SimulatedVenue(Venue):
    """The invented market on a clock turned by hand; a tick as coarse as its moves makes touches frequent."""

    LISTINGS: tuple[Listing, ...] = (
        Listing(base="BTC", price=100, deviation=0.02, volume=5_000, price_digits=1, quantity_digits=4),
        Listing(base="ETH", price=10, deviation=0.03, volume=50_000, price_digits=2, quantity_digits=3),
        Listing(base="BNB", price=5, deviation=0.03, volume=50_000, price_digits=2, quantity_digits=3),
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clock = ManualClock(START)

    def make(self, store: AccountStore) -> Exchange:
        return SimulatedExchange(
            clock=self.clock,
            balances=BALANCES,
            margin=MARGIN,
            store=store,
            haircut=Decimal("0.5"),
            listings=self.LISTINGS,
        )

    async def through(self, client_id: str) -> None:
        await self._until(client_id, lambda filled, whole: filled == whole)

    async def touch(self, client_id: str) -> None:
        await self._until(client_id, lambda filled, whole: 0 < filled)

    async def ticked(self, symbol: str) -> None:
        self.clock.advance(5_000)
        await self.inbox.until(lambda: self.inbox.tickers(symbol) or None)

    async def streaming(self, channel: Channel) -> None:
        await asyncio.sleep(0)

    async def traded(self) -> None:
        self.clock.advance(5_000)

    async def next_bar(self) -> None:
        self.clock.advance(MINUTE - self.clock.now() % MINUTE + 5_000)

    async def _until(self, client_id: str, enough: Callable[[Decimal, Decimal], bool]) -> None:
        for _ in range(20 * 17_280):
            self.clock.advance(5_000)
            report = await self.exchange.order(client_id, self.symbol)
            assert report is not None
            if enough(report.filled, report.quantity):
                return
        raise AssertionError(f"the market never came to {client_id}")


class PaperVenue(Venue):
    """Live data from a loopback Binance."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = BinanceServer()
        for market in ("BTCUSDT", "ETHUSDT"):
            spec = self.server.market(market).spec
            spec.step = spec.min_quantity = Decimal("0.0001")
            self.server.spot.list(spec, "100.00", "100.01")

    @property
    def market(self) -> Market:
        """The market the suite trades on."""
        return self.server.market("BTCUSDT")

    def move(self, symbol: str, bid: Decimal, ask: Decimal) -> None:
        """Set the outside quote of a market, by its unified name."""
        self.server.market(name_of(symbol)).move(bid, ask)

    async def subscribed(self, stream: str) -> None:
        """Wait until the adapter listens to a stream."""
        await self.server.streams.subscribed(stream)

    async def streaming(self, channel: Channel) -> None:
        await self.subscribed(stream_of(channel))
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

    def make(self, store: AccountStore) -> Exchange:
        return PaperExchange(
            clock=SystemClock(),
            balances=BALANCES,
            margin=MARGIN,
            kinds=frozenset({self.kind}),
            store=store,
            haircut=Decimal("0.5"),
            urls=self.server.urls,
        )

    async def through(self, client_id: str) -> None:
        report = await self.exchange.order(client_id, self.symbol)
        assert report is not None
        beyond = report.price - report.side.sign * Decimal("0.5")
        await self.subscribed("btcusdt@bookTicker")
        self.move(self.symbol, beyond - Decimal("0.01"), beyond)
        await self.inbox.until(lambda: self.inbox.filled(client_id) == report.quantity or None)

    async def touch(self, client_id: str) -> None:
        report = await self.exchange.order(client_id, self.symbol)
        assert report is not None
        await self.subscribed("btcusdt@trade")
        self.market.trade(report.price, report.quantity / 2)
        await self.inbox.until(lambda: self.inbox.filled(client_id) or None)

    async def ticked(self, symbol: str) -> None:
        await self.subscribed(f"{name_of(symbol).lower()}@bookTicker")
        self.move(symbol, Decimal("99.50"), Decimal("99.60"))
        await self.inbox.until(lambda: self.inbox.tickers(symbol) or None)


class ReplayedVenue(Venue):
    """Recorded minutes on a clock turned by hand: every bar swings by two per cent, half a month lies behind."""

    other, spread, partial, books = None, False, False, False
    BEFORE, AFTER = 15 * 1440, 1440
    LISTING = SimulatedVenue.LISTINGS[0]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.recorded = self.LISTING.market("replayed", FEES)
        self.clock = ManualClock(START // DAY * DAY)
        count, first = self.BEFORE + self.AFTER, self.clock.now() - self.BEFORE * MINUTE
        middle = [Decimal(100)] * count
        self.candles = CandleColumns(
            at=[first + number * MINUTE for number in range(count)],
            open=middle,
            high=[Decimal(102)] * count,
            low=[Decimal(98)] * count,
            close=middle,
            volume=middle,
        )

    def make(self, store: AccountStore) -> Exchange:
        return ReplayedExchange(
            clock=self.clock,
            balances=BALANCES,
            margin=MARGIN if self.recorded.perpetual else {},
            market=self.recorded,
            candles=self.candles,
            store=store,
        )

    async def near(self, side: Side) -> Decimal:
        """Return one tick beside the last price: at it, nothing rests."""
        return await super().near(side) - side.sign * self.recorded.filters.price_tick

    async def through(self, client_id: str) -> None:
        self.clock.advance(MINUTE)
        report = await self.exchange.order(client_id, self.symbol)
        assert report is not None
        assert report.status is FILLED

    async def touch(self, client_id: str) -> None:
        raise NotImplementedError("touching fills nothing here")

    async def streaming(self, channel: Channel) -> None:
        await asyncio.sleep(0)

    async def traded(self) -> None:
        self.clock.advance(MINUTE)

    async def next_bar(self) -> None:
        self.clock.advance(MINUTE)

    async def ticked(self, symbol: str) -> None:
        self.clock.advance(MINUTE)
        await self.exchange.ticker(symbol)


VENUES: dict[str, type[Venue]] = {"simulated": SimulatedVenue, "paper": PaperVenue, "replayed": ReplayedVenue}
"""Every adapter the contract is asked of. A new adapter adds its venue here, and nothing else."""

OPEN, FILLED, CANCELLED = OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELLED
