"""Let a bot's grid follow the price, or keep it where it is."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import msgspec

from commands.cards import receipt
from commands.context import Context
from commands.format import amount, price
from commands.matching import bot_name, one_bot
from commands.moves import limit_word, step_fields
from commands.plan import Answer, Planned
from commands.registry import Param, Role, Tier, command
from commands.reply import Button, Card, Failure, Field
from config.language import _
from data.events import SetTrailing
from engine.views import BotView


class _Limits(msgspec.Struct, frozen=True):
    up: Decimal | None
    down: Decimal | None


@command(role=Role.TRADER, tier=Tier.MONEY, group="Act")
async def trail(
    ctx: Context,
    bot: Annotated[str | None, Param("number or market of the bot", complete="bot")] = None,
    up: Annotated[str, Param("highest price its top line may follow to, or none")] = "",
    down: Annotated[str, Param("lowest price its bottom line may follow to, or none")] = "",
) -> Answer:
    """Let a bot's grid follow the price, up to a limit

    No order is sent at market. A step against what the bot holds realises a loss, which you see before you confirm.
    Examples: /trail 1 up=72000 · /trail 1 down=50000 · /trail 1 up=none down=none
    """
    found = one_bot(ctx.desk, bot, "/trail {}")
    if not isinstance(found, BotView):
        return found
    before = _Limits(found.spec.trail_up, found.spec.trail_down)
    try:
        after = _Limits(_read(up, before.up), _read(down, before.down))
    except ValueError as error:
        accepted = _("a price such as 65000, or none")
        return Failure(problem=_("This is no price."), field="up", value=str(error), accepted=accepted)
    if not (up or down) or after == before:
        return _card(found, before, _("{bot}: the grid follows"))
    return await _change(ctx, found, before, after)


async def _change(ctx: Context, bot: BotView, before: _Limits, after: _Limits) -> Answer:
    refusal = _impossible(bot, after)
    if refusal is not None:
        return refusal
    done = _card(bot, after, _("{bot}: the grid now follows"), before)
    if {after.up, after.down} <= {None, before.up, before.down} and after.down in (None, before.down):
        # Following less far never costs more than following on.
        at = ctx.clock_now
        outcome = await ctx.desk.ask(SetTrailing(at=at, by=ctx.person.id, bot=bot.id, up=after.up, down=after.down))
        return receipt((outcome,), done)
    return Planned(
        card=_card(bot, after, _("{bot}: shall the grid follow?")),
        controls=lambda plan, by, at: (SetTrailing(at=at, by=by, plan=plan, bot=bot.id, up=after.up, down=after.down),),
        receipt=lambda outcomes: receipt(outcomes, done),
        state=f"{bot.id}.{bot.version} {before} {after}",
        danger=after.down is not None and after.down != before.down,
    )


def _read(text: str, before: Decimal | None) -> Decimal | None:
    word = text.strip().lower()
    if not word:
        return before
    if word in ("none", "off"):
        return None
    try:
        value = Decimal(word)
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not value.is_finite() or value <= 0:
        raise ValueError(text)
    return value


def _impossible(bot: BotView, after: _Limits) -> Failure | None:
    tick, (low, high) = bot.market.filters.price_tick, (bot.lines[0], bot.lines[-1])
    if after.up is not None and after.up <= high and after.up != bot.spec.trail_up:
        accepted = _("a price above {price}").format(price=price(high, tick))
    elif after.down is not None and after.down >= low and after.down != bot.spec.trail_down:
        accepted = _("a price below {price}").format(price=price(low, tick))
    else:
        return None
    field = "up" if after.up is not None and after.up <= high else "down"
    value = str(getattr(after, field))
    return Failure(problem=_("The grid is there already."), field=field, value=value, accepted=accepted)


def _card(bot: BotView, limits: _Limits, title: str, before: _Limits | None = None) -> Card:
    tick, quote = bot.market.filters.price_tick, bot.market.quote
    fields = [
        Field(_("Range"), f"{price(bot.lines[0], tick)} – {price(bot.lines[-1], tick)} {quote}"),
        Field(_("Up to"), limit_word(limits.up, tick)),
        Field(_("Down to"), limit_word(limits.down, tick)),
    ]
    if bot.slots:
        loss = (bot.lines[-1] - bot.lines[0]) * max(slot.capacity for slot in bot.slots)
        fields += step_fields(bot.spec.direction, limits.up, limits.down, amount(loss, quote))
    buttons = [Button(bot_name(bot), f"/bots {bot.id}")]
    if before is not None:
        up, down = before.up or "none", before.down or "none"
        buttons.insert(0, Button(_("Undo"), f"/trail {bot.id} up={up} down={down}"))
    heading = title.format(bot=bot_name(bot))
    return Card(title=heading, fields=tuple(fields), mode=bot.spec.mode, buttons=tuple(buttons))
