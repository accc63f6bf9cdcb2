"""What guards a position on a perpetual: the ladder of distances to its liquidation, and the stop on the exchange."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from data.grids import Direction, MarginMode, TriggerKind
from data.limits import RiskLimits
from data.orders import PROTECTION, Draft, Order, OrderKey, OrderStatus, Purpose, client_id
from data.values import ONE, ZERO, Side, round_to
from engine.grid.liquidation import isolated_cash, liquidation_price
from engine.grid.window import BOUNDLESS
from engine.state import Bot, EngineState
from engine.views import Danger

EASED = Decimal("1.2")
"""How much further than the distance that raised the danger the market must be before it ends."""

STEADY = Decimal("0.005")
"""A protective stop stays while the price it should have is nearer than this fraction to the one it has."""

Span = tuple[Decimal, Decimal]
"""An open interval of prices."""

EVERYWHERE: Span = (ZERO, BOUNDLESS)


class Liquidations(NamedTuple):
    """Where a bot is liquidated: with what it holds, and once its bids or its offers have all filled."""

    held: Decimal | None
    low: Decimal | None
    high: Decimal | None


def liquidations(bot: Bot) -> Liquidations:
    """Return the prices at which a bot's position is, or could come to be, liquidated."""
    books, tiers = bot.books, bot.market.tiers
    if bot.market.perpetual:
        held = liquidation_price(_answering(bot, books.cash, books.base, books.entry), books.base, tiers)
        return Liquidations(held, _filled(bot, Side.BUY), _filled(bot, Side.SELL))
    return Liquidations(None, None, None)


def _answering(bot: Bot, cash: Decimal, position: Decimal, entry: Decimal) -> Decimal:
    if bot.spec.margin is MarginMode.CROSS:
        return cash
    return isolated_cash(position, entry, bot.spec.leverage)


def _filled(bot: Bot, side: Side) -> Decimal | None:
    """Return the price of liquidation once every order of one side that the grid may place has filled."""
    sign, books, short = side.sign, bot.books, bot.spec.direction is Direction.SHORT
    start = -bot.awaiting if short else bot.awaiting
    quantity = taken = ZERO
    for slot in bot.slots:
        held = slot.held if short else slot.held + slot.awaiting
        part = slot.capacity - held if side is Side.BUY else held
        quantity += part
        taken += part * (slot.lower if side is Side.BUY else slot.upper)
    position = books.base + start + sign * quantity
    if position * sign <= ZERO:
        return None
    cash = books.cash - start * bot.start_price - sign * taken
    grown = abs(books.base + start) if (books.base + start) * sign > ZERO else ZERO
    entry = (grown * (books.entry or bot.start_price) + taken) / (grown + quantity) if grown + quantity else ZERO
    return liquidation_price(_answering(bot, cash, position, entry), position, bot.market.tiers)


# -- the ladder


class Ladder(NamedTuple):
    """The prices between which a bot is no nearer to liquidation than each level allows."""

    safe: Span
    eased: Span
    growing: Span
    regrowing: Span
    holding: Span


def ladder(bot: Bot, limits: RiskLimits) -> Ladder:
    """Return the levels of a bot with what it holds now."""
    held, low, high = liquidations(bot)
    now = Liquidations(held, None, None)

    def span(prices: Liquidations, buffers: Decimal) -> Span:
        return _span(bot, prices, limits.buffer(buffers))

    all_filled = Liquidations(held, low, high)
    growing = span(all_filled, limits.reduce_buffers)
    return Ladder(
        safe=span(now, limits.notice_buffers),
        eased=span(now, limits.notice_buffers * EASED),
        growing=growing,
        regrowing=_reachable(bot.lines, growing, span(all_filled, limits.reduce_buffers * EASED)),
        holding=span(now, limits.close_buffers),
    )


def _span(bot: Bot, prices: Liquidations, distance: Decimal) -> Span:
    low, high = EVERYWHERE
    nearest = max(ONE - distance, Decimal("0.01"))
    below = [price for price in (prices.held if bot.books.base > ZERO else None, prices.low) if price is not None]
    above = [price for price in (prices.held if bot.books.base < ZERO else None, prices.high) if price is not None]
    low = max((price / nearest for price in below), default=low)
    return low, min((price / (ONE + distance) for price in above), default=high)


def _reachable(lines: Sequence[Decimal], growing: Span, eased: Span) -> Span:
    """Return ``eased``, or as much of the way there from ``growing`` as price goes in a grid too narrow for it.

    That is the middle of the range, and never less than half a slot.
    """
    middle = (lines[0] + lines[-1]) / 2
    low = max(middle, growing[0] + (lines[1] - lines[0]) / 2)
    high = min(middle, growing[1] - (lines[-1] - lines[-2]) / 2)
    return min(eased[0], low), max(eased[1], high)


def danger_at(mark: Decimal, before: Danger, levels: Ladder) -> Danger | None:
    """Return how near liquidation is with the market at ``mark``; None when the position must be closed."""
    if not _inside(mark, levels.holding):
        return None
    growing = levels.regrowing if before is Danger.REDUCING else levels.growing
    if not _inside(mark, growing):
        return Danger.REDUCING
    safe = levels.safe if before is Danger.SAFE else levels.eased
    return Danger.SAFE if _inside(mark, safe) else Danger.NEAR


def _inside(price: Decimal, span: Span) -> bool:
    return span[0] < price < span[1]


def quiet_span(bot: Bot, limits: RiskLimits) -> Span:
    """Return the prices between which the danger of a bot does not change."""
    levels = ladder(bot, limits)
    match bot.danger:
        case Danger.SAFE:
            return _both(levels.safe, _both(levels.growing, levels.holding))
        case Danger.NEAR:
            return _both(_outside(bot, levels.eased), _both(levels.growing, levels.holding))
        case Danger.REDUCING:
            return _both(_outside(bot, levels.regrowing), levels.holding)


def _outside(bot: Bot, span: Span) -> Span:
    """Return the prices on the losing side of ``span``; none when there is no position that could lose."""
    if bot.books.base > ZERO:
        return ZERO, span[0]
    return (span[1], BOUNDLESS) if bot.books.base < ZERO else (ZERO, ZERO)


def _both(one: Span, other: Span) -> Span:
    return max(one[0], other[0]), min(one[1], other[1])


# -- the protective stop


def protection(state: EngineState, bot: Bot) -> tuple[list[str], list[Draft]]:
    """Return the protective stops to take off and to lay, so that one guards the side that is open."""
    if not bot.market.perpetual:
        return [], []
    wanted = _wanted(bot)
    live = [order for order in state.live_orders(bot) if order.draft.purpose is Purpose.PROTECT]
    laid = [order for order in live if order.status is not OrderStatus.CANCELLING]
    keep = next((order for order in laid if wanted is not None and _serves(order, *wanted)), None)
    cancels = [order.draft.client_id for order in laid if order is not keep]
    if wanted is None:
        # Whatever was refused was to guard a position that is gone.
        bot.protect_blocked = False
        return cancels, []
    side, trigger = wanted
    # Exchanges hold one such stop per side: the next may leave only after the end of this one, which asks again.
    occupied = any(order.draft.side is side for order in live)
    if occupied or bot.waiting or (bot.protect_blocked and _refused(state, bot, side, trigger)):
        return cancels, []
    return cancels, [bot.whole_draft(side, Purpose.PROTECT, trigger, abs(bot.books.base))]


def _refused(state: EngineState, bot: Bot, side: Side, trigger: Decimal) -> bool:
    """Return whether the stop that is wanted is the one that was refused; another one is another question."""
    cycle = bot.protect_cycle.get(side, 0)
    last = state.finished.get(client_id(OrderKey(bot.id, bot.version, PROTECTION, side, cycle), bot.tag))
    if last is None:
        # One that risk refused has a number and never became an order.
        return cycle > 0
    return last.order.status is OrderStatus.REJECTED and _serves(last.order, side, trigger)


def _serves(order: Order, side: Side, trigger: Decimal) -> bool:
    return order.draft.side is side and abs(order.draft.price - trigger) <= trigger * STEADY


def _wanted(bot: Bot) -> tuple[Side, Decimal] | None:
    """Return side and trigger of the stop that should rest; None when flat or when nothing can be liquidated."""
    base, stop, side = bot.books.base, bot.spec.stop_loss, reducing(bot)
    if side is None:
        return None
    loses = (side is Side.BUY) is (bot.spec.direction is Direction.SHORT)
    if stop is not None and stop.kind is TriggerKind.PRICE and loses:
        return side, round_to(stop.value, bot.market.filters.price_tick)
    found = liquidations(bot)
    price = found.low if base > ZERO else found.high
    if price is None:
        price = found.held
    if price is None:
        return None
    trigger = round_to((price + _edge(bot, found)) / 2, bot.market.filters.price_tick)
    return (side, trigger) if trigger > ZERO else None


def _edge(bot: Bot, found: Liquidations) -> Decimal:
    """Return the end of the range on the losing side; the liquidation itself, should that lie inside the range."""
    if bot.books.base > ZERO:
        return max(bot.lines[0], found.held or ZERO)
    return min(bot.lines[-1], found.held or bot.lines[-1])


def reducing(bot: Bot) -> Side | None:
    """Return the side of orders that make a position smaller; None when it is flat."""
    base = bot.books.base
    return None if base == ZERO else Side.SELL if base > ZERO else Side.BUY


def surplus(state: EngineState, bot: Bot) -> Iterator[Order]:
    """Yield the orders that may not rest while the position may only become smaller; the nearest that may, stay."""
    side, kept = reducing(bot), ZERO
    live = [order for order in state.live_orders(bot) if order.draft.purpose in (Purpose.GRID, Purpose.INITIAL)]
    for order in sorted(live, key=lambda order: -side.sign * order.draft.price if side else ZERO):
        if order.draft.side is side and kept + order.remaining <= abs(bot.books.base):
            kept += order.remaining
        else:
            yield order
