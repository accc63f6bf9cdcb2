"""Ticks, ranges and the numbers as people read them; nothing here draws."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

from data.values import Millis, plain

Floats = npt.NDArray[np.float64]

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_STEPS = (
    *(n * MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR for n in (1, 2, 3, 4, 6, 8, 12)),
    *(n * DAY for n in (1, 2, 3, 7, 14)),
)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
_CENTS = frozenset({"EUR", "GBP", "TRY", "BRL", "AUD", "DAI"})
# No price is that small; what is left of a subtraction may be.
_NOTHING = 1e-16
_MINUS = "\N{MINUS SIGN}"


class Tick(msgspec.Struct, frozen=True):
    """A place on an axis and what stands there."""

    at: float
    label: str


def padded(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """Return the range widened by ``share`` on both sides, never empty, even for one value or zero."""
    span, size = high - low, max(abs(low), abs(high))
    # Below a relative width of 1e-9 ticks would need more digits than a float has.
    if span <= max(size * 1e-9, _NOTHING):
        span = size * 0.02 if size > _NOTHING else 2.0
        middle = (low + high) / 2
        return middle - span / 2, middle + span / 2
    return low - span * share, high + span * share


def value_ticks(low: float, high: float, most: int = 6) -> tuple[Tick, ...]:
    """Return at most ``most`` round values within the range, labelled with just the digits that tell them apart."""
    rough = (high - low) / most
    power = math.floor(math.log10(rough))
    step = next(n * 10.0**power for n in (1, 2, 2.5, 5, 10) if n * 10.0**power >= rough * 0.999999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = [n * step for n in range(first, last + 1)]
    unit, letter = _unit(max(abs(low), abs(high)))
    digits = next((d for d in range(20) if math.isclose(step / unit, round(step / unit, d), rel_tol=1e-6)), 20)
    return tuple(Tick(place, signed(f"{place / unit + 0.0:,.{digits}f}{letter}")) for place in places)


def percent_ticks(low: float, high: float, most: int = 3) -> tuple[Tick, ...]:
    """Return round percentages within the range."""
    return tuple(Tick(tick.at, f"{tick.label} %") for tick in value_ticks(low, high, most))


def _unit(largest: float) -> tuple[float, str]:
    # Written out, such numbers would take half the width of a phone.
    for unit, letter in ((1e9, "B"), (1e6, "M")):
        if largest >= unit * 100:
            return unit, letter
    return 1.0, ""


def signed(text: str) -> str:
    """Return ``text`` with a true minus sign, and none before a zero."""
    body = text.removeprefix("-")
    if body == text or not body.strip("0.,% MB"):
        return body
    return _MINUS + body


def decimals(currency: str, size: Decimal) -> int:
    """Return how many decimals an account of about ``size`` in ``currency`` deserves: cents, satoshis or none."""
    if abs(size) >= 10_000_000:
        return 0
    if abs(size) >= 100 or "USD" in currency or currency in _CENTS:
        return 2
    return min(8, 5 - min(size.adjusted(), 1)) if size else 8


def amount(value: Decimal, places: int) -> str:
    """Return money as people read it: grouped, with ``places`` decimals."""
    return signed(f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN):,f}")


def change(value: Decimal, places: int) -> str:
    """Return money gained or lost, always with its sign."""
    text = amount(value, places)
    return f"+{text}" if value > 0 else text


def percent(part: Decimal, whole: Decimal) -> str:
    """Return the change ``part`` of ``whole`` in per cent with its sign, or nothing when there is no whole."""
    if whole <= 0:
        return ""
    text = signed(f"{part / whole * 100:,.2f} %")
    return f"+{text}" if part > 0 else text


def price(value: Decimal) -> str:
    """Return a price with all its digits, up to eight that matter, grouped."""
    if value:
        value = value.quantize(Decimal(1).scaleb(min(0, value.adjusted() - 7)), ROUND_HALF_EVEN)
    whole, dot, rest = plain(value).partition(".")
    return signed(f"{Decimal(whole):,f}{dot}{rest}")


def stamp(at: Millis) -> str:
    """Return the instant as ``2026-01-31 08:00`` in UTC."""
    return f"{_utc(at):%Y-%m-%d %H:%M}"


def time_ticks(start: Millis, end: Millis, months: tuple[str, ...], most: int = 5) -> tuple[Tick, ...]:
    """Return at most ``most`` + 1 round UTC instants within the span: hours, days or firsts of months."""
    span = max(end - start, 1)
    step = next((step for step in _STEPS if span / step <= most), 0)
    if step == 0:
        return _month_ticks(start, end, months, most)
    # Weeks begin on Monday; the epoch was a Thursday.
    origin = 4 * DAY if step % (7 * DAY) == 0 else 0
    first = -(-(start - origin) // step) * step + origin
    return tuple(Tick(at, _day_label(at, step, months)) for at in range(first, end + 1, step))


def _day_label(at: Millis, step: int, months: tuple[str, ...]) -> str:
    moment = _utc(at)
    if step < DAY and at % DAY:
        return f"{moment:%H:%M}"
    return f"{moment.day} {months[moment.month - 1]}"


def _month_ticks(start: Millis, end: Millis, months: tuple[str, ...], most: int) -> tuple[Tick, ...]:
    span_months = (end - start) / (30.44 * DAY)
    step = next((step for step in _MONTHS if span_months / step <= most), _MONTHS[-1])
    first = _utc(start)
    count = first.year * 12 + first.month - 1
    count -= count % step
    ticks: list[Tick] = []
    while (at := _first_of(count)) <= end:
        if at >= start:
            label = f"{count // 12}" if step % 12 == 0 else f"{months[count % 12]} {count // 12 % 100:02d}"
            ticks.append(Tick(at, label))
        count += step
    return tuple(ticks)


def _first_of(count: int) -> Millis:
    return int(datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000


def _utc(at: Millis) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)


def thinned(x: Floats, y: Floats, buckets: int) -> tuple[Floats, Floats]:
    """Return the line with the lowest and highest point of every bucket, first and last kept, in order of time."""
    count = len(x)
    if count <= 2 * buckets + 2:
        return x, y
    edges = np.linspace(0, count, buckets + 1).astype(np.intp)
    keep = [0, count - 1]
    for low, high in pairwise(edges):
        part = y[low:high]
        keep += [int(low + part.argmin()), int(low + part.argmax())]
    chosen = np.unique(np.array(keep, dtype=np.intp))
    return x[chosen], y[chosen]


def spread(places: list[float], gap: float, low: float, high: float) -> list[float]:
    """Return the places moved as little as needed to stand ``gap`` apart within the range, in the order given."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = [min(max(places[n], low), high) for n in order]
    for n in range(1, len(moved)):
        moved[n] = max(moved[n], moved[n - 1] + gap)
    for n in range(len(moved) - 1, -1, -1):
        moved[n] = min(moved[n], high - gap * (len(moved) - 1 - n))
    back = dict(zip(order, moved, strict=True))
    return [back[n] for n in range(len(places))]
