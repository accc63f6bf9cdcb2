"""Lets every agent look at its own interval: one job per agent, so that one that takes its time delays no other."""

from __future__ import annotations

from functools import partial

from scheduler.registry import Every, Job, JobContext


def jobs(context: JobContext) -> tuple[Job, ...]:
    """Return one job per agent."""
    return tuple(
        Job(
            name=f"agent_{agent.name}",
            what=agent.what,
            trigger=Every(agent.interval_seconds),
            run=partial(context.tick_agent, agent.name),
        )
        for agent in context.agents
    )
