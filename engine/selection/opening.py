"""Bots started unasked: only where a person allowed it, of proposals still fresh, each once, within what was allowed.

What was proposed, which of it led to a bot and how much is at work is read from the journal and the bots themselves, so
that a restart changes nothing. The allowance goes along with the control and the step itself keeps to it, as it keeps
to carrying out each plan once: whatever is asked twice, late or at the same time, no bot too many starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from data.advice import TradingState
from data.events import Allowance, StartBot
from data.values import Millis, Mode, plain
from engine.booking.allowance import beyond
from engine.desk import Desk, Note
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown, NotPossible
from engine.selection.proposals import SELECTOR, Proposal, at_work, proposals, started

if TYPE_CHECKING:
    from config.trading import PairOpening

FRESH: Millis = 1_800_000
"""Age from which a proposal is no longer opened unasked: it was made for the price of then."""
RETRY: Millis = 120_000
"""Least time between two attempts that need the exchange."""
PATIENCE_SECONDS = 8.0
"""How long planning and starting one bot may take."""
DAY: Millis = 86_400_000
log = structlog.get_logger(__name__)


class Opener:
    """Starts proposals within an allowance, one per look; ``notes`` says of each its bot, or why it was not started."""

    def __init__(self, allowed: PairOpening) -> None:
        """Keep to what a person allowed; nothing is started unless it says so."""
        self._allowed, self._mode = allowed, Mode(allowed.mode)
        self._allowance = Allowance(most_bots=allowed.most_bots, most_investment=allowed.most_investment)
        self._tried: dict[str, Millis] = {}
        self._notes: dict[str, Note] = {}

    def notes(self) -> Sequence[Note]:
        """Return what became of each proposal, in the order it was seen."""
        return tuple(self._notes.values())

    async def look(self, desk: Desk, now: Millis) -> bool:
        """Start the best proposal that may be started; return whether the exchange was asked for it."""
        if not self._allowed.enabled:
            return False
        self._forget(now)
        known = started(desk)
        for each in proposals(desk, now - FRESH):
            if each.plan in known:
                self._note(each, f"bot {known[each.plan]} was started", now)
                continue
            why = self._forbidden(desk, each)
            if why:
                self._refuse(each, why, now)
            elif now - self._tried.get(each.decision, now - RETRY) >= RETRY:
                self._tried[each.decision] = now
                await self._attempt(desk, each, now)
                return True
        return False

    def _forbidden(self, desk: Desk, proposal: Proposal) -> str:
        """Return why a proposal may not be started now, as far as that needs no exchange; or nothing."""
        state = desk.engine().trading_state
        if state is not TradingState.ACTIVE:
            return f"trading is {state.value}"
        if self._mode is Mode.PRODUCTION and self._mode not in desk.engine().caps:
            return f"{self._mode} is not armed"
        taken = next((bot for bot in desk.bots() if bot.status.active and bot.market.symbol == proposal.symbol), None)
        if taken is not None:
            return f"bot {taken.id} trades this market"
        return beyond(self._allowance, [bot.spec.investment for bot in at_work(desk)], proposal.investment)

    async def _attempt(self, desk: Desk, proposal: Proposal, now: Millis) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                why = await self._start(desk, proposal, now)
        except TimeoutError:
            # It may have been started nevertheless; the next look finds the bot, and the plan works once.
            why = "there was no answer in time"
        except (ExchangeUnavailable, MarketUnknown, NotPossible) as error:
            why = str(error)
        if why:
            self._refuse(proposal, why, now)

    async def _start(self, desk: Desk, proposal: Proposal, now: Millis) -> str:
        """Start a proposal and return nothing, or why it was not started."""
        plan = await desk.plan(proposal.spec(self._mode))
        if plan.problems:
            return str(plan.problems[0])
        if not proposal.lower < plan.ticker.last < proposal.upper:
            return f"price has left the range, it is {plain(plan.ticker.last)}"
        outcome = await desk.ask(
            StartBot(
                at=now, by=SELECTOR, plan=proposal.plan, spec=plan.spec, market=plan.market, allowance=self._allowance
            )
        )
        if outcome.problem:
            return outcome.problem
        log.info("proposal_opened", decision=proposal.decision, market=proposal.symbol, bot=outcome.bot)
        self._note(proposal, f"bot {outcome.bot} was started", now)
        return ""

    def _refuse(self, proposal: Proposal, why: str, now: Millis) -> None:
        if self._note(proposal, why, now):
            log.info("proposal_not_opened", decision=proposal.decision, market=proposal.symbol, reason=why)

    def _note(self, proposal: Proposal, said: str, now: Millis) -> bool:
        """Keep what became of a proposal; return whether that is news."""
        before = self._notes.get(proposal.decision)
        if before is not None and before.said == said:
            return False
        self._notes[proposal.decision] = Note(subject="proposal", name=proposal.decision, said=said, at=now)
        return True

    def _forget(self, now: Millis) -> None:
        self._notes = {name: note for name, note in self._notes.items() if now - note.at < DAY}
        self._tried = {name: at for name, at in self._tried.items() if now - at < FRESH}
