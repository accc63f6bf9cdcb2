"""Death at an appointed instant, seen from the process that dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import msgspec

from data.journal import Journal


class Orders(msgspec.Struct, frozen=True):
    """What one run of a child is to do: where it lives, and when it dies."""

    home: str
    seed: int
    deadly: str = ""
    """``before_commit``, ``after_commit``, ``before_submit``, ``after_submit``, or empty: not by its own hand."""
    count: int = 0
    """The how-manieth such instant is the last."""
    port: int = 0
    """Of the exchange, where the home does not say."""


class Reaper:
    """Ends the process at the appointed instant."""

    def __init__(self, orders: Orders) -> None:
        self._deadly, self._left = orders.deadly, orders.count

    def pass_by(self, instant: str) -> None:
        """Count one instant; never return from the last one."""
        if instant == self._deadly:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class MortalJournal(Journal):
    """A journal whose commits may be the last thing that happens."""

    reaper: Reaper

    def commit(self, *beside: Callable[[], object]) -> None:
        """Commit, perhaps dying before or after."""
        self.reaper.pass_by("before_commit")
        super().commit(*beside)
        self.reaper.pass_by("after_commit")
