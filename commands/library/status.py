"""See how everything is, on one card."""

from __future__ import annotations

from commands import phrases, words
from commands.context import Context
from commands.format import amount, duration, profit, zone_of
from commands.plan import Answer
from commands.registry import command
from commands.reply import Button, Card, Field
from commands.sayings.recogniser import said
from commands.standing import Standing, standings
from config.language import _, ngettext
from data.advice import TradingState
from engine.views import BotStatus, BotView, RangePosition


@command()
async def status(ctx: Context) -> Answer:
    """See how everything is, on one card"""
    engine, now, bots = ctx.desk.engine(), ctx.clock_now, ctx.desk.bots()
    money = standings(ctx.desk, now, zone_of(ctx))
    at_work = [each for each in money if each.bots]
    active = [each for each in bots if each.status.active]
    # An engine for real money that is not armed moves none, unless bots of real money are still at work.
    mode = engine.mode if any(each.spec.mode is engine.mode for each in active) else engine.new_bots
    trading = words.trading(engine.trading_state)
    if engine.trading_state_reason and engine.trading_state is not TradingState.ACTIVE:
        person = ctx.people.get(engine.trading_state_reason)
        trading = f"{trading}: {person.name if person else said(engine.trading_state_reason)}"
    fields = [
        Field(_("Exchange"), f"{engine.exchange}, {_('connected') if engine.connected else _('NOT connected')}"),
        Field(_("Trading"), trading),
        Field(_("Bots"), _bots(active)),
        *(field for each in at_work for field in _money(each, named=len(at_work) > 1)),
        Field(_("Books checked"), _ago(engine.last_reconciled_at, now)),
        Field(_("Running for"), duration(now - engine.started_at)),
    ]
    return Card(
        title=_title(ctx, active, money),
        fields=tuple(fields),
        mode=mode,
        note=phrases.mode_meaning(mode),
        buttons=_buttons(active, engine.trading_state),
    )


def _title(ctx: Context, active: list[BotView], money: tuple[Standing, ...]) -> str:
    engine = ctx.desk.engine()
    if not engine.connected:
        return _("Not connected to {exchange}").format(exchange=engine.exchange)
    if engine.trading_state is not TradingState.ACTIVE:
        return words.trading_state(engine.trading_state).capitalize()
    count = ngettext("{count} bot", "{count} bots", len(active)).format(count=len(active))
    return _("{bots}, today {today}").format(bots=count, today=money[0].today_text) if money else count


def _bots(active: list[BotView]) -> str:
    if not active:
        return _("none")
    parts = []
    for each in BotStatus:
        count = sum(bot.status is each for bot in active)
        if count:
            parts.append(f"{count} {words.status(each)}")
    outside = sum(bot.position is not RangePosition.INSIDE for bot in active)
    if outside:
        parts.append(_("{count} out of range").format(count=outside))
    return ", ".join(parts)


def _money(money: Standing, *, named: bool) -> list[Field]:
    prefix = f"{words.mode(money.mode)} {money.quote}: " if named else ""
    total = profit(money.change, money.invested, money.quote)
    return [
        Field(prefix + _("Equity"), f"{amount(money.equity, money.quote)}, {total}"),
        Field(prefix + _("Today"), money.today_text),
    ]


def _ago(at: int | None, now: int) -> str:
    return _("not yet") if at is None else _("{age} ago").format(age=duration(now - at))


def _buttons(active: list[BotView], trading: TradingState) -> tuple[Button, ...]:
    buttons = [Button(_("Bots"), "/bots"), Button(_("P&L"), "/pnl"), Button(_("Balance"), "/balance")]
    if any(bot.status in (BotStatus.RUNNING, BotStatus.STARTING) for bot in active):
        buttons.append(Button(_("Pause all"), "/pause all"))
    if any(bot.status is BotStatus.PAUSED for bot in active):
        buttons.append(Button(_("Resume all"), "/resume all"))
    if trading is not TradingState.ACTIVE:
        buttons.append(Button(_("Trading"), "/trading"))
    if not active:
        buttons.append(Button(_("Start a grid"), "/grid"))
    return (*buttons, Button(_("Refresh"), "/status"))
