"""Start a grid, by questions or in one line."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

import msgspec
from annotated_types import Ge, Gt, Le

from commands.cards import plan_card, receipt
from commands.context import Context
from commands.format import amount, price
from commands.guidance import ask_investment, ask_levels, ask_market, ask_range, problem_replies, usual
from commands.matching import find_market
from commands.plan import Answer, Planned
from commands.registry import Param, Role, Tier, command
from commands.reply import Button, Card, Failure, Field, Reply
from config.language import _
from data.events import StartBot
from data.grids import Direction, GridSpec, MarginMode, OutOfRange, Spacing, Trigger
from data.market import Market
from data.values import ONE, Mode, plain
from engine.grid.plan import GridPlan
from engine.outcome import Outcome


@command(role=Role.TRADER, tier=Tier.MONEY, group="Act")
async def grid(
    ctx: Context,
    symbol: Annotated[str | None, Param("market, such as BTC/USDT", complete="symbol")] = None,
    lower: Annotated[Decimal | None, Param("lowest price of the range"), Gt(0)] = None,
    upper: Annotated[Decimal | None, Param("highest price of the range"), Gt(0)] = None,
    levels: Annotated[int | None, Param("number of price lines"), Ge(2), Le(1000)] = None,
    investment: Annotated[Decimal | None, Param("how much to invest, in the quote currency"), Gt(0)] = None,
    spacing: Annotated[Spacing, Param("equal percentages or equal steps between lines")] = Spacing.GEOMETRIC,
    tp: Annotated[Trigger | None, Param("take profit: a price, or a percentage of the investment such as 5%")] = None,
    sl: Annotated[Trigger | None, Param("stop loss: a price, or a percentage of the investment such as 5%")] = None,
    out_of_range: Annotated[OutOfRange, Param("what to do when price leaves the range")] = OutOfRange.HOLD,
    mode: Annotated[Mode | None, Param("shadow, or production once it is armed, see /mode")] = None,
    direction: Annotated[Direction | None, Param("on a perpetual: which side the grid profits from")] = None,
    leverage: Annotated[int | None, Param("on a perpetual: times the investment at work"), Ge(1), Le(125)] = None,
    margin: Annotated[MarginMode | None, Param("on a perpetual: which money answers for the position")] = None,
    trigger: Annotated[Decimal | None, Param("price that starts the grid once it is touched"), Gt(0)] = None,
    trail_up: Annotated[Decimal | None, Param("highest price the top line may follow to"), Gt(0)] = None,
    trail_down: Annotated[Decimal | None, Param("lowest price the bottom line may follow to"), Gt(0)] = None,
    infinity: Annotated[bool, Param("lay further lines as price rises, without end")] = False,
    reinvest: Annotated[bool, Param("let orders grow by the profit")] = False,
) -> Answer:
    """Start a grid: buys below, sells above, again and again

    Without anything it asks one question at a time. You see the whole plan, with its worst case, before it starts.
    Examples: /grid · /grid BTC/USDT · /grid BTC/USDT 58000 64000 20 1000
    With exits: /grid BTC/USDT 58000 64000 20 1000 tp=5% sl=55000 out_of_range=stop_sell
    That moves: /grid BTC/USDT 58000 64000 20 1000 trail_up=72000 trigger=61000 reinvest=yes
    On a perpetual: /grid BTC/USDT:USDT 58000 64000 20 1000 direction=neutral leverage=3
    """
    if symbol is None:
        return await ask_market(ctx)
    market = await find_market(ctx.desk, symbol, "grid")
    if isinstance(market, Failure):
        return market
    if lower is None:
        return await ask_range(ctx, market)
    if upper is None or upper <= lower:
        return _bad_upper(market, lower, upper)
    said = usual(ctx, market)
    spec = GridSpec(
        symbol=market.symbol,
        mode=mode or said.mode,
        lower=lower,
        upper=upper,
        levels=levels or 2,
        spacing=spacing,
        investment=investment or ONE,
        take_profit=tp,
        stop_loss=sl,
        out_of_range=out_of_range,
        direction=direction or said.direction,
        leverage=leverage or said.leverage,
        margin=margin or said.margin,
        trigger_price=trigger,
        trail_up=trail_up,
        trail_down=trail_down,
        infinity=infinity,
        reinvest=reinvest,
    )
    misfit = _misfit(ctx, spec, market)
    if misfit is not None:
        return misfit
    if levels is None:
        return ask_levels(ctx, spec, market)
    if investment is None:
        return await ask_investment(ctx, spec, market)
    plan = await ctx.desk.plan(spec)
    return problem_replies(ctx, plan) if plan.problems else _planned(ctx, plan)


def _misfit(ctx: Context, spec: GridSpec, market: Market) -> Failure | None:
    """Say what no plan could be made for: a mode without an account, borrowed money on a spot market."""
    served = [each.mode for each in ctx.desk.engine().accounts]
    if served and spec.mode not in served:
        return Failure(
            problem=_("This engine has no account for that mode."),
            field="mode",
            value=spec.mode.value,
            accepted=_("one of: {choices}").format(choices=", ".join(served)),
            buttons=(Button(_("Mode"), "/mode"),),
        )
    if market.perpetual or (spec.direction, spec.leverage, spec.margin) == (Direction.LONG, 1, MarginMode.CROSS):
        return None
    return Failure(
        problem=_("A spot market knows neither leverage nor margin, and grids on it profit from rising prices alone."),
        field="symbol",
        value=market.symbol,
        accepted=_("a perpetual such as {symbol}:{quote}").format(symbol=market.symbol, quote=market.quote),
    )


def _bad_upper(market: Market, lower: Decimal, upper: Decimal | None) -> Failure:
    missing, turned = _("The range needs a highest price."), _("The highest price must lie above the lowest.")
    return Failure(
        problem=missing if upper is None else turned,
        field="upper",
        value="" if upper is None else plain(upper),
        accepted=_("a price above {lower}").format(lower=plain(lower)),
        buttons=(Button(_("Propose ranges"), f"/grid {market.symbol}"),),
    )


def _planned(ctx: Context, plan: GridPlan) -> Planned:
    market, mode = plan.market.symbol, plan.spec.mode
    beside = [
        each.id
        for each in ctx.desk.bots()
        if each.status.active and (each.market.symbol, each.spec.mode) == (market, mode)
    ]
    prices = " ".join(plain(each) for each in plan.lines)
    return Planned(
        card=plan_card(plan),
        controls=lambda plan_id, by, at: (StartBot(at=at, by=by, plan=plan_id, spec=plan.spec, market=plan.market),),
        receipt=lambda outcomes: _receipt(plan, outcomes),
        # Sizes follow the price: as much of it as a person tolerates, they tolerate in the sizes. Another number of
        # slots that start full is another plan. So is one beside a bot that was not there: it may be this one's twin.
        quote={plan.spec.symbol: plan.ticker.last, "size": plan.quantity},
        state=f"{mode} {prices} {sum(slot.full for slot in plan.slots)} {beside}",
        confirm_label=_("Start"),
    )


def _receipt(plan: GridPlan, outcomes: Sequence[Outcome]) -> Reply:
    spec, market = plan.spec, plan.market
    number = outcomes[0].bot if outcomes else 0
    tick = market.filters.price_tick
    card = Card(
        title=_("Bot {number} {symbol} started with {amount}").format(
            number=number, symbol=spec.symbol, amount=amount(spec.investment, market.quote)
        ),
        fields=(
            Field(_("Range"), f"{price(spec.lower, tick)} – {price(spec.upper, tick)} {market.quote}"),
            Field(_("Lines"), str(len(plan.lines))),
        ),
        mode=spec.mode,
        note=_("Every fill will be reported."),
        buttons=(
            Button(_("Show it"), f"/bots {number}"),
            Button(_("Chart"), f"/chart {number}"),
            Button(_("Set a stop loss"), f"/sl {number}"),
        ),
    )
    return receipt(
        outcomes, card if spec.stop_loss is None else msgspec.structs.replace(card, buttons=card.buttons[:2])
    )
