"""Everything that can enter the engine's inbox: market moves, order updates, controls, advice."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from data.advice import Advice, TradingState
from data.grids import GridSpec, OutOfRange, Trigger
from data.limits import RiskLimits
from data.market import Market, Ticker
from data.orders import Fill
from data.values import Millis, Mode


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    at: Millis


# -- market (never journaled by itself; a step that changes something stores the ticker it saw)


class TickerMoved(_Event, frozen=True):
    """Best prices of a market changed."""

    ticker: Ticker


# -- what the exchange said about our orders


class RejectReason(StrEnum):
    """Why an exchange rejected an order, in the closed set every adapter translates into."""

    WOULD_TAKE = "would_take"
    """Post-only order would have matched at once."""
    INSUFFICIENT_BALANCE = "insufficient_balance"
    FILTER = "filter"
    """Price, quantity or notional is outside the market's filters."""
    MARKET_CLOSED = "market_closed"
    UNAUTHORISED = "unauthorised"
    REDUCE_ONLY = "reduce_only"
    """There is no position that the order could make smaller."""
    OTHER = "other"


class OrderAccepted(_Event, frozen=True):
    """The exchange confirmed that the order exists."""

    client_id: str
    exchange_id: str


class OrderRejected(_Event, frozen=True):
    """The exchange refused the order; it never existed."""

    client_id: str
    reason: RejectReason
    message: str
    available: Decimal | None = None
    """Base that the account had free after it refused a closing sale for lack of it; None when nobody asked or said."""


class OrderUnknown(_Event, frozen=True):
    """The answer to a submit never came. The order may or may not exist."""

    client_id: str


class OrderAbsent(_Event, frozen=True):
    """The exchange was asked by client id and does not know the order: it may be sent again with the same id."""

    client_id: str


class OrderCancelled(_Event, frozen=True):
    """The order is off the book."""

    client_id: str
    filled: Decimal | None = None
    """Base it filled in all, as the exchange says; fills that were not told yet are waited for. None: all were told."""


class OrderFilled(_Event, frozen=True):
    """Part or all of an order was executed."""

    fill: Fill


class FundingPaid(_Event, frozen=True):
    """A perpetual's funding was settled for our position: ``amount`` in quote, negative when we paid."""

    id: str
    """Names the payment on its exchange; the same payment may be told twice."""
    symbol: str
    mode: Mode
    amount: Decimal


class BalanceMoved(_Event, frozen=True):
    """Money came into the account or left it by other ways than trading: deposits, withdrawals, transfers."""

    id: str
    mode: Mode
    asset: str
    amount: Decimal
    """Negative when it left."""


# -- what people ask


class StopReason(StrEnum):
    """Why a bot stops."""

    PERSON = "person"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    OUT_OF_RANGE = "out_of_range"
    FAILED_START = "failed_start"
    LIQUIDATION_NEAR = "liquidation_near"


class _Control(_Event, frozen=True, kw_only=True):
    by: str
    """Who asked, as ``platform:user id``."""
    plan: str = ""
    """Id of the confirmed plan; a plan is applied at most once, whatever is replayed."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """The most that all bots at work of one ``by`` together may be and invest; what a person lets an agent start."""

    most_bots: int
    most_investment: Decimal
    """Quote."""


class StartBot(_Control, frozen=True):
    """Start a grid on a market as quoted in ``market``."""

    spec: GridSpec
    market: Market
    allowance: Allowance | None = None
    """Kept to by the step itself, with this bot counted; None where nothing but risk limits it."""


class StopBot(_Control, frozen=True):
    """Stop a bot: cancel its orders, and sell what it holds or keep it."""

    bot: int
    sell: bool


class PauseBot(_Control, frozen=True):
    """Take a bot's orders off the book and keep its slots."""

    bot: int


class ResumeBot(_Control, frozen=True):
    """Let a paused bot trade again."""

    bot: int


class SetTakeProfit(_Control, frozen=True):
    """Set, change or (None) remove a bot's take profit."""

    bot: int
    trigger: Trigger | None


class SetStopLoss(_Control, frozen=True):
    """Set, change or (None) remove a bot's stop loss."""

    bot: int
    trigger: Trigger | None


class SetOutOfRange(_Control, frozen=True):
    """Change what a bot does outside its range."""

    bot: int
    policy: OutOfRange


class SetTrailing(_Control, frozen=True):
    """Set how far a bot's grid may follow the market; None keeps that end where it is."""

    bot: int
    up: Decimal | None
    down: Decimal | None


class SetReinvest(_Control, frozen=True):
    """Let a bot's slots grow by its profit, or keep them."""

    bot: int
    on: bool


class RecentreBot(_Control, frozen=True):
    """Close the ledger of a bot's grid and lay it anew between ``lower`` and ``upper``."""

    bot: int
    lower: Decimal
    upper: Decimal
    levels: int | None = None
    """Number of price lines; None keeps it."""


class SetTradingState(_Control, frozen=True):
    """A person stops, limits or frees all trading. Freeing yields to risk: risk may limit again."""

    state: TradingState


class ArmMode(_Control, frozen=True):
    """Let the bots of a mode trade, as long as all of them together hold and bid for no more than ``cap`` (quote)."""

    mode: Mode
    cap: Decimal


class DisarmMode(_Control, frozen=True):
    """Let the bots of a mode trade no longer: their orders leave the book, what they hold stays.

    A position on a perpetual whose start was not over yet is closed: nobody would guard it.
    """

    mode: Mode


# -- agents and the engine itself


class AdvicePosted(_Event, frozen=True):
    """An agent spoke."""

    advice: Advice


class EngineStarted(_Event, frozen=True):
    """The engine came up and is about to reconcile."""

    version: str
    limits: RiskLimits | None = None
    """What risk judges by from here on; None, as older versions wrote it, changes nothing."""
    tag: str = ""
    """Of this installation, for its client order ids."""


class Reconciled(_Event, frozen=True):
    """Books and exchange were compared for one market. A ``gap`` other than empty pauses the bots named in it."""

    symbol: str
    recovered_fills: int
    resolved_orders: int
    foreign_orders: tuple[str, ...]
    gap: dict[str, str]
    """Empty when the books agree; otherwise asset, expected, found and short (their difference)."""
    mode: Mode = Mode.SHADOW


class MarketChanged(_Event, frozen=True):
    """Filters, fees or tiers of a market are others than the bots there were started with."""

    symbol: str
    mode: Mode
    market: Market


GridControl = SetTrailing | SetReinvest | RecentreBot
ArmingControl = ArmMode | DisarmMode
Control = (
    StartBot
    | StopBot
    | PauseBot
    | ResumeBot
    | SetTakeProfit
    | SetStopLoss
    | SetOutOfRange
    | GridControl
    | SetTradingState
    | ArmingControl
)
OrderUpdate = OrderAccepted | OrderRejected | OrderUnknown | OrderAbsent | OrderCancelled | OrderFilled
AccountUpdate = FundingPaid | BalanceMoved
Event = TickerMoved | OrderUpdate | AccountUpdate | Control | AdvicePosted | EngineStarted | Reconciled | MarketChanged
