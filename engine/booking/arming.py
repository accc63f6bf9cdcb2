"""Arming: whether the bots of a mode of real money may trade, and with how much. A person alone decides it."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from data.decisions import Input, Rule
from data.events import ArmingControl, ArmMode, StopReason
from data.grids import GridSpec
from data.values import ZERO, Mode, plain
from engine.grid.plan import Problem
from engine.rules.change import Change, refused
from engine.state import EngineState
from engine.views import BotStatus

CENT = Decimal("0.01")


def apply_arming(state: EngineState, event: ArmingControl) -> Change:
    """Book that a mode is armed or disarmed; a refused control changes nothing."""
    if event.plan and event.plan in state.plans:
        return refused(f"plan {event.plan} was carried out before; nothing was changed")
    change = _arm(state, event) if isinstance(event, ArmMode) else _disarm(state, event.mode)
    if change.durable and event.plan:
        state.plans[event.plan] = 0
    return change


def arming_problems(state: EngineState, spec: GridSpec) -> list[Problem]:
    """Return why a bot of real money may not start now: its mode is not armed, or its cap would be passed."""
    if not state.may_trade(spec.mode):
        text = f"{spec.mode} is not armed: no order of its bots would leave"
        return [Problem(field="mode", value=spec.mode.value, problem=text, accepted="arm it first, see /mode")]
    cap = state.armed.get(spec.mode)
    if cap is None:
        return []
    alike = [bot for bot in state.active_bots() if bot.spec.mode is spec.mode]
    room = cap - sum((bot.books.invested * bot.spec.leverage for bot in alike), ZERO)
    if spec.investment * spec.leverage <= room:
        return []
    text = f"all {spec.mode} bots together would hold and bid for more than the cap of {plain(cap)}"
    most = plain(max(ZERO, room / spec.leverage).quantize(CENT, ROUND_FLOOR))
    accepted = f"at most {most}, or a higher cap, see /mode"
    return [Problem(field="cap", value=plain(spec.investment), problem=text, accepted=accepted)]


def _arm(state: EngineState, event: ArmMode) -> Change:
    allowed = state.limits.armed if state.limits else ()
    if event.mode is not Mode.PRODUCTION or event.mode not in allowed:
        running = ", ".join(allowed) or "nothing"
        return refused(f"mode: {event.mode} cannot be armed by an engine that runs {running}; accepted: production")
    if not event.cap.is_finite() or event.cap <= ZERO:
        return refused(f"cap: {event.cap} is no amount; accepted: more than 0")
    before = state.armed.get(event.mode)
    state.armed[event.mode] = event.cap
    for bot in state.active_bots():
        if bot.spec.mode is event.mode:
            bot.unblock()
    inputs = [Input("mode", event.mode.value), Input("cap", plain(event.cap))]
    inputs.append(Input("cap before", plain(before) if before is not None else "none"))
    return Change(everyone=True, rule=Rule.ARM_MODE, inputs=inputs)


def _disarm(state: EngineState, mode: Mode) -> Change:
    if mode not in state.armed:
        return refused(f"mode: {mode} is not armed; nothing was changed")
    del state.armed[mode]
    for bot in state.active_bots():
        if bot.spec.mode is mode and bot.status is BotStatus.RUNNING:
            bot.status = BotStatus.PAUSED
        elif bot.spec.mode is mode and bot.status is BotStatus.STARTING:
            # Half an inventory is no grid that could be resumed, and half a position would have nobody to guard it.
            bot.stop(StopReason.PERSON, sell=bot.market.perpetual)
    return Change(everyone=True, rule=Rule.DISARM_MODE, inputs=[Input("mode", mode.value)])
