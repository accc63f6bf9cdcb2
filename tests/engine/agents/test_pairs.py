"""The pair selector proposes few markets, each for reasons that are told, and otherwise keeps quiet."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from config.schema import Settings
from data.advice import MarketProposed, TradingState
from data.bars import Bars
from data.decisions import Decision, Input, Rule
from data.events import AdvicePosted
from data.grids import GridSpec
from data.limits import RiskLimits
from data.market import MarketKind
from engine.agents import pairs
from engine.agents.pairs import MOST, PairsAgent, build
from engine.clock import ManualClock
from engine.core import Engine
from engine.grid.sizing import plan_grid
from engine.selection.scoring import PREFERRED, SENTIMENT, correlation
from engine.supervisor import Supervisor
from engine.views import BotStatus
from tests.engine.agents.bazaar import HOUR, NOW, listed
from tests.engine.agents.selecting import DAY, WANTED, Open, looks, selector

D = Decimal


async def test_of_all_markets_the_good_one_is_proposed_and_each_other_one_for_a_reason_not(bazaar: Open) -> None:
    desk, agent = bazaar(), selector()
    (advice,) = await looks(agent, desk)
    assert isinstance(advice.what, MarketProposed)
    assert (advice.agent, advice.what.symbol) == ("pairs", "GOOD/USDT")
    assert pairs.LEAST <= advice.confidence <= 1
    assert advice.reason.startswith("5 of 5 criteria are met, and a grid of ")
    assert advice.evidence["volume of 24 h"] == "5,000,000 USDT (at least 1,000,000 USDT)"
    assert advice.evidence["spread"] == "0.020 % (at most 0.100 %)"
    assert " with TRADED/USDT (at most 0.9)" in advice.evidence["correlation"]
    assert " a day, mostly " in advice.evidence["expected cycles"]
    assert agent.considered["TREND/USDT"].startswith("trend: ")
    assert agent.considered["TWIN/USDT"] == "correlation: 1.00 with TRADED/USDT (at most 0.9)"
    assert agent.considered["GOOD/USDT"].startswith("proposed, score 0.")
    # Too thin, blacklisted, of too wide a spread or traded: nobody looked closer.
    assert set(desk.venue.asked) == {"GOOD/USDT", "TREND/USDT", "TWIN/USDT"}


async def test_the_proposed_grid_passes_planning_with_the_proposed_money(bazaar: Open) -> None:
    desk = bazaar("GOOD")
    desk.described("GOOD")
    for capital in ("8", "1000"):
        (advice,) = await looks(selector(capital=capital), desk)
        what = advice.what
        assert isinstance(what, MarketProposed)
        spec = GridSpec(
            symbol=what.symbol, lower=what.lower, upper=what.upper, levels=what.levels, investment=what.investment
        )
        assert plan_grid(spec, listed("GOOD"), desk.prices["GOOD/USDT"]).problems == ()
        assert what.investment >= D(capital)
        assert what.lower < desk.prices["GOOD/USDT"].last < what.upper
        assert advice.evidence["correlation"] == "no market is traded"


@pytest.mark.parametrize("traded", [True, False])
async def test_perpetuals_are_looked_at_where_they_are_traded_and_judged_by_open_interest(
    bazaar: Open, traded: bool
) -> None:
    desk, agent = bazaar("TREND"), selector(kinds=[MarketKind.SPOT, *([MarketKind.PERPETUAL] if traded else [])])
    desk.list_perpetual("GOOD")
    await looks(agent, desk)
    found = agent.considered.pop("GOOD/USDT:USDT", "")
    assert found.startswith("open interest: ") is traded
    assert list(agent.considered) == ["TREND/USDT"]


async def test_each_look_takes_on_one_market(bazaar: Open) -> None:
    desk, agent = bazaar("TREND", "TWIN", "TRADED", "GOOD"), selector()
    desk.described("GOOD")
    seen = []
    for look in range(4):
        await agent.advise(desk, NOW + look * 30_000)
        seen.append(len(desk.venue.asked))
    assert seen == [0, 1, 2, 3]


async def test_a_market_is_proposed_at_most_once_a_day(bazaar: Open) -> None:
    desk, agent = bazaar("GOOD"), selector()
    desk.described("GOOD")
    spoken = [len(await looks(agent, desk, NOW + hours * HOUR)) for hours in (0, 6, 12, 18, 25, 31)]
    assert spoken == [1, 0, 0, 0, 1, 0]


async def test_between_two_rounds_nothing_is_asked(bazaar: Open) -> None:
    desk, agent = bazaar("TREND"), selector()
    await looks(agent, desk)
    await looks(agent, desk, NOW + 3 * HOUR)
    assert desk.venue.asked == ["TREND/USDT"]


@pytest.mark.parametrize(("age", "spoken"), [(DAY - 1, 0), (DAY, 1)])
async def test_an_agent_built_anew_reads_in_the_journal_what_was_proposed(bazaar: Open, age: int, spoken: int) -> None:
    desk = bazaar("GOOD")
    desk.described("GOOD")
    inputs = (Input("market", "GOOD/USDT"),)
    told = Decision(id="7", at=NOW - age, bot=0, rule=Rule.MARKET_PROPOSED, event="AdvicePosted", inputs=inputs)
    desk.decided = [told]
    assert len(await looks(selector(), desk, count=2)) == spoken


async def test_supervised_it_gets_as_far_as_a_record_which_it_heeds_when_it_is_restarted(bazaar: Open) -> None:
    desk, clock = bazaar("GOOD"), ManualClock(NOW)
    desk.described("GOOD")
    engine = Engine(RiskLimits())

    def post(event: AdvicePosted) -> None:
        desk.decided += engine.step(event).decisions

    supervisor = Supervisor({"pairs": selector}, desk, post, clock)
    for look in range(6):
        if look == 3:
            await supervisor.restart("pairs")
        await supervisor.tick("pairs")
        clock.advance(30_000)
    (decision,) = desk.decided
    assert (decision.rule, decision.bot) == (Rule.MARKET_PROPOSED, 0)
    assert ("market", "GOOD/USDT") in [(each.name, each.value) for each in decision.inputs]
    (view,) = supervisor.agents()
    assert (view.healthy, view.last_error) == (True, "")


async def test_of_two_markets_that_move_alike_one_is_proposed(bazaar: Open) -> None:
    desk, agent = bazaar("GOOD", "ALSO"), selector()
    desk.described("GOOD", "ALSO")
    (advice,) = await looks(agent, desk)
    assert isinstance(advice.what, MarketProposed)
    assert advice.what.symbol == "GOOD/USDT"
    assert agent.considered["ALSO/USDT"].startswith("correlation: 1.00 with GOOD/USDT, which is proposed")


async def test_a_round_proposes_only_as_many_as_there_is_room_for_best_first(bazaar: Open) -> None:
    names = ("GOOD", "FINE", "FAIR", "CALM")
    desk = bazaar(*names)
    desk.described(*names)
    said = await looks(selector(most_pairs=9), desk)
    scores = [each.confidence for each in said]
    assert len(said) == MOST
    assert scores == sorted(scores, reverse=True)
    agent = selector(most_pairs=1)
    (best,) = await looks(agent, desk)
    assert best.what == said[0].what
    assert list(agent.considered.values()).count("others were better") == 3


async def test_as_long_as_enough_markets_are_traded_nothing_is_looked_at(bazaar: Open) -> None:
    desk = bazaar("GOOD", "TRADED")
    assert await looks(selector(most_pairs=1), desk) == []
    assert desk.venue.asked == []
    desk.shown = tuple(msgspec.structs.replace(each, status=BotStatus.STOPPED) for each in desk.shown)
    desk.described("GOOD", "TRADED")
    assert len(await looks(selector(most_pairs=1), desk)) == 1


async def test_a_market_that_somebody_began_to_trade_meanwhile_is_not_proposed(bazaar: Open) -> None:
    desk, agent = bazaar("GOOD", "TREND"), selector()
    desk.described("GOOD")
    await agent.advise(desk, NOW)
    await agent.advise(desk, NOW + 30_000)
    desk.shown = (desk.at_work("GOOD"),)
    assert await looks(agent, desk, NOW + 60_000) == []
    assert agent.considered["GOOD/USDT"] == "is traded, or was proposed within a day"


async def test_while_trading_is_restricted_nothing_is_proposed(bazaar: Open) -> None:
    desk = bazaar("GOOD")
    desk.state.person_state = TradingState.REDUCING
    assert await looks(selector(), desk) == []
    assert desk.venue.asked == []


async def test_an_exchange_that_is_away_before_a_round_is_asked_again(bazaar: Open) -> None:
    desk, agent = bazaar("GOOD"), selector()
    desk.described("GOOD")
    desk.venue.away = True
    assert await looks(agent, desk) == []
    desk.venue.away = False
    assert len(await looks(agent, desk, NOW + HOUR)) == 1


async def test_an_exchange_that_is_away_within_a_round_is_asked_again_a_few_times(bazaar: Open) -> None:
    desk, agent = bazaar("GOOD", "TREND"), selector()
    desk.described("GOOD")
    await agent.advise(desk, NOW)
    desk.venue.away = True
    assert await looks(agent, desk, NOW + 30_000, count=pairs.TRIES) == []
    assert agent.considered == {"GOOD/USDT": "there was no answer"}
    desk.venue.away = False
    assert await looks(agent, desk, NOW + HOUR) == []
    assert agent.considered["TREND/USDT"].startswith("trend: ")


async def test_what_takes_longer_than_a_look_is_picked_up_by_the_next(
    bazaar: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "PATIENCE_SECONDS", 0.01)
    desk, agent = bazaar("TREND"), selector()
    desk.venue.open.clear()
    assert await looks(agent, desk, count=3) == []
    assert agent.considered == {}
    monkeypatch.undo()
    desk.venue.open.set()
    await looks(agent, desk, NOW + HOUR, count=1)
    assert agent.considered["TREND/USDT"].startswith("trend: ")
    assert desk.venue.asked == ["TREND/USDT"]


async def test_what_never_answers_is_left_out(bazaar: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "PATIENCE_SECONDS", 0.01)
    desk, agent = bazaar("TREND"), selector()
    desk.venue.open.clear()
    assert await looks(agent, desk) == []
    assert agent.considered == {"TREND/USDT": "there was no answer"}


async def test_sentiment_has_a_say_and_may_abstain(bazaar: Open) -> None:
    desk = bazaar("GOOD")
    desk.described("GOOD")
    asked: list[str] = []

    def feels(value: Decimal | None) -> Callable[[str], Decimal | None]:
        def feel(symbol: str) -> Decimal | None:
            asked.append(symbol)
            return value

        return feel

    scores = []
    for feeling in (None, feels(None), feels(D(1)), feels(D(-1))):
        (advice,) = await looks(selector(sentiment=feeling), desk)
        scores.append(advice.confidence)
    assert asked == ["GOOD/USDT"] * 3
    assert scores[0] == scores[1]
    assert scores[2] - scores[3] == SENTIMENT
    assert scores[3] < scores[0] < scores[2]


async def test_a_market_that_only_just_passes_is_not_worth_a_word(bazaar: Open) -> None:
    desk = bazaar("GOOD")
    desk.described("GOOD")
    strict = WANTED.model_copy(
        update={
            "min_volume_usd_24h": D(5_000_000), "min_atr_perc_24h": D("4.8"), "max_adx": D(17),
            "max_spread_perc": D("0.021"),
            "spot_pairs": WANTED.spot_pairs.model_copy(update={"min_liquidity_depth": D(970_000)}),
        }
    )  # fmt: skip
    agent = selector(strict, sentiment=lambda _symbol: D(-1))
    assert await looks(agent, desk) == []
    assert agent.considered["GOOD/USDT"].startswith("score 0.3")
    assert agent.considered["GOOD/USDT"].endswith("(at least 0.4)")


async def test_a_preferred_market_scores_higher_and_says_so(bazaar: Open) -> None:
    desk = bazaar("GOOD")
    desk.described("GOOD")
    liked = WANTED.model_copy(
        update={"spot_pairs": WANTED.spot_pairs.model_copy(update={"preferred_symbols": ("GOODUSDT",)})}
    )
    (plainly,), (preferred,) = await looks(selector(), desk), await looks(selector(liked), desk)
    assert preferred.confidence - plainly.confidence == PREFERRED
    assert preferred.evidence["preferred"] == "yes"


def bars(closes: list[float], first: int = 0) -> Bars:
    column = np.array(closes)
    at = (first + np.arange(len(closes))) * HOUR
    return Bars(at=at, open=column, high=column, low=column, close=column, volume=column)


def test_correlation_is_of_the_returns_at_instants_that_both_have() -> None:
    chance = np.random.default_rng(3)
    path = list(100 * np.exp(np.cumsum(chance.normal(0, 0.01, 400))))
    one = bars(path)
    assert correlation(one, bars([3 * each for each in path[50:]], first=50)) == 1
    assert correlation(one, bars([1 / each for each in path])) == -1
    shifted = correlation(one, bars(path, first=7))
    assert shifted is not None
    assert abs(shifted) < D("0.3")


def test_correlation_is_unknown_of_few_bars_or_a_price_that_rests() -> None:
    moving, resting = bars([100.0 + each % 7 for each in range(300)]), bars([100.0] * 300)
    assert correlation(moving, resting) is None
    assert correlation(moving, bars([100.0 + each % 7 for each in range(300)], first=250)) is None


def test_it_is_there_only_where_the_settings_want_it() -> None:
    assert build(Settings()) is None
    assert isinstance(build(Settings.model_validate({"pair_selection": {"enabled": True}})), PairsAgent)
