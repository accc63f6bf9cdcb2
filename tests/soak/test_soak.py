"""A short soak: half a minute of what ``make soak-live`` does for half an hour, and everything goes wrong sooner."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.engine import Sample
from tests.soak.figures import Seen, slope, verdict
from tests.soak.run import Plan, Soak

SECONDS, BOTS = 25.0, 6


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_many_bots_keep_exact_books_on_an_exchange_where_things_go_wrong(tmp_path: Path) -> None:
    plan = Plan(bots=BOTS, seconds=SECONDS, every_seconds=5, reconcile_seconds=10, weather_seconds=4)

    result = await Soak(plan, tmp_path / "home").run()

    assert (result.amiss, result.doubled, result.mistakes) == ([], [], []), result.log
    assert result.seen[-1].inside.bots == BOTS
    assert result.trades > SECONDS
    assert sum(result.faults.values()) > 0
    assert result.weather


def test_memory_that_grows_in_the_second_half_alone_is_seen() -> None:
    still = [seen(number, 100 + min(number, 5)) for number in range(20)]
    growing = [seen(number, 100 + max(0, number - 10) / 2) for number in range(20)]

    assert slope(still) == 0
    assert verdict(still) == "memory flat: 100.0 MiB, 105.0 half-way, 105.0 at the end; +0.0 MiB/h in the second half"
    assert slope(growing) == pytest.approx(60)
    assert "GROWING" in verdict(growing)


def seen(number: int, resident: float) -> Seen:
    """Return a sample taken half a minute after the one before."""
    inside = Sample(resident=resident, tasks=1, sockets=1, entries=1, orders=1, bots=1, waiting=0)
    return Seen(number * 30.0, inside, 1.0, 1, 1)
