"""The engine's counter: ask it for pictures, hand it controls, wait for what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from data.advice import TradingState
from data.decisions import Decision
from data.equity import EquityPoint as EquityPoint
from data.events import Control
from data.grids import GridSpec
from data.limits import RiskLimits
from data.market import Candle, Market, MarketKind, Ticker
from data.orders import Fill
from data.values import ZERO, Millis, Mode
from engine.exchanges.base import Position, Rights
from engine.grid.plan import GridPlan
from engine.markets.service import MarketService
from engine.outcome import Outcome
from engine.views import BotView


class AssetView(msgspec.Struct, frozen=True, kw_only=True):
    """One asset of an account: totals on the exchange, and how much of it bots account for."""

    asset: str
    free: Decimal
    locked: Decimal
    in_bots: Decimal
    wallet: MarketKind = MarketKind.SPOT
    mode: Mode = Mode.SHADOW
    """Of which account."""


class PositionView(msgspec.Struct, frozen=True, kw_only=True):
    """One open position of an account, and how much of it (base, negative when short) bots account for."""

    mode: Mode
    position: Position
    in_bots: Decimal


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """One account the engine trades on."""

    mode: Mode
    exchange: str
    connected: bool
    last_reconciled_at: Millis | None


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """One scheduled job."""

    name: str
    what: str
    next_at: Millis | None
    last_at: Millis | None
    last_error: str
    paused: bool


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something an agent found that it does not advise: what became of one thing it looked at."""

    subject: str
    """Kind of thing, such as ``market``."""
    name: str
    said: str
    """In English."""
    at: Millis


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """One agent: alive, and what it said last."""

    name: str
    what: str
    healthy: bool
    last_at: Millis | None
    last_advice: str
    restarts: int
    last_error: str
    notes: tuple[Note, ...] = ()


class EngineView(msgspec.Struct, frozen=True, kw_only=True):
    """The engine as a whole."""

    version: str
    exchange: str
    mode: Mode
    trading_state: TradingState
    trading_state_reason: str
    started_at: Millis
    sequence: int
    connected: bool
    inbox: int
    """Events waiting."""
    last_reconciled_at: Millis | None
    peak_equity: Decimal
    day_start_equity: Decimal
    day: int = 0
    """UTC day number that ``day_start_equity`` belongs to; 0 before the first mark."""
    transferred: Decimal = ZERO
    """Quote that came to the account by other ways than trading, less what left."""
    accounts: tuple[AccountView, ...] = ()
    """One per mode that is traded; ``connected`` and ``last_reconciled_at`` above are those of ``mode`` alone."""
    caps: dict[Mode, Decimal] = {}
    """Modes of real money that are armed, and the most (quote) that all bots of each may hold and bid for."""
    risk_state: TradingState | None = None
    """What risk alone asks for; ``trading_state`` is the stricter of it and the person's. None: the same."""
    limits: RiskLimits | None = None
    """What risk judges by now; None where that is not told."""

    @property
    def new_bots(self) -> Mode:
        """Return where bots start when nobody says otherwise: real money only while it is armed."""
        return Mode.SHADOW if self.mode is Mode.PRODUCTION and self.mode not in self.caps else self.mode


class AccountDesk(Protocol):
    """What may be known and asked of the exchange accounts themselves."""

    async def assets(self) -> Sequence[AssetView]:
        """Return the balances of all accounts that answer. Raises ``ExchangeUnavailable`` when the first does not."""

    async def positions(self) -> Sequence[PositionView]:
        """Return open positions of all accounts that answer. Raises ``ExchangeUnavailable`` when the first does not."""

    async def transfer(
        self, mode: Mode, asset: str, amount: Decimal, source: MarketKind, target: MarketKind, key: str
    ) -> str:
        """Move money between the wallets of an account, once per ``key``, and return the exchange's id of it.

        Raises ``NoAccount``, ``NotPossible``, and ``ExchangeUnavailable`` when it is not known whether it was done.
        """

    async def rights(self, mode: Mode) -> Rights | None:
        """Return what the key of an account may do; None without a key. Raises as ``transfer`` does."""


class Desk(AccountDesk, Protocol):
    """Everything commands, agents and jobs may know or ask of the engine."""

    data: MarketService
    """Whatever may be known of markets besides their best prices; shared by all, so that nothing is asked twice."""

    async def ask(self, control: Control) -> Outcome:
        """Post a control and return what the committed step made of it."""

    def engine(self) -> EngineView:
        """Return the engine as a whole."""

    def bots(self) -> Sequence[BotView]:
        """Return all bots, running ones first, then the newest stopped ones."""

    def bot(self, bot: int) -> BotView | None:
        """Return one bot, or None."""

    async def markets(self) -> Sequence[Market]:
        """Return all tradable markets. Raises ``ExchangeUnavailable``."""

    async def market(self, symbol: str) -> Market:
        """Return one market; ``symbol`` may be ``btcusdt`` or ``BTC/USDT``. Raises ``MarketUnknown``."""

    async def ticker(self, symbol: str) -> Ticker:
        """Return current best prices. Raises ``ExchangeUnavailable``."""

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return the newest bars, oldest first. Raises ``ExchangeUnavailable``."""

    async def plan(self, spec: GridSpec) -> GridPlan:
        """Return what starting this grid now would do, with every problem that forbids it."""

    def fills(self, bot: int | None, limit: int) -> Sequence[Fill]:
        """Return the newest fills, newest first."""

    def decisions(self, bot: int | None, limit: int) -> Sequence[Decision]:
        """Return the newest decisions, newest first."""

    def decision(self, decision: str) -> Decision | None:
        """Return one decision by its id."""

    def equity(self, bot: int, since: Millis) -> Sequence[EquityPoint]:
        """Return equity samples, oldest first."""
