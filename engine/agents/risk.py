"""The risk agent: watches losses and the age of what is known, and asks to reduce or halt trading.

Losses (from the highest equity, and from the equity at the start of the UTC day) restrict until a person frees. Old
prices, a lost exchange and an unknown equity restrict until they have been well again for two looks in a row; then the
state that was in force before comes back. Equity is the account's quote plus the base of every market a bot ever
traded, in quote; deposits and withdrawals move what it is measured against.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from data.advice import Advice, TradingState, TradingStateAdvised
from data.values import HUNDRED, ONE, ZERO, Millis, plain
from engine.desk import Desk, EngineView
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown
from engine.views import BotStatus, BotView

if TYPE_CHECKING:
    from config.schema import Settings

DAY: Millis = 86_400_000
REDUCE_AT = Decimal("0.8")
"""Part of a loss limit at which trading may only reduce."""
NEW_PEAK = Decimal("1.001")
"""A peak is worth writing down when it is this much above the written one."""
SETTLED = 2
"""Looks in a row at which data must be well before a restriction for its sake ends."""
_AT_WORK = frozenset({BotStatus.STARTING, BotStatus.RUNNING, BotStatus.STOPPING})
_WAS_REDUCING = " (was reducing)"


class Cause(StrEnum):
    """Why a state is asked for, as it stands in the advice. The engine keeps it as the reason of its state."""

    DRAWDOWN = "drawdown limit"
    DAILY_LOSS = "daily loss limit"
    STALE = "prices are stale"
    DISCONNECTED = "exchange is disconnected"
    EQUITY_UNKNOWN = "equity is unknown"
    WELL = "data is well again"
    MARKS = "marks moved"


_DATA = (Cause.STALE, Cause.DISCONNECTED, Cause.EQUITY_UNKNOWN)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is tolerated. Percentages of equity, ages in milliseconds."""

    max_drawdown_perc: Decimal
    max_daily_loss_perc: Decimal
    stale_ms: Millis
    halt_ms: Millis


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What equity is measured against, in quote."""

    peak: Decimal
    day_start: Decimal
    day: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """How well the world is known at one look."""

    at_work: bool
    """Whether any bot has or wants orders."""
    lost_ms: Millis
    """Time since the exchange was first seen not to answer; 0 while it does."""
    price_ms: Millis
    """Age of the oldest price a bot at work rests on."""
    equity_ms: Millis
    """Time since equity was last known; 0 when it is."""


class Verdict(msgspec.Struct, frozen=True):
    """The state one ground alone asks for."""

    state: TradingState
    cause: Cause


def strictest(*states: TradingState) -> TradingState:
    """Return the most restrictive of ``states``."""
    return max(states, key=lambda each: each.strictness)


def loss_perc(equity: Decimal, mark: Decimal) -> Decimal:
    """Return how far equity is below a mark, in percent of the mark; zero above it or without a mark."""
    return max(ZERO, (mark - equity) * HUNDRED / mark) if mark > ZERO else ZERO


def moved(marks: Marks, amount: Decimal) -> Marks:
    """Return the marks after money came or left (negative) by other ways than trading."""
    peak, day_start = (max(ZERO, mark + amount) if mark > ZERO else mark for mark in (marks.peak, marks.day_start))
    return Marks(peak=peak, day_start=day_start, day=marks.day)


def updated(marks: Marks, equity: Decimal, day: int) -> Marks:
    """Return the marks after ``equity`` was seen on UTC day ``day``."""
    fresh_day = day > marks.day or marks.day_start <= ZERO
    return Marks(
        peak=max(marks.peak, equity),
        day_start=equity if fresh_day else marks.day_start,
        day=max(day, marks.day) if fresh_day else marks.day,
    )


def judge_loss(equity: Decimal, marks: Marks, limits: Limits) -> Verdict:
    """Return what the losses ask for: halt at a limit, reduce shortly before it. A worse equity is never freer."""
    grounds = (
        Verdict(_judge_one(loss_perc(equity, marks.peak), limits.max_drawdown_perc), Cause.DRAWDOWN),
        Verdict(_judge_one(loss_perc(equity, marks.day_start), limits.max_daily_loss_perc), Cause.DAILY_LOSS),
    )
    return max(grounds, key=lambda each: each.state.strictness)


def _judge_one(loss: Decimal, limit: Decimal) -> TradingState:
    if loss <= ZERO:
        return TradingState.ACTIVE
    if loss >= limit:
        return TradingState.HALTED
    return TradingState.REDUCING if loss >= limit * REDUCE_AT else TradingState.ACTIVE


def judge_data(facts: Facts, limits: Limits) -> Verdict:
    """Return what the age of our knowledge asks for; nothing as long as no bot is at work."""
    if not facts.at_work:
        return Verdict(TradingState.ACTIVE, Cause.WELL)
    ages = (
        (facts.lost_ms, Cause.DISCONNECTED),
        (facts.price_ms, Cause.STALE),
        (facts.equity_ms, Cause.EQUITY_UNKNOWN),
    )
    age, cause = max(ages, key=lambda each: each[0])
    if age >= limits.halt_ms:
        return Verdict(TradingState.HALTED, cause)
    if age >= limits.stale_ms:
        return Verdict(TradingState.REDUCING, cause)
    return Verdict(TradingState.ACTIVE, Cause.WELL)


def resolve(current: TradingState, latched: TradingState, data: TradingState, *, settled: bool) -> TradingState:
    """Return the state to ask for, given what losses have asked for since a person last freed trading.

    It is freer than ``current`` only when the data is well and settled, and never freer than ``latched``.
    """
    well = data is TradingState.ACTIVE and settled
    return strictest(latched, data) if well else strictest(current, latched, data)


def latched_by(state: TradingState, reason: str) -> Verdict:
    """Return what the losses before a restart had asked for, read from the state risk is in and the reason given.

    A state whose reason is not known to be old data counts as one for losses.
    """
    if any(cause.value in reason for cause in _DATA):
        return Verdict(TradingState.REDUCING if _WAS_REDUCING in reason else TradingState.ACTIVE, Cause.DRAWDOWN)
    return Verdict(state, Cause.DRAWDOWN)


def price_age(bot: BotView, started_at: Millis, now: Millis) -> Millis:
    """Return the age of a bot's price; without one, the time since it could first have come.

    A price from the future is as wrong as one that is as far in the past.
    """
    at = bot.ticker.at if bot.ticker is not None else max(started_at, bot.started_at)
    return abs(now - at)


class RiskAgent:
    """Judges at every look, and speaks when the state must change or a mark is worth writing down."""

    name = "risk"
    what = "Watches losses and the age of prices; reduces or halts trading"

    def __init__(self, limits: Limits, quote: str, interval_seconds: float) -> None:
        """Take the limits and the asset that equity is counted in."""
        self.interval_seconds = interval_seconds
        self._limits, self._quote = limits, quote
        self._marks: Marks | None = None
        self._written_peak = ZERO
        self._transferred = ZERO
        self._latched: Verdict | None = None
        self._known_at: Millis | None = None
        self._lost_at: Millis | None = None
        self._well = 0

    async def advise(self, desk: Desk, now: Millis) -> Sequence[Advice]:
        """Return the state to be in with the marks it was judged by, when either is news."""
        equity = await self._equity(desk, now)
        view = desk.engine()
        current = view.trading_state if view.risk_state is None else view.risk_state
        latched = self._recall(view, current)
        marks = self._measure(view, equity, now)
        if equity is not None:
            latched = max(latched, judge_loss(equity, marks, self._limits), key=lambda each: each.state.strictness)
        self._marks, self._latched = marks, latched
        data = judge_data(self._facts(desk.bots(), view, equity, now), self._limits)
        self._well = self._well + 1 if data.state is TradingState.ACTIVE else 0
        target = resolve(current, latched.state, data.state, settled=self._well >= SETTLED)
        if target is current and not _worth_writing(marks, view):
            return ()
        return (self._say(target, _reason(current, target, latched, data), marks, equity, now),)

    def _recall(self, view: EngineView, current: TradingState) -> Verdict:
        # A person who frees trading takes note of the loss: the engine forgets its marks, and so does the agent, or
        # the next look would restrict again and no person could ever resume.
        freed = self._written_peak > ZERO and view.peak_equity <= ZERO
        self._written_peak = view.peak_equity
        if freed:
            self._marks = None
            return Verdict(TradingState.ACTIVE, Cause.DRAWDOWN)
        return self._latched or latched_by(current, view.trading_state_reason)

    def _measure(self, view: EngineView, equity: Decimal | None, now: Millis) -> Marks:
        day = now // DAY
        came, self._transferred = view.transferred - self._transferred, view.transferred
        if self._marks is not None:
            marks = moved(self._marks, came)
        else:
            marks = Marks(peak=view.peak_equity, day_start=view.day_start_equity, day=view.day or day)
        if equity is None:
            return marks
        self._known_at = now
        return updated(marks, equity, day)

    def _facts(self, bots: Sequence[BotView], view: EngineView, equity: Decimal | None, now: Millis) -> Facts:
        working = [bot for bot in bots if bot.status in _AT_WORK]
        known_at = view.started_at if self._known_at is None else self._known_at
        # One question without an answer is no lost exchange: the next comparison of the books may reach it.
        self._lost_at = None if view.connected else self._lost_at or now
        return Facts(
            at_work=bool(working),
            lost_ms=0 if self._lost_at is None else now - self._lost_at,
            price_ms=max((price_age(bot, view.started_at, now) for bot in working), default=0),
            equity_ms=0 if equity is not None else max(0, now - known_at),
        )

    async def _equity(self, desk: Desk, now: Millis) -> Decimal | None:
        bots, mode = desk.bots(), desk.engine().mode
        prices = {
            bot.market.symbol: bot.ticker.last
            for bot in bots
            if bot.ticker is not None and abs(now - bot.ticker.at) < self._limits.stale_ms
        }
        # The set of assets never shrinks, or stopping a bot that keeps its base would look like a loss.
        counted = {self._quote} | {asset for bot in bots for asset in (bot.market.base, bot.market.quote)}
        equity = ZERO
        try:
            for asset in await desk.assets():
                amount = asset.free + asset.locked
                if asset.mode is not mode or asset.asset not in counted or amount == ZERO:
                    continue
                symbol = f"{asset.asset}/{self._quote}"
                if asset.asset != self._quote and symbol not in prices:
                    prices[symbol] = (await desk.ticker(symbol)).last
                equity += amount * (ONE if asset.asset == self._quote else prices[symbol])
            # A wallet shows what positions won and lost once they are closed; it counts before, too.
            equity += sum((each.position.unrealised for each in await desk.positions() if each.mode is mode), ZERO)
        except (ExchangeUnavailable, MarketUnknown):
            return None
        return equity

    def _say(self, state: TradingState, reason: str, marks: Marks, equity: Decimal | None, now: Millis) -> Advice:
        evidence = {
            "equity": "unknown" if equity is None else plain(equity),
            "peak": plain(marks.peak),
            "day start": plain(marks.day_start),
        }
        if equity is not None:
            evidence["drawdown"] = f"{loss_perc(equity, marks.peak):.2f} %"
            evidence["daily loss"] = f"{loss_perc(equity, marks.day_start):.2f} %"
        return Advice(
            agent=self.name,
            what=TradingStateAdvised(
                state=state, peak_equity=marks.peak, day_start_equity=marks.day_start, day=marks.day
            ),
            confidence=ONE,
            reason=reason,
            evidence=evidence,
            expires_at=now + int(self.interval_seconds * 2000),
        )


def _reason(current: TradingState, target: TradingState, latched: Verdict, data: Verdict) -> str:
    if target is current:
        return Cause.MARKS.value
    if strictest(target, current) is current:
        return Cause.WELL.value
    if latched.state is target:
        return latched.cause.value
    return data.cause.value + (_WAS_REDUCING if latched.state is TradingState.REDUCING else "")


def _worth_writing(marks: Marks, view: EngineView) -> bool:
    moved = marks.peak > view.peak_equity * NEW_PEAK or marks.peak < view.peak_equity
    return moved or marks.day_start != view.day_start_equity or view.day not in (0, marks.day)


def build(settings: Settings) -> RiskAgent:
    """Make the agent; it is always there."""
    rules = settings.risk_management
    stale_ms = rules.stale_data_seconds * 1000
    limits = Limits(
        max_drawdown_perc=rules.max_drawdown_perc,
        max_daily_loss_perc=rules.max_daily_loss_perc,
        stale_ms=stale_ms,
        halt_ms=max(stale_ms, rules.api_failure_timeout_minutes * 60_000),
    )
    return RiskAgent(limits, settings.exchange.quote, settings.risk_agent.check_interval_seconds)
