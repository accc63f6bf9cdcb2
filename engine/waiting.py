"""A grid that waits for its price: nothing is bought or placed before it is touched, and all is planned anew then."""

from __future__ import annotations

from decimal import Decimal

from data.advice import TradingState
from data.decisions import Alternative, Input, Rule
from data.events import StopReason
from data.market import Ticker
from data.values import ZERO, Millis, plain
from engine.following import order_room
from engine.grid.sizing import plan_grid
from engine.grid.window import BOUNDLESS
from engine.opening import lay
from engine.state import Bot, EngineState
from engine.wish import Verdict, Wish


def span(bot: Bot) -> tuple[Decimal, Decimal]:
    """Return the open interval of prices in which a waiting bot goes on waiting."""
    trigger = bot.spec.trigger_price or ZERO
    return (trigger, BOUNDLESS) if bot.start_price > trigger else (ZERO, trigger)


def touch(state: EngineState, bot: Bot, ticker: Ticker, at: Millis) -> Verdict | None:
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
