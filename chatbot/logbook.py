"""Reading back the program's own log file for `/logs`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LONGEST = 300


class _Line(msgspec.Struct):
    event: str = ""
    level: str = "info"
    timestamp: str = ""


class LogBook:
    """The newest lines of a JSON log file. Secrets were taken out when they were written."""

    def __init__(self, file: Path) -> None:
        """Read ``file``; it need not exist yet."""
        self._file = file
        self._decode = msgspec.json.Decoder(_Line).decode

    def lines(self, count: int, level: str) -> Sequence[str]:
        """Return the newest ``count`` lines at or above ``level``, oldest first."""
        wanted = _LEVELS.index(level.upper())
        kept: deque[str] = deque(maxlen=count)
        if not self._file.exists():
            return ()
        with self._file.open(encoding="utf-8", errors="replace") as file:
            for raw in file:
                line = self._read(raw)
                if line is not None and _LEVELS.index(line.level.upper()) >= wanted:
                    kept.append(f"{line.timestamp[11:19]} {line.level.upper()} {line.event}"[:_LONGEST])
        return tuple(kept)

    def _read(self, raw: str) -> _Line | None:
        try:
            line = self._decode(raw)
        except msgspec.MsgspecError:
            return None
        return line if line.level.upper() in _LEVELS else None
