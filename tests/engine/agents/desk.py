"""A desk that shows what a test puts on it, and bots to put there."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from data.advice import Advice
from data.decisions import Decision
from data.events import AdvicePosted, Control
from data.grids import GridSpec
from data.market import Candle, Fees, Filters, Market, MarketKind, Ticker
from data.orders import Fill
from data.values import ZERO, Millis, Mode
from engine.booking.apply import apply
from engine.clock import ManualClock
from engine.desk import AssetView, EngineView, EquityPoint, PositionView
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown, Rights
from engine.grid.plan import GridPlan
from engine.outcome import Outcome
from engine.state import EngineState
from engine.views import BotStatus, BotView, RangePosition, SlotView
from tests.commands.fake_venue import FakeVenue, market_data

D = Decimal
MARKET = Market(
    exchange="paper",
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    filters=Filters(price_tick=D("0.01"), quantity_step=D("0.001"), min_quantity=D("0.001"), min_notional=D(5)),
    fees=Fees(maker=D("0.001"), taker=D("0.001")),
)


def ticker(at: Millis, last: str = "100") -> Ticker:
    """Return a ticker one cent wide."""
    return Ticker("BTC/USDT", D(last) - D("0.01"), D(last) + D("0.01"), D(last), at)


def slot(index: int, lower: str, upper: str, *, held: str = "0", buying: str = "0", selling: str = "0") -> SlotView:
    """Return a slot that can hold one."""
    return SlotView(
        index=index,
        lower=D(lower),
        upper=D(upper),
        capacity=D(1),
        held=D(held),
        buying=D(buying),
        selling=D(selling),
        cycles=0,
    )


def bot(number: int, *slots: SlotView, price: Ticker | None, status: BotStatus = BotStatus.RUNNING) -> BotView:
    """Return a bot on BTC/USDT, started at 0."""
    return BotView(
        id=number,
        version=1,
        spec=GridSpec(symbol="BTC/USDT", lower=D(90), upper=D(110), levels=3, investment=D(1000)),
        market=MARKET,
        status=status,
        position=RangePosition.INSIDE,
        lines=(D(90), D(100), D(110)),
        slots=slots,
        orders=(),
        started_at=0,
        stopped_at=None,
        stop_reason=None,
        start_price=D(100),
        ticker=price,
        profit=None,
    )


class ShownDesk:
    """Everything it answers is an attribute; advice is taken as the engine takes it."""

    def __init__(self, quote: str = "1000") -> None:
        """Start connected, active and without bots, with ``quote`` USDT on the account."""
        self.shown: tuple[BotView, ...] = ()
        self.held = {"USDT": D(quote)}
        self.prices: dict[str, Ticker] = {}
        clock = ManualClock()
        self.data = market_data(FakeVenue(self.prices, clock, lambda: None), clock)
        self.open_positions: tuple[PositionView, ...] = ()
        self.reachable = True
        self.connected = True
        self.started_at: Millis = 0
        self.state = EngineState()

    def take(self, advice: Sequence[Advice], now: Millis) -> None:
        """Let the engine's own state take the advice."""
        for each in advice:
            apply(self.state, AdvicePosted(at=now, advice=each))

    async def ask(self, control: Control) -> Outcome:
        """Refuse: agents have nothing to ask."""
        raise AssertionError(f"an agent asked for {control}")

    def engine(self) -> EngineView:
        """Return the engine."""
        state = self.state
        return EngineView(
            version="test",
            exchange="paper",
            mode=Mode.SHADOW,
            trading_state=state.trading_state,
            trading_state_reason=state.state_reason,
            started_at=self.started_at,
            sequence=0,
            connected=self.connected,
            inbox=0,
            last_reconciled_at=None,
            peak_equity=state.peak_equity,
            day_start_equity=state.day_start_equity,
            day=state.day,
            risk_state=state.risk_state,
        )

    def bots(self) -> Sequence[BotView]:
        """Return the bots."""
        return self.shown

    def bot(self, bot: int) -> BotView | None:
        """Return one bot."""
        return next((each for each in self.shown if each.id == bot), None)

    async def markets(self) -> Sequence[Market]:
        """Return the one market."""
        return (MARKET,)

    async def market(self, symbol: str) -> Market:
        """Return the one market."""
        if symbol != MARKET.symbol:
            raise MarketUnknown(symbol)
        return MARKET

    async def ticker(self, symbol: str) -> Ticker:
        """Return the price put there."""
        if symbol not in self.prices:
            raise ExchangeUnavailable(symbol)
        return self.prices[symbol]

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return none."""
        return ()

    async def plan(self, spec: GridSpec) -> GridPlan:
        """Refuse: agents plan nothing."""
        raise AssertionError(f"an agent planned {spec}")

    async def assets(self) -> Sequence[AssetView]:
        """Return what the account holds."""
        if not self.reachable:
            raise ExchangeUnavailable("down")
        return tuple(AssetView(asset=name, free=held, locked=ZERO, in_bots=ZERO) for name, held in self.held.items())

    async def positions(self) -> Sequence[PositionView]:
        """Return what was put there."""
        return self.open_positions

    async def transfer(
        self, mode: Mode, asset: str, amount: Decimal, source: MarketKind, target: MarketKind, key: str
    ) -> str:
        """Refuse: agents move no money."""
        raise AssertionError(f"an agent moved {amount} {asset}")

    async def rights(self, mode: Mode) -> Rights | None:
        """Return none."""
        return None

    def fills(self, bot: int | None, limit: int) -> Sequence[Fill]:
        """Return none."""
        return ()

    def decisions(self, bot: int | None, limit: int) -> Sequence[Decision]:
        """Return none."""
        return ()

    def decision(self, decision: str) -> Decision | None:
        """Return none."""
        return None

    def equity(self, bot: int, since: Millis) -> Sequence[EquityPoint]:
        """Return none."""
        return ()
