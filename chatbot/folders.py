"""The files of one home directory: names in one place."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from data.values import Mode


class Folders:
    """Paths below ``home``. Asking for a folder makes it."""

    def __init__(self, home: Path) -> None:
        """Lay out ``home``; it is made when it is not there. Raises OSError when it cannot be."""
        try:
            home.mkdir(parents=True, exist_ok=True)
            usable, why = os.access(home, os.R_OK | os.W_OK | os.X_OK), os.strerror(errno.EACCES)
        except OSError as error:
            usable, why = False, error.strerror or str(error)
        if not usable:
            raise OSError(f"home: {home} cannot be used ({why}); accepted: a folder that may be written to")
        self.home = home

    @property
    def database(self) -> Path:
        """Return the engine's database."""
        return self.home / "batuta.sqlite"

    def books(self, mode: Mode) -> Path:
        """Return the engine's database: what happened with test money is kept apart from the rest."""
        return self.home / "batuta-testnet.sqlite" if mode is Mode.TESTNET else self.database

    def account(self, name: str) -> Path:
        """Return the database of a simulated exchange account."""
        return self.home / f"account-shadow-{name}.sqlite"

    @property
    def recording(self) -> Path:
        """Return the file that says which recorded candles are being played, and since when."""
        return self.home / "recording.json"

    @property
    def heartbeat(self) -> Path:
        """Return the file whose age says whether the engine is alive."""
        return self.home / "heartbeat"

    @property
    def charts(self) -> Path:
        """Return the folder of charts shown on the console."""
        return self._folder("charts")

    @property
    def backups(self) -> Path:
        """Return the folder of database copies."""
        return self._folder("backups")

    def _folder(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir(exist_ok=True)
        return folder
