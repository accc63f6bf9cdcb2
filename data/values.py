"""Exact money arithmetic, UTC milliseconds and the small enumerations every other word is made of."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, DefaultContext, getcontext
from enum import StrEnum

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)

# Fifty digits hold any sum of products price × quantity × fee rate that a market can produce, so that books are exact;
# the default of 28 is not enough for a coin of eight decimals held by the billion. DefaultContext covers new threads.
DefaultContext.prec = 50
getcontext().prec = 50

Millis = int
"""Milliseconds since 1970-01-01T00:00Z. Every instant in Batuta is one of these."""


class Side(StrEnum):
    """Direction of an order or fill, as seen by us."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """Return +1 for a buy and -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """Return the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Mode(StrEnum):
    """Where a bot's orders go: simulated fills, the exchange's test environment, or real money."""

    SHADOW = "shadow"
    TESTNET = "testnet"
    PRODUCTION = "production"


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Round ``value`` down to a multiple of ``step`` (same unit, step > 0)."""
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Round ``value`` up to a multiple of ``step`` (same unit, step > 0)."""
    return (value / step).to_integral_value(ROUND_CEILING) * step


def round_to(value: Decimal, step: Decimal) -> Decimal:
    """Round ``value`` to the nearest multiple of ``step`` (ties to even)."""
    return (value / step).to_integral_value(ROUND_HALF_EVEN) * step


def plain(value: Decimal) -> str:
    """Return ``value`` without exponent and without trailing zeros, as a person writes it."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
