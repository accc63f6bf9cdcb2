"""The cards people see most: a bot, a grid about to start, and the receipt of what was done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal

import msgspec

from commands import moves, phrases, words
from commands.format import amount, duration, instant, percent, price, profit, quantity
from commands.matching import bot_name
from commands.perpetuals import bot_fields, funding_note, funding_part, held, money_fields, plan_fields, position_word
from commands.reply import Button, Card, Failure, Field, Reply
from commands.sayings.recogniser import said
from config.language import _, ngettext
from data.grids import Trigger
from data.market import Market
from data.values import HUNDRED, Millis
from engine.grid.plan import GridPlan, Problem
from engine.outcome import Outcome
from engine.views import BotStatus, BotView, Profit, RangePosition

LINE_BYTES = 60
"""What a button may carry."""


def bot_card(bot: BotView, now: Millis, zone: tzinfo) -> Card:
    """Return one bot: its books first, then its range, exits and age."""
    quote, tick = bot.market.quote, bot.market.filters.price_tick
    fields = [Field(_("Status"), _status(bot))]
    if bot.profit is not None:
        fields += profit_fields(bot.profit, quote)
        fields.append(Field(_("Holds"), _holdings(bot, bot.profit)))
    fields += [*bot_fields(bot), Field(_("Range"), _range(bot)), *moves.bot_fields(bot)]
    if bot.ticker is not None:
        age = duration(now - bot.ticker.at)
        last = _("{price}, {age} ago").format(price=price(bot.ticker.last, tick), age=age)
        fields.append(Field(_("Price"), last))
    fields += exit_fields(bot)
    fields.append(Field(_("Started"), instant(bot.started_at, zone)))
    if bot.stopped_at is not None:
        fields.append(Field(_("Stopped"), instant(bot.stopped_at, zone)))
    note = "" if bot.profit is not None else _("The market has not been seen since the start; books follow with it.")
    return Card(title=bot_headline(bot), fields=tuple(fields), mode=bot.spec.mode, note=note, buttons=bot_buttons(bot))


def bot_headline(bot: BotView) -> str:
    """Return a bot and its total in one line for a lock screen."""
    if bot.profit is None:
        return f"{bot_name(bot)} {words.status(bot.status)}"
    return f"{bot_name(bot)} {profit(bot.profit.change, bot.profit.invested, bot.market.quote)}"


def profit_fields(books: Profit, quote: str) -> list[Field]:
    """Return the total and everything it is made of; grid profit never stands alone."""
    parts = _("{grid} grid profit, {unpaired} unpaired, {fees} fees").format(
        grid=amount(books.grid_profit, signed=True),
        unpaired=amount(books.unpaired, signed=True),
        fees=amount(-books.fees, signed=True),
    ) + funding_part(books.funding)
    return [
        Field(_("Total"), profit(books.change, books.invested, quote)),
        Field(_("Made of"), parts),
        Field(_("Equity"), f"{amount(books.equity, quote)} / {amount(books.invested)}"),
    ]


def exit_fields(bot: BotView) -> list[Field]:
    """Return take profit, stop loss and what happens outside the range."""
    tick, quote = bot.market.filters.price_tick, bot.market.quote
    return [
        Field(_("Take profit"), level_word(bot.spec.take_profit, tick, quote)),
        Field(_("Stop loss"), level_word(bot.spec.stop_loss, tick, quote)),
        Field(_("Out of range"), words.out_of_range(bot.spec.out_of_range)),
    ]


def level_word(trigger: Trigger | None, tick: Decimal, quote: str) -> str:
    """Return an exit level, or that there is none."""
    if trigger is None:
        return _("none")
    text = str(trigger)
    return (
        _("{percent} of the investment").format(percent=text)
        if text.endswith("%")
        else _("price {price} {quote}").format(price=price(trigger.value, tick), quote=quote)
    )


def bot_buttons(bot: BotView) -> tuple[Button, ...]:
    """Return what can be done with a bot in the state it is in."""
    number = bot.id
    see = [
        Button(_("P&L"), f"/pnl {number}"),
        Button(_("Chart"), f"/chart {number}"),
        Button(_("Why"), f"/why {number}"),
    ]
    if not bot.status.active:
        return (*see, Button(_("Trades"), f"/trades {number}"))
    see.append(Button(_("Orders"), f"/orders {number}"))
    act = [Button(_("TP"), f"/tp {number}"), Button(_("SL"), f"/sl {number}")]
    if bot.status is BotStatus.PAUSED:
        act.append(Button(_("Resume"), f"/resume {number}"))
    elif bot.status not in (BotStatus.STOPPING, BotStatus.WAITING):
        act.append(Button(_("Pause"), f"/pause {number}"))
    return (*see, *act, *stop_buttons(str(number), perpetual=bot.market.perpetual))


def stop_buttons(which: str, *, perpetual: bool) -> tuple[Button, Button]:
    """Return the two ways to end a bot; a position is closed, base is sold."""
    sell = _("Stop, close") if perpetual else _("Stop, sell")
    return (
        Button(sell, f"/stop {which} sell", danger=True),
        Button(_("Stop, keep"), f"/stop {which} keep", danger=True),
    )


def plan_card(plan: GridPlan) -> Card:
    """Return a grid that is about to start: sizes, profit per slot, first purchase and worst cases."""
    spec, quote = plan.spec, plan.market.quote
    fields = [*_shape_fields(plan), *_money_fields(plan), *_edge_fields(plan), *plan_fields(plan)]
    fields += [*_exit_plan_fields(plan), *moves.plan_fields(plan)]
    money = amount(spec.investment, quote)
    title = _("Start a grid on {symbol} with {amount}?").format(symbol=spec.symbol, amount=money)
    note = phrases.mode_meaning(spec.mode) + (f" {funding_note()}" if plan.market.perpetual else "")
    return Card(title=title, fields=tuple(fields), mode=spec.mode, note=note)


def problem_failure(problem: Problem) -> Failure:
    """Return one reason why a grid cannot start."""
    words_of_it = said(problem.problem)
    return Failure(
        problem=words_of_it[:1].upper() + words_of_it[1:],
        field=problem.field,
        value=problem.value,
        accepted=said(problem.accepted),
    )


def receipt(outcomes: Sequence[Outcome], done: Card) -> Reply:
    """Return ``done`` when every control was carried out, otherwise why not; refused orders are named."""
    problems = [said(outcome.problem) for outcome in outcomes if outcome.problem]
    if problems:
        done_count = len(outcomes) - len(problems)
        rest = ngettext("{count} other change was made.", "{count} other changes were made.", done_count)
        problem = "\n".join(problems)
        return Failure(problem=f"{problem}\n{rest.format(count=done_count)}" if done_count else problem)
    refused = [each for outcome in outcomes for each in outcome.refused]
    if not refused:
        return done
    reasons = ", ".join(sorted({words.refusal(each.code) for each in refused}))
    text = ngettext("Risk refused {count} order: {reasons}.", "Risk refused {count} orders: {reasons}.", len(refused))
    note = "\n".join(filter(None, (done.note, text.format(count=len(refused), reasons=reasons))))
    return msgspec.structs.replace(done, note=note)


def line_button(label: str, line: str, *, danger: bool = False) -> tuple[Button, ...]:
    """Return a button, or nothing when its line is longer than a button may carry."""
    return (Button(label, line, danger),) if len(line.encode()) <= LINE_BYTES else ()


def _status(bot: BotView) -> str:
    if bot.stop_reason is not None:
        return f"{words.status(bot.status)}: {words.stop_reason(bot.stop_reason)}"
    if not bot.status.active:
        return words.status(bot.status)
    orders = ngettext("{count} open order", "{count} open orders", len(bot.orders)).format(count=len(bot.orders))
    return f"{words.status(bot.status)}, {words.position(bot.position)}, {orders}"


def _holdings(bot: BotView, books: Profit) -> str:
    market = bot.market
    if not market.perpetual:
        return f"{quantity(books.base, market.base)} + {amount(books.cash, market.quote)}"
    if not books.base:
        return held(market, books.base)
    return f"{held(market, books.base)}, {amount(abs(books.base) * books.mark, market.quote)}"


def _range(bot: BotView) -> str:
    tick = bot.market.filters.price_tick
    low, high = bot.lines[0], bot.lines[-1]
    text = f"{price(low, tick)} – {price(high, tick)}, {_lines(len(bot.lines))}"
    if bot.ticker is None:
        return text
    where = (bot.ticker.last - low) / (high - low) * HUNDRED
    return text + " " + _("(price at {percent} % of it)").format(percent=f"{where:.0f}")


def _lines(count: int) -> str:
    return ngettext("{count} line", "{count} lines", count).format(count=count)


def _shape_fields(plan: GridPlan) -> list[Field]:
    spec, market = plan.spec, plan.market
    tick = market.filters.price_tick
    lines = f"{_lines(len(plan.lines))}, {phrases.spacing(spec.spacing)}"
    fields = [
        Field(_("Range"), f"{price(spec.lower, tick)} – {price(spec.upper, tick)} {market.quote}"),
        Field(_("Lines"), lines),
        Field(_("Price now") if spec.trigger_price is None else _("Price at the start"), _where(plan)),
    ]
    if market.perpetual:
        fields.insert(0, Field(_("Position"), position_word(spec)))
    if not plan.slots:
        return fields
    costs = [slot.quantity * slot.lower for slot in plan.slots]
    steps = [(slot.upper / slot.lower - 1) * HUNDRED for slot in plan.slots]
    net, shares = [slot.net_profit for slot in plan.slots], [slot.net_percent for slot in plan.slots]
    size = f"{quantity(plan.quantity, market.base)} ({_spread(costs)} {market.quote})"
    earned = f"{_spread(shares)} % ({_spread(net)} {market.quote})"
    return [
        *fields,
        Field(_("Step"), f"{_spread(steps)} %"),
        Field(_("Each order"), size),
        Field(_("Net per cycle"), earned),
    ]


def _where(plan: GridPlan) -> str:
    """Say the price a grid starts at, and whether it would wait for it to come into its range."""
    last, market = plan.ticker.last, plan.market
    text = f"{price(last, market.filters.price_tick)} {market.quote}"
    if plan.spec.lower <= last <= plan.spec.upper:
        return text
    return f"{text}, {words.position(RangePosition.ABOVE if last > plan.spec.upper else RangePosition.BELOW)}"


def _money_fields(plan: GridPlan) -> list[Field]:
    market = plan.market
    if market.perpetual:
        return [
            *money_fields(plan),
            Field(_("Left unused"), amount(plan.unused, market.quote)),
            Field(_("Fees assumed"), _fees(market)),
        ]
    bought = _("nothing")
    if plan.initial_buy:
        bought = _("{quantity} for {cost}").format(
            quantity=quantity(plan.initial_buy, market.base), cost=amount(plan.initial_cost, market.quote)
        )
    return [
        Field(_("Buys at once"), bought),
        Field(_("Kept for buys"), amount(plan.reserve, market.quote)),
        Field(_("Left unused"), amount(plan.unused, market.quote)),
        Field(_("Fees assumed"), _fees(market)),
    ]


def _edge_fields(plan: GridPlan) -> list[Field]:
    """Return what the grid comes to at both ends of its range, on whichever side of the price they lie."""
    spec, market, fields = plan.spec, plan.market, []
    for edge, change in ((spec.lower, plan.worst_at_lower), (spec.upper, plan.worst_at_upper)):
        if change is not None:
            falls = edge <= plan.ticker.last
            label = _("If price falls to {price}") if falls else _("If price rises to {price}")
            label = label.format(price=price(edge, market.filters.price_tick))
            fields.append(Field(label, profit(change, spec.investment, market.quote)))
    return fields


def _exit_plan_fields(plan: GridPlan) -> list[Field]:
    spec, market = plan.spec, plan.market
    tick, quote = market.filters.price_tick, market.quote
    fields = []
    if plan.worst_at_stop is not None:
        fields.append(Field(_("At the stop loss"), profit(plan.worst_at_stop, spec.investment, quote)))
    return [
        *fields,
        Field(_("Take profit"), level_word(spec.take_profit, tick, quote)),
        Field(_("Stop loss"), level_word(spec.stop_loss, tick, quote)),
        Field(_("Out of range"), words.out_of_range(spec.out_of_range)),
    ]


def _fees(market: Market) -> str:
    return _("maker {maker}, taker {taker}").format(
        maker=percent(market.fees.maker * HUNDRED), taker=percent(market.fees.taker * HUNDRED)
    )


def _spread(values: Sequence[Decimal]) -> str:
    low, high = amount(min(values)), amount(max(values))
    return low if low == high else f"{low} … {high}"
