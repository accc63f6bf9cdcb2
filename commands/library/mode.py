"""See where money is real, let it be, or take it back."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from annotated_types import Gt

from commands import phrases, words
from commands.ceremony import (
    REAL,
    Wish,
    arm,
    back_to_shadow,
    disarm,
    move_armed,
    not_served,
    where_money_is_real,
)
from commands.context import Context
from commands.format import profit
from commands.matching import bot_name, one_bot
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command
from commands.reply import Button, Card, Failure, Field
from config.language import _
from data.values import Mode
from engine.views import BotView

SHOWN = 15
"""Bots listed one by one."""


@command(role=Role.TRADER, tier=Tier.RISK, group="System")
async def mode(
    ctx: Context,
    mode: Annotated[Mode | None, Param("shadow or production")] = None,
    cap: Annotated[Decimal | None, Param("most that all bots of real money may hold and bid for"), Gt(0)] = None,
    bot: Annotated[str | None, Param("number of the bot to move, by default all", complete="bot")] = None,
    others: Annotated[bool, Param("arm although another installation has orders on the account")] = False,
) -> Answer:
    """See where money is real, let bots trade it, or take it back

    Production shows a checklist and asks for a cap; an owner confirms it with a one-time code from the server. Back to
    shadow is one tap: orders leave the book, what bots hold stays. A bot that moves is started anew with the same grid.
    Examples: /mode · /mode production cap=500 · /mode production bot=3 cap=500 · /mode shadow · /mode shadow bot=3
    """
    if mode is None:
        return _overview(ctx)
    if mode is Mode.TESTNET:
        return _chosen_at_the_start()
    if bot is None:
        return await (_all_back(ctx) if mode is Mode.SHADOW else _all_live(ctx, Wish(cap=cap, others=others)))
    found = one_bot(ctx.desk, bot, f"/mode {mode} bot={{}}")
    if not isinstance(found, BotView):
        return found
    if found.spec.mode is mode:
        return Card(
            title=_("{bot} is a {mode} bot already").format(bot=bot_name(found), mode=words.mode(mode)),
            fields=(),
            mode=mode,
            buttons=(Button(bot_name(found), f"/bots {found.id}"),),
        )
    if mode is Mode.SHADOW:
        return await back_to_shadow(ctx, found)
    return await _one_live(ctx, Wish(cap=cap, bot=found, others=others), found)


async def _all_live(ctx: Context, wish: Wish) -> Answer:
    failure = not_served(ctx)
    return failure if failure is not None else await arm(ctx, wish)


async def _one_live(ctx: Context, wish: Wish, bot: BotView) -> Answer:
    failure = not_served(ctx)
    if failure is not None:
        return failure
    before = ctx.desk.engine().caps.get(REAL)
    if before is not None and (wish.cap is None or wish.cap <= before):
        return await move_armed(ctx, bot)
    return await arm(ctx, wish)


async def _all_back(ctx: Context) -> Answer:
    return await disarm(ctx) if REAL in ctx.desk.engine().caps else _overview(ctx)


def _overview(ctx: Context) -> Card:
    engine = ctx.desk.engine()
    fields = [
        Field(_("Engine"), f"{words.mode(engine.mode)} ({engine.exchange})"),
        Field(_("Real money"), where_money_is_real(ctx)),
        Field(_("New bots"), words.mode(engine.new_bots)),
    ]
    active = [each for each in ctx.desk.bots() if each.status.active]
    fields += [Field(bot_name(each), _where(each)) for each in active[:SHOWN]]
    if len(active) > SHOWN:
        fields.append(Field("…", _("and {count} more").format(count=len(active) - SHOWN)))
    if not_served(ctx) is not None:
        fields.append(Field(_("For real money"), _("start it with: batuta run --mode production; it starts disarmed")))
    return Card(
        title=_("Mode: {mode}").format(mode=words.mode(engine.new_bots)),
        fields=tuple(fields),
        mode=engine.new_bots,
        note=phrases.mode_meaning(engine.new_bots),
        buttons=_buttons(ctx),
    )


def _where(bot: BotView) -> str:
    books = bot.profit
    result = words.status(bot.status) if books is None else profit(books.change, books.invested, bot.market.quote)
    return f"{words.mode(bot.spec.mode)}, {result}"


def _buttons(ctx: Context) -> tuple[Button, ...]:
    buttons = [Button(_("Status"), "/status"), Button(_("Bots"), "/bots")]
    if REAL in ctx.desk.engine().caps:
        buttons.insert(0, Button(_("Back to shadow"), "/mode shadow"))
    elif not_served(ctx) is None:
        buttons.insert(0, Button(_("Checklist"), "/mode production"))
    return tuple(buttons)


def _chosen_at_the_start() -> Failure:
    return Failure(
        problem=_("The test environment has an engine of its own."),
        field="mode",
        value=Mode.TESTNET.value,
        accepted=_("start it with: batuta run --mode testnet"),
    )
