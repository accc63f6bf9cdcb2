"""Read-only views of the state: what a bot looks like at the last price seen."""

from __future__ import annotations

from decimal import Decimal

from data.values import ZERO
from engine.grid.slots import Slot
from engine.rules.following import view
from engine.state import Bot, EngineState, mark_price
from engine.views import BotStatus, BotView, Profit, SlotView


def bot_view(state: EngineState, bot: Bot) -> BotView:
    """Return one bot as of now."""
    mark = mark_price(state, bot)
    return BotView(
        id=bot.id,
        version=bot.version,
        spec=bot.spec,
        market=bot.market,
        status=bot.status,
        position=bot.position,
        lines=bot.lines,
        slots=_slot_views(bot),
        orders=tuple(state.live_orders(bot)),
        started_at=bot.started_at,
        stopped_at=bot.stopped_at,
        stop_reason=bot.stop_reason,
        start_price=bot.start_price,
        ticker=state.tickers.get(bot.market.symbol),
        profit=profit(bot, mark) if mark is not None else None,
        danger=bot.danger,
        versions=bot.versions,
        by=bot.by,
        plan=bot.plan,
    )


def bot_views(state: EngineState) -> tuple[BotView, ...]:
    """Return all bots: those at work by number, then the stopped ones, newest first."""
    at_work = [bot for bot in state.bots.values() if bot.status is not BotStatus.STOPPED]
    stopped = [bot for bot in reversed(state.bots.values()) if bot.status is BotStatus.STOPPED]
    return tuple(bot_view(state, bot) for bot in (*at_work, *stopped))


def profit(bot: Bot, mark: Decimal) -> Profit:
    """Return a bot's books at ``mark``."""
    books = bot.books
    equity = books.equity(mark)
    return Profit(
        mark=mark,
        invested=books.invested,
        cash=books.cash,
        base=books.base,
        equity=equity,
        change=equity - books.invested,
        grid_profit=books.grid_profit,
        unpaired=books.unpaired(mark),
        fees=books.fees,
        identity_error=books.identity_error(mark) or ZERO,
        buy_and_hold=books.buy_and_hold(mark),
        hold_initial_mix=books.hold_initial_mix(mark),
        cycles=bot.cycles_before + sum(slot.cycles for slot in bot.slots),
        fills=books.fills,
        funding=books.funding,
    )


def _slot_views(bot: Bot) -> tuple[SlotView, ...]:
    near = view(bot)
    places = enumerate(bot.slots)
    return tuple(_slot_view(slot, virtual=slot.open or not near.first <= place < near.end) for place, slot in places)


def _slot_view(slot: Slot, *, virtual: bool) -> SlotView:
    return SlotView(
        index=slot.index,
        lower=slot.lower,
        upper=slot.upper,
        capacity=slot.capacity,
        held=slot.held,
        buying=slot.buying,
        selling=slot.selling,
        cycles=slot.cycles,
        virtual=virtual,
    )
