"""The lengths of candles that people may ask for."""

from __future__ import annotations

from enum import StrEnum


class Timeframe(StrEnum):
    """Length of one candle."""

    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    QUARTER = "15m"
    HOUR = "1h"
    FOUR_HOURS = "4h"
    DAY = "1d"
