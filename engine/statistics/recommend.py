"""A grid that suits a market: range, spacing, number of lines and least capital, each with its reason.

Floats stop here: what statistics say becomes prices on the market's tick, and money is exact from then on. The plan of
the grid is made by ``engine.grid.sizing``, so that what is recommended passes the checks that it will be started with.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec
import numpy as np

from data.grids import GridSpec
from data.limits import RiskLimits
from data.market import FeeAsset, Fees, Market, Ticker
from data.values import HUNDRED, ONE, ZERO, ceil_to, floor_to, plain
from engine.grid.plan import GridPlan
from engine.grid.sizing import plan_grid
from engine.statistics.crossings import Crossings
from engine.statistics.description import MarketStatistics
from engine.statistics.readings import Reading

CLEARANCE = 2
"""Lines lie at least so many break-evens apart."""
REACH = 2.0
"""Standard deviations of the horizon's return that the range extends to either side: a driftless price whose volatility
is as forecast stays inside in nine of ten cases (reflection principle)."""
RECENT = 1.5
"""Recent extremes are included up to so many times that reach."""
FEWEST_SLOTS = 3
MOST_SLOTS = 1000
ACTIVE = 1.0
"""Cycles a day below which a wider spacing is not chosen for being better: too few to live up to an expectation."""
WITHIN = Decimal("0.95")
"""Part of the price band that the range may take: the market moves until somebody starts the grid."""
_SHOWN = Decimal("0.0001")
_CENT = Decimal("0.01")
_RATIO = Decimal("0.0000000001")


class NoGrid(ValueError):
    """No grid can be recommended on this market; the message says why."""


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """A grid that suits a market, geometric. Prices and money in quote."""

    symbol: str
    lower: Decimal
    upper: Decimal
    levels: int
    """Number of lines; slots are one fewer."""
    spacing: Decimal
    """Ratio between neighbouring lines, less one, before they are snapped to the tick."""
    break_even: Decimal
    """Spacing at which both fees eat the whole cycle."""
    minimum_capital: Decimal
    """Least investment with which every order of this grid keeps the market's minimums, with 5 % to spare."""
    cycles: float
    """Completed cycles a day to expect, while price stays in the range."""
    low: float
    high: float
    reasons: tuple[Reading, ...]

    def spec(self, investment: Decimal | None = None) -> GridSpec:
        """Return what to ask of the engine for this grid, with the least capital unless told otherwise."""
        return GridSpec(
            symbol=self.symbol,
            lower=self.lower,
            upper=self.upper,
            levels=self.levels,
            investment=self.minimum_capital if investment is None else investment,
        )


def break_even(fees: Fees) -> Decimal:
    """Return the spacing (ratio less one) at which a cycle of two maker orders earns nothing.

    ``(1 + f)/(1 - f)`` with the fee in quote, ``1/(1 - f)²`` when each fill pays in what it receives.
    """
    if fees.asset is FeeAsset.QUOTE:
        return (ONE + fees.maker) / (ONE - fees.maker) - ONE
    return ONE / (ONE - fees.maker) ** 2 - ONE


def recommend(
    told: MarketStatistics, market: Market, ticker: Ticker, limits: RiskLimits | None = None
) -> Recommendation:
    """Return the grid for ``market`` at the prices of ``ticker`` that ``told`` speaks for.

    The horizon is that of ``told``. Raises ``NoGrid`` when no grid passes the engine's own planning.
    """
    even = break_even(market.fees)
    lower, upper = _range(told, market, ticker, limits)
    # Snapping to the tick can bring two lines closer by one.
    least = CLEARANCE * even + market.filters.price_tick / lower
    wanted = max(least, Decimal(str(_best(told, even, least))))
    slots = _slots(lower, upper, wanted)
    widened = slots < FEWEST_SLOTS
    if widened:
        lower, upper, slots = *_around(ticker, market, wanted, limits), FEWEST_SLOTS
        if _slots(lower, upper, least) < FEWEST_SLOTS:
            raise NoGrid(f"{plain(lower)} to {plain(upper)}, as far as limits reach, holds no {FEWEST_SLOTS} slots")
    capped = slots > (most := min(market.filters.max_orders, MOST_SLOTS))
    slots = max(1, min(slots, most))
    plan = _funded(_spec(market, lower, upper, slots + 1), market, ticker, limits)
    spacing = ((upper / lower) ** (ONE / slots) - ONE).quantize(_RATIO)
    cycles, low, high = (_at(told, spacing, name) for name in ("cycles", "low", "high"))
    found = Recommendation(
        symbol=market.symbol,
        lower=lower,
        upper=upper,
        levels=slots + 1,
        spacing=spacing,
        break_even=even,
        minimum_capital=plan.spec.investment,
        cycles=cycles,
        low=low,
        high=high,
        reasons=(),
    )
    return msgspec.structs.replace(found, reasons=_reasons(found, told, market, widened=widened, capped=capped))


def invested(
    found: Recommendation, wanted: Decimal, market: Market, ticker: Ticker, limits: RiskLimits | None = None
) -> Decimal:
    """Return what to invest in a recommended grid: ``wanted`` (quote), or as near as its orders may be small or large.

    Raises ``NoGrid`` when the limits allow no order as large as the market's least.
    """
    least = max(found.minimum_capital, wanted)
    investment = least.quantize(_CENT if least >= ONE else _SHOWN, ROUND_CEILING)
    plan = plan_grid(found.spec(investment), market, ticker, limits)
    if plan.problems:
        raise NoGrid("; ".join(each.problem for each in plan.problems))
    most = None if limits is None else limits.max_order_notional
    dearest = max(slot.quantity * slot.upper for slot in plan.slots)
    if most is None or dearest <= most:
        return investment
    # A quantity is a whole number of steps, so that a share of the money may bring a step more than the share.
    fitting = investment * most / (dearest + market.filters.quantity_step * found.upper)
    fitting = fitting.quantize(_CENT if fitting >= ONE else _SHOWN, ROUND_FLOOR)
    if fitting < found.minimum_capital:
        raise NoGrid(f"max_order_notional: {plain(most)} is less than this grid's orders must be worth")
    return fitting


def _range(
    told: MarketStatistics, market: Market, ticker: Ticker, limits: RiskLimits | None
) -> tuple[Decimal, Decimal]:
    """Return the range: what price may do over the horizon, and where it has just been, within the market's limits."""
    reach = REACH * told.horizon_deviation * math.sqrt(told.horizon_days)
    low = _decimal(max(min(math.exp(-reach), told.recent_low / told.price), math.exp(-RECENT * reach)))
    high = _decimal(min(max(math.exp(reach), told.recent_high / told.price), math.exp(RECENT * reach)))
    return _snapped(ticker.last * low, ticker.last * high, market, ticker, limits)


def _snapped(
    lower: Decimal, upper: Decimal, market: Market, ticker: Ticker, limits: RiskLimits | None
) -> tuple[Decimal, Decimal]:
    filters, tick = market.filters, market.filters.price_tick
    lower = max(floor_to(min(lower, ticker.bid), tick) - tick, tick)
    upper = ceil_to(max(upper, ticker.ask), tick) + tick
    if filters.lowest is not None:
        lower = max(lower, ceil_to(ticker.last * filters.lowest, tick))
    if filters.highest is not None:
        upper = min(upper, floor_to(ticker.last * filters.highest, tick))
    if limits is not None:
        band = ticker.last * limits.price_band_percent / HUNDRED * WITHIN
        lower = max(lower, ceil_to(ticker.last - band, tick))
        upper = min(upper, floor_to(ticker.last + band, tick))
    if not ZERO < lower < ticker.last < upper:
        raise NoGrid(f"the range {plain(lower)} to {plain(upper)} does not hold the price {plain(ticker.last)}")
    return lower, upper


def _around(ticker: Ticker, market: Market, spacing: Decimal, limits: RiskLimits | None) -> tuple[Decimal, Decimal]:
    """Return the narrowest range that holds the fewest slots."""
    half = (ONE + spacing) ** (Decimal(FEWEST_SLOTS) / 2)
    return _snapped(ticker.last / half, ticker.last * half, market, ticker, limits)


def _best(told: MarketStatistics, even: Decimal, least: Decimal) -> float:
    """Return the spacing that earns most a day for its capital, of those far enough from break-even.

    A slot's share of the capital is as wide as its spacing d, and a cycle earns d less break-even on it: cycles·d·(d -
    even). For a diffusion that is (1 - even/d)·V/2, so that fees favour wide lines and what the market is seen to do
    (trends, reversion, days without a cycle) decides where to stop.
    """
    cost, floor = float(even), float(least)
    clear = [each for each in told.crossings if each.spacing >= floor]
    active = [each for each in clear if each.cycles >= ACTIVE] or clear[:1]

    def earned(each: Crossings) -> float:
        return each.cycles * each.spacing * (each.spacing - cost)

    return max(active, key=earned).spacing if active else floor


def _slots(lower: Decimal, upper: Decimal, spacing: Decimal) -> int:
    """Return how many slots at least ``spacing`` wide the range holds."""
    return int((upper / lower).ln() / (ONE + spacing).ln())


def _spec(market: Market, lower: Decimal, upper: Decimal, levels: int) -> GridSpec:
    # So little that planning has to say what would be enough.
    investment = max(market.filters.min_notional, ONE if market.perpetual else Decimal("0.00000001"))
    return GridSpec(symbol=market.symbol, lower=lower, upper=upper, levels=levels, investment=investment)


def _funded(spec: GridSpec, market: Market, ticker: Ticker, limits: RiskLimits | None) -> GridPlan:
    """Return the plan of the grid with the least investment that planning accepts."""
    plan = plan_grid(spec, market, ticker, limits)
    if plan.problems and plan.smallest_investment is not None:
        spec = msgspec.structs.replace(spec, investment=plan.smallest_investment)
        plan = plan_grid(spec, market, ticker, limits)
    if plan.problems:
        raise NoGrid("; ".join(each.problem for each in plan.problems))
    return plan


def _at(told: MarketStatistics, spacing: Decimal, name: str) -> float:
    """Return a figure of the crossings at ``spacing``, between or beyond those told, where it falls as 1/d²."""
    if not told.crossings:
        return math.nan
    spacings = [each.spacing for each in told.crossings]
    scaled = [getattr(each, name) * each.spacing**2 for each in told.crossings]
    distance = float(spacing)
    return float(np.interp(math.log(distance), np.log(spacings), scaled)) / distance**2


def _reasons(
    found: Recommendation, told: MarketStatistics, market: Market, *, widened: bool, capped: bool
) -> tuple[Reading, ...]:
    days, slots = told.horizon_days, found.levels - 1
    move = told.horizon_deviation * math.sqrt(days)
    filters = market.filters
    span = (
        f"price moves by about ±{100 * move:.1f} % in {days} days; the range reaches {REACH:g} times as far, and where "
        "price has just been"
    )
    if widened:
        span = (
            f"price hardly moves (±{100 * move:.2f} % in {days} days): so wide it must be for {FEWEST_SLOTS} slots "
            "over fees"
        )
    gap = (
        f"a cycle breaks even at {_percent(found.break_even)} %, and lines lie at least {CLEARANCE} times as far "
        f"apart; at this distance {found.cycles:.2f} cycles a day are expected"
    )
    count = f"so many fit into the range; each of the {slots} slots rests one order, and {filters.max_orders} may rest"
    if capped:
        count = f"the market allows {filters.max_orders} orders, one for each slot, so that the lines lie further apart"
    least = Decimal(f"{filters.min_notional:.6g}")
    money = (
        f"each of the {slots} slots needs orders worth {plain(least)} {market.quote} and of "
        f"{plain(filters.min_quantity)} {market.base} at least, with 5 % to spare, even at {plain(found.lower)}"
    )
    capital = found.minimum_capital.quantize(_SHOWN, ROUND_CEILING)
    return (
        Reading(name="range", value=f"{plain(found.lower)} to {plain(found.upper)}", why=span),
        Reading(name="spacing", value=f"{_percent(found.spacing)} %", why=gap),
        Reading(name="levels", value=str(found.levels), why=count),
        Reading(name="minimum capital", value=f"{plain(capital)} {market.quote}", why=money),
    )


def _percent(ratio: Decimal) -> str:
    return plain((ratio * HUNDRED).quantize(_SHOWN))


def _decimal(ratio: float) -> Decimal:
    return Decimal(repr(ratio))
