"""What no order may exceed: the limits of the risk gate, journaled at every start so that a replay judges by them."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.values import Millis, Mode


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What no order may exceed. Amounts in quote; ``None`` switches a limit off."""

    max_order_notional: Decimal | None = None
    max_total_exposure: Decimal | None = None
    """Most that all bots together may hold and bid for."""
    max_open_orders: int | None = None
    """Most orders of all bots that may rest or be on their way."""
    stale_millis: Millis = 60_000
    """A price older than this is no price."""
    price_band_percent: Decimal = Decimal(80)
    """Furthest a limit price may lie from the market, in percent of it."""
    armed: tuple[Mode, ...] = (Mode.SHADOW,)
    """Modes whose orders may leave. A tuple, because a set has no order and equal states must give equal bytes."""
