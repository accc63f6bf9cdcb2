"""What the engine says is known, and said in every language there is; nothing English is left."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import pytest

from commands.sayings.recogniser import PATTERNS, SPOKEN, recognised, said
from config.catalogue import read_entries
from config.language import available, use
from config.paths import LOCALES
from data.events import Event
from data.grids import OutOfRange
from data.market import Fees, Filters
from engine.indicators.base import discover
from engine.statistics.readings import _METHODS
from engine.statistics.regime import Kind
from engine.statistics.stationarity import Verdict
from tests.commands.sayings.sources import inputs_of, keys_of, texts_of

WAYS = ("up", "down")
AWAY = ("at", "7.00 % above", "7.00 % below")
MOMENTUM = ("above its signal: momentum up", "not above its signal: momentum down")
SHARES = (
    "more than 7 % of the account could end up in BTC",
    "less than 7 % of the account would stay in USDT outside bots",
)
EXPECTED = "7 of 7 criteria are met, and a grid of 7 lines is expected to complete"
CAPPED = "investment: 7 in bots that were started unasked and 7 more"
RESTLESS = ("more restless than usual", "calmer than usual", "as usual")
PLACES: Mapping[str, Sequence[str]] = {
    # Indicators
    "way": WAYS,
    "trend": ("above", "below"),
    "momentum": MOMENTUM,
    "side": ("high", "low"),
    "told": RESTLESS,
    "distance(price, values['ema'])": AWAY,
    "distance(price, values['sma'])": AWAY,
    "distance(price, values['vwap'])": AWAY,
    "distance(price, values['line'])": AWAY,
    # Statistics
    "regime.kind": tuple(Kind),
    "tests.verdict": tuple(Verdict),
    "_METHODS[forecast.method]": tuple(_METHODS.values()),
    "forecast.because": ("there are fewer than the 300 hourly returns that GARCH needs",),
    "_scale(each.scale_millis)": ("4 h", "15 m"),
    "why": ("each cycle earns one spacing on one slot, less both fees",),
    # Grids
    "spec.mode": ("testnet", "production"),
    "where": ("", " in the wallet of perpetuals"),
    "first.problem": ("the price is there already",),
    "each.problem": ("the price is there already",),
    "bot.status.value": ("waiting", "starting", "running", "paused", "stopping", "stopped"),
    "what": ("waiting", "starting", "paused", "stopping", "stopped", "recentring"),
    "state.trading_state.value": ("active", "reducing", "halted"),
    "policy.value": tuple(OutOfRange),
    "rule.value.replace('_', ' ')": ("stop loss", "take profit"),
    # Agents
    "self._mode": ("testnet", "production"),
    "state.value": ("active", "reducing", "halted"),
    "_figure(check.wanted, check.unit)": ("7 %", "7 USDT"),
    "found": ("not told", "7 %", "7 USDT"),
    "near": ("not known", "0.70"),
    "reason": (EXPECTED,),
    "text": (CAPPED,),
    "verb": ("missing", "too many"),
    "each.side.value": ("buy", "sell"),
    "each.name": ("trend", "volume of 24 h"),
    "shown(each)": ("not told (at least 7 USDT)", "7 ADX (at most 7 ADX)"),
    "accepted": ("at least 7 for 7 lines",),
}
PARTS = {
    *MOMENTUM,
    *RESTLESS,
    EXPECTED,
    CAPPED,
    "not told",
    "not known",
    " (was reducing)",
    "too many",
    *SHARES,
    ", or ",
    " in the wallet of perpetuals",
}
"""Texts that are only said within others."""
MODULES: Mapping[str, Sequence[str]] = {
    **{f"engine/indicators/{name}.py": ("_read",) for name in discover()},
    "engine/indicators/base.py": ("reading",),
    "engine/statistics/readings.py": (),
    "engine/statistics/recommend.py": (),
    "engine/statistics/volatility.py": ("forecast",),
    "engine/markets/suitability.py": (),
    "engine/grid/sizing.py": (),
    "engine/grid/levels.py": (),
    "engine/grid/margin.py": (),
    "engine/grid/options.py": (),
    "engine/grid/infinity.py": (),
    "engine/agents/grid.py": (),
    "engine/agents/pairs.py": ("_passed_over",),
    "engine/agents/risk.py": (),
    "engine/selection/opening.py": (),
    "engine/selection/scoring.py": (),
    "engine/booking/allowance.py": (),
    "engine/accounts/account.py": ("__init__",),
    "engine/accounts/allocation.py": ("taken_problem",),
    "engine/accounts/funds.py": (),
    "engine/booking/apply.py": (),
    "engine/booking/fills.py": (),
    "engine/booking/arming.py": ("arming_problems",),
    "engine/booking/controls.py": (),
    "engine/booking/reshaping.py": (),
    "engine/rules/decision.py": (),
    "engine/rules/excursion.py": (),
    "engine/rules/following.py": (),
    "engine/rules/opening.py": (),
    "engine/rules/recentring.py": (),
    "engine/rules/reinvesting.py": (),
    "engine/rules/trailing.py": (),
    "engine/front_desk.py": ("_too_many", "_over_limits", "_over_orders"),
}


BARE = frozenset({"engine/booking/fills.py", "engine/rules/following.py"})
"""Modules that say single words alone, today."""


def test_shares_of_the_account_are_known() -> None:
    over = ("over", "max_asset_allocation_perc"), ("under", "min_stable_balance_perc")
    for text, (side, setting) in zip(SHARES, over, strict=True):
        assert recognised(f"{text}, {side} risk_management.spot_risk.{setting}")


@pytest.mark.parametrize("module", MODULES)
def test_every_text_of_the_engine_is_known(module: str) -> None:
    found = texts_of(module, PLACES, only=MODULES[module]) - PARTS
    assert found or module in BARE
    assert not sorted(each for each in found if not recognised(each))


def test_everything_that_a_decision_knows_has_a_name() -> None:
    names = {name.replace("_", " ") for name in inputs_of("engine/booking", "engine/rules", "engine/core.py")}
    names |= {f"{part} {name}" for part, name in rules_of_markets()}
    names |= {name.replace("_", " ") for name in keys_of("engine/risk.py")}
    assert len(names) > 60
    assert sorted(each for each in names if not recognised(each)) == []


def rules_of_markets() -> Iterator[tuple[str, str]]:
    """Return the rules of a market that may change, as a decision names them."""
    for part, kind in (("filters", Filters), ("fees", Fees)):
        yield from ((part, name.replace("_", " ")) for name in kind.__struct_fields__)


def test_no_pattern_is_written_twice() -> None:
    assert [each for each, count in Counter(PATTERNS).items() if count > 1] == []


@pytest.mark.parametrize("locale", available()[1:])
def test_every_pattern_is_said_in_every_language(locale: str) -> None:
    texts = read_entries(LOCALES / f"{locale}.po")
    assert sorted(each for each in PATTERNS if each not in texts) == []


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_text_keeps_what_stands_in_its_places(pattern: str) -> None:
    names = re.findall(r"\{(\w+)\}", pattern)
    spoken = [name for name in names if name in SPOKEN]
    figures = {name: f"{number}.5" for number, name in enumerate(names)}
    text = pattern.format(**figures | dict.fromkeys(spoken, "active"))
    with use("pt_BR"):
        told = said(text)
    assert all(figures[name] in told for name in names if name not in SPOKEN)
    assert said(text) == text


@pytest.mark.parametrize("event", msgspec.inspect.type_info(Event).types)  # type: ignore[attr-defined]
def test_every_event_has_words(event: msgspec.inspect.StructType) -> None:
    spaced = re.sub(r"(?<!^)(?=[A-Z])", " ", event.cls.__name__).lower()
    assert recognised(spaced)


def test_texts_within_texts_are_said_too() -> None:
    text = (
        "investment: 10: each slot would hold 0.1, over the market's maximum; "
        "accepted: at most 5 lines, or a wider range"
    )
    with use("pt_BR"):
        assert said(text) == (
            "investment: 10: cada slot teria 0.1, acima do máximo do mercado; "
            "aceito: no máximo 5 linhas, ou uma faixa mais larga"
        )


def test_what_is_not_known_stays_as_it_is() -> None:
    with use("pt_BR"):
        assert said("binance said something new") == "binance said something new"
        assert said("") == ""
        assert said("a price above {braces}, or nothing known") == "a price above {braces}, or nothing known"
