"""A proposed market is pushed with the way to its plan, and explained by all that was known."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from commands.notice import Lane, Notice, notices
from data.advice import Advice, MarketProposed
from data.events import AdvicePosted
from data.limits import RiskLimits
from data.values import Mode
from engine.core import Engine
from engine.outcome import Outcome
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, value
from tests.commands.worlds import NOW

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
    assert card.title == "Engine: A market suits a grid: say so. Only a person can start it."
    assert value(card, "Knew: market") == "BTC/USDT"
    assert value(card, "Knew: figure 10") == "10 (at least 0)"
    assert len(card.fields) <= 25
