"""What an agent may start by itself: how many bots at once, and how much money in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from data.events import Allowance, StartBot
from data.values import ZERO, plain
from engine.state import EngineState


def allowance_problem(state: EngineState, event: StartBot) -> str:
    """Return why whoever asks may start no further bot, or nothing. Bots at work count as they were started."""
    if event.allowance is None:
        return ""
    own = [bot.spec.investment for bot in state.active_bots() if bot.by == event.by]
    return beyond(event.allowance, own, event.spec.investment)


def beyond(allowance: Allowance, invested: Sequence[Decimal], further: Decimal) -> str:
    """Return what one more bot of ``further`` (quote), beside those that ``invested``, would pass; or nothing."""
    if len(invested) >= allowance.most_bots:
        return f"bots: {len(invested)} that were started unasked are at work, and {allowance.most_bots} may be"
    used = sum(invested, ZERO)
    if used + further > allowance.most_investment:
        text = f"investment: {plain(used)} in bots that were started unasked and {plain(further)} more"
        return f"{text} would pass the cap of {plain(allowance.most_investment)}"
    return ""
