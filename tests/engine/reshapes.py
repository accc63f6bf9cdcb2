"""Drawn numbers turned into grids that move, and into what people ask of them."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.events import GridControl, RecentreBot, SetReinvest, SetTrailing
from data.grids import GridSpec, OutOfRange, Recentring, Spacing
from data.market import Market
from data.values import ZERO, Millis
from engine.core import Engine
from engine.rules.exits import quiet_band
from engine.state import Bot

D = Decimal
TICK = D("0.1")


def moving(spec: GridSpec, middle: Decimal, a: int, b: int) -> GridSpec:
    """Return a grid with some of the options of one that moves."""
    hasty = Recentring(distance_percent=ZERO, patience_millis=500, cooldown_millis=500, gate=a % 7 == 0)
    spec = msgspec.structs.replace(spec, recentring=hasty, reinvest=a % 2 == 0)
    if b % 5 == 0:
        spec = msgspec.structs.replace(spec, trail_up=spec.upper * 2, trail_down=spec.lower / 2)
    if b % 11 == 0:
        endless = msgspec.structs.replace(spec, infinity=True, reinvest=False, trail_up=None, trail_down=None)
        spec = msgspec.structs.replace(endless, spacing=Spacing.GEOMETRIC, out_of_range=OutOfRange.HOLD)
    if b % 7 == 0:
        spec = msgspec.structs.replace(spec, trigger_price=(middle * D("1.01")).quantize(TICK))
    return spec


def reshaping(kind: int, a: int, *, at: Millis, bot: int, price: Decimal, plan: str) -> GridControl:
    """Return what a person asks of a bot's grid."""
    if kind % 4 == 0:
        up, down = price * D("1.5") if a % 3 else None, price / 2 if a % 4 else None
        return SetTrailing(at=at, by="t", plan=plan, bot=bot, up=up, down=down)
    if kind % 4 == 1:
        return SetReinvest(at=at, by="t", plan=plan, bot=bot, on=a % 3 != 0)
    lower, upper = (price * D("0.95")).quantize(TICK), (price * D("1.06")).quantize(TICK)
    levels = 3 + a % 20 if kind % 3 else None
    return RecentreBot(at=at, by="t", plan=plan, bot=bot, lower=lower, upper=upper, levels=levels)


def changed(market: Market, kind: int) -> Market:
    """Return a market with other rules, or with those it had."""
    if kind % 3:
        return market
    filters = msgspec.structs.replace(market.filters, min_notional=D(4 + kind % 2), max_orders=16 + kind % 5)
    return msgspec.structs.replace(market, filters=filters)


def watched(engine: Engine, bot: Bot) -> bool:
    """Return whether the engine looks at every tick that could change something for ``bot``, as after a restart."""
    band = quiet_band(bot, engine.state.limits_in_force)
    return not bot.status.active or band in list(engine.bands(bot.market.symbol))
