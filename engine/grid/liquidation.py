"""When an exchange liquidates a linear perpetual position: pure formulas.

A position ``Q`` (negative when short) answers with ``cash``: the money set aside for it, less what buying it took, plus
what selling it brought. At price ``p`` its equity is ``cash + Q·p``, and liquidation comes when that equity is down to
the maintenance margin, which for a notional ``n`` is the largest ``n·rate - deduction`` of all tiers, for tiers that
are continuous and grow ever steeper. With margin ``M`` and entry price ``E``, ``cash`` is ``M - Q·E``, and so

    long    p = (Q·E - M - deduction) / (Q·(1 - rate))
    short   p = (M + Q·E + deduction) / (Q·(1 + rate))       with Q as an amount

of which the tier that is reached first counts: the highest price when long, the lowest when short.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from data.market import Tier
from data.values import ONE, ZERO


def maintenance(notional: Decimal, tiers: Sequence[Tier]) -> Decimal:
    """Return the margin that a position of ``notional`` (an amount) must keep."""
    return max((notional * tier.maintenance - tier.deduction for tier in tiers), default=ZERO)


def liquidation_price(cash: Decimal, position: Decimal, tiers: Sequence[Tier]) -> Decimal | None:
    """Return the price at which a position is liquidated; None when no price can do that."""
    if position == ZERO:
        return None
    amount = abs(position)
    prices = [(cash + tier.deduction) / (amount * tier.maintenance - position) for tier in tiers]
    price = (max if position > ZERO else min)(prices, default=ZERO)
    if position < ZERO:
        # A short position whose margin is gone is liquidated at any price.
        return max(price, ZERO)
    return price if price > ZERO else None


def isolated_cash(position: Decimal, entry: Decimal, leverage: int) -> Decimal:
    """Return what an isolated position entered at ``entry`` answers with, in the terms of ``liquidation_price``."""
    return abs(position) * entry / leverage - position * entry


def survives(cash: Decimal, position: Decimal, price: Decimal, tiers: Sequence[Tier]) -> bool:
    """Return whether a position is not liquidated at ``price``."""
    return cash + position * price >= maintenance(abs(position) * price, tiers)


def beyond(price: Decimal, side: int, distance: Decimal) -> Decimal:
    """Return the price that lies ``distance`` (a fraction of ``price``) to the losing side of a position's ``side``."""
    return price * (ONE - side * distance)


def leverage_allowed(notional: Decimal, tiers: Sequence[Tier]) -> int:
    """Return the largest leverage at which a position of ``notional`` may be held."""
    return next((tier.max_leverage for tier in tiers if tier.cap is None or notional < tier.cap), 0)
