"""Orders that stay at home: of a grid with more slots than the exchange allows orders, only the nearest slots rest."""

from __future__ import annotations

from decimal import Decimal

from data.decisions import Input, Rule
from data.market import Market
from data.orders import OrderStatus, Purpose
from data.values import Mode, plain
from engine.grid.options import FEWEST, SPARE
from engine.grid.slots import Slot
from engine.grid.window import Window, window
from engine.rules.wish import Verdict, Wish
from engine.state import Bot, EngineState


def order_room(state: EngineState, market: Market, mode: Mode, but: int = 0) -> int:
    """Return how many more orders may rest on a market, what its bots may still place counted; ``but`` left out."""
    others = [bot for bot in state.active_bots(market.symbol) if bot.spec.mode is mode and bot.id != but]
    return market.filters.max_orders - sum(bot.window or max(len(bot.slots), len(bot.live)) for bot in others)


def limit_orders(state: EngineState, bot: Bot, price: Decimal) -> None:
    """Let only the slots nearest to ``price`` have orders where a grid has more than the market has room for."""
    room = order_room(state, bot.market, bot.spec.mode, but=bot.id)
    bot.window, bot.focus = max(room - SPARE, FEWEST) if len(bot.lines) - 1 > room else 0, price


def view(bot: Bot) -> Window:
    """Return which slots may have orders now."""
    return window(bot.lines, bot.focus, bot.window or len(bot.lines))


def within(bot: Bot) -> list[Slot]:
    """Return the slots that may have orders, nearest to the price first."""
    now = view(bot)
    return sorted(bot.slots[now.first : now.end], key=lambda slot: abs(slot.lower + slot.upper - 2 * bot.focus))


def far(state: EngineState, bot: Bot) -> list[str]:
    """Return the resting orders of slots that may have none."""
    near = {slot.index for slot in within(bot)}
    return [
        order.draft.client_id
        for order in state.live_orders(bot)
        if order.draft.purpose is Purpose.GRID
        and order.draft.slot not in near
        and order.status is not OrderStatus.CANCELLING
    ]


def room(bot: Bot) -> int | None:
    """Return how many more orders of its own a grid may have at once; None when all it wants."""
    return max(bot.window - len(bot.live), 0) if bot.window else None


def follow(bot: Bot, last: Decimal) -> Verdict | None:
    """Move the window of a grid after the price, once it has come far enough from its middle."""
    now = view(bot)
    if not bot.window or now.low < last < now.high:
        return None
    bot.focus = last
    after = view(bot)
    for slot in (*bot.slots[: after.first], *bot.slots[after.end :]):
        slot.crossed, slot.waiting = 0, False
    inputs = [
        Input("price", plain(last)),
        Input("lowest with an order", plain(bot.lines[after.first])),
        Input("highest with an order", plain(bot.lines[after.end])),
    ]
    return Verdict(rule=Rule.FOLLOW_PRICE, inputs=inputs, wish=Wish())
