"""Turning an outcome into its journal entry, and a journal back into state."""

from __future__ import annotations

from collections.abc import Iterable

from data.events import BalanceMoved
from data.journal import Entry
from data.market import Ticker
from engine.core import Engine
from engine.outcome import Outcome
from engine.state import EngineState


class ReplayDiverged(Exception):
    """Stepping a journaled event again gave another outcome than the journal says: code or journal changed."""

    def __init__(self, entry: Entry, again: Entry) -> None:
        """Keep what the journal says and what stepping gave."""
        names = [name for name in Entry.__struct_fields__ if getattr(entry, name) != getattr(again, name)]
        super().__init__(
            f"journal sequence {entry.sequence}: stepping the {type(entry.event).__name__} again gives other "
            f"{', '.join(names)}. Another version of Batuta wrote it, or it was changed. Start the version that wrote "
            f"it, stop it cleanly (that keeps its state beside the journal), and upgrade then."
        )
        self.entry, self.again = entry, again


def entry_of(outcome: Outcome, state: EngineState) -> Entry:
    """Return the entry for a durable outcome, with the market prices the step could see."""
    return Entry(
        sequence=outcome.sequence,
        at=outcome.event.at,
        event=outcome.event,
        seen=_seen(outcome, state),
        decisions=outcome.decisions,
        approved=tuple(approved.draft.client_id for approved in outcome.approved),
        cancels=tuple(request.client_id for request in outcome.cancels),
        problem=outcome.problem,
    )


def _seen(outcome: Outcome, state: EngineState) -> tuple[Ticker, ...]:
    """Return the tickers the step read: its bots' markets, and every traded one when risk weighed all bots together."""
    if isinstance(outcome.event, BalanceMoved):
        # What is not quote was valued at any market that a bot ever had.
        return tuple(state.tickers[symbol] for symbol in sorted(state.tickers))
    if not outcome.decisions:
        return ()
    symbols = {state.bots[decision.bot].market.symbol for decision in outcome.decisions if decision.bot}
    if outcome.bot == 0 or outcome.approved or outcome.refused:
        symbols |= {bot.market.symbol for bot in state.active_bots()}
    return tuple(state.tickers[symbol] for symbol in sorted(symbols) if symbol in state.tickers)


def rebuild(engine: Engine, entries: Iterable[Entry]) -> int:
    """Step the journaled events again and return how many. Raises ``ReplayDiverged`` at the first difference."""
    count = 0
    for entry in entries:
        for ticker in entry.seen:
            engine.state.tickers[ticker.symbol] = ticker
        outcome = engine.step(entry.event)
        again = entry_of(outcome, engine.state)
        if again != entry:
            raise ReplayDiverged(entry, again)
        count += 1
    return count
