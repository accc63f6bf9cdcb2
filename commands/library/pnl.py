"""See profit and loss, with its chart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from commands.context import Context
from commands.format import zone_of
from commands.matching import bot_name, no_bots, one_bot
from commands.pictures import pnl_series
from commands.plan import Answer
from commands.registry import Param, command
from commands.reply import Button, Chart, Failure, Reply, Text
from commands.results import pnl_card
from commands.standing import midnight_before
from config.language import _
from data.values import Millis
from engine.views import BotView

_PERIOD = re.compile(r"(\d{1,4})([hdw])")
_LENGTHS = {"h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_ALL = "all"


@command()
async def pnl(
    ctx: Context,
    bot: Annotated[str | None, Param("number or market of the bot, or all", complete="bot")] = None,
    period: Annotated[str, Param("such as 24h, 7d, 4w, today or all")] = "",
) -> Answer:
    """See profit and loss, with its chart

    The total comes first, then what it is made of: grid profit of finished cycles, what is still open, fees; and
    next to it what buying and holding would have made.
    Examples: /pnl · /pnl 7d · /pnl 1 · /pnl 1 30d · /pnl all today
    """
    which = bot
    if bot is not None and not period and _since(ctx, bot) is not None:
        which, period = None, bot
    period = period.strip().lower() or _ALL
    since = _since(ctx, period)
    if since is None:
        return _bad_period(period)
    if which is None or which.lower() == _ALL:
        return _together(ctx, since, period)
    found = one_bot(ctx.desk, which, "/pnl {}", active=False)
    return _chart(ctx, [found], since, period) if isinstance(found, BotView) else found


def _since(ctx: Context, period: str) -> Millis | None:
    word = period.strip().lower()
    if word == _ALL:
        return 0
    if word == "today":
        return midnight_before(ctx.clock_now, zone_of(ctx))
    match = _PERIOD.fullmatch(word)
    if match is None or int(match[1]) == 0:
        return None
    return max(0, ctx.clock_now - int(match[1]) * _LENGTHS[match[2]])


def _bad_period(period: str) -> Failure:
    return Failure(
        problem=_("This is no period."),
        field="period",
        value=period,
        accepted=_("a number of hours, days or weeks such as 24h, 7d, 4w; or today; or all"),
        buttons=tuple(Button(each, f"/pnl all {each}") for each in ("24h", "7d", "30d", _ALL)),
    )


def _together(ctx: Context, since: Millis, period: str) -> Reply | tuple[Reply, ...]:
    """Money of different modes or currencies is never added up: each has its own chart."""
    groups: dict[tuple[str, str], list[BotView]] = {}
    for bot in ctx.desk.bots():
        if bot.stopped_at is None or bot.stopped_at >= since:
            groups.setdefault((bot.spec.mode, bot.market.quote), []).append(bot)
    if not groups:
        return no_bots()
    return tuple(_chart(ctx, group, since, period) for group in groups.values())


def _chart(ctx: Context, bots: Sequence[BotView], since: Millis, period: str) -> Reply:
    known = [bot for bot in bots if bot.profit is not None]
    if not known:
        names = ", ".join(bot_name(bot) for bot in bots)
        return Text(
            text=_("{bots}: the market has not been seen since the start; books follow with it.").format(bots=names),
            buttons=(Button(_("Try again"), "/pnl"),),
        )
    name = bot_name(known[0]) if len(known) == 1 else _("{count} bots").format(count=len(known))
    series = pnl_series(ctx.desk, known, since, ctx.clock_now, f"{name}, {period}")
    return Chart(caption=pnl_card(known, series, period), picture=series)
