"""Numbers and instants as people read them: prices by tick, money with its sign, percentages, durations, local time."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from config.language import _
from data.values import HUNDRED, ZERO, Millis, plain, round_to

if TYPE_CHECKING:
    from commands.context import Context

_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
_CENT = Decimal("0.01")


def price(value: Decimal, tick: Decimal) -> str:
    """Return a price with the decimals of its ``tick``."""
    decimals = _decimals(tick)
    return format(round_to(value, tick).quantize(Decimal(1).scaleb(-decimals)), "f")


def quantity(value: Decimal, asset: str = "") -> str:
    """Return a quantity exactly as it is booked, with its asset."""
    return _with(plain(value), asset)


def amount(value: Decimal, currency: str = "", *, signed: bool = False) -> str:
    """Return money with two decimals, or with two significant ones when it is less than a cent."""
    step = _CENT
    if value != ZERO and abs(value) < _CENT:
        step = Decimal(1).scaleb(value.adjusted() - 1)
    rounded = value.quantize(step, ROUND_HALF_EVEN)
    sign = "+" if signed and rounded > ZERO else ""
    return _with(sign + format(rounded if rounded else abs(rounded), "f"), currency)


def short(value: Decimal) -> str:
    """Return a number that was worked out with at most seven digits, never cutting into whole ones."""
    step = Decimal(1).scaleb(min(0, value.adjusted() - 6))
    return plain(round_to(value, step)) if value % step else plain(value)


def figure(value: Decimal) -> str:
    """Return a size to compare others with: its whole part, or three digits where that says too little."""
    if abs(value) >= HUNDRED or not value:
        return f"{value:,.0f}"
    return plain(Decimal(f"{value:.3g}"))


def fact(text: str) -> str:
    """Return a recorded figure as people read it."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    return short(value) if value.is_finite() else text


def percent(value: Decimal, *, signed: bool = False) -> str:
    """Return a percentage (5 is 5 %) with two decimals."""
    return amount(value, "%", signed=signed)


def share(part: Decimal, whole: Decimal, *, signed: bool = False) -> str:
    """Return ``part`` as a percentage of ``whole``, or a dash when there is no whole."""
    return percent(part / whole * HUNDRED, signed=signed) if whole else "–"


def profit(change: Decimal, invested: Decimal, currency: str) -> str:
    """Return a profit or loss as money and as a percentage of what was invested, both signed."""
    return f"{amount(change, currency, signed=True)} ({share(change, invested, signed=True)})"


def duration(millis: Millis) -> str:
    """Return a length of time in its two largest units, such as ``2 d 3 h``."""
    units = ((_DAY, _("d")), (_HOUR, _("h")), (_MINUTE, _("min")), (_SECOND, _("s")))
    words = []
    rest = max(millis, 0)
    for size, unit in units:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {unit}")
        elif words:
            break
    return " ".join(words[:2]) or "0 " + _("s")


def instant(at: Millis, zone: tzinfo = UTC) -> str:
    """Return an instant to the minute with its time zone, such as ``2026-11-20 16:31 UTC``."""
    return f"{datetime.fromtimestamp(at / 1000, zone):%Y-%m-%d %H:%M %Z}"


def clock_time(at: Millis, zone: tzinfo = UTC) -> str:
    """Return the time of day to the second, such as ``16:31:05``."""
    return f"{datetime.fromtimestamp(at / 1000, zone):%H:%M:%S}"


def zone_of(ctx: Context) -> tzinfo:
    """Return the time zone of the person who asks; the configured one when theirs is not set or not known."""
    try:
        return ZoneInfo(ctx.person.time_zone) if ctx.person.time_zone else ctx.settings.chat.zone
    except (KeyError, ValueError, OSError):
        return ctx.settings.chat.zone


def _with(number: str, unit: str) -> str:
    return f"{number} {unit}" if unit else number


def _decimals(tick: Decimal) -> int:
    exponent = tick.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
