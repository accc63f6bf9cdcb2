"""What is pushed unasked: which step of the engine concerns people, how urgently, and in which few words."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import assert_never

import msgspec

from commands import format as shown
from commands import moves, phrases, proposals, words
from commands.reply import Button, Card, Field
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
from data.values import Millis, Mode
from engine.desk import Desk
from engine.outcome import Outcome
from engine.views import BotView


class Lane(IntEnum):
    """How urgent a message is; lower goes first."""

    CRITICAL = 0
    REPLY = 1
    TRADE = 2
    DIGEST = 3


_ASKED = frozenset({
    Rule.OPEN_GRID, Rule.PAUSE_BOT, Rule.RESUME_BOT, Rule.STOP_BOT, Rule.CHANGE_EXIT, Rule.CHANGE_TRADING_STATE,
    Rule.ARM_MODE, Rule.DISARM_MODE, Rule.CHANGE_GRID, Rule.RECENTRE,
})  # fmt: skip
"""What a person does by a command, and is answered with a receipt."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message nobody asked for."""

    key: str
    """Of several waiting notices with one key the newest is enough, or they may be sent as one."""
    lane: Lane
    at: Millis
    bot: int
    """0 when it concerns the whole engine."""
    mode: Mode | None
    card: Card
    silent: bool = False
    """Delivered without sound."""
    by: str = ""
    """Whose doing it is; they have the receipt and are not told again."""
    digest: str = ""
    """Said of several sent as one; ``{n}`` stands for how many. Empty: the newest stands for all."""


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
            return _life(decision, desk) if isinstance(outcome.event, StartBot) else None
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
        *_result(view),
    ]
    one = notice_of(f"fill:{bot}", Lane.TRADE, fill.at, _bot_card(title, view, *fields), view, bot=bot, silent=True)
    return msgspec.structs.replace(one, digest=_digest(fill, bot, view))


def _digest(fill: Fill, bot: int, view: BotView | None) -> str:
    if view is None or view.profit is None:
        return _("{n} fills on {symbol}").format(n="{n}", symbol=fill.symbol)
    total = shown.amount(view.profit.change, view.market.quote, signed=True)
    return _("{n} fills on {bot}: {total}").format(n="{n}", bot=_named(bot, view), total=total)


def _rejected(event: OrderRejected, bot: int, desk: Desk) -> Notice | None:
    # A post-only order that would have matched is the ordinary course of a moving price; it is retried by itself.
    if event.reason is RejectReason.WOULD_TAKE:
        return None
    view = desk.bot(bot)
    title = _("Order rejected: {why}").format(why=words.rejection(event.reason))
    card = _bot_card(title, view, Field(_("Order"), event.client_id))
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
        why = next((_why(each) for each in decisions if each.rule is Rule.BOOKS_DISAGREE), ())
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
    card = _bot_card(title, view, *fields, mode=draft.mode)
    return notice_of(
        f"refused:{draft.bot}:{refused.code}", Lane.TRADE, at, card, view, bot=draft.bot, mode=draft.mode
    )  # fmt: skip


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
    }[decision.rule].format(bot=_named(decision.bot, view))
    fields = _plan_fields(view) if decision.rule is Rule.OPEN_GRID else _result(view)
    return _about(decision, view, Lane.TRADE, title, *fields)


def _stopped(decision: Decision, desk: Desk) -> Notice:
    view = desk.bot(decision.bot)
    why = words.stop_reason(view.stop_reason) if view and view.stop_reason else _("done")
    title = _("Bot {bot} stopped: {why}").format(bot=_named(decision.bot, view), why=why)
    return _about(decision, view, Lane.CRITICAL, title, *_result(view))


def _exit_hit(decision: Decision, desk: Desk) -> Notice:
    view = desk.bot(decision.bot)
    hit = _("Take profit hit") if decision.rule is Rule.TAKE_PROFIT else _("Stop loss hit")
    title = _("{hit} on bot {bot}").format(hit=hit, bot=_named(decision.bot, view))
    return _about(decision, view, Lane.CRITICAL, title, *_result(view))


def _range(decision: Decision, desk: Desk) -> Notice:
    view = desk.bot(decision.bot)
    title = {
        Rule.ABOVE_RANGE: _("Price is above the range of bot {bot}"),
        Rule.BELOW_RANGE: _("Price is below the range of bot {bot}"),
        Rule.BACK_IN_RANGE: _("Price is back in the range of bot {bot}"),
    }[decision.rule].format(bot=_named(decision.bot, view))
    fields = [*_price_fields(view), *_result(view)]
    if view is not None and decision.rule is not Rule.BACK_IN_RANGE:
        fields.append(Field(_("The bot"), words.out_of_range(view.spec.out_of_range)))
    return _about(decision, view, Lane.TRADE, title, *fields, key="range")


def _moved(decision: Decision, desk: Desk) -> Notice:
    rule, view = decision.rule, desk.bot(decision.bot)
    often = rule in moves.OFTEN
    known = [Field(each.name.replace("_", " "), each.value) for each in decision.inputs[:6]]
    fields = [*_price_fields(view), *_result(view)] if view else known
    fields += [Field(_("Not done"), f"{each.what}: {each.why_not}") for each in decision.alternatives[:1]]
    title = moves.title(rule, _named(decision.bot, view))
    return _about(decision, view, Lane.DIGEST if often else Lane.TRADE, title, *fields, silent=often)


def _exits_changed(decision: Decision, desk: Desk) -> Notice:
    view = desk.bot(decision.bot)
    title = _("Exits of bot {bot} changed").format(bot=_named(decision.bot, view))
    spec = view.spec if view else None
    fields = (
        Field(_("Take profit"), str(spec.take_profit or _("none")) if spec else "–"),
        Field(_("Stop loss"), str(spec.stop_loss or _("none")) if spec else "–"),
        Field(_("Outside the range"), words.out_of_range(spec.out_of_range) if spec else "–"),
    )
    return _about(decision, view, Lane.DIGEST, title, *fields, silent=True)


def _trading_state(decision: Decision, desk: Desk) -> Notice:
    engine = desk.engine()
    state = words.trading_state(engine.trading_state)
    title = state[:1].upper() + state[1:]
    fields = [Field(_("Why"), engine.trading_state_reason)] if engine.trading_state_reason else []
    card = card_of(title, *fields, mode=engine.mode, buttons=_why(decision))
    return notice_of("trading_state", Lane.CRITICAL, decision.at, card, mode=engine.mode)


def _liquidation(decision: Decision, desk: Desk) -> Notice:
    view = desk.bot(decision.bot)
    near = decision.rule is Rule.LIQUIDATION_NEAR
    title = _("Bot {bot} comes near its liquidation") if near else _("Bot {bot} is far from liquidation again")
    known = [Field(each.name, each.value) for each in decision.inputs]
    lane = Lane.CRITICAL if near else Lane.TRADE
    return _about(decision, view, lane, title.format(bot=_named(decision.bot, view)), *known, key="liquidation")


def _of_all(decision: Decision, outcome: Outcome, desk: Desk) -> Notice | None:
    match outcome.event:
        case ArmMode(mode=mode, cap=cap):
            title = _("{mode} is armed: its bots may use up to {cap}")
            text = title.format(mode=words.mode(mode).capitalize(), cap=shown.amount(cap))
        case DisarmMode(mode=mode):
            text = _("{mode} is disarmed: its bots are paused").format(mode=words.mode(mode).capitalize())
        case _ if decision.rule is Rule.MARKET_PROPOSED:
            card = proposals.card(decision, _why(decision), desk.engine().new_bots)
            return notice_of(f"proposed:{decision.id}", Lane.DIGEST, decision.at, card, mode=card.mode, silent=True)
        case _:
            return _trading_state(decision, desk) if decision.rule is Rule.CHANGE_TRADING_STATE else None
    card = card_of(text, mode=mode, buttons=(*_why(decision), *opening("/mode", _("Mode"))))
    return notice_of("arming", Lane.CRITICAL, decision.at, card, mode=mode)


def _about(
    decision: Decision, view: BotView | None, lane: Lane, title: str, *fields: Field,
    key: str = "", silent: bool = False,
) -> Notice:  # fmt: skip
    card = _bot_card(title, view, *fields, buttons=_why(decision))
    return notice_of(
        f"{key or decision.rule}:{decision.bot}", lane, decision.at, card, view, bot=decision.bot, silent=silent
    )


def notice_of(
    key: str, lane: Lane, at: Millis, card: Card, view: BotView | None = None, *,
    bot: int = 0, mode: Mode | None = None, silent: bool = False,
) -> Notice:  # fmt: skip
    """Return a notice with the badge of its bot, or of ``mode``."""
    badge = view.spec.mode if view else mode
    return Notice(key=key, lane=lane, at=at, bot=bot, mode=badge, card=card, silent=silent)


def _bot_card(
    title: str, view: BotView | None, *fields: Field, buttons: tuple[Button, ...] = (), mode: Mode | None = None
) -> Card:
    named = (Field(_("Bot"), _named(view.id, view)),) if view and _named(view.id, view) not in title else ()
    return card_of(title, *named, *fields, buttons=buttons, mode=view.spec.mode if view else mode)


def card_of(
    title: str, *fields: Field, note: str = "", buttons: tuple[Button, ...] = (), mode: Mode | None = None
) -> Card:
    """Return a card from its parts."""
    return Card(title=title, fields=fields, note=note, buttons=buttons, mode=mode)


def _named(bot: int, view: BotView | None) -> str:
    return f"{bot} {view.spec.symbol}" if view else str(bot)


def _result(view: BotView | None) -> list[Field]:
    if view is None or view.profit is None:
        return []
    profit = view.profit
    return [
        Field(_("Result"), shown.profit(profit.change, profit.invested, view.market.quote)),
        Field(_("Grid profit"), shown.amount(profit.grid_profit, view.market.quote, signed=True)),
    ]


def _price_fields(view: BotView | None) -> list[Field]:
    if view is None or view.ticker is None:
        return []
    tick = view.market.filters.price_tick
    low, high = shown.price(view.lines[0], tick), shown.price(view.lines[-1], tick)
    return [Field(_("Price"), shown.price(view.ticker.last, tick)), Field(_("Range"), f"{low} – {high}")]


def _plan_fields(view: BotView | None) -> list[Field]:
    if view is None:
        return []
    lines = str(len(view.lines))
    money = shown.amount(view.spec.investment, view.market.quote)
    return [*_price_fields(view), Field(_("Lines"), lines), Field(_("Investment"), money)]


def _why(decision: Decision) -> tuple[Button, ...]:
    return opening(f"/why {decision.id}", _("Why?"))


def opening(line: str, label: str) -> tuple[Button, ...]:
    """Return the one button that goes on from a notice."""
    return (Button(label, line),)
