"""Booking that a market's filters, fees or tiers changed: its bots go on with the new ones."""

from __future__ import annotations

from data.decisions import Input, Rule
from data.events import MarketChanged
from data.market import Market
from data.orders import Purpose
from data.values import ZERO, Side, round_to
from engine.rules.change import IGNORED, Change
from engine.rules.following import limit_orders
from engine.state import Bot, EngineState


def apply_market(state: EngineState, event: MarketChanged) -> Change:
    """Give every bot of a market the rules it has now; nothing happens where they are known."""
    bots = [bot for bot in state.active_bots(event.symbol) if bot.spec.mode is event.mode]
    bots = [bot for bot in bots if bot.market != event.market]
    if not bots:
        return IGNORED
    inputs = [Input("market", event.symbol), *differences(bots[0].market, event.market)]
    for bot in bots:
        _adopt(state, bot, event.market)
    return Change(everyone=True, rule=Rule.MARKET_CHANGED, inputs=inputs)


def differences(before: Market, after: Market) -> list[Input]:
    """Return every rule in which two views of a market differ, before and after."""
    found = []
    for part in ("filters", "fees"):
        old, new = getattr(before, part), getattr(after, part)
        for name in old.__struct_fields__:
            if getattr(old, name) != getattr(new, name):
                found.append(Input(f"{part} {name}", f"{getattr(old, name)} to {getattr(new, name)}"))
    if before.tiers != after.tiers:
        found.append(Input("tiers", "changed"))
    return found


def _adopt(state: EngineState, bot: Bot, market: Market) -> None:
    bot.market = market
    # What live bids take was reckoned with the fees they were placed at.
    bids = [order for order in state.live_orders(bot) if order.draft.side is Side.BUY]
    bids = [order for order in bids if order.draft.purpose is not Purpose.PROTECT]
    bot.bid = sum((each.remaining * each.draft.price * bot.with_fee(each.draft) for each in bids), ZERO)
    lines = tuple(round_to(line, market.filters.price_tick) for line in bot.lines)
    if len(set(lines)) == len(lines) and lines[0] > ZERO:
        bot.lines = lines
        for slot, lower, upper in zip(bot.slots, lines, lines[1:], strict=False):
            slot.lower, slot.upper = lower, upper
    if bot.slots:
        limit_orders(state, bot, bot.focus or bot.start_price)
    bot.unblock()
