"""Booking what people ask of a bot: start, stop, pause, resume, exits."""

from __future__ import annotations

from typing import assert_never

import msgspec

from data.advice import TradingState
from data.decisions import Input, Rule
from data.events import (
    GridControl,
    PauseBot,
    RecentreBot,
    ResumeBot,
    SetOutOfRange,
    SetReinvest,
    SetStopLoss,
    SetTakeProfit,
    SetTrailing,
    StartBot,
    StopBot,
    StopReason,
)
from data.market import Ticker
from data.values import ZERO, Mode, plain
from engine.accounts.allocation import taken_problem
from engine.booking.allowance import allowance_problem
from engine.booking.reshaping import apply_reshaping
from engine.grid.accounting import open_books
from engine.grid.levels import exit_problem
from engine.grid.options import option_problems, planned_at
from engine.grid.plan import GridPlan
from engine.grid.sizing import plan_grid
from engine.rules.change import Change, refused
from engine.rules.following import order_room
from engine.rules.opening import lay
from engine.state import Bot, EngineState
from engine.views import BotStatus

_OfBot = StopBot | PauseBot | ResumeBot | SetTakeProfit | SetStopLoss | SetOutOfRange
BotControl = StartBot | _OfBot | GridControl


def apply_control(state: EngineState, event: BotControl) -> Change:
    """Book one control of a bot; a refused one changes nothing."""
    if event.plan and event.plan in state.plans:
        return refused(f"plan {event.plan} was carried out before; nothing was changed")
    if isinstance(event, StartBot):
        change = _start(state, event)
    else:
        bot = state.bots.get(event.bot)
        if bot is None or bot.status is BotStatus.STOPPED:
            return refused(f"bot {event.bot} is not running")
        if isinstance(event, SetTrailing | SetReinvest | RecentreBot):
            change = apply_reshaping(state, bot, event)
        else:
            change = _change_bot(state, bot, event)
    if change.durable and event.plan:
        state.plans[event.plan] = change.bot.id if change.bot else 0
    return change


def _start(state: EngineState, event: StartBot) -> Change:
    if state.trading_state is not TradingState.ACTIVE:
        # It would buy its inventory whenever trading is freed, at a price that nobody has confirmed.
        return refused(f"trading is {state.trading_state.value}; accepted: a start while it is active")
    if not state.may_trade(event.spec.mode):
        return refused(_not_armed(event.spec.mode))
    unallowed = allowance_problem(state, event)
    if unallowed:
        return refused(unallowed)
    ticker = state.tickers.get(event.spec.symbol)
    if ticker is None:
        return refused(f"symbol: no price of {event.spec.symbol} has been seen yet")
    room = order_room(state, event.market, event.spec.mode)
    plan = plan_grid(event.spec, event.market, planned_at(event.spec, ticker), state.limits_in_force, room)
    taken = taken_problem(state, event.spec, event.market)
    problems = [*([taken] if taken else []), *plan.problems]
    if problems:
        return refused(str(problems[0]))
    bot = _new_bot(state, plan, event, ticker)
    state.bots[bot.id] = bot
    inputs = [
        Input("lines", str(len(plan.lines))),
        Input("quantity per slot", plain(plan.quantity)),
        Input("initial buy", plain(plan.initial_buy)),
        Input("investment", plain(event.spec.investment)),
    ]
    if plan.initial_sell:
        inputs[2] = Input("initial sale", plain(plan.initial_sell))
    if bot.status is BotStatus.WAITING:
        inputs.append(Input("waits for", plain(event.spec.trigger_price or ZERO)))
    return Change(bot=bot, rule=Rule.OPEN_GRID, inputs=inputs)


def _new_bot(state: EngineState, plan: GridPlan, event: StartBot, ticker: Ticker) -> Bot:
    price, waiting = ticker.last, plan.ticker is not ticker
    bot = Bot(
        id=max(state.bots, default=0) + 1,
        tag=state.tag,
        spec=plan.spec,
        market=event.market,
        lines=plan.lines,
        slots=[],
        books=open_books(plan.spec.investment, price),
        started_at=event.at,
        start_price=price,
        by=event.by,
        plan=event.plan,
        status=BotStatus.WAITING,
        window=plan.window,
    )
    if not waiting:
        lay(bot, plan)
    return bot


def _change_bot(state: EngineState, bot: Bot, event: _OfBot) -> Change:
    match event:
        case StopBot():
            bot.stop(StopReason.PERSON, sell=event.sell)
            return Change(bot=bot, rule=Rule.STOP_BOT, inputs=[Input("sell", "yes" if event.sell else "no")])
        case PauseBot():
            if bot.status is not BotStatus.RUNNING:
                return refused(f"bot {bot.id} is {bot.status.value}, only a running bot can be paused")
            bot.status = BotStatus.PAUSED
            return Change(bot=bot, rule=Rule.PAUSE_BOT)
        case ResumeBot():
            if bot.status is not BotStatus.PAUSED:
                return refused(f"bot {bot.id} is {bot.status.value}, only a paused bot can be resumed")
            if not state.may_trade(bot.spec.mode):
                return refused(_not_armed(bot.spec.mode))
            bot.status = BotStatus.RUNNING
            bot.unblock()
            return Change(bot=bot, rule=Rule.RESUME_BOT)
        case SetTakeProfit() | SetStopLoss():
            return _change_exit(state, bot, event)
        case SetOutOfRange():
            spec = msgspec.structs.replace(bot.spec, out_of_range=event.policy)
            problems = option_problems(spec, bot.market)
            if problems:
                return refused(str(problems[0]))
            bot.spec = spec
            return Change(bot=bot, rule=Rule.CHANGE_EXIT, inputs=[Input("out_of_range", event.policy.value)])
        case _:
            assert_never(event)


def _not_armed(mode: Mode) -> str:
    return f"mode: {mode} is not armed; accepted: a bot of an armed mode"


def _change_exit(state: EngineState, bot: Bot, event: SetTakeProfit | SetStopLoss) -> Change:
    field = "take_profit" if isinstance(event, SetTakeProfit) else "stop_loss"
    ticker = state.tickers.get(bot.market.symbol)
    if event.trigger is not None and ticker is not None:
        problem = exit_problem(field, event.trigger, ticker.last, bot.spec.direction)
        if problem:
            return refused(str(problem))
    before = getattr(bot.spec, field)
    bot.spec = msgspec.structs.replace(bot.spec, **{field: event.trigger})
    inputs = [Input(f"{field} before", str(before or "none")), Input(f"{field} after", str(event.trigger or "none"))]
    return Change(bot=bot, rule=Rule.CHANGE_EXIT, inputs=inputs)
