"""Price leaving a grid's range and coming back, with enough hysteresis that a price on the edge does not chatter."""

from __future__ import annotations

from decimal import Decimal

from data.decisions import Alternative, Input, Rule
from data.events import StopReason
from data.grids import OutOfRange
from data.values import HUNDRED, ONE, ZERO, Millis, plain
from engine.grid.window import BOUNDLESS
from engine.rules.trailing import DOWN, UP, free, next_extension, next_line
from engine.rules.wish import Verdict, Wish
from engine.state import Bot
from engine.views import RangePosition

_RULES = {
    RangePosition.ABOVE: Rule.ABOVE_RANGE,
    RangePosition.BELOW: Rule.BELOW_RANGE,
    RangePosition.INSIDE: Rule.BACK_IN_RANGE,
}
_STOPS = {OutOfRange.STOP_KEEP: False, OutOfRange.STOP_SELL: True}


def cross(bot: Bot, last: Decimal, at: Millis) -> Verdict | None:
    """Notice that ``last`` left or entered the range; a bot that stops for that reason is stopping afterwards."""
    position = _position(bot, last)
    if position is bot.position:
        return None
    bot.position = position
    policy = bot.spec.out_of_range
    inputs = [
        Input("price", plain(last)),
        Input("lower", plain(bot.lines[0])),
        Input("upper", plain(bot.lines[-1])),
        Input("policy", policy.value),
    ]
    wish = Wish()
    if position is RangePosition.INSIDE:
        bot.outside_since, bot.trail_ended = None, False
    else:
        bot.outside_since = at
        if policy in _STOPS:
            bot.stop(StopReason.OUT_OF_RANGE, sell=_STOPS[policy])
        wish.alternatives += [
            Alternative(other.value, f"the policy is {policy.value}") for other in OutOfRange if other is not policy
        ]
    return Verdict(rule=_RULES[position], inputs=inputs, wish=wish)


def _position(bot: Bot, last: Decimal) -> RangePosition:
    (low, inner_low), (inner_high, high) = _ends(bot)
    if last > high:
        return RangePosition.ABOVE
    if last < low:
        return RangePosition.BELOW
    inside = last <= inner_high if bot.position is RangePosition.ABOVE else last >= inner_low
    return RangePosition.INSIDE if inside else bot.position


def _ends(bot: Bot) -> tuple[tuple[Decimal, Decimal], tuple[Decimal, Decimal]]:
    """Return where the range is left and entered again, below and above; never where the grid follows the price."""
    lines = bot.lines
    low = ZERO if bot.spec.trail_down and next_line(bot, DOWN) else lines[0]
    follows = bot.spec.trail_up and next_line(bot, UP)
    high = BOUNDLESS if follows or next_extension(bot) else lines[-1]
    return (low, (lines[0] + lines[1]) / 2), ((lines[-1] + lines[-2]) / 2, high)


def crossings(bot: Bot) -> tuple[Decimal, Decimal]:
    """Return the open interval of prices in which the range is neither left, entered, followed nor recentred."""
    (low, inner_low), (inner_high, high) = _ends(bot)
    beyond = bot.spec.recentring.distance_percent / HUNDRED if bot.spec.out_of_range is OutOfRange.RECENTRE else None
    match bot.position:
        case RangePosition.ABOVE:
            low, high = inner_high, BOUNDLESS if beyond is None else bot.lines[-1] * (ONE + beyond)
        case RangePosition.BELOW:
            low, high = ZERO if beyond is None else bot.lines[0] * (ONE - beyond), inner_low
        case RangePosition.INSIDE:
            pass
    if not free(bot):
        return low, high
    above, below = next_extension(bot) or next_line(bot, UP), next_line(bot, DOWN)
    return max(low, below or ZERO), min(high, above or BOUNDLESS)
