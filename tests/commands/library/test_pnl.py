"""/pnl."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from commands.reply import Chart, PnlSeries, Text
from data.values import Mode
from engine.views import BotStatus
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.worlds import DAY, NOW, bot_view, spec


def series(chart: Chart) -> PnlSeries:
    """Return the picture of a profit chart."""
    assert isinstance(chart.picture, PnlSeries)
    return chart.picture


async def test_the_caption_gives_the_total_and_everything_it_is_made_of() -> None:
    card = (await Stage(desk=FakeDesk(bot_view(1))).chart("/pnl 1", "vera")).caption
    assert card.title == "+3.25 USDT (+0.32 %) Bot 1 BTC/USDT"
    assert value(card, "Total") == "+3.25 USDT (+0.32 %)"
    assert value(card, "Made of") == "+6.30 grid profit, -1.85 unpaired, -1.20 fees"
    assert value(card, "Buy and hold") == "+0.16 USDT (+0.02 %)"
    assert value(card, "Hold the first mix") == "+0.08 USDT (+0.0080 %)"
    assert value(card, "Done") == "3 cycles, 11 fills"
    assert "adds up exactly" in card.note
    assert card.mode == "shadow"
    assert "/pnl 1 7d" in lines(await Stage(desk=FakeDesk(bot_view(1))).chart("/pnl 1"))


async def test_the_series_ends_now_and_agrees_with_the_caption() -> None:
    bot = bot_view(1)
    picture = series(await Stage(desk=FakeDesk(bot)).chart("/pnl 1"))
    assert bot.profit is not None
    assert picture.at == tuple(sorted(picture.at))
    assert (picture.at[0], picture.at[-1]) == (bot.started_at, NOW)
    assert picture.equity[-1] == bot.profit.equity
    assert picture.buy_and_hold[-1] == bot.profit.buy_and_hold
    assert picture.hold_initial_mix[-1] == bot.profit.hold_initial_mix
    assert (
        len({len(each) for each in (picture.at, picture.equity, picture.buy_and_hold, picture.hold_initial_mix)}) == 1
    )


async def test_a_period_shortens_the_series_and_names_its_change() -> None:
    chart = await Stage(desk=FakeDesk(bot_view(1))).chart("/pnl 1 24h")
    assert series(chart).at[0] == NOW - DAY
    assert value(chart.caption, "In the period (24h)") == "-0.75 USDT (-0.07 %)"


@pytest.mark.parametrize(("line", "count"), [("/pnl 7d", 2), ("/pnl", 2), ("/pnl all today", 2), ("/pnl 2w", 2)])
async def test_without_a_bot_all_bots_are_added_up(line: str, count: int) -> None:
    chart = await Stage(desk=FakeDesk(bot_view(1), bot_view(2, spec("ETH/USDT")))).chart(line)
    assert chart.caption.title == f"+6.50 USDT (+0.32 %) {count} bots"
    assert series(chart).equity[-1] == Decimal("2006.50")
    assert series(chart).invested == Decimal(2000)


async def test_starting_a_second_bot_is_no_profit_on_the_chart() -> None:
    later = bot_view(2, spec("ETH/USDT"), started_at=NOW - DAY)
    picture = series(await Stage(desk=FakeDesk(bot_view(1), later)).chart("/pnl"))
    assert max(abs(after - before) for before, after in zip(picture.equity, picture.equity[1:], strict=False)) < 5
    assert picture.equity[0] == Decimal(2000)


async def test_money_of_different_modes_is_never_added_up() -> None:
    real = bot_view(2, spec("ETH/USDT", mode=Mode.TESTNET))
    replies = await Stage(desk=FakeDesk(bot_view(1), real)).say("/pnl")
    assert [each.caption.mode for each in replies if isinstance(each, Chart)] == ["shadow", "testnet"]


async def test_a_bot_stopped_before_the_period_is_left_out() -> None:
    over = msgspec.structs.replace(bot_view(2, status=BotStatus.STOPPED), stopped_at=NOW - 2 * DAY)
    stage = Stage(desk=FakeDesk(bot_view(1), over))
    assert (await stage.chart("/pnl 24h")).caption.title.endswith("Bot 1 BTC/USDT")
    assert (await stage.chart("/pnl all")).caption.title.endswith("2 bots")


async def test_a_fresh_bot_has_a_chart_too() -> None:
    picture = series(await Stage(desk=FakeDesk(bot_view(1, started_at=NOW - 1000))).chart("/pnl 1 7d"))
    assert picture.at == (NOW - 1000, NOW)


async def test_books_that_disagree_are_not_praised() -> None:
    bot = bot_view(1)
    assert bot.profit is not None
    wrong = msgspec.structs.replace(bot, profit=msgspec.structs.replace(bot.profit, identity_error=Decimal("0.5")))
    card = (await Stage(desk=FakeDesk(wrong)).chart("/pnl 1")).caption
    assert "disagree by 0.50 USDT" in card.note


async def test_before_the_first_price_it_says_so() -> None:
    desk = FakeDesk(msgspec.structs.replace(bot_view(1), profit=None))
    assert isinstance(await Stage(desk=desk).one("/pnl 1"), Text)


@pytest.mark.parametrize("period", ["soon", "0d", "7x", "-3d"])
async def test_a_bad_period_says_what_is_accepted(period: str) -> None:
    failure = await Stage(desk=FakeDesk(bot_view(1))).failure(f"/pnl 1 {period}")
    assert (failure.field, failure.value) == ("period", period)
    assert "24h" in failure.accepted


async def test_without_bots_it_offers_a_grid() -> None:
    assert lines(await Stage().failure("/pnl")) == ["/grid"]


async def test_a_long_history_is_thinned_but_keeps_its_ends() -> None:
    bot = bot_view(1, started_at=NOW - 300 * DAY)
    picture = series(await Stage(desk=FakeDesk(bot)).chart("/pnl 1 all"))
    assert len(picture.at) <= 400
    assert (picture.at[0], picture.at[-1]) == (NOW - 300 * DAY, NOW)
