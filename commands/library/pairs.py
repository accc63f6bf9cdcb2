"""See which markets are proposed, why others are not, and what may be started unasked."""

from __future__ import annotations

from commands import words
from commands.context import Context
from commands.format import amount, duration
from commands.matching import bot_name
from commands.plan import Answer
from commands.proposals import plan_line
from commands.registry import command
from commands.reply import Button, Card, Field, Table
from commands.sayings.recogniser import said
from config.language import _, ngettext
from data.values import ZERO, Millis, Mode, plain
from engine.desk import AgentView, Note
from engine.selection.proposals import SELECTOR, Proposal, at_work, proposals, started

DAY: Millis = 86_400_000
SHOWN = 6
"""Proposals of the last day that are listed, and bots with a button."""


@command()
async def pairs(ctx: Context) -> Answer:
    """See which markets are proposed, and why others are not

    A proposal is a grid that somebody confirms. The settings' pair_selection.open may let some be started unasked: so
    many bots and so much money at once, and no more.
    Examples: /pairs
    """
    agent = next((each for each in ctx.agents.agents() if each.name == SELECTOR), None)
    notes = agent.notes if agent is not None else ()
    became = {each.name: each for each in notes if each.subject == "proposal"}
    return (_overview(ctx, agent, became), _round(ctx, [each for each in notes if each.subject == "market"]))


def _overview(ctx: Context, agent: AgentView | None, became: dict[str, Note]) -> Card:
    known, own = started(ctx.desk), at_work(ctx.desk)
    recent = proposals(ctx.desk, ctx.clock_now - DAY)[::-1]
    traded = {bot.market.symbol for bot in ctx.desk.bots() if bot.status.active}
    waiting = [each for each in recent if each.plan not in known and each.symbol not in traded]
    fields = [Field(_("Selector"), _selector(ctx, agent)), *_permission(ctx)]
    fields += [Field(bot_name(each), amount(each.spec.investment, each.market.quote)) for each in own[:SHOWN]]
    fields += [Field(f"#{each.decision} {each.symbol}", _told(ctx, each, known, became)) for each in recent[:SHOWN]]
    plans = tuple(Button(_("Plan {symbol}").format(symbol=each.symbol), _plan(each)) for each in waiting[:SHOWN])
    stops = tuple(Button(_("Stop {bot}").format(bot=each.id), f"/stop {each.id}", danger=True) for each in own[:SHOWN])
    count = len(waiting)
    open_ = ngettext("{n} proposal is open", "{n} proposals are open", count).format(n=count)
    return Card(
        title=open_ if waiting else _("No proposal is open"),
        fields=tuple(fields),
        mode=ctx.desk.engine().new_bots,
        buttons=(*plans, *stops, Button(_("Refresh"), "/pairs")),
    )


def _selector(ctx: Context, agent: AgentView | None) -> str:
    wanted = ctx.settings.pair_selection
    if agent is None:
        return _("off: pair_selection.enabled of the settings lets it look for markets")
    every = _("looks for markets every {hours} h").format(hours=wanted.update_interval_hours)
    return every if agent.healthy else _("ill: {error}").format(error=agent.last_error)


def _permission(ctx: Context) -> list[Field]:
    """Say what may be started unasked, and what of it is used up."""
    allowed, quote = ctx.settings.pair_selection.open, ctx.settings.exchange.quote
    label = _("Started unasked")
    if not allowed.enabled:
        return [Field(label, _("nothing; somebody starts each"))]
    mode, own = Mode(allowed.mode), at_work(ctx.desk)
    where = words.mode(mode)
    if mode is Mode.PRODUCTION and mode not in ctx.desk.engine().caps:
        where = _("{mode}, which is not armed: nothing is started").format(mode=where)
    used = sum((each.spec.investment for each in own), ZERO)
    of = _("{used} of {most}")
    return [
        Field(label, where),
        Field(_("Bots so far"), of.format(used=len(own), most=allowed.most_bots)),
        Field(_("Invested so far"), of.format(used=plain(used), most=amount(allowed.most_investment, quote))),
    ]


def _told(ctx: Context, found: Proposal, known: dict[str, int], became: dict[str, Note]) -> str:
    quote = found.symbol.partition(":")[0].partition("/")[2]
    text = _("{lower} – {upper}, {levels} lines, {money}, {age} ago").format(
        lower=plain(found.lower), upper=plain(found.upper), levels=found.levels,
        money=amount(found.investment, quote), age=duration(ctx.clock_now - found.at),
    )  # fmt: skip
    if found.plan in known:
        return f"{text}: " + _("bot {number} was started").format(number=known[found.plan])
    note = became.get(found.decision)
    return text if note is None else f"{text}: " + _("not started, {why}").format(why=said(note.said))


def _plan(found: Proposal) -> str:
    return plan_line(
        {
            "market": found.symbol, "lower": plain(found.lower), "upper": plain(found.upper),
            "levels": str(found.levels), "investment": plain(found.investment),
        }
    )  # fmt: skip


def _round(ctx: Context, looked: list[Note]) -> Table:
    title = _("Last round")
    if looked:
        title = _("Last round, {age} ago").format(age=duration(ctx.clock_now - looked[0].at))
    return Table(
        title=title,
        columns=(_("Market"), _("What became of it")),
        rows=tuple((each.name, said(each.said)) for each in looked),
        empty=_("No market was looked at since the start."),
    )
