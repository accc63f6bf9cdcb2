"""Real money, step by step: a checklist, a cap, a code from the server, a receipt; and one tap back."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from commands import words
from commands.cards import plan_card, receipt
from commands.context import Context
from commands.findings import fields as finding_fields
from commands.format import amount
from commands.guidance import problem_replies
from commands.matching import bot_name
from commands.plan import Answer, Planned
from commands.registry import Role
from commands.reply import Button, Card, Failure, Field, Reply
from commands.sayings.recogniser import said
from config.language import _, ngettext
from data.events import ArmMode, Control, DisarmMode, StartBot, StopBot
from data.market import MarketKind
from data.values import ZERO, Millis, Mode, plain
from engine.accounts.findings import Check, Finding, Grade
from engine.exchanges.base import ExchangeUnavailable
from engine.grid.plan import GridPlan
from engine.outcome import Outcome
from engine.views import BotView

REAL = Mode.PRODUCTION
CAPS = (100, 500, 1000, 5000)
"""Amounts that are offered as a cap."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants to do with real money."""

    cap: Decimal | None = None
    bot: BotView | None = None
    others: bool = False

    @property
    def line(self) -> str:
        """Return the line that asks for it, without a cap."""
        return "/mode production" + (f" bot={self.bot.id}" if self.bot else "") + (" others=yes" if self.others else "")


def not_served(ctx: Context) -> Failure | None:
    """Say how an engine that cannot trade real money is made to; None when it can."""
    if any(each.mode is REAL for each in ctx.desk.engine().accounts):
        return None
    return Failure(
        problem=_("This engine has no account for that mode."),
        field="mode",
        value=REAL.value,
        accepted=_("start it with: batuta run --mode production; it starts disarmed"),
    )


def _not_an_owner(ctx: Context) -> Failure | None:
    if ctx.person.role is Role.OWNER:
        return None
    return Failure(
        problem=_("Your role does not allow this. Nothing was done."),
        field="role",
        value=ctx.person.role.name.lower(),
        accepted=Role.OWNER.name.lower(),
    )


async def arm(ctx: Context, wish: Wish) -> Answer:
    """Return the checklist, or the plan to let bots trade real money up to a cap; lowering the cap is done at once."""
    if ctx.checkup is None:
        return Failure(problem=_("Nothing can be checked here, so nothing can be armed."))
    before = ctx.desk.engine().caps.get(REAL)
    if wish.cap is not None and before is not None and wish.cap <= before and wish.bot is None:
        return await _lower_cap(ctx, wish.cap, before)
    refused = _not_an_owner(ctx)
    if refused is not None:
        return refused
    findings = await ctx.checkup.readiness(REAL, await _symbols(ctx, wish.bot))
    open_points = _open_points(findings, wish)
    if open_points or wish.cap is None:
        return _checklist(ctx, wish, findings, len(open_points))
    if wish.bot is not None:
        return await _move(ctx, wish, wish.bot, findings)
    return _arming(ctx, wish, wish.cap, findings)


async def move_armed(ctx: Context, bot: BotView) -> Answer:
    """Return the plan to start ``bot`` anew with real money, within the cap that is set."""
    refused = _not_an_owner(ctx)
    return refused if refused is not None else await _move(ctx, Wish(bot=bot), bot, ())


async def disarm(ctx: Context) -> Reply:
    """Take real money out of use at once."""
    outcome = await ctx.desk.ask(DisarmMode(at=ctx.clock_now, by=ctx.person.id, mode=REAL))
    kept = [each for each in ctx.desk.bots() if each.status.active and each.spec.mode is REAL]
    count = ngettext("{count} bot", "{count} bots", len(kept)).format(count=len(kept))
    done = Card(
        title=_("Production is disarmed"),
        fields=(Field(_("Paused"), count),),
        mode=REAL,
        note=_("Orders are being taken off the book. What bots hold stays; exits and /stop still work."),
        buttons=(Button(_("Bots"), "/bots"), Button(_("Mode"), "/mode")),
    )
    return receipt((outcome,), done)


async def back_to_shadow(ctx: Context, bot: BotView) -> Reply:
    """Stop a bot of real money at once, keep its coins, and go on with the same grid in shadow mode."""
    stopped = await ctx.desk.ask(StopBot(at=ctx.clock_now, by=ctx.person.id, bot=bot.id, sell=False))
    fields = [Field(_("Stopped"), bot_name(bot)), Field(_("Kept"), _("what it holds, on the exchange"))]
    spec = msgspec.structs.replace(bot.spec, mode=Mode.SHADOW)
    try:
        plan = await ctx.desk.plan(spec)
    except ExchangeUnavailable as error:
        return receipt((stopped,), _moved_back(bot, [*fields, Field(_("No shadow bot"), str(error))]))
    if plan.problems:
        fields.append(Field(_("No shadow bot"), said(plan.problems[0].problem)))
        return receipt((stopped,), _moved_back(bot, fields))
    start = StartBot(at=ctx.clock_now, by=ctx.person.id, spec=plan.spec, market=plan.market)
    started = await ctx.desk.ask(start)
    fields.append(Field(_("Started"), _("bot {number}, in shadow mode").format(number=started.bot)))
    return receipt((stopped, started), _moved_back(bot, fields))


def _moved_back(bot: BotView, fields: Sequence[Field]) -> Card:
    return Card(
        title=_("{bot} trades real money no longer").format(bot=bot_name(bot)),
        fields=tuple(fields),
        mode=Mode.SHADOW,
        buttons=(Button(_("Bots"), "/bots"), Button(_("Mode"), "/mode")),
    )


async def _lower_cap(ctx: Context, cap: Decimal, before: Decimal) -> Reply:
    outcome = await ctx.desk.ask(ArmMode(at=ctx.clock_now, by=ctx.person.id, mode=REAL, cap=cap))
    return receipt((outcome,), _armed(ctx, cap, before))


async def _symbols(ctx: Context, bot: BotView | None) -> list[str]:
    pairs = ctx.settings.pair_selection
    liked = {
        MarketKind.SPOT: pairs.spot_pairs.preferred_symbols,
        MarketKind.PERPETUAL: pairs.futures_pairs.preferred_symbols,
    }
    try:
        found = [each.symbol for each in await ctx.desk.markets() if f"{each.base}{each.quote}" in liked[each.kind]]
    except ExchangeUnavailable:
        found = []
    return found + ([bot.spec.symbol] if bot is not None else [])


def _open_points(findings: Sequence[Finding], wish: Wish) -> list[Finding]:
    waived = {Check.OTHERS} if wish.others else set[Check]()
    bad = [each for each in findings if each.grade is Grade.BAD]
    # What could not be asked is not waived by a person who has not seen it.
    return [each for each in bad if each.check not in waived or "unknown" in each.facts]


def _checklist(ctx: Context, wish: Wish, findings: Sequence[Finding], open_points: int) -> Card:
    title = ngettext(
        "Production cannot be armed: {count} point is open", "Production cannot be armed: {count} points are open",
        open_points,
    ).format(count=open_points)  # fmt: skip
    cap = "" if wish.cap is None else f" cap={plain(wish.cap)}"
    buttons = [Button(_("Look again"), wish.line + cap)]
    if not open_points:
        title = _("Everything is ready: with how much may bots trade at most?")
        quote = ctx.settings.exchange.quote
        most = ctx.settings.risk_management.max_total_exposure
        offered = [each for each in CAPS if each <= most]
        buttons = [Button(amount(Decimal(each), quote), f"{wish.line} cap={each}", danger=True) for each in offered]
    return Card(
        title=title,
        fields=tuple(finding_fields(findings)),
        mode=REAL,
        note=_("Nothing was changed. A cap is what all bots of real money together may hold and bid for."),
        buttons=(*buttons, Button(_("Mode"), "/mode")),
    )


def _arming(ctx: Context, wish: Wish, cap: Decimal, findings: Sequence[Finding]) -> Planned:
    quote, before = ctx.settings.exchange.quote, ctx.desk.engine().caps.get(REAL)
    fields = [Field(_("Cap"), amount(cap, quote)), Field(_("Worst case"), _("all of it is lost"))]
    if before is not None:
        fields.insert(0, Field(_("Cap before"), amount(before, quote)))
    return Planned(
        card=Card(
            title=_("Let bots trade real money, up to {cap}?").format(cap=amount(cap, quote)),
            fields=(*fields, *_beyond(ctx, cap), *finding_fields(findings)),
            mode=REAL,
            note=_("It is confirmed with a one-time code from the server. One tap takes it back."),
        ),
        controls=lambda plan, by, at: (ArmMode(at=at, by=by, plan=plan, mode=REAL, cap=cap),),
        receipt=lambda outcomes: receipt(outcomes, _armed(ctx, cap, before)),
        state=f"{before} {_fingerprint(findings)}",
        confirm_label=_("Arm production"),
        danger=True,
    )


def _armed(ctx: Context, cap: Decimal, before: Decimal | None) -> Card:
    quote = ctx.settings.exchange.quote
    fields = [Field(_("Cap"), amount(cap, quote))]
    if before is not None:
        fields.append(Field(_("Cap before"), amount(before, quote)))
    return Card(
        title=_("Production is armed: bots may trade real money, up to {cap}").format(cap=amount(cap, quote)),
        fields=(*fields, *_beyond(ctx, cap)),
        mode=REAL,
        note=_("Paused bots stay paused until somebody resumes them."),
        buttons=(
            Button(_("Back to shadow"), "/mode shadow"),
            Button(_("Start a grid"), "/grid"),
            Button(_("Mode"), "/mode"),
        ),
    )


def _beyond(ctx: Context, cap: Decimal) -> list[Field]:
    """Say so when the bots of real money were planned with more than the cap lets them use."""
    used = _at_work(ctx)
    if used <= cap:
        return []
    text = _("planned with {used}, above the cap: past it they buy nothing more, and what they hold is not sold")
    return [Field(_("Bots at work"), text.format(used=amount(used, ctx.settings.exchange.quote)))]


def _at_work(ctx: Context) -> Decimal:
    alike = [each for each in ctx.desk.bots() if each.status.active and each.spec.mode is REAL]
    return sum((each.spec.investment * each.spec.leverage for each in alike), ZERO)


async def _move(ctx: Context, wish: Wish, bot: BotView, findings: Sequence[Finding]) -> Answer:
    plan = await ctx.desk.plan(msgspec.structs.replace(bot.spec, mode=REAL))
    before = ctx.desk.engine().caps.get(REAL)
    cap = wish.cap if wish.cap is not None and (before is None or wish.cap > before) else None
    # What the cap of this very plan allows is no problem of the plan.
    left = [each for each in plan.problems if cap is None or each.field not in ("mode", "cap")]
    over = None if cap is None else _over(ctx, plan, cap)
    if over is not None:
        return over
    if left:
        return problem_replies(ctx, msgspec.structs.replace(plan, problems=tuple(left)))
    card = plan_card(plan)
    quote = plan.market.quote
    fields = [Field(_("Stops"), _("{bot} in shadow mode; it keeps its simulated coins").format(bot=bot_name(bot)))]
    if cap is not None:
        fields.append(Field(_("Arms production"), _("up to {cap}").format(cap=amount(cap, quote))))
    doubtful = [each for each in findings if each.grade is not Grade.GOOD]
    title = _("Move {bot} to production, with {amount} of real money?")
    return Planned(
        card=msgspec.structs.replace(
            card,
            title=title.format(bot=bot_name(bot), amount=amount(plan.spec.investment, quote)),
            fields=(*fields, *finding_fields(doubtful), *card.fields),
        ),
        controls=lambda plan_id, by, at: _controls(plan, bot, cap, (plan_id, by, at)),
        receipt=lambda outcomes: _receipt(bot, plan, outcomes),
        quote={plan.spec.symbol: plan.ticker.last, "size": plan.quantity},
        state=f"{bot.id} {bot.status} {before} {_fingerprint(findings)} {sum(slot.full for slot in plan.slots)}",
        confirm_label=_("Move to production"),
        danger=True,
        in_order=True,
    )


def _over(ctx: Context, plan: GridPlan, cap: Decimal) -> Failure | None:
    least = _at_work(ctx) + plan.spec.investment * plan.spec.leverage
    if least <= cap:
        return None
    return Failure(
        problem=_("The bot would pass the cap."),
        field="cap",
        value=plain(cap),
        accepted=_("at least {cap}").format(cap=amount(least, plan.market.quote)),
    )


def _controls(
    plan: GridPlan, bot: BotView, cap: Decimal | None, signed: tuple[str, str, Millis]
) -> tuple[Control, ...]:
    plan_id, by, at = signed
    start = StartBot(at=at, by=by, plan=plan_id, spec=plan.spec, market=plan.market)
    stop = StopBot(at=at, by=by, plan=plan_id, bot=bot.id, sell=False)
    if cap is None:
        return start, stop
    return ArmMode(at=at, by=by, plan=plan_id, mode=REAL, cap=cap), start, stop


def _receipt(bot: BotView, plan: GridPlan, outcomes: Sequence[Outcome]) -> Reply:
    number = next((each.bot for each in outcomes if isinstance(each.event, StartBot)), 0)
    done = Card(
        title=_("Bot {number} {symbol} trades real money with {amount}").format(
            number=number, symbol=plan.spec.symbol, amount=amount(plan.spec.investment, plan.market.quote)
        ),
        fields=(Field(_("Stopped"), bot_name(bot)),),
        mode=REAL,
        note=_("Every fill will be reported."),
        buttons=(
            Button(_("Show it"), f"/bots {number}"),
            Button(_("Set a stop loss"), f"/sl {number}"),
            Button(_("Back to shadow"), f"/mode shadow bot={number}"),
        ),
    )
    return receipt(outcomes, done)


def _fingerprint(findings: Sequence[Finding]) -> str:
    return " ".join(f"{each.check}:{each.grade}" for each in findings)


def where_money_is_real(ctx: Context) -> str:
    """Say whether real money may move now."""
    engine = ctx.desk.engine()
    if not_served(ctx) is not None:
        return _("cannot move: this engine runs {mode}").format(mode=words.mode(engine.mode))
    cap = engine.caps.get(REAL)
    if cap is None:
        return _("does not move: production is not armed")
    return _("may move, up to {cap}").format(cap=amount(cap, ctx.settings.exchange.quote))
