"""Leverage tiers known without asking an exchange, which wants a key for them."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from data.market import Tier
from data.values import ZERO


def steepening(*steps: tuple[int, int, str]) -> tuple[Tier, ...]:
    """Return tiers from (floor, largest leverage, maintenance rate), with the deductions that make them continuous."""
    rates, deduction, found = [Decimal(rate) for _, _, rate in steps], ZERO, list[Tier]()
    caps: list[Decimal | None] = [Decimal(above) for _, (above, _, _) in pairwise(steps)]
    before = ZERO
    for (floor, leverage, _), rate, cap in zip(steps, rates, [*caps, None], strict=True):
        deduction += floor * (rate - before)
        before = rate
        found.append(Tier(floor=Decimal(floor), cap=cap, maintenance=rate, deduction=deduction, max_leverage=leverage))
    return tuple(found)


LARGEST = steepening(
    (0, 125, "0.004"),
    (50_000, 100, "0.005"),
    (600_000, 75, "0.0065"),
    (3_000_000, 50, "0.01"),
    (12_000_000, 25, "0.02"),
    (50_000_000, 20, "0.025"),
    (65_000_000, 10, "0.05"),
    (150_000_000, 5, "0.1"),
    (320_000_000, 4, "0.125"),
    (400_000_000, 3, "0.15"),
    (530_000_000, 2, "0.25"),
    (800_000_000, 1, "0.5"),
)
"""Of BTC and ETH on Binance, as its leverage and margin table says: where the two differ, the stricter one."""

CAUTIOUS = steepening(
    (0, 25, "0.02"),
    (5_000, 20, "0.025"),
    (25_000, 10, "0.05"),
    (50_000, 5, "0.1"),
    (250_000, 4, "0.125"),
    (500_000, 2, "0.25"),
    (1_000_000, 1, "0.5"),
)
"""Of any other market: at least as strict as that table is for nineteen of twenty contracts settled in USDT."""

BY_BASE = {"BTC": LARGEST, "ETH": LARGEST}
"""Of the markets that are not ``CAUTIOUS``, by base asset."""
