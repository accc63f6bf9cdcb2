"""A seeded walk of prices: quotes that move and outsiders that trade, for runs without a hand at the wheel."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from decimal import Decimal

from tests.servers.binance.market import Market
from tests.servers.binance.words import cut


class Walk:
    """Prices of some markets, pulled back to where they began, the same for the same seed."""

    def __init__(self, markets: Mapping[str, Market], seed: int, volatility: float = 0.001) -> None:
        self._markets = dict(markets)
        self._random = random.Random(seed)
        self._volatility = volatility
        self._origins = {name: float(market.mid) for name, market in markets.items()}
        self._prices = dict(self._origins)

    def step(self) -> None:
        """Move every market once, and let somebody trade at the new price."""
        for name, market in self._markets.items():
            if not market.spec.trading:
                continue
            home = self._origins[name]
            change = self._random.gauss(0, self._volatility) + 0.02 * (home / self._prices[name] - 1)
            self._prices[name] *= 1 + max(-0.05, min(0.05, change))
            self._move(market, Decimal(f"{self._prices[name]:.12f}"))

    def _move(self, market: Market, price: Decimal) -> None:
        tick, step = market.spec.tick, market.spec.step
        bid = max(cut(price, tick), tick)
        sizes = [cut(market.liquidity * Decimal(self._random.randint(1, 200)) / 100, step) for _ in range(3)]
        market.move(bid, bid + tick, max(sizes[0], step), max(sizes[1], step))
        taker_buys = self._random.random() < 0.5
        if amount := sizes[2] / 10 // step * step:
            market.trade(market.ask if taker_buys else market.bid, amount, "BUY" if taker_buys else "SELL")

    async def run(self, interval_seconds: float) -> None:
        """Step for ever."""
        while True:
            self.step()
            await asyncio.sleep(interval_seconds)
