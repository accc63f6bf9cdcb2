"""Booking what happened to an account besides fills: funding, deposits, withdrawals."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_never

from data.events import AccountUpdate, BalanceMoved, FundingPaid
from data.values import ONE, ZERO
from engine.rules.change import BOOKED, IGNORED, Change
from engine.state import EngineState, market_key


def apply_payment(state: EngineState, event: AccountUpdate) -> Change:
    """Book one payment; one told before changes nothing."""
    match event:
        case FundingPaid():
            return _funded(state, event)
        case BalanceMoved():
            return _transferred(state, event)
        case _:
            assert_never(event)


def _funded(state: EngineState, event: FundingPaid) -> Change:
    at, market = event.at, market_key(event.mode, event.symbol)
    there = [bot for bot in state.bots.values() if market_key(bot.spec.mode, bot.market.symbol) == market]
    held = [bot for bot in there if bot.started_at <= at and (bot.stopped_at is None or at <= bot.stopped_at)]
    if not held or state.knows_funding(market, event.id, at):
        return IGNORED
    state.keep_funding(market, event.id, at)
    bot = held[-1]
    bot.books.cash += event.amount
    bot.books.funding += event.amount
    return Change(revalued=bot)


def _transferred(state: EngineState, event: BalanceMoved) -> Change:
    if not state.first_told(event.id, 0):
        return IGNORED
    if event.mode is not state.limits_in_force.armed[0]:
        # Equity is measured on the engine's first account alone.
        return BOOKED
    worth = event.amount * _price_of(state, event.asset)
    # Money that comes or goes is no profit or loss: what equity is measured against moves with it.
    state.transferred += worth
    state.peak_equity, state.day_start_equity = (
        max(ZERO, mark + worth) if mark > ZERO else mark for mark in (state.peak_equity, state.day_start_equity)
    )
    return BOOKED


def _price_of(state: EngineState, asset: str) -> Decimal:
    markets = [bot.market for bot in state.bots.values()]
    if any(market.quote == asset for market in markets):
        return ONE
    symbols = [market.symbol for market in markets if market.base == asset]
    return next((state.tickers[symbol].last for symbol in symbols if symbol in state.tickers), ZERO)
