"""What one step of the engine concluded."""

from __future__ import annotations

import msgspec

from data.decisions import Decision
from data.events import Event
from data.orders import Refused
from data.values import Mode
from engine.risk import Approved


class CancelRequest(msgspec.Struct, frozen=True):
    """An order of ours to take off the book. Cancels are never refused."""

    client_id: str
    symbol: str
    mode: Mode


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Result of ``Engine.step``. ``sequence`` is the journal number, or 0 when nothing durable changed."""

    sequence: int
    event: Event
    approved: tuple[Approved, ...] = ()
    cancels: tuple[CancelRequest, ...] = ()
    refused: tuple[Refused, ...] = ()
    decisions: tuple[Decision, ...] = ()
    bot: int = 0
    """Bot the event concerned or created; 0 when it concerned none."""
    problem: str = ""
    """Why a control was not carried out; empty when it was."""

    @property
    def durable(self) -> bool:
        """Return whether the step belongs in the journal."""
        return self.sequence > 0
