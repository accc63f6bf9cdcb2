"""The second step of everything that moves money: propose, ask again when the world moved, run once, give a receipt."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from commands.authorise import allowed
from commands.context import Context
from commands.plan import Gone, Planned, Plans, Stored, moved, new_code
from commands.registry import Command, Tier
from commands.reply import Button, Failure, Proposal, Reply, Text
from config.language import _
from data.events import Control
from data.values import Millis
from engine.clock import Clock
from engine.outcome import Outcome

_log = logging.getLogger(__name__)


class Confirmations:
    """Turns what handlers plan into proposals, and confirmed proposals into controls."""

    def __init__(
        self,
        *,
        plans: Plans,
        clock: Clock,
        announce: Callable[[str], None],
        lifetime: Millis,
        tolerance_percent: Decimal,
        code: Callable[[], str] = new_code,
    ) -> None:
        """Keep plans for ``lifetime`` ms; ``announce`` prints one-time codes where only the operator reads."""
        self._plans, self._clock, self._announce, self._code = plans, clock, announce, code
        self._lifetime, self._tolerance = lifetime, tolerance_percent
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def propose(
        self, ctx: Context, command: Command, arguments: dict[str, Any], planned: Planned, again: str = ""
    ) -> Proposal:
        """Store a plan and return what is shown of it; ``again`` says why it is asked once more."""
        stored = self._plans.put(
            planned, person=ctx.person.id, command=command.name, arguments=arguments,
            now=self._clock.now(), lifetime=self._lifetime,
        )  # fmt: skip
        note = "\n".join(part for part in (again, planned.card.note) if part)
        return Proposal(
            plan_id=stored.id, card=msgspec.structs.replace(planned.card, note=note), expires_at=stored.expires_at,
            confirm=Button(planned.confirm_label or _("Confirm"), f"/confirm {stored.id}", planned.danger),
            discard=Button(_("Discard"), f"/discard {stored.id}"),
        )  # fmt: skip

    async def confirm(self, ctx: Context, plan: str, code: str | None, /) -> Reply | tuple[Reply, ...]:
        """Run a plan of this person once, if it still is what was shown."""
        plan = plan.strip().lower()
        found = self._plans.look(plan, ctx.person.id, self._clock.now())
        if isinstance(found, Gone):
            return _gone(plan, found)
        command = ctx.registry.get(found.command)
        if command is None or not allowed(ctx.person, command):
            return Failure(problem=_("You may no longer do this. Nothing was done."))
        if command.tier is Tier.RISK:
            stopped = self._step_up(found, ctx.person.name, code)
            if stopped is not None:
                return stopped
        # No await since the look: of two taps at once, exactly one gets past this line.
        self._plans.take(plan, ctx.person.id, self._clock.now())
        # Two plans for the same, confirmed at once, would both find the world as it was before either.
        async with self._turns[found.command]:
            return await self._renewed(ctx, command, found)

    async def _renewed(self, ctx: Context, command: Command, found: Stored) -> Reply | tuple[Reply, ...]:
        planned = await command.handler(ctx, **found.arguments)
        if not isinstance(planned, Planned):
            return planned
        if planned.state != found.state:
            return self.propose(
                ctx, command, found.arguments, planned, _("Things changed meanwhile; please confirm again.")
            )
        if moved(found, planned, self._tolerance):
            return self.propose(ctx, command, found.arguments, planned, _("The price moved; please confirm again."))
        return await self._run(ctx, found.id, planned)

    def discard(self, ctx: Context, plan: str, /) -> Reply:
        """Drop a plan of this person."""
        found = self._plans.take(plan.strip().lower(), ctx.person.id, self._clock.now(), Gone.DISCARDED)
        return _gone(plan, found) if isinstance(found, Gone) else Text(text=_("Discarded. Nothing was done."))

    def _step_up(self, stored: Stored, name: str, typed: str | None) -> Reply | None:
        if not self._plans.challenged(stored.id):
            code = self._code()
            self._plans.challenge(stored.id, self._clock.now() + self._lifetime, code)
            self._announce(
                _("{person} asks for /{command}. One-time code: {code}").format(
                    person=name, command=stored.command, code=code
                )
            )
            asked = _("This raises risk. A one-time code was printed on the server; send:\n/confirm {plan} CODE")
            return Text(text=asked.format(plan=stored.id))
        if typed is None:
            return Failure(
                problem=_("The one-time code is missing. Nothing was done."),
                accepted=_("the code printed on the server: /confirm {plan} CODE").format(plan=stored.id),
            )  # fmt: skip
        if not self._plans.fits(stored.id, typed):
            return Failure(
                problem=_("That is not the code. Nothing was done."),
                accepted=_("the code printed on the server; after three wrong ones the plan is dropped"),
            )  # fmt: skip
        return None

    async def _run(self, ctx: Context, plan: str, planned: Planned) -> Reply:
        outcomes: list[Outcome] = []
        try:
            controls = planned.controls(plan, ctx.person.id, self._clock.now())
            for control in _distinct(plan, controls):
                outcomes.append(await ctx.desk.ask(control))
                if planned.in_order and outcomes[-1].problem:
                    break
            if planned.act is not None:
                await planned.act(plan)
            return planned.receipt(outcomes)
        except Exception:
            error_id = secrets.token_hex(4)
            _log.exception("plan %s broke off, error %s", plan, error_id)
            return Failure(
                problem=_("The plan broke off, and part of it may have been done. Error {id}.").format(id=error_id),
                accepted=_("see what is true now before you try again"), buttons=(Button(_("Bots"), "/bots"),),
            )  # fmt: skip


def _distinct(plan: str, controls: tuple[Control, ...]) -> tuple[Control, ...]:
    # The engine applies a plan id at most once; a plan of several controls needs one id for each.
    if len(controls) < 2:
        return controls
    return tuple(
        msgspec.structs.replace(each, plan=f"{plan}-{number}") if each.plan == plan else each
        for number, each in enumerate(controls, 1)
    )


def _gone(plan: str, why: Gone) -> Failure:
    problem = {
        Gone.UNKNOWN: _("There is no such plan. Nothing was done."),
        Gone.USED: _("This plan was confirmed before. It runs once, not again."),
        Gone.EXPIRED: _("This plan has expired. Nothing was done."),
        Gone.DISCARDED: _("This plan was discarded. Nothing was done."),
        Gone.FOREIGN: _("This plan belongs to somebody else. Nothing was done."),
    }[why]
    if why in (Gone.USED, Gone.DISCARDED):
        # The ordinary double tap: nothing is wrong, and nothing else is asked for.
        return Failure(problem=problem)
    return Failure(problem=problem, field="plan", value=plan, accepted=_("a plan of yours that is still open"))
