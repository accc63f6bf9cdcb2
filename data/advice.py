"""What agents say: read-only view in, advice out, always with an expiry."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from data.values import Millis


class TradingState(StrEnum):
    """What the risk gate lets through. Cancels always pass."""

    ACTIVE = "active"
    REDUCING = "reducing"
    """Only orders that lower exposure: sells of what is held."""
    HALTED = "halted"
    """Nothing but cancels and the closing sale of a bot that is being stopped."""

    @property
    def strictness(self) -> int:
        """Return 0, 1 or 2: the stricter of two states is the one that counts."""
        return _STRICTNESS[self]


_STRICTNESS = {state: number for number, state in enumerate(TradingState)}


class TradingStateAdvised(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Risk asks for a trading state and hands over the marks it judged on, so that they survive a restart."""

    state: TradingState
    peak_equity: Decimal
    day_start_equity: Decimal
    day: int
    """UTC day number (milliseconds // 86,400,000) that ``day_start_equity`` belongs to."""


class OrdersAdvised(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The grid agent found the open orders of a bot to differ from the desired ones and asks to decide again."""

    bot: int


class MarketProposed(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The pair selector found a market that suits a grid, and which one. It is started by a person's word alone."""

    symbol: str
    lower: Decimal
    upper: Decimal
    levels: int
    """Number of price lines."""
    investment: Decimal
    """Quote."""


What = TradingStateAdvised | OrdersAdvised | MarketProposed


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """One agent's word on one subject. Stale advice (``expires_at`` passed) is ignored; silence means *abstain*."""

    agent: str
    what: What
    confidence: Decimal
    """0 to 1."""
    reason: str
    evidence: dict[str, str]
    expires_at: Millis
