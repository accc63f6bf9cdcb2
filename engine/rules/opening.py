"""Laying a planned grid, at once or when its price is touched: its slots, and what they hold or await at the start."""

from __future__ import annotations

from decimal import Decimal

from data.advice import TradingState
from data.decisions import Alternative, Input, Rule
from data.events import StopReason
from data.grids import Direction
from data.market import Ticker
from data.values import ZERO, plain
from engine.grid.accounting import hold_short
from engine.grid.plan import GridPlan
from engine.grid.sizing import initial_order, plan_grid
from engine.grid.slots import Slot
from engine.grid.window import BOUNDLESS
from engine.rules.following import order_room
from engine.rules.wish import Verdict, Wish
from engine.state import Bot, EngineState
from engine.views import BotStatus

_AWAITED = {Direction.LONG: (True,), Direction.NEUTRAL: (), Direction.SHORT: (False,)}


def lay(bot: Bot, plan: GridPlan) -> None:
    """Give a bot that holds nothing the slots of ``plan``, and let it start."""
    awaited, first = _AWAITED[plan.spec.direction], bot.number_slot()
    bot.slots = [
        Slot(
            index=first + slot.index,
            lower=slot.lower,
            upper=slot.upper,
            capacity=slot.quantity,
            awaiting=slot.quantity if slot.full in awaited else ZERO,
        )
        for slot in plan.slots
    ]
    if plan.open_quantity:
        top, beyond = plan.lines[-1], plan.open_quantity
        number = first + len(bot.slots)
        bot.slots.append(Slot(index=number, lower=top, upper=top, capacity=beyond, awaiting=beyond, open=True))
    bot.lines, bot.offset, bot.next_slot = plan.lines, 0, first + len(bot.slots)
    bot.window, bot.focus, bot.size = plan.window, plan.ticker.last, plan.quantity
    if plan.spec.direction is not Direction.LONG:
        full = [slot for slot, planned in zip(bot.slots, plan.slots, strict=True) if planned.full]
        hold_short(bot.books, full, plan.ticker.last)
    bot.status = BotStatus.STARTING if plan.initial_buy or plan.initial_sell else BotStatus.RUNNING


def run_when_complete(bot: Bot, price: Decimal) -> None:
    """Let a bot run once no more of its inventory is awaited than a market order at ``price`` may be too small for."""
    filters, (order, _) = bot.market.filters, initial_order(bot.awaiting, bot.market, price)
    if order < filters.min_quantity or order * price < filters.min_notional:
        # The slots bid for it themselves.
        for slot in bot.slots:
            slot.awaiting = ZERO
        bot.status = BotStatus.RUNNING


# -- a grid that waits: nothing is bought or placed before its price is touched, and all is planned anew then


def span(bot: Bot) -> tuple[Decimal, Decimal]:
    """Return the open interval of prices in which a waiting bot goes on waiting."""
    trigger = bot.spec.trigger_price or ZERO
    return (trigger, BOUNDLESS) if bot.start_price > trigger else (ZERO, trigger)


def touch(state: EngineState, bot: Bot, ticker: Ticker) -> Verdict | None:
    """Open the grid of a waiting bot once ``ticker`` touches its price, or fail the start and say why."""
    low, high = span(bot)
    if low < ticker.last < high:
        return None
    room = order_room(state, bot.market, bot.spec.mode, but=bot.id)
    plan = plan_grid(bot.spec, bot.market, ticker, state.limits_in_force, room)
    why_not = [f"{each.field}: {each.problem}" for each in plan.problems]
    if state.trading_state is not TradingState.ACTIVE:
        why_not.append(f"trading is {state.trading_state.value}")
    if not state.may_trade(bot.spec.mode):
        why_not.append(f"{bot.spec.mode} is not armed")
    inputs = [Input("price", plain(ticker.last)), Input("trigger", plain(bot.spec.trigger_price or ZERO))]
    if why_not:
        bot.stop(StopReason.FAILED_START, sell=False)
        return Verdict(rule=Rule.STOP_BOT, inputs=inputs, wish=Wish(alternatives=[Alternative("start", why_not[0])]))
    lay(bot, plan)
    books = bot.books
    bot.start_price = books.start_price = ticker.last
    inputs.append(Input("quantity per slot", plain(plan.quantity)))
    return Verdict(rule=Rule.TRIGGERED, inputs=inputs, wish=Wish())
