"""A whole Batuta on an invented market, with time in the test's hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chatbot.app import App
from chatbot.charts.renderer import render
from chatbot.folders import Folders
from commands.context import Person
from commands.registry import Role
from commands.reply import GridPicture, PnlSeries
from config.schema import Settings
from data.values import Millis
from engine.clock import ManualClock
from engine.exchanges.base import Exchange
from engine.exchanges.simulated import SimulatedExchange

START: Millis = 1_767_225_600_000
"""2026-01-01T00:00Z, where the clock of simulated Discord begins too."""


class OwnPictures:
    """Charts drawn in this process: one import of the drawing library serves all tests."""

    async def png(self, picture: PnlSeries | GridPicture) -> bytes:
        """Return the PNG."""
        return render(picture)


class World:
    """The engine and everything around it but the chat."""

    def __init__(self, home: Path, model_url: str = "", **sections: object) -> None:
        """Lay everything out below ``home``; nothing runs yet.

        ``model_url`` is where a language model answers, ``sections`` are settings of this world alone.
        """
        self.clock = ManualClock(START)
        self.announced: list[str] = []
        self.pictures = OwnPictures()
        self.folders = Folders(home)
        model = {"enabled": True, "base_url": model_url, "model_settings": {"timeout_seconds": 2}} if model_url else {}
        settings = Settings.model_validate({"exchange": {"name": "simulated"}, "ai_agent": model, **sections})
        self.app = App(settings, self.folders, self.venues(settings), self.clock, announce=self.announced.append)

    def venues(self, settings: Settings) -> Sequence[Exchange]:
        """Return the exchanges of this world."""
        return [SimulatedExchange(clock=self.clock, balances=settings.paper.initial_balances, seed=5)]

    def code(self) -> str:
        """Return the pairing code that was printed on the server."""
        return self.announced[-1].split()[-1]

    def let_in(self, identity: str, role: Role) -> None:
        """Give somebody a role, as the operator could."""
        self.app.people.put(Person(id=identity, name="Ana", role=role))

    def active_bots(self) -> Sequence[int]:
        """Return the numbers of the bots at work."""
        return [each.id for each in self.app.desk.bots() if each.status.active]
