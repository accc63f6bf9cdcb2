"""What a bot wants after something has changed, and what a tick means for it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from data.decisions import Alternative, Input, Rule
from data.orders import Draft


class Wish(msgspec.Struct, kw_only=True):
    """What one bot wants after a change: orders to place and client ids to cancel."""

    drafts: list[Draft] = []
    cancels: list[str] = []
    alternatives: list[Alternative] = []
    completed: bool = False
    """The bot has just come to its end."""
    rule: Rule | None = None
    """What the bot did of itself on this occasion; None when it only answered to the change."""
    inputs: list[Input] = []

    def want_off(self, orders: Iterable[str]) -> None:
        """Want orders off the book; each is asked for once."""
        self.cancels += [each for each in dict.fromkeys(orders) if each not in self.cancels]

    def add(self, other: Wish) -> None:
        """Want what ``other`` wants as well."""
        self.drafts += other.drafts
        self.want_off(other.cancels)
        self.alternatives += other.alternatives
        self.completed = self.completed or other.completed
        self.rule = self.rule or other.rule
        self.inputs += other.inputs


class Verdict(msgspec.Struct, kw_only=True):
    """What a tick means for one bot: the rule that fired, what it was judged on, and what it wants."""

    rule: Rule
    inputs: list[Input]
    wish: Wish
