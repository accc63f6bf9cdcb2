"""What the engine cannot see by itself before real money is let loose: whether people are reached, and books copied."""

from __future__ import annotations

from collections.abc import Callable

from chatbot.folders import Folders
from data.outbox import Outbox
from data.values import Millis


class Surroundings:
    """Implements ``engine.accounts.checkup.Surroundings`` over the outbox and the files of a home."""

    def __init__(self, outbox: Outbox, folders: Folders, ring: Callable[[], None]) -> None:
        """Look into ``outbox`` and ``folders``; ``ring`` pushes a message to the owners."""
        self._outbox, self._folders, self._ring = outbox, folders, ring

    def told_at(self) -> Millis | None:
        """Return when a person last received a message nobody had asked for, or None."""
        return self._outbox.last_delivered()

    def ring(self) -> None:
        """Send the owners a message whose delivery shows that they can be reached."""
        self._ring()

    def backed_up_at(self) -> Millis | None:
        """Return when the books were last copied, or None."""
        copied = [round(file.stat().st_mtime * 1000) for file in self._folders.backups.iterdir() if file.is_file()]
        return max(copied, default=None)
