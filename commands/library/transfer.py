"""Move money between the wallets of an account."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec
from annotated_types import Gt

from commands import phrases, words
from commands.cards import line_button
from commands.context import Context
from commands.format import amount as money
from commands.matching import unavailable
from commands.plan import Answer, Planned
from commands.registry import Param, Role, Tier, command
from commands.reply import Button, Card, Failure, Field, Reply
from config.language import _
from data.market import MarketKind
from data.values import ZERO, Mode, floor_to, plain
from engine.exchanges.base import ExchangeUnavailable, NotPossible

_CENT = Decimal("0.01")


class Wallet(StrEnum):
    """Where money lies."""

    SPOT = "spot"
    FUTURES = "futures"

    @property
    def kind(self) -> MarketKind:
        """Return the kind of market it pays for."""
        return MarketKind.SPOT if self is Wallet.SPOT else MarketKind.PERPETUAL


class _Transfer(msgspec.Struct, frozen=True, kw_only=True):
    mode: Mode
    asset: str
    amount: Decimal
    source: Wallet
    target: Wallet


@command(role=Role.OWNER, tier=Tier.MONEY, group="Act")
async def transfer(
    ctx: Context,
    amount: Annotated[Decimal | None, Param("how much to move"), Gt(0)] = None,
    source: Annotated[Wallet, Param("wallet it leaves")] = Wallet.SPOT,
    target: Annotated[Wallet, Param("wallet it goes to")] = Wallet.FUTURES,
    asset: Annotated[str | None, Param("what to move, by default the quote currency")] = None,
) -> Answer:
    """Move money between the spot and the futures wallet

    It stays on your account at the exchange. What bots need in the wallet it leaves cannot be moved.
    Examples: /transfer 100 spot futures · /transfer 0.5 futures spot asset=BNB
    """
    wanted = _Transfer(
        mode=ctx.desk.engine().mode,
        asset=(asset or ctx.settings.exchange.quote).upper(),
        amount=amount or ZERO,
        source=source,
        target=target,
    )
    if source is target:
        return _failure("target", target.value, _("There is nothing to move within one wallet."), _("the other wallet"))
    try:
        free, loose = await _left(ctx, wanted)
    except ExchangeUnavailable as error:
        return unavailable(error)
    if amount is None:
        return await _ask(ctx, wanted)
    if amount > loose:
        problem = _("So much is not free of bots and orders in the {wallet} wallet.").format(wallet=source.value)
        return _failure("amount", plain(amount), problem, _("at most {amount}").format(amount=money(loose)))
    return _planned(ctx, wanted, free)


async def _ask(ctx: Context, wanted: _Transfer) -> Card:
    """Show what could be moved, and offer half and all of it."""
    fields, buttons = list[Field](), list[Button]()
    for source, target in ((Wallet.SPOT, Wallet.FUTURES), (Wallet.FUTURES, Wallet.SPOT)):
        way = msgspec.structs.replace(wanted, source=source, target=target)
        _free, loose = await _left(ctx, way)
        fields.append(Field(_("{source} to {target}").format(source=source, target=target), money(loose, way.asset)))
        for part in sorted({floor_to(loose / 2, _CENT), floor_to(loose, _CENT)} - {ZERO}):
            label = f"{money(part, way.asset)} → {target}"
            buttons += line_button(label, f"/transfer {plain(part)} {source} {target} {way.asset}")
    return Card(
        title=_("How much of {asset} shall be moved?").format(asset=wanted.asset),
        fields=tuple(fields),
        mode=wanted.mode,
        note=_("Only what no bot counts on can be moved."),
        buttons=(*buttons, Button(_("Balance"), "/balance")),
    )


async def _left(ctx: Context, wanted: _Transfer) -> tuple[Decimal, Decimal]:
    """Return what is free in the wallet, and how much of it no bot counts on."""
    held = [each for each in await ctx.desk.assets() if (each.mode, each.asset) == (wanted.mode, wanted.asset)]
    mine = [each for each in held if each.wallet is wanted.source.kind]
    free = sum((each.free for each in mine), ZERO)
    beyond = sum((each.free + each.locked - each.in_bots for each in mine), ZERO)
    return free, max(ZERO, min(free, beyond))


def _planned(ctx: Context, wanted: _Transfer, free: Decimal) -> Planned:
    done: list[Reply] = []

    async def act(plan: str) -> None:
        done.append(await _moved(ctx, wanted, plan))

    text = _("Move {amount} from {source} to {target}?")
    title = text.format(
        amount=money(wanted.amount, wanted.asset), source=wanted.source.value, target=wanted.target.value
    )
    return Planned(
        card=Card(
            title=title,
            fields=(
                Field(_("Free before"), money(free, wanted.asset)),
                Field(_("Free after"), money(free - wanted.amount, wanted.asset)),
                Field(_("Account"), words.mode(wanted.mode)),
            ),
            mode=wanted.mode,
            note=phrases.mode_meaning(wanted.mode),
        ),
        controls=lambda plan, by, at: (),
        act=act,
        receipt=lambda outcomes: done[0],
        confirm_label=_("Move it"),
        danger=True,
    )


async def _moved(ctx: Context, wanted: _Transfer, key: str) -> Reply:
    source, target = wanted.source.kind, wanted.target.kind
    see = (Button(_("Balance"), "/balance"),)
    try:
        number = await ctx.desk.transfer(wanted.mode, wanted.asset, wanted.amount, source, target, key)
    except NotPossible as error:
        return Failure(problem=str(error), buttons=see)
    except ExchangeUnavailable as error:
        problem = _("It is not known whether it was done: {error}").format(error=error)
        return Failure(problem=problem, accepted=_("look at the balance before you try again"), buttons=see)
    title = _("Moved {amount} from {source} to {target}")
    return Card(
        title=title.format(
            amount=money(wanted.amount, wanted.asset), source=wanted.source.value, target=wanted.target.value
        ),
        fields=(Field(_("Number"), number),),
        mode=wanted.mode,
        buttons=see,
    )


def _failure(field: str, value: str, problem: str, accepted: str) -> Failure:
    return Failure(problem=problem, field=field, value=value, accepted=accepted)
