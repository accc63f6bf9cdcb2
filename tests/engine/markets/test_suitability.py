"""What is found about a market, young ones included."""

from __future__ import annotations

from collections.abc import Sequence

from data.market import Candle
from data.values import Millis
from engine.clock import ManualClock
from engine.markets.service import MarketService
from engine.markets.suitability import facts_of
from tests.engine.markets.asked import NOW, SYMBOL, Asked


class Young(Asked):
    """A market without a single bar yet."""

    async def candles_since(self, symbol: str, timeframe: str, since: Millis, limit: int) -> Sequence[Candle]:
        """Return nothing."""
        return []


async def test_a_market_without_bars_has_no_range_and_no_trend() -> None:
    clock = ManualClock(NOW)
    exchange = Young(clock)
    await exchange.open(lambda _: None)
    service = MarketService(exchange, clock, streamed=lambda _: None, most_bytes=20_000_000)
    facts = await facts_of(service, await exchange.market(SYMBOL))
    await exchange.close()
    assert (facts.atr_percent, facts.adx) == (None, None)
    assert facts.depth is not None
    assert facts.depth > 0
