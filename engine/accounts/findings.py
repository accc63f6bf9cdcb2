"""What a checkup may find, and how bad it is."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Check(StrEnum):
    """What is looked at."""

    KEY = "key"
    """The exchange accepts it, for this mode."""
    WITHDRAWAL = "withdrawal"
    """The key cannot take money away."""
    ADDRESS = "address"
    """The key works from fixed network addresses alone."""
    RIGHTS = "rights"
    """The key may trade the configured kinds of market."""
    CLOCK = "clock"
    POSITION_MODE = "position_mode"
    """Perpetual positions are kept as one per market."""
    ASSET_MODE = "asset_mode"
    """Each quote stands for the losses of its own perpetuals alone."""
    RECORD = "record"
    """Bots were tried out in shadow mode."""
    LIMITS = "limits"
    CHAT = "chat"
    """Somebody can be told what happens."""
    OTHERS = "others"
    """No other installation has orders on the account."""
    BACKUP = "backup"
    MODE = "mode"
    """The engine has an account for the mode."""
    LISTED = "listed"
    FILTERS = "filters"
    """The market would accept a bot's orders as they are planned."""
    REFUSED = "refused"
    """No order of a bot waits because it was refused, as on a market that is closed."""
    STREAM = "stream"
    FOREIGN = "foreign"
    """Nobody else's orders rest on a bot's market."""


class Grade(StrEnum):
    """How bad it is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found; ``facts`` are by name, and the same names for the same check and grade."""

    check: Check
    grade: Grade
    facts: dict[str, str] = {}
