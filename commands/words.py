"""The words for what the engine knows by name: refusals, reasons, states, policies."""

from __future__ import annotations

from config.language import _
from data.advice import TradingState
from data.events import RejectReason, StopReason
from data.grids import Direction, MarginMode, OutOfRange
from data.orders import RefusalCode
from data.values import Mode
from engine.views import BotStatus, Danger, RangePosition


def refusal(code: RefusalCode) -> str:
    """Say why risk refused an order."""
    return {
        RefusalCode.TRADING_HALTED: _("all trading is halted"),
        RefusalCode.TRADING_REDUCING: _("only orders that lower exposure are let through now"),
        RefusalCode.MARKET_UNKNOWN: _("the market is not known"),
        RefusalCode.PRICE_MISSING: _("no price of the market has been seen"),
        RefusalCode.PRICE_STALE: _("the last price of the market is too old"),
        RefusalCode.OFF_TICK: _("the price is not a multiple of the market's tick"),
        RefusalCode.OFF_STEP: _("the quantity is not a multiple of the market's step"),
        RefusalCode.BELOW_MIN_QUANTITY: _("the quantity is below the market's smallest"),
        RefusalCode.ABOVE_MAX_QUANTITY: _("the quantity is above the market's largest"),
        RefusalCode.BELOW_MIN_NOTIONAL: _("the order is worth less than the market's smallest"),
        RefusalCode.ABOVE_MAX_ORDER_NOTIONAL: _("the order is worth more than one order may be"),
        RefusalCode.PRICE_FAR_FROM_MARKET: _("the price is too far from the market"),
        RefusalCode.TOO_MANY_ORDERS: _("too many orders are open"),
        RefusalCode.ABOVE_BOT_BUDGET: _("the bot would spend more than was given to it"),
        RefusalCode.ABOVE_TOTAL_EXPOSURE: _("all bots together would hold more than allowed"),
        RefusalCode.NOT_HELD: _("the bot does not hold what it would sell"),
        RefusalCode.MODE_NOT_ARMED: _("the bot's mode is not armed"),
        RefusalCode.ABOVE_MODE_CAP: _("all bots of its mode would hold more than its cap"),
    }[code]


def rejection(reason: RejectReason) -> str:
    """Say why an exchange rejected an order."""
    return {
        RejectReason.WOULD_TAKE: _("it would have matched at once"),
        RejectReason.INSUFFICIENT_BALANCE: _("the account does not hold enough"),
        RejectReason.FILTER: _("it is outside the market's limits"),
        RejectReason.MARKET_CLOSED: _("the market is closed"),
        RejectReason.UNAUTHORISED: _("the key may not do this"),
        RejectReason.REDUCE_ONLY: _("there is no position that it could make smaller"),
        RejectReason.OTHER: _("the exchange gave another reason"),
    }[reason]


def stop_reason(reason: StopReason) -> str:
    """Say why a bot stopped."""
    return {
        StopReason.PERSON: _("a person asked"),
        StopReason.TAKE_PROFIT: _("take profit"),
        StopReason.STOP_LOSS: _("stop loss"),
        StopReason.OUT_OF_RANGE: _("price left the range"),
        StopReason.FAILED_START: _("it could not start"),
        StopReason.LIQUIDATION_NEAR: _("its liquidation came too near"),
    }[reason]


def out_of_range(policy: OutOfRange) -> str:
    """Say what a bot does outside its range."""
    return {
        OutOfRange.HOLD: _("keeps everything and waits"),
        OutOfRange.STOP_KEEP: _("stops and keeps what it holds"),
        OutOfRange.STOP_SELL: _("stops and sells what it holds"),
        OutOfRange.RECENTRE: _("lays the grid anew around the price, when that pays"),
    }[policy]


def trading_state(state: TradingState) -> str:
    """Say what the engine lets through."""
    return {
        TradingState.ACTIVE: _("trading is active"),
        TradingState.REDUCING: _("trading only reduces"),
        TradingState.HALTED: _("trading is halted"),
    }[state]


def trading(state: TradingState) -> str:
    """Say the same beside a label that says trading."""
    return {
        TradingState.ACTIVE: _("active"),
        TradingState.REDUCING: _("only reduces"),
        TradingState.HALTED: _("halted"),
    }[state]


def status(value: BotStatus) -> str:
    """Say where a bot is in its life."""
    return {
        BotStatus.WAITING: _("waiting for its price"),
        BotStatus.STARTING: _("starting"),
        BotStatus.RUNNING: _("running"),
        BotStatus.PAUSED: _("paused"),
        BotStatus.STOPPING: _("stopping"),
        BotStatus.STOPPED: _("stopped"),
    }[value]


def position(value: RangePosition) -> str:
    """Say where price is relative to a grid."""
    return {
        RangePosition.INSIDE: _("inside the range"),
        RangePosition.ABOVE: _("above the range"),
        RangePosition.BELOW: _("below the range"),
    }[value]


def direction(value: Direction) -> str:
    """Name what a grid on a perpetual starts with."""
    return {Direction.LONG: _("long"), Direction.NEUTRAL: _("neutral"), Direction.SHORT: _("short")}[value]


def margin(value: MarginMode) -> str:
    """Name a margin mode."""
    return {MarginMode.CROSS: _("cross"), MarginMode.ISOLATED: _("isolated")}[value]


def danger(value: Danger) -> str:
    """Say how near the liquidation of a position is."""
    return {
        Danger.SAFE: _("far away"),
        Danger.NEAR: _("coming near"),
        Danger.REDUCING: _("so near that the position may only become smaller"),
    }[value]


def mode(value: Mode) -> str:
    """Name a mode."""
    return {Mode.SHADOW: _("shadow"), Mode.TESTNET: _("testnet"), Mode.PRODUCTION: _("production")}[value]
