"""What charts are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from zoneinfo import ZoneInfo

import msgspec
import pytest

from commands.pictures import pnl_series
from commands.standing import midnight_before, standings
from data.values import Millis
from engine.desk import EquityPoint
from tests.commands.fake_desk import FakeDesk
from tests.commands.worlds import DAY, NOW, bot_view


class NoSamples(FakeDesk):
    """A desk whose samples were lost or begin late."""

    first: Millis = NOW * 2

    def equity(self, bot: int, since: Millis) -> Sequence[EquityPoint]:
        """Return samples from ``first`` on."""
        return [each for each in super().equity(bot, since) if each.at >= self.first]


def test_no_books_no_picture() -> None:
    with pytest.raises(ValueError, match="none has books"):
        pnl_series(FakeDesk(), [msgspec.structs.replace(bot_view(1), profit=None)], 0, NOW, "x")


def test_an_old_bot_without_samples_is_a_flat_line() -> None:
    bot = bot_view(1)
    series = pnl_series(NoSamples(bot), [bot], NOW - DAY, NOW, "x")
    assert series.at == (NOW - DAY, NOW)
    assert series.equity[0] == series.equity[1]


def test_the_whole_life_of_a_bot_begins_at_its_start() -> None:
    bot = bot_view(1)
    desk = NoSamples(bot)
    desk.first = NOW - DAY
    series = pnl_series(desk, [bot], 0, NOW, "x")
    assert bot.profit is not None
    assert (series.at[0], series.equity[0]) == (bot.started_at, bot.profit.invested)


def test_today_without_a_sample_before_midnight_begins_with_the_first_one_after() -> None:
    bot = bot_view(1)
    desk = NoSamples(bot)
    assert standings(desk, NOW, UTC)[0].today == 0
    desk.first = NOW - DAY // 4
    (standing,) = standings(desk, NOW, UTC)
    assert standing.basis == desk.equity(1, 0)[0].equity


def test_a_bot_started_today_counts_from_its_investment() -> None:
    bot = bot_view(1, started_at=NOW - 1000)
    (standing,) = standings(FakeDesk(bot), NOW, UTC)
    assert bot.profit is not None
    assert (standing.basis, standing.today) == (bot.profit.invested, bot.profit.change)


def test_the_day_begins_at_the_persons_midnight() -> None:
    assert midnight_before(NOW, UTC) == NOW - DAY // 2
    assert midnight_before(NOW, ZoneInfo("Asia/Tokyo")) == NOW - 21 * DAY // 24
