"""Every mistake is told with its place, what was given and what would be accepted."""

from __future__ import annotations

import pytest

from config.problems import Problem
from tests.config.conftest import Fail


def _only(problems: tuple[Problem, ...]) -> tuple[str, str, str]:
    (problem,) = problems
    return problem.field, problem.given, problem.accepted


@pytest.mark.parametrize(
    ("text", "field", "given", "accepted"),
    [
        ("grid: {initial_levels: ten}", "grid.initial_levels", "'ten'", "a whole number, 2 to 1000"),
        ("grid: {initial_levels: 1}", "grid.initial_levels", "1", "a whole number, 2 to 1000"),
        ("grid: {leverage: true}", "grid.leverage", "true", "a whole number, 1 to 125"),
        ("grid: {spot: {min_order_size_usd: -1}}", "grid.spot.min_order_size_usd", "-1", "a number, 0 or more"),
        ("grid: {spot: {min_order_size_usd: .nan}}", "grid.spot.min_order_size_usd", "'.nan'", "a number, 0 or more"),
        ("operation_mode: live", "operation_mode", "'live'", "one of: shadow, testnet, production"),
        ("alerts: {enabled: maybe}", "alerts.enabled", "'maybe'", "true or false"),
        ("chat: {telegram: {enabled: maybe}}", "chat.telegram.enabled", "'maybe'", "true, false or auto"),
        ("chat: {time_zone: Nowhere}", "chat.time_zone", "'Nowhere'", "a time zone such as Europe/Lisbon"),
        ("scheduler: {digest_time: 25:00}", "scheduler.digest_time", "'25:00'", "a time of day such as 08:00"),
        ("pair_selection: {blacklist: [A, 1]}", "pair_selection.blacklist.1", "1", "a text that is not empty"),
        ("paper: {initial_balances: {BTC: x}}", "paper.initial_balances.BTC", "'x'", "a number, 0 or more"),
        ("grid:", "grid", "nothing", "a section with "),
        ("exchange: 7", "exchange", "7", "a section with name, "),
    ],
)
def test_a_wrong_value(fail: Fail, text: str, field: str, given: str, accepted: str) -> None:
    found = _only(fail(text).problems)
    assert found[:2] == (field, given)
    assert found[2].startswith(accepted)


@pytest.mark.parametrize(
    ("text", "field", "meant"),
    [
        ("grid: {initial_level: 3}", "grid.initial_level", "grid.initial_levels"),
        ("gird: {}", "gird", "grid"),
        ("max_leverage: 3", "max_leverage", "risk_management.futures_risk.max_leverage"),
        ("chat: {telegram: {baseurl: x}}", "chat.telegram.baseurl", "chat.telegram.base_url"),
    ],
)
def test_an_unknown_setting_is_answered_with_the_nearest(fail: Fail, text: str, field: str, meant: str) -> None:
    found, _, accepted = _only(fail(text).problems)
    assert found == field
    assert accepted.startswith("did you mean")
    assert accepted.endswith(f"{meant}?")


def test_an_unknown_setting_without_kin_is_answered_with_the_choices(fail: Fail) -> None:
    assert _only(fail("cache: {zzz: 1}").problems)[2].startswith("one of: max_size_mb, ")


def test_a_rule_over_several_settings(fail: Fail) -> None:
    field, _, accepted = _only(fail("trading: {market_allocation: {spot_percentage: 90}}").problems)
    assert (field, accepted[:22]) == ("trading.market_allocation", "futures_percentage and")


def test_all_problems_are_told_at_once(fail: Fail) -> None:
    error = fail("grid: {initial_levels: ten, leverage: 0}\noperation_mode: live\nzzz: 1")
    assert {problem.field for problem in error.problems} == {
        "grid.initial_levels",
        "grid.leverage",
        "operation_mode",
        "zzz",
    }
    assert "4 problems; nothing was loaded" in str(error)


@pytest.mark.parametrize(
    ("text", "words"),
    [("grid: {leverage: 1}\ngrid: {}", "'grid' is given twice"), ("a: [", "line "), ("- a", "sections with keys")],
)
def test_a_text_that_is_no_configuration(fail: Fail, text: str, words: str) -> None:
    assert words in str(fail(text))


def test_a_file_that_is_not_text(fail: Fail, tmp_path: object) -> None:
    assert "config.yaml" in str(fail("a: \x00"))
