"""What is wrong with how a grid is asked to wait, follow, grow and recentre."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from data.grids import Direction, GridSpec, OutOfRange, Spacing, TriggerKind
from data.market import Market, Ticker
from data.values import HUNDRED, ZERO, plain
from engine.grid.plan import Problem, problem

SPARE = 2
"""Orders a grid leaves to others where it may not have all of its own."""
FEWEST = 4
"""Fewest orders that a grid with a window is run with."""


def planned_at(spec: GridSpec, ticker: Ticker) -> Ticker:
    """Return the prices a grid is planned at: those of now, or those it waits for."""
    trigger = spec.trigger_price
    if trigger is None or trigger == ticker.last:
        return ticker
    return msgspec.structs.replace(ticker, bid=trigger, ask=trigger, last=trigger, mark=None)


def window_of(slots: int, room: int) -> int:
    """Return how many orders a grid may have at once with ``room`` left on the market; 0 when all, -1 when too few."""
    if slots <= room:
        return 0
    return room - SPARE if room - SPARE >= FEWEST else -1


def option_problems(spec: GridSpec, market: Market) -> list[Problem]:
    """Return every option that contradicts the rest of a grid."""
    return [*_trigger(spec), *_trailing(spec), *_recentring(spec), *_infinity(spec, market), *_reinvest(spec, market)]


def _trigger(spec: GridSpec) -> Iterator[Problem]:
    if spec.trigger_price is not None and not spec.lower < spec.trigger_price < spec.upper:
        accepted = f"a price between {plain(spec.lower)} and {plain(spec.upper)}"
        yield problem("trigger_price", spec.trigger_price, "the grid would start outside its own range", accepted)


def _trailing(spec: GridSpec) -> Iterator[Problem]:
    stop, up, down = spec.stop_loss, spec.trail_up, spec.trail_down
    if up is not None and up <= spec.upper:
        yield problem("trail_up", up, "the top line is there already", f"a price above {plain(spec.upper)}")
    if down is None:
        return
    if not ZERO < down < spec.lower:
        yield problem("trail_down", down, "the bottom line is there already", f"a price below {plain(spec.lower)}")
    elif stop is not None and stop.kind is TriggerKind.PRICE and spec.direction is Direction.LONG and down < stop.value:
        yield problem("trail_down", down, "the stop loss is reached before", f"a price above {plain(stop.value)}")


def _recentring(spec: GridSpec) -> Iterator[Problem]:
    rules = spec.recentring
    if spec.out_of_range is not OutOfRange.RECENTRE:
        return
    if not ZERO <= rules.distance_percent < HUNDRED:
        text = "that is no distance from the edge of the range"
        yield problem("recentring", rules.distance_percent, text, "a percent from 0 to below 100")
    if min(rules.patience_millis, rules.cooldown_millis) < 0 or rules.per_day < 1:
        yield problem("recentring", rules.per_day, "the grid could never recentre", "at least once a day")


def _infinity(spec: GridSpec, market: Market) -> Iterator[Problem]:
    if not spec.infinity:
        return
    if market.perpetual or spec.direction is not Direction.LONG:
        yield problem("infinity", "yes", "what keeps the worth of base constant must own it", "a spot market")
    if spec.spacing is not Spacing.GEOMETRIC:
        accepted = Spacing.GEOMETRIC.value
        yield problem("spacing", spec.spacing.value, "equal steps of worth need equal percentages", accepted)
    if spec.levels < 4:
        yield problem(
            "levels", spec.levels, "a grid without a highest line is laid two lines ahead", "at least 4 lines"
        )
    trails = spec.trail_up is not None or spec.trail_down is not None
    if trails or spec.reinvest or spec.out_of_range is OutOfRange.RECENTRE:
        text = "a grid without a highest line neither trails, nor recentres, nor grows its slots"
        yield problem("infinity", "yes", text, "one of them")


def _reinvest(spec: GridSpec, market: Market) -> Iterator[Problem]:
    if spec.reinvest and market.perpetual:
        text = "the size of a perpetual's slots follows from the liquidation of all of them"
        yield problem("reinvest", "yes", text, "a spot market")


def window_problem(spec: GridSpec, room: int) -> Problem:
    """Return that a market has no room for even the nearest orders of a grid."""
    text = f"the exchange allows {max(room, 0)} more orders on this market"
    accepted = f"at most {room + 1} lines" if room > 0 else "stop another bot there first"
    return problem("levels", spec.levels, text, accepted)


def limit_of(value: Decimal | None) -> str:
    """Return a limit of trailing as a person writes it."""
    return "none" if value is None else plain(value)
