"""What an event did to the state, handed from booking to deciding."""

from __future__ import annotations

import msgspec

from data.decisions import Input, Rule
from data.orders import Order
from engine.grid.slots import Slot
from engine.state import Bot


class Change(msgspec.Struct, kw_only=True):
    """What an event did to the state, and which rule asks for a decision."""

    durable: bool = True
    bot: Bot | None = None
    """The bot to decide for; None together with ``everyone`` False asks for no decision."""
    revalued: Bot | None = None
    """A bot whose books alone changed."""
    everyone: bool = False
    slot: Slot | None = None
    """Decide for this slot alone."""
    order: Order | None = None
    rule: Rule | None = None
    inputs: list[Input] = []
    resend: bool = False
    recancel: bool = False
    problem: str = ""


IGNORED = Change(durable=False)
BOOKED = Change()


def refused(problem: str) -> Change:
    """Return the change of a control that cannot be carried out: none."""
    return Change(durable=False, problem=problem)
