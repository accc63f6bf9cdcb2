"""A proposed market is pushed with the way to its plan, and explained by all that was known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from commands import proposals
from commands.notice import Lane, Notice, notices
from commands.proposals import illustrated
from commands.reply import Card, Chart, GridPicture
from data.advice import Advice, MarketProposed
from data.events import AdvicePosted, StartBot
from data.limits import RiskLimits
from data.market import Candle
from data.values import Mode
from engine.core import Engine
from engine.outcome import Outcome
from engine.selection import proposals as selection
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, value
from tests.commands.worlds import NOW
from tests.engine.selection.stall import Stall, listed

D = Decimal
WHAT = MarketProposed(symbol="BTC/USDT", lower=D("58000.00"), upper=D("64000.5"), levels=11, investment=D("212.30"))
EVIDENCE = {f"figure {number}": f"{number} (at least 0)" for number in range(1, 11)}


def proposed(what: MarketProposed = WHAT) -> Outcome:
    """Return what a fresh engine makes of the advice."""
    advice = Advice(
        agent="pairs", what=what, confidence=D("0.7214"), reason="5 of 5 criteria are met", evidence=EVIDENCE,
        expires_at=NOW + 60_000,
    )  # fmt: skip
    return Engine(RiskLimits()).step(AdvicePosted(at=NOW, advice=advice))


def told(outcome: Outcome, desk: FakeDesk | None = None) -> Notice:
    (notice,) = notices(outcome, desk or FakeDesk())
    return notice


def test_it_is_offered_quietly_with_its_grid_and_its_reasons() -> None:
    notice = told(proposed())
    assert (notice.lane, notice.silent, notice.bot, notice.mode) == (Lane.DIGEST, True, 0, Mode.SHADOW)
    card = notice.card
    assert card.title == "BTC/USDT suits a grid"
    assert value(card, "Why") == "5 of 5 criteria are met"
    assert value(card, "Range") == "58000 – 64000.5"
    assert (value(card, "Lines"), value(card, "Investment")) == ("11", "212.3 USDT")
    assert value(card, "Score") == "0.7214 of 1"
    assert value(card, "Figure 10") == "10 (at least 0)"
    assert card.note.startswith("Nothing was started.")


def test_its_buttons_lead_to_the_plan_the_check_the_chart_and_the_explanation() -> None:
    assert [each.line for each in told(proposed()).card.buttons] == [
        "/grid BTC/USDT 58000 64000.5 11 212.3",
        "/validate BTC/USDT",
        "/chart BTC/USDT 4h",
        "/why 1",
    ]


def test_a_line_too_long_for_a_button_leaves_the_last_words_out() -> None:
    small = D("0.00001234567891")
    long = msgspec.structs.replace(WHAT, symbol="1000WHATEVER/USDT:USDT", lower=small, upper=small * 2)
    assert told(proposed(long)).card.buttons[0].line == "/grid 1000WHATEVER/USDT:USDT"
    shorter = msgspec.structs.replace(WHAT, symbol="1000WHATEVER/USDT:USDT", investment=D("123456789012.34"))
    assert told(proposed(shorter)).card.buttons[0].line == "/grid 1000WHATEVER/USDT:USDT 58000 64000.5 11"


async def test_the_button_starts_nothing_but_asks_to_confirm_a_plan() -> None:
    stage = Stage()
    proposal = await stage.proposal(told(proposed(), stage.desk).card.buttons[0].line)
    assert proposal.confirm.line.startswith("/confirm ")
    assert stage.desk.asked == []


async def test_the_explanation_shows_everything_it_was_chosen_by() -> None:
    stage = Stage()
    stage.desk.decided = list(proposed().decisions)
    card = await stage.card("/why 1")
    assert card.title == "Engine: A market suits a grid: say so. A person starts it, or allowed its start."
    assert value(card, "Knew: market") == "BTC/USDT"
    assert value(card, "Knew: figure 10") == "10 (at least 0)"
    assert len(card.fields) <= 25


async def test_the_message_is_delivered_below_a_picture_of_the_grid_on_recent_candles() -> None:
    desk = FakeDesk()
    notice = told(proposed(), desk)
    assert notice.preview is not None
    chart = await illustrated(desk, notice.card, notice.preview)
    assert isinstance(chart, Chart)
    assert chart.caption == notice.card
    picture = chart.picture
    assert isinstance(picture, GridPicture)
    assert (picture.symbol, picture.timeframe, picture.mode, picture.proposed) == ("BTC/USDT", "4h", Mode.SHADOW, True)
    assert (len(picture.candles), len(picture.lines)) == (120, 11)
    assert (picture.lines[0], picture.lines[-1]) == (D("58000.0"), D("64000.5"))
    assert picture.last == desk.tickers["BTC/USDT"].last


async def test_without_candles_the_words_go_alone_and_say_why() -> None:
    desk = FakeDesk()
    notice = told(proposed(), desk)
    assert notice.preview is not None
    desk.no_candles = True
    card = await illustrated(desk, notice.card, notice.preview)
    assert isinstance(card, Card)
    assert card.note.endswith("\nThere is no picture: there are no candles.")
    desk.available = False
    card = await illustrated(desk, notice.card, notice.preview)
    assert isinstance(card, Card)
    assert card.note.endswith("\nThere is no picture: binance did not answer in 10 s.")
    assert (card.title, card.fields, card.buttons) == (notice.card.title, notice.card.fields, notice.card.buttons)


async def test_candles_that_never_come_do_not_keep_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute(FakeDesk):
        async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
            await asyncio.Event().wait()
            raise AssertionError(symbol, timeframe, limit)

    desk = Mute()
    notice = told(proposed(), desk)
    assert notice.preview is not None
    monkeypatch.setattr(proposals, "PATIENCE_SECONDS", 0.01)
    card = await illustrated(desk, notice.card, notice.preview)
    assert isinstance(card, Card)
    assert card.note.endswith("There is no picture: the exchange did not answer in time.")


def test_a_bot_that_nobody_asked_for_is_told_with_a_button_to_stop_it() -> None:
    stall = Stall()
    decision = stall.propose("A")
    (proposal,) = selection.proposals(stall, 0)
    outcome = stall.step(
        StartBot(at=NOW, by="pairs", plan=proposal.plan, spec=proposal.spec(Mode.SHADOW), market=listed("A"))
    )
    notice = next(each for each in notices(outcome, stall) if each.key.startswith("open_grid"))
    assert (notice.lane, notice.silent, notice.mode) == (Lane.TRADE, False, Mode.SHADOW)
    assert notice.card.title == "Bot 1 A/USDT was started unasked, as you allowed"
    assert value(notice.card, "Proposal") == decision
    assert [each.line for each in notice.card.buttons] == ["/stop 1", "/bots 1", f"/why {decision}", "/pairs"]
    assert notice.card.buttons[0].danger
