"""Halt all trading, let it only reduce, or free it."""

from __future__ import annotations

from typing import Annotated

from commands import words
from commands.cards import receipt
from commands.context import Context
from commands.plan import Answer, Planned
from commands.registry import Param, Role, Tier, command
from commands.reply import Button, Card, Field
from commands.sayings.recogniser import said
from config.language import _
from data.advice import TradingState
from data.events import SetTradingState
from engine.desk import EngineView

# From the safest to the freest: towards the front one tap is enough.
_FREEDOM = (TradingState.HALTED, TradingState.REDUCING, TradingState.ACTIVE)


@command(role=Role.TRADER, tier=Tier.RISK, group="Act")
async def trading(
    ctx: Context, state: Annotated[TradingState | None, Param("what all bots together may do")] = None
) -> Answer:
    """Halt all trading, let it only reduce, or free it

    Halted: nothing but cancels. Reducing: only sells of what is held. Lowering works at once; freeing is confirmed
    with a one-time code from the server, and risk may limit again.
    Examples: /trading · /trading halted · /trading active
    """
    engine = ctx.desk.engine()
    if state is None or state is engine.trading_state:
        return _now(engine, said(engine.trading_state_reason))
    if _FREEDOM.index(state) < _FREEDOM.index(engine.trading_state):
        control = SetTradingState(at=ctx.clock_now, by=ctx.person.id, state=state)
        return receipt((await ctx.desk.ask(control),), _now(ctx.desk.engine(), ""))
    return _planned(engine, state)


def _planned(engine: EngineView, state: TradingState) -> Planned:
    before, after = engine.trading_state, state
    changes = [Field(_("Before"), words.trading_state(before)), Field(_("After"), words.trading_state(after))]
    if engine.trading_state_reason:
        changes.append(Field(_("It was limited because"), said(engine.trading_state_reason)))
    fields = tuple(changes)
    done = Card(
        title=words.trading_state(after).capitalize(),
        fields=fields,
        mode=engine.mode,
        buttons=(Button(_("Undo"), f"/trading {before}"), Button(_("Status"), "/status")),
    )
    return Planned(
        card=Card(
            title=_("Let all bots trade more freely?"),
            fields=fields,
            mode=engine.mode,
            note=_("Risk may limit trading again at any time."),
        ),
        controls=lambda plan, by, at: (SetTradingState(at=at, by=by, plan=plan, state=after),),
        receipt=lambda outcomes: receipt(outcomes, done),
        state=f"{before} {engine.trading_state_reason}",
        danger=True,
    )


def _now(engine: EngineView, reason: str) -> Card:
    state = engine.trading_state
    labels = {
        TradingState.HALTED: _("Halt"),
        TradingState.REDUCING: _("Only reduce"),
        TradingState.ACTIVE: _("Free trading"),
    }
    others = [each for each in _FREEDOM if each is not state]
    buttons = [Button(labels[each], f"/trading {each}", danger=each is TradingState.ACTIVE) for each in others]
    fields = (Field(_("Because"), reason),) if reason else ()
    return Card(
        title=words.trading_state(state).capitalize(),
        fields=fields,
        mode=engine.mode,
        buttons=(*buttons, Button(_("Status"), "/status")),
    )
