"""Booking what people ask of a running bot's grid: how it follows the price, grows, and where it lies."""

from __future__ import annotations

from typing import assert_never

import msgspec

from data.advice import TradingState
from data.decisions import Input, Rule
from data.events import GridControl, RecentreBot, SetReinvest, SetTrailing
from data.grids import GridSpec
from data.values import plain
from engine.grid.options import limit_of, option_problems
from engine.rules.change import Change, refused
from engine.rules.recentring import begin, between, replanned
from engine.state import Bot, EngineState
from engine.views import BotStatus


def apply_reshaping(state: EngineState, bot: Bot, event: GridControl) -> Change:
    """Book one control of a bot's grid; a refused one changes nothing."""
    match event:
        case SetTrailing():
            return _trail(bot, event)
        case SetReinvest():
            spec = msgspec.structs.replace(bot.spec, reinvest=event.on)
            return _options(bot, spec, [Input("reinvest", "yes" if event.on else "no")])
        case RecentreBot():
            return _recentre(state, bot, event)
        case _:
            assert_never(event)


def _trail(bot: Bot, event: SetTrailing) -> Change:
    spec = msgspec.structs.replace(bot.spec, trail_up=event.up, trail_down=event.down)
    return _options(bot, spec, [Input("trail up", limit_of(event.up)), Input("trail down", limit_of(event.down))])


def _options(bot: Bot, spec: GridSpec, inputs: list[Input]) -> Change:
    now = spec
    if bot.status is not BotStatus.WAITING:
        # A grid that has trailed lies elsewhere than its spec, and what it waited for is over.
        now = msgspec.structs.replace(spec, lower=bot.lines[0], upper=bot.lines[-1], trigger_price=None)
    problems = option_problems(now, bot.market)
    if problems:
        return refused(str(problems[0]))
    bot.spec, bot.trail_ended = spec, False
    return Change(bot=bot, rule=Rule.CHANGE_GRID, inputs=inputs)


def _recentre(state: EngineState, bot: Bot, event: RecentreBot) -> Change:
    if bot.status is not BotStatus.RUNNING or bot.recentre is not None:
        what = "recentring" if bot.recentre is not None else bot.status.value
        return refused(f"bot {bot.id} is {what}, only a running bot can be recentred")
    if bot.spec.infinity:
        return refused(f"bot {bot.id} has no highest line, and is never out of its range above")
    if state.trading_state is not TradingState.ACTIVE:
        return refused(f"trading is {state.trading_state.value}; accepted: a recentring while it is active")
    ticker = state.tickers.get(bot.market.symbol)
    if ticker is None:
        return refused(f"symbol: no price of {bot.market.symbol} has been seen yet")
    spec = reshaped(bot.spec, event)
    plan = replanned(state, bot, spec, ticker)
    if plan.problems:
        return refused(str(plan.problems[0]))
    begin(bot, spec)
    inputs = [
        Input("price", plain(ticker.last)),
        Input("range before", f"{plain(bot.lines[0])} to {plain(bot.lines[-1])}"),
        Input("new range", f"{plain(event.lower)} to {plain(event.upper)}"),
    ]
    return Change(bot=bot, rule=Rule.RECENTRE, inputs=inputs)


def reshaped(spec: GridSpec, event: RecentreBot) -> GridSpec:
    """Return the grid that a recentring asks for."""
    return msgspec.structs.replace(between(spec, event.lower, event.upper), levels=event.levels or spec.levels)
