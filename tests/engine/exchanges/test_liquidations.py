"""What the exchange does to a position by itself is noticed at once, whatever it calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.grids import MarginMode
from tests.engine.exchanges.live import Perpetual, opened, rest, restored


@pytest.mark.parametrize("execution", ["CALCULATED", "TRADE"])
@pytest.mark.parametrize("grid", [True, False])
async def test_a_liquidation_has_the_books_compared(tmp_path: Path, execution: str, grid: bool) -> None:
    async with opened(Perpetual(tmp_path)) as venue:
        futures = venue.server.usdm
        await venue.exchange.prepare(venue.symbol, 10, MarginMode.ISOLATED)
        await rest(venue)
        await venue.through("bt-1-1-0b1")
        if grid:
            await rest(venue, "bt-1-1-1b1")
        (position,) = await venue.exchange.positions()
        assert position.liquidation_price is not None
        futures.liquidation_execution = execution
        before = restored(venue.inbox)
        futures.set_mark("BTCUSDT", position.liquidation_price - 1)
        await venue.inbox.until(lambda: restored(venue.inbox) > before or None)
        assert await venue.exchange.positions() == []
