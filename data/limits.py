"""What no order may exceed: the limits of the risk gate, journaled at every start so that a replay judges by them."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.values import HUNDRED, Millis, Mode


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
    max_leverage: int = 20
    liquidation_buffer_percent: Decimal = Decimal(15)
    """Least distance between the end of a grid's range and the liquidation of all that it may hold there."""
    margin_reserve_percent: Decimal = Decimal(5)
    """Part of a perpetual grid's investment that its orders leave free, for funding and fees."""
    notice_buffers: Decimal = Decimal(2)
    """Distance of the market to liquidation, in buffers, under which people are told."""
    reduce_buffers: Decimal = Decimal(1)
    """Distance under which a position may only become smaller."""
    close_buffers: Decimal = Decimal("0.5")
    """Distance under which a position is closed."""

    def buffer(self, buffers: Decimal) -> Decimal:
        """Return so many liquidation buffers as a fraction of the price."""
        return buffers * self.liquidation_buffer_percent / HUNDRED
