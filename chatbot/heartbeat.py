"""The sign of life in a file: for health checks of containers, and for saying how long the engine was away."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from data.values import Millis

_STOPPED = "stopped"


class Heartbeat:
    """Writes and reads the file. A file that cannot be read counts as no sign of life."""

    def __init__(self, file: Path) -> None:
        """Use ``file``; it need not exist."""
        self._file = file

    def beat(self, now: Millis) -> None:
        """Say that the engine is alive. Raises OSError."""
        self._write(_written(now))

    def end(self, now: Millis) -> None:
        """Say that the engine stopped as it was told. Raises OSError."""
        self._write(f"{_written(now)} {_STOPPED}")

    def last(self) -> Millis | None:
        """Return the time of the last sign, whatever it was."""
        read = self._read()
        return read[0] if read else None

    def alive(self, now: Millis, within: Millis) -> bool:
        """Return whether an engine that was not stopped gave a sign less than ``within`` milliseconds ago."""
        read = self._read()
        return read is not None and not read[1] and now - read[0] < within

    def _write(self, sign: str) -> None:
        # A full disk takes the new sign, and not the last one with it; nobody reads half a sign.
        draft = self._file.with_name(f"{self._file.name}.part")
        draft.write_text(f"{sign}\n", encoding="utf-8")
        draft.replace(self._file)

    def _read(self) -> tuple[Millis, bool] | None:
        try:
            at, _space, rest = self._file.read_text(encoding="utf-8").strip().partition(" ")
            return int(datetime.fromisoformat(at).timestamp() * 1000), rest == _STOPPED
        except (OSError, ValueError):
            return None


def _written(now: Millis) -> str:
    return datetime.fromtimestamp(now / 1000, UTC).isoformat()
