"""How patient an adapter is with the streams of an exchange."""

from __future__ import annotations

import msgspec


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds; the defaults suit an exchange far away."""

    silence_seconds: float = 10
    """How long prices may stand still before they are asked for."""
    mark_silence_seconds: float = 10
    """How long mark prices, which come by the second on a stream of their own, may stand still."""
    probe_seconds: float = 60
    """How often a user stream's word is checked by asking for fills."""
    settling_seconds: float = 10
    """Age from which on a fill that no stream told counts as untold."""
    poll_seconds: float = 5
    """How often is asked where there is no stream."""
    trade_silence_seconds: float = 60
    """How long a stream of trades may say nothing before it is asked whether there were any."""
