"""What was proposed, read back from the journal, which alone remembers it over a restart."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from data.decisions import Decision, Rule
from data.grids import GridSpec
from data.values import Millis, Mode
from engine.desk import Desk
from engine.views import BotView

SELECTOR = "pairs"
"""Who starts a bot that nobody asked for, as ``StartBot.by`` says."""
READ = 200
"""Newest decisions about the whole engine among which proposals are looked for."""
GRID = ("market", "lower", "upper", "levels", "investment")
"""Inputs of a decision that together are the proposed grid."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One market that was proposed, with its grid; prices and investment in quote."""

    decision: str
    at: Millis
    symbol: str
    lower: Decimal
    upper: Decimal
    levels: int
    investment: Decimal

    @property
    def plan(self) -> str:
        """Return the id of the plan that starts it; the step carries out each plan at most once."""
        return f"{SELECTOR}-{self.decision}"

    def spec(self, mode: Mode) -> GridSpec:
        """Return its grid as it may be asked for in ``mode``."""
        return GridSpec(
            symbol=self.symbol, mode=mode, lower=self.lower, upper=self.upper, levels=self.levels,
            investment=self.investment,
        )  # fmt: skip


def proposal_of(decision: Decision) -> Proposal | None:
    """Return what a decision proposes; None when it is about something else or does not name a whole grid."""
    if decision.rule is not Rule.MARKET_PROPOSED:
        return None
    known = {each.name: each.value for each in reversed(decision.inputs)}
    if not all(name in known for name in GRID):
        return None
    try:
        return Proposal(
            decision=decision.id, at=decision.at, symbol=known["market"], lower=Decimal(known["lower"]),
            upper=Decimal(known["upper"]), levels=int(known["levels"]), investment=Decimal(known["investment"]),
        )  # fmt: skip
    except (InvalidOperation, ValueError):
        return None


def proposals(desk: Desk, since: Millis) -> list[Proposal]:
    """Return what was proposed at or after ``since``, oldest first: of one round the best first."""
    found = [proposal_of(each) for each in desk.decisions(0, READ) if each.at >= since]
    return [each for each in reversed(found) if each is not None]


def started(desk: Desk) -> dict[str, int]:
    """Return the bots that the selector ever started, at work or not, by the plan that they were started by."""
    return {bot.plan: bot.id for bot in desk.bots() if bot.by == SELECTOR and bot.plan}


def at_work(desk: Desk) -> Sequence[BotView]:
    """Return the bots at work that the selector started: what its allowance is used up by."""
    return [bot for bot in desk.bots() if bot.by == SELECTOR and bot.status.active]
