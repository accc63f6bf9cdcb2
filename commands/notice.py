"""What is pushed unasked: which step of the engine concerns people, how urgently, and in which few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import msgspec

from commands import format as shown
from commands import moves, phrases, proposals, words
from commands.message import Lane as Lane
from commands.message import Notice as Notice
from commands.message import about, bot_card, bot_named, plan_fields, price_fields, result_fields, why_button
from commands.message import card_of as card_of
from commands.message import notice_of as notice_of
from commands.message import opening as opening
from commands.reply import Field
from commands.sayings.recogniser import said
from config.language import _, ngettext
from data.decisions import Decision, Rule
from data.events import (
    AdvicePosted,
    ArmMode,
    BalanceMoved,
    Control,
    DisarmMode,
    EngineStarted,
    FundingPaid,
    MarketChanged,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PauseBot,
    RecentreBot,
    Reconciled,
    RejectReason,
    ResumeBot,
    SetOutOfRange,
    SetReinvest,
    SetStopLoss,
    SetTakeProfit,
    SetTradingState,
    SetTrailing,
    StartBot,
    StopBot,
    TickerMoved,
)
from data.orders import Fill, Refused, installation_of, key_of
from data.values import Millis
from engine.desk import Desk
from engine.outcome import Outcome
from engine.views import BotView

_ASKED = frozenset({
    Rule.OPEN_GRID, Rule.PAUSE_BOT, Rule.RESUME_BOT, Rule.STOP_BOT, Rule.CHANGE_EXIT, Rule.CHANGE_TRADING_STATE,
    Rule.ARM_MODE, Rule.DISARM_MODE, Rule.CHANGE_GRID, Rule.RECENTRE,
})  # fmt: skip
"""What a person does by a command, and is answered with a receipt."""


def notices(outcome: Outcome, desk: Desk) -> tuple[Notice, ...]:
    """Return what people should hear of a step; most steps are nobody's concern."""
    found = [_of_event(outcome, desk), *(_of_decision(each, outcome, desk) for each in outcome.decisions)]
    found += [_of_refused(outcome.event.at, each, desk) for each in outcome.refused]
    kept: dict[str, Notice] = {}
    # The sale that ends a bot is told before its end, which would overtake it as more urgent.
    ends = {each.bot for each in found if each is not None and each.key.startswith(f"{Rule.BOT_STOPPED}:")}
    for each in found:
        if each is not None:
            last = each.bot in ends and each.lane is Lane.TRADE
            kept.setdefault(each.key, msgspec.structs.replace(each, lane=Lane.CRITICAL) if last else each)
    return tuple(kept.values())


def _of_event(outcome: Outcome, desk: Desk) -> Notice | None:
    event = outcome.event
    match event:
        case OrderFilled():
            return _filled(event.fill, outcome.bot, desk)
        case OrderRejected():
            return _rejected(event, outcome.bot, desk)
        case Reconciled():
            return _reconciled(event, outcome.decisions)
        case (
            TickerMoved() | OrderAccepted() | OrderUnknown() | OrderAbsent() | OrderCancelled()
            | AdvicePosted() | EngineStarted() | FundingPaid() | BalanceMoved() | MarketChanged()
        ):  # fmt: skip
            return None
        case (
            StartBot() | StopBot() | PauseBot() | ResumeBot() | SetTakeProfit() | SetStopLoss()
            | SetOutOfRange() | SetTradingState() | ArmMode() | DisarmMode()
            | SetTrailing() | SetReinvest() | RecentreBot()
        ):  # fmt: skip
            # What came of a control is told by its decisions; what did not, by the reply to whoever asked.
            return None
        case _:
            assert_never(event)


def _of_decision(decision: Decision, outcome: Outcome, desk: Desk) -> Notice | None:
    told = _told_of(decision, outcome, desk)
    event, ended = outcome.event, told is not None and told.lane is Lane.CRITICAL and decision.rule is Rule.STOP_BOT
    if told is None or ended or decision.rule not in _ASKED or not isinstance(event, Control):
        return told
    return msgspec.structs.replace(told, by=event.by)


def _told_of(decision: Decision, outcome: Outcome, desk: Desk) -> Notice | None:
    rule = decision.rule
    match rule:
        case Rule.OPEN_GRID:
            # The fills of the initial inventory carry the same rule; they are told as fills.
            return _started(decision, outcome.event, desk) if isinstance(outcome.event, StartBot) else None
        case Rule.PAUSE_BOT | Rule.RESUME_BOT | Rule.STOP_BOT | Rule.BOT_STOPPED:
            return _life(decision, desk)
        case Rule.TAKE_PROFIT | Rule.STOP_LOSS:
            return _exit_hit(decision, desk)
        case Rule.ABOVE_RANGE | Rule.BELOW_RANGE | Rule.BACK_IN_RANGE:
            return _range(decision, desk)
        case Rule.CHANGE_EXIT:
            return _exits_changed(decision, desk)
        case Rule.CHANGE_TRADING_STATE | Rule.ARM_MODE | Rule.DISARM_MODE | Rule.MARKET_PROPOSED:
            return _of_all(decision, outcome, desk)
        case Rule.LIQUIDATION_NEAR | Rule.LIQUIDATION_FAR:
            return _liquidation(decision, desk)
        case (
            Rule.TRAIL_UP | Rule.TRAIL_DOWN | Rule.TRAIL_ENDED | Rule.TRIGGERED | Rule.RECENTRE
            | Rule.RECENTRE_HELD | Rule.CHANGE_GRID | Rule.MARKET_CHANGED
        ):  # fmt: skip
            return _moved(decision, desk)
        case (
            Rule.PAIR_SLOT | Rule.REPLACE_ORDER | Rule.PRICE_CROSSED | Rule.ORDER_REJECTED
            | Rule.CLOSE_INVENTORY | Rule.RETRY_SAME_ID | Rule.BOOKS_DISAGREE
            | Rule.FOLLOW_PRICE | Rule.REINVEST | Rule.EXTEND_GRID
        ):  # fmt: skip
            return None
        case _:
            assert_never(rule)


def _filled(fill: Fill, bot: int, desk: Desk) -> Notice:
    view = desk.bot(bot)
    key = key_of(fill.client_id)
    base, _slash, quote = fill.symbol.partition(":")[0].partition("/")
    slot = 0 if key is None else key.slot
    did = phrases.filled(fill.side, slot, perpetual=view is not None and view.market.perpetual)
    tick = view.market.filters.price_tick if view else fill.price
    title = did.format(quantity=shown.quantity(fill.quantity, base), price=shown.price(fill.price, tick))
    fields = [
        Field(_("Value"), shown.amount(fill.notional, quote)),
        Field(_("Fee"), shown.amount(fill.fee_quote, quote)),
        *result_fields(view),
    ]
    one = notice_of(f"fill:{bot}", Lane.TRADE, fill.at, bot_card(title, view, *fields), view, bot=bot, silent=True)
    return msgspec.structs.replace(one, digest=_digest(fill, bot, view))


def _digest(fill: Fill, bot: int, view: BotView | None) -> str:
    if view is None or view.profit is None:
        return _("{n} fills on {symbol}").format(n="{n}", symbol=fill.symbol)
    total = shown.amount(view.profit.change, view.market.quote, signed=True)
    return _("{n} fills on {bot}: {total}").format(n="{n}", bot=bot_named(bot, view), total=total)


def _rejected(event: OrderRejected, bot: int, desk: Desk) -> Notice | None:
    # A post-only order that would have matched is the ordinary course of a moving price; it is retried by itself.
    if event.reason is RejectReason.WOULD_TAKE:
        return None
    view = desk.bot(bot)
    title = _("Order rejected: {why}").format(why=words.rejection(event.reason))
    card = bot_card(title, view, Field(_("Order"), event.client_id))
    return notice_of(f"rejected:{bot}:{event.reason}", Lane.CRITICAL, event.at, card, view, bot=bot)


def _reconciled(event: Reconciled, decisions: Sequence[Decision]) -> Notice | None:
    count = len(event.foreign_orders)
    foreign = ngettext("{n} order that is not mine", "{n} orders that are not mine", count).format(n=count)
    others = sorted({tag for each in event.foreign_orders if (tag := installation_of(each)) is not None})
    if event.gap:
        fields = [Field(name, value) for name, value in event.gap.items()]
        if count:
            fields.append(Field(_("Also"), foreign))
        title = _("Books disagree on {symbol}: its bots are paused").format(symbol=event.symbol)
        why = next((why_button(each) for each in decisions if each.rule is Rule.BOOKS_DISAGREE), ())
        card = card_of(title, *fields, buttons=why, mode=event.mode)
        return notice_of(f"gap:{event.mode} {event.symbol}", Lane.CRITICAL, event.at, card, mode=event.mode)
    if not count:
        return None
    named = [Field(_("Of another Batuta"), ", ".join(tag or "?" for tag in others))] if others else []
    note = _("Left alone; the balance locked there is not mine to use.")
    card = card_of(f"{event.symbol}: {foreign}", *named, note=note, mode=event.mode)
    return notice_of(f"foreign:{event.mode} {event.symbol}", Lane.DIGEST, event.at, card, mode=event.mode, silent=True)


def _of_refused(at: Millis, refused: Refused, desk: Desk) -> Notice:
    draft = refused.draft
    view = desk.bot(draft.bot)
    title = _("Order refused: {why}").format(why=words.refusal(refused.code))
    fields = [Field(name.replace("_", " "), shown.fact(value)) for name, value in refused.facts.items()]
    card = bot_card(title, view, *fields, mode=draft.mode)
    return notice_of(
        f"refused:{draft.bot}:{refused.code}", Lane.TRADE, at, card, view, bot=draft.bot, mode=draft.mode
    )  # fmt: skip


def _started(decision: Decision, event: StartBot, desk: Desk) -> Notice:
    return proposals.opened(decision, event, desk) or _life(decision, desk)


def _life(decision: Decision, desk: Desk) -> Notice:
    view = desk.bot(decision.bot)
    ended = decision.rule is Rule.STOP_BOT and view is not None and not view.status.active
    if ended or decision.rule is Rule.BOT_STOPPED:
        return _stopped(decision, desk)
    title = {
        Rule.OPEN_GRID: _("Bot {bot} started"),
        Rule.PAUSE_BOT: _("Bot {bot} paused"),
        Rule.RESUME_BOT: _("Bot {bot} trades again"),
        Rule.STOP_BOT: _("Bot {bot} is stopping"),
    }[decision.rule].format(bot=bot_named(decision.bot, view))
    fields = plan_fields(view) if decision.rule is Rule.OPEN_GRID else result_fields(view)
    return about(decision, view, Lane.TRADE, title, *fields)


def _stopped(decision: Decision, desk: Desk) -> Notice:
    view = desk.bot(decision.bot)
    why = words.stop_reason(view.stop_reason) if view and view.stop_reason else _("done")
    title = _("Bot {bot} stopped: {why}").format(bot=bot_named(decision.bot, view), why=why)
    return about(decision, view, Lane.CRITICAL, title, *result_fields(view))


def _exit_hit(decision: Decision, desk: Desk) -> Notice:
    view = desk.bot(decision.bot)
    hit = _("Take profit hit") if decision.rule is Rule.TAKE_PROFIT else _("Stop loss hit")
    title = _("{hit} on bot {bot}").format(hit=hit, bot=bot_named(decision.bot, view))
    return about(decision, view, Lane.CRITICAL, title, *result_fields(view))


def _range(decision: Decision, desk: Desk) -> Notice:
    view = desk.bot(decision.bot)
    title = {
        Rule.ABOVE_RANGE: _("Price is above the range of bot {bot}"),
        Rule.BELOW_RANGE: _("Price is below the range of bot {bot}"),
        Rule.BACK_IN_RANGE: _("Price is back in the range of bot {bot}"),
    }[decision.rule].format(bot=bot_named(decision.bot, view))
    fields = [*price_fields(view), *result_fields(view)]
    if view is not None and decision.rule is not Rule.BACK_IN_RANGE:
        fields.append(Field(_("The bot"), words.out_of_range(view.spec.out_of_range)))
    return about(decision, view, Lane.TRADE, title, *fields, key="range")


def _moved(decision: Decision, desk: Desk) -> Notice:
    rule, view = decision.rule, desk.bot(decision.bot)
    often = rule in moves.OFTEN
    known = [Field(each.name.replace("_", " "), each.value) for each in decision.inputs[:6]]
    fields = [*price_fields(view), *result_fields(view)] if view else known
    fields += [Field(_("Not done"), f"{each.what}: {each.why_not}") for each in decision.alternatives[:1]]
    title = moves.title(rule, bot_named(decision.bot, view))
    return about(decision, view, Lane.DIGEST if often else Lane.TRADE, title, *fields, silent=often)


def _exits_changed(decision: Decision, desk: Desk) -> Notice:
    view = desk.bot(decision.bot)
    title = _("Exits of bot {bot} changed").format(bot=bot_named(decision.bot, view))
    spec = view.spec if view else None
    fields = (
        Field(_("Take profit"), str(spec.take_profit or _("none")) if spec else "–"),
        Field(_("Stop loss"), str(spec.stop_loss or _("none")) if spec else "–"),
        Field(_("Outside the range"), words.out_of_range(spec.out_of_range) if spec else "–"),
    )
    return about(decision, view, Lane.DIGEST, title, *fields, silent=True)


def _trading_state(decision: Decision, desk: Desk) -> Notice:
    engine = desk.engine()
    state = words.trading_state(engine.trading_state)
    title = state[:1].upper() + state[1:]
    fields = [Field(_("Why"), said(engine.trading_state_reason))] if engine.trading_state_reason else []
    card = card_of(title, *fields, mode=engine.mode, buttons=why_button(decision))
    return notice_of("trading_state", Lane.CRITICAL, decision.at, card, mode=engine.mode)


def _liquidation(decision: Decision, desk: Desk) -> Notice:
    view = desk.bot(decision.bot)
    near = decision.rule is Rule.LIQUIDATION_NEAR
    title = _("Bot {bot} comes near its liquidation") if near else _("Bot {bot} is far from liquidation again")
    known = [Field(each.name, each.value) for each in decision.inputs]
    lane = Lane.CRITICAL if near else Lane.TRADE
    return about(decision, view, lane, title.format(bot=bot_named(decision.bot, view)), *known, key="liquidation")


def _of_all(decision: Decision, outcome: Outcome, desk: Desk) -> Notice | None:
    match outcome.event:
        case ArmMode(mode=mode, cap=cap):
            title = _("{mode} is armed: its bots may use up to {cap}")
            text = title.format(mode=words.mode(mode).capitalize(), cap=shown.amount(cap))
        case DisarmMode(mode=mode):
            text = _("{mode} is disarmed: its bots are paused").format(mode=words.mode(mode).capitalize())
        case _ if decision.rule is Rule.MARKET_PROPOSED:
            return proposals.proposed(decision, desk)
        case _:
            return _trading_state(decision, desk) if decision.rule is Rule.CHANGE_TRADING_STATE else None
    card = card_of(text, mode=mode, buttons=(*why_button(decision), *opening("/mode", _("Mode"))))
    return notice_of("arming", Lane.CRITICAL, decision.at, card, mode=mode)
