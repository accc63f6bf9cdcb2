"""See the scheduled jobs, and run, pause or resume one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, assert_never

from commands.context import Context
from commands.format import duration
from commands.plan import Answer
from commands.registry import Param, Role, Tier, command
from commands.reply import Button, Card, Failure, Field, Table
from config.language import _
from engine.desk import JobView


class Act(StrEnum):
    """What to do with a job."""

    PAUSE = "pause"
    RESUME = "resume"
    RUN = "run"


@command(role=Role.OWNER, tier=Tier.REVERSIBLE, group="System")
async def jobs(
    ctx: Context,
    act: Annotated[Act | None, Param("what to do with the job")] = None,
    name: Annotated[str | None, Param("name of the job")] = None,
) -> Answer:
    """See the scheduled jobs, or run, pause or resume one

    Examples: /jobs · /jobs run reconcile · /jobs pause digest · /jobs resume digest
    """
    known = ctx.jobs.jobs()
    if act is None:
        return Table(
            title=_("Jobs"),
            columns=(_("Job"), _("Next"), _("Last"), _("What it does")),
            rows=tuple(_row(ctx, each) for each in known),
            note="\n".join(f"{each.name}: {each.last_error}" for each in known if each.last_error),
            empty=_("Nothing is scheduled."),
            buttons=(Button(_("Refresh"), "/jobs"),),
        )
    found = next((each for each in known if each.name == name), None)
    if found is None:
        return _which(act, name, [each.name for each in known])
    return await _do(ctx, act, found)


async def _do(ctx: Context, act: Act, job: JobView) -> Answer:
    undo: tuple[Button, ...] = ()
    match act:
        case Act.RUN:
            await ctx.jobs.run(job.name)
            said = _("{job} has run")
        case Act.PAUSE:
            ctx.jobs.pause(job.name)
            said, undo = _("{job} is paused"), (Button(_("Resume"), f"/jobs resume {job.name}"),)
        case Act.RESUME:
            ctx.jobs.resume(job.name)
            said, undo = _("{job} runs again by itself"), (Button(_("Pause"), f"/jobs pause {job.name}"),)
        case _:
            assert_never(act)
    now = next((each for each in ctx.jobs.jobs() if each.name == job.name), job)
    fields = [Field(_("What it does"), _(job.what)), Field(_("Next"), _next(ctx, now))]
    if now.last_error:
        fields.append(Field(_("Last error"), now.last_error))
    buttons = (*undo, Button(_("Jobs"), "/jobs"))
    return Card(title=said.format(job=job.name), fields=tuple(fields), buttons=buttons)


def _which(act: Act, name: str | None, known: list[str]) -> Failure:
    return Failure(
        problem=_("Which job?") if name is None else _("There is no such job."),
        field="name",
        value=name or "",
        accepted=", ".join(known) or "–",
        buttons=tuple(Button(each, f"/jobs {act} {each}") for each in known[:10]),
    )


def _row(ctx: Context, job: JobView) -> tuple[str, ...]:
    last = "–" if job.last_at is None else _("{age} ago").format(age=duration(ctx.clock_now - job.last_at))
    return (job.name, _next(ctx, job), f"{last}, {_('failed')}" if job.last_error else last, _(job.what))


def _next(ctx: Context, job: JobView) -> str:
    if job.paused:
        return _("paused")
    return "–" if job.next_at is None else _("in {time}").format(time=duration(job.next_at - ctx.clock_now))
