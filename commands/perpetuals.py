"""What a grid on a perpetual has beyond one on spot: direction, leverage, liquidation, the stop on the exchange."""

from __future__ import annotations

from decimal import Decimal

from commands import words
from commands.format import amount, percent, price, quantity
from commands.reply import Field
from config.language import _
from data.grids import Direction, GridSpec, TriggerKind
from data.market import Market
from data.values import HUNDRED, ZERO
from engine.grid.plan import GridPlan
from engine.views import BotView, Danger


def position_word(spec: GridSpec) -> str:
    """Say how a grid trades a perpetual."""
    return _("{direction}, leverage {leverage}, {margin} margin").format(
        direction=words.direction(spec.direction), leverage=spec.leverage, margin=words.margin(spec.margin)
    )


def held(market: Market, base: Decimal) -> str:
    """Say what a bot has: so much of the base, or on a perpetual a position on one side."""
    if not market.perpetual:
        return quantity(base, market.base)
    if not base:
        return _("no position")
    side = words.direction(Direction.LONG if base > ZERO else Direction.SHORT)
    return f"{side} {quantity(abs(base), market.base)}"


def money_fields(plan: GridPlan) -> list[Field]:
    """Return what a grid on a perpetual trades at once, and the margin that its position and orders take."""
    market, last = plan.market, plan.ticker.last
    traded = plan.initial_buy or plan.initial_sell
    at_once = _("nothing")
    if traded:
        at_once = _("{quantity}, worth {worth}").format(
            quantity=quantity(traded, market.base), worth=amount(traded * last, market.quote)
        )
    return [
        Field(_("Sells at once") if plan.initial_sell else _("Buys at once"), at_once),
        Field(_("Margin at the start"), amount(plan.initial_cost, market.quote)),
        Field(_("Margin for orders"), amount(plan.reserve, market.quote)),
    ]


def plan_fields(plan: GridPlan) -> list[Field]:
    """Return what a person must know before a grid on a perpetual starts; nothing for one on spot."""
    if not plan.market.perpetual:
        return []
    fields, spec = [], plan.spec
    for label, edge, liquidation in (
        (_("Liquidation below"), spec.lower, plan.liquidation_below),
        (_("Liquidation above"), spec.upper, plan.liquidation_above),
    ):
        if liquidation is not None:
            fields.append(Field(label, _distance(plan, edge, liquidation)))
    return [*fields, *_protection(plan)]


def bot_fields(bot: BotView) -> list[Field]:
    """Return what a bot on a perpetual shows besides; nothing for one on spot."""
    if not bot.market.perpetual:
        return []
    fields = [Field(_("Position"), position_word(bot.spec))]
    if bot.danger is not Danger.SAFE:
        fields.append(Field(_("Liquidation"), words.danger(bot.danger)))
    return fields


def funding_note() -> str:
    """Say what holding a position costs."""
    return _("Funding is paid or received every few hours, and counts in the result.")


def _distance(plan: GridPlan, edge: Decimal, liquidation: Decimal) -> str:
    text = _("{price} with all orders filled, {distance} beyond the range")
    away = abs(liquidation / edge - 1) * HUNDRED
    return text.format(price=price(liquidation, plan.market.filters.price_tick), distance=percent(away))


def _protection(plan: GridPlan) -> list[Field]:
    """A stop loss on the price is the protective stop; without one it lies half way to the liquidation."""
    spec, tick = plan.spec, plan.market.filters.price_tick
    stop = spec.stop_loss
    if stop is not None and stop.kind is TriggerKind.PRICE:
        return [Field(_("Stop on the exchange"), price(stop.value, tick))]
    ends = ((spec.lower, plan.liquidation_below), (spec.upper, plan.liquidation_above))
    found = [price((edge + far) / 2, tick) for edge, far in ends if far is not None]
    return [Field(_("Stop on the exchange"), _("about {prices}").format(prices=", ".join(found)))] if found else []


def funding_part(funding: Decimal) -> str:
    """Return funding as part of a result, or nothing when there was none."""
    return _(", {funding} funding").format(funding=amount(funding, signed=True)) if funding else ""
