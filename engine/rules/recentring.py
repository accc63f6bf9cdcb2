"""Laying a grid anew around the price: the ledger of the old one is closed first, and its slots are never reread.

Everything is taken off the book. Then what is held is realised at the market, and the new grid starts with it: on spot
what it lacks is bought and what it cannot use is sold, on a perpetual the position is closed and entered again.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from data.advice import TradingState
from data.decisions import Alternative, Input, Rule
from data.events import StopReason
from data.grids import GridSpec, OutOfRange, Spacing
from data.market import Ticker
from data.orders import OrderStatus, Purpose
from data.values import HUNDRED, ONE, ZERO, Millis, Side, floor_to, plain, round_to
from engine.grid.plan import GridPlan
from engine.grid.sizing import plan_grid
from engine.rules.following import order_room
from engine.rules.opening import lay, run_when_complete
from engine.rules.wish import Verdict, Wish
from engine.state import Bot, EngineState, Recentre
from engine.views import BotStatus, RangePosition, Version

DAY: Millis = 86_400_000
PAUSE: Millis = 600_000
"""Least time between two looks at whether recentring pays."""


def around(spec: GridSpec, price: Decimal, tick: Decimal) -> GridSpec:
    """Return the grid of the same shape with ``price`` in its middle."""
    if spec.spacing is Spacing.ARITHMETIC:
        half = (spec.upper - spec.lower) / 2
        lower, upper = price - half, price + half
    else:
        half = (spec.upper / spec.lower).sqrt()
        lower, upper = price / half, price * half
    return between(spec, round_to(lower, tick), round_to(upper, tick))


def between(spec: GridSpec, lower: Decimal, upper: Decimal) -> GridSpec:
    """Return the grid with another range; limits of trailing that it leaves behind are dropped."""
    up, down = spec.trail_up, spec.trail_down
    return msgspec.structs.replace(
        spec,
        lower=lower,
        upper=upper,
        trigger_price=None,
        trail_up=up if up is not None and up > upper else None,
        trail_down=down if down is not None and down < lower else None,
    )


def replanned(state: EngineState, bot: Bot, spec: GridSpec, ticker: Ticker) -> GridPlan:
    """Return the plan of a grid that would take the place of a bot's, with what the bot is worth now as its money."""
    books, taker = bot.books, bot.market.fees.taker
    worth = books.cash + books.base * ticker.bid - abs(books.base) * ticker.bid * taker
    spec = msgspec.structs.replace(spec, investment=max(worth, ZERO))
    room = order_room(state, bot.market, spec.mode, but=bot.id)
    return plan_grid(spec, bot.market, ticker, state.limits_in_force, room)


def cost(bot: Bot, plan: GridPlan) -> Decimal:
    """Return what recentring would cost: the loss that closing the ledger realises, and the fees of the way over."""
    price, books = plan.ticker.last, bot.books
    wanted = plan.initial_buy - plan.initial_sell
    moved = abs(books.base) + abs(wanted) if bot.market.perpetual else abs(wanted - books.base)
    open_gain = (books.lot_quantity - books.baseline) * price - (books.lot_cost - books.baseline_cost)
    return max(-open_gain, ZERO) + moved * price * bot.market.fees.taker


def income(bot: Bot, at: Millis) -> Decimal:
    """Return what this grid would earn until the next recentring, at the rate of its life so far."""
    earned = bot.books.grid_profit - sum((version.grid_profit for version in bot.versions), ZERO)
    age = max(at - _since(bot), 1)
    return earned * max(age, DAY, bot.spec.recentring.cooldown_millis) / age


def _since(bot: Bot) -> Millis:
    return bot.versions[-1].until if bot.versions else bot.started_at


def consider(state: EngineState, bot: Bot, ticker: Ticker, at: Millis) -> Verdict | None:
    """Decide whether a bot whose price has been out of its range for long begins to recentre; None while it waits."""
    rules, since = bot.spec.recentring, bot.outside_since
    outside = bot.position is not RangePosition.INSIDE and bot.status is BotStatus.RUNNING
    if bot.spec.out_of_range is not OutOfRange.RECENTRE or not outside or since is None or bot.recentre is not None:
        return None
    above = bot.position is RangePosition.ABOVE
    edge = bot.lines[-1] if above else bot.lines[0]
    beyond = (ticker.last / edge - ONE) * HUNDRED * (1 if above else -1)
    recent = sum(1 for version in bot.versions if version.until > at - DAY)
    rested = not bot.versions or at - bot.versions[-1].until >= rules.cooldown_millis
    if beyond < rules.distance_percent or at - since < rules.patience_millis or not rested or recent >= rules.per_day:
        return None
    if state.trading_state is not TradingState.ACTIVE:
        return None
    return _weigh(state, bot, ticker, at)


def _weigh(state: EngineState, bot: Bot, ticker: Ticker, at: Millis) -> Verdict:
    spec = around(bot.spec, ticker.last, bot.market.filters.price_tick)
    plan = replanned(state, bot, spec, ticker)
    expected, costs = income(bot, at), cost(bot, plan)
    inputs = [
        Input("price", plain(ticker.last)),
        Input("expected income", plain(round(expected, 8))),
        Input("cost", plain(round(costs, 8))),
        Input("new range", f"{plain(spec.lower)} to {plain(spec.upper)}"),
    ]
    why_not = next((f"{each.field}: {each.problem}" for each in plan.problems), "")
    if bot.spec.recentring.gate and expected <= costs:
        why_not = why_not or "it would cost more than the grid earns until the next time"
    if why_not:
        # It is weighed again after as long as it took to be weighed at all, and not at every tick.
        bot.outside_since = at + max(PAUSE - bot.spec.recentring.patience_millis, 0)
        wish = Wish(alternatives=[Alternative("recentre", why_not)])
        return Verdict(rule=Rule.RECENTRE_HELD, inputs=inputs, wish=wish)
    begin(bot, spec)
    return Verdict(rule=Rule.RECENTRE, inputs=inputs, wish=Wish())


def begin(bot: Bot, spec: GridSpec) -> None:
    """Let ``spec`` take the place of a bot's grid as soon as the book is clear."""
    bot.recentre = Recentre(spec=spec)


def advance(state: EngineState, bot: Bot, at: Millis) -> Wish:
    """Take the next step of a recentring: clear the book, sell or close what the new grid cannot use, lay it."""
    pending = bot.recentre
    resting = [order for order in state.live_orders(bot) if order.draft.purpose is not Purpose.PROTECT]
    if resting or pending is None:
        mine = [order.draft for order in resting if order.status is not OrderStatus.CANCELLING]
        return Wish(cancels=[draft.client_id for draft in mine if draft.purpose is not Purpose.CLOSE])
    if state.trading_state is not TradingState.ACTIVE:
        # Whoever frees trading lets it go on; until then the new grid could not be bought.
        return Wish()
    ticker = state.tickers.get(bot.market.symbol)
    if ticker is None or abs(at - ticker.at) > state.limits_in_force.stale_millis:
        bot.waiting = True
        return Wish()
    plan = replanned(state, bot, pending.spec, ticker)
    if plan.problems:
        bot.recentre, rule = None, Rule.RECENTRE_HELD
        if pending.sold and bot.market.perpetual:
            # What its slots hold has been closed: the old grid would sell what is not there.
            bot.stop(StopReason.FAILED_START, sell=True)
            rule = Rule.STOP_BOT
        first = plan.problems[0]
        why_not = Alternative("recentre", f"{first.field}: {first.problem}")
        return Wish(rule=rule, inputs=[Input("price", plain(ticker.last))], alternatives=[why_not])
    surplus = _surplus(bot, plan, ticker)
    # On spot what is left after one order rides on; a position has to be closed to the end.
    if surplus > ZERO and (bot.market.perpetual or not (pending.sold or bot.waiting)):
        bot.recentre = msgspec.structs.replace(pending, sold=True)
        if bot.close_blocked or bot.waiting:
            return Wish()
        side = Side.SELL if bot.books.base > ZERO else Side.BUY
        return Wish(drafts=[bot.whole_draft(side, Purpose.CLOSE, ticker.fair, surplus)])
    return _lay_anew(bot, plan, at)


def _surplus(bot: Bot, plan: GridPlan, ticker: Ticker) -> Decimal:
    """Return the base to sell or close at market before the new grid is laid, as far as one order can."""
    filters, price = bot.market.filters, ticker.last
    if bot.market.perpetual:
        quantity = bot.closable(price)
    else:
        needed = sum((slot.quantity for slot in plan.slots if slot.full), ZERO)
        quantity = floor_to(max(bot.books.base - needed, ZERO), filters.quantity_step)
        if quantity < filters.min_quantity or quantity * price < filters.min_notional:
            return ZERO
    most = filters.most_at_market
    return quantity if most is None else min(quantity, floor_to(most, filters.quantity_step))


def _lay_anew(bot: Bot, plan: GridPlan, at: Millis) -> Wish:
    books, price, before = bot.books, plan.ticker.last, bot.lines
    # What of a position was too little to be closed stays beside the new slots.
    residue = books.base if bot.market.perpetual else ZERO
    held = books.base - residue
    books.realised += books.lot_quantity * price - books.lot_cost
    books.realised -= books.baseline * price - books.baseline_cost
    books.lot_quantity, books.lot_cost, books.baseline = held, held * price, -residue
    bot.versions = (*bot.versions, _closed(bot, at))
    bot.cycles_before += sum(slot.cycles for slot in bot.slots)
    lay(bot, plan)
    books.baseline_cost = books.baseline * price
    bot.version += 1
    bot.spec = msgspec.structs.replace(plan.spec, investment=bot.spec.investment)
    bot.recentre, bot.outside_since, bot.trail_ended, bot.position = None, None, False, RangePosition.INSIDE
    if not bot.market.perpetual:
        _hand_over(bot, held, price)
    inputs = [
        Input("price", plain(price)),
        Input("version", str(bot.version)),
        Input("range before", f"{plain(before[0])} to {plain(before[-1])}"),
        Input("range after", f"{plain(bot.lines[0])} to {plain(bot.lines[-1])}"),
        Input("quantity per slot", plain(plan.quantity)),
    ]
    return Wish(rule=Rule.RECENTRE, inputs=inputs)


def _closed(bot: Bot, at: Millis) -> Version:
    before = bot.versions
    return Version(
        number=bot.version,
        lower=bot.lines[0],
        upper=bot.lines[-1],
        since=_since(bot),
        until=at,
        grid_profit=bot.books.grid_profit - sum((each.grid_profit for each in before), ZERO),
        realised=bot.books.realised - sum((each.realised for each in before), ZERO),
    )


def _hand_over(bot: Bot, held: Decimal, price: Decimal) -> None:
    """Share what a bot on spot holds among the slots that start full; what they cannot take rides in the highest."""
    for slot in bot.slots:
        part = min(held, slot.awaiting)
        if part > ZERO:
            slot.add(part, price, initial=True)
            slot.awaiting -= part
            held -= part
    if held > ZERO:
        top = bot.slots[-1]
        top.capacity = max(top.capacity, top.held + held)
        top.add(held, price, initial=True)
    bot.status = BotStatus.STARTING
    run_when_complete(bot, price)
