"""What is kept of markets: for how long an answer is fresh, and what asking for it costs."""

from __future__ import annotations

from data.cache.words import Kind
from data.values import Millis
from engine.exchanges.live_prices import FRESH

_SECOND: Millis = 1_000
_MINUTE = 60 * _SECOND

TICKER, DAYS, BOOK, TRADES = "ticker", "days", "book", "trades"
FUNDING_RATE, OPEN_INTEREST, CANDLES, STATISTICS = "funding_rate", "open_interest", "candles", "statistics"

KINDS = (
    Kind(name=TICKER, ttl=2 * _SECOND, least_ttl=_SECOND, most_ttl=FRESH, cost=2, prefetch=False),
    # One question for all markets of a kind, and a heavy one.
    Kind(name=DAYS, ttl=_MINUTE, least_ttl=30 * _SECOND, most_ttl=5 * _MINUTE, cost=80),
    Kind(name=BOOK, ttl=5 * _SECOND, least_ttl=2 * _SECOND, most_ttl=10 * _SECOND, cost=5),
    Kind(name=TRADES, ttl=5 * _SECOND, least_ttl=2 * _SECOND, most_ttl=15 * _SECOND, cost=25, prefetch=False),
    Kind(name=FUNDING_RATE, ttl=_MINUTE, least_ttl=10 * _SECOND, most_ttl=10 * _MINUTE),
    Kind(name=OPEN_INTEREST, ttl=_MINUTE, least_ttl=10 * _SECOND, most_ttl=10 * _MINUTE),
    # How old bars may be depends on their length too: ``Candles`` asks for fresher ones where it must.
    Kind(name=CANDLES, ttl=30 * _SECOND, least_ttl=5 * _SECOND, most_ttl=5 * _MINUTE, cost=2),
    # No question to the exchange, but seconds of another process.
    Kind(name=STATISTICS, ttl=15 * _MINUTE, least_ttl=15 * _MINUTE, most_ttl=15 * _MINUTE, cost=10, prefetch=False),
)
"""Weights as Binance counts them; where another exchange counts otherwise, they still rank what is worth keeping."""
