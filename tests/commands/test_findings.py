"""Every finding there can be has one plain line, without a gap where a fact belongs."""

from __future__ import annotations

import pytest

from commands.findings import fields, line, name, said, sign
from engine.accounts.findings import Check, Finding, Grade

MODE = {"mode": "production"}
BOT = {"bot": "3", "symbol": "BTC/USDT"}
FOUND = [
    Finding(check=Check.KEY, grade=Grade.GOOD, facts=MODE),
    Finding(check=Check.KEY, grade=Grade.BAD, facts=MODE),
    Finding(check=Check.KEY, grade=Grade.BAD, facts={**MODE, "refused": "Invalid API-key {0}"}),
    Finding(check=Check.KEY, grade=Grade.BAD, facts={**MODE, "unknown": "down"}),
    Finding(check=Check.WITHDRAWAL, grade=Grade.GOOD),
    Finding(check=Check.WITHDRAWAL, grade=Grade.BAD),
    Finding(check=Check.ADDRESS, grade=Grade.GOOD),
    Finding(check=Check.ADDRESS, grade=Grade.WARNING),
    Finding(check=Check.RIGHTS, grade=Grade.GOOD, facts={**MODE, "kind": "spot"}),
    Finding(check=Check.RIGHTS, grade=Grade.BAD, facts={**MODE, "kind": "perpetual"}),
    Finding(check=Check.CLOCK, grade=Grade.GOOD, facts={"exchange": "x", "skew_ms": "5", "limit_ms": "9"}),
    Finding(check=Check.CLOCK, grade=Grade.BAD, facts={"exchange": "x", "skew_ms": "50", "limit_ms": "9"}),
    Finding(check=Check.POSITION_MODE, grade=Grade.GOOD),
    Finding(check=Check.POSITION_MODE, grade=Grade.BAD, facts={"symbol": "BTC/USDT:USDT"}),
    Finding(check=Check.ASSET_MODE, grade=Grade.GOOD),
    Finding(check=Check.ASSET_MODE, grade=Grade.BAD),
    Finding(check=Check.RECORD, grade=Grade.GOOD, facts={"bots": "2", "days": "9", "fills": "40"}),
    Finding(check=Check.RECORD, grade=Grade.WARNING, facts={"bots": "2", "days": "1", "fills": "4"}),
    Finding(check=Check.RECORD, grade=Grade.BAD, facts={"bots": "0", "days": "0", "fills": "0"}),
    Finding(check=Check.LIMITS, grade=Grade.GOOD, facts={"order": "100", "total": "1000"}),
    Finding(check=Check.LIMITS, grade=Grade.BAD),
    Finding(check=Check.CHAT, grade=Grade.GOOD, facts={"age_ms": "60000"}),
    Finding(check=Check.CHAT, grade=Grade.BAD),
    Finding(check=Check.OTHERS, grade=Grade.GOOD),
    Finding(check=Check.OTHERS, grade=Grade.BAD, facts={"count": "2", "example": "bt-1"}),
    Finding(check=Check.BACKUP, grade=Grade.GOOD, facts={"age_ms": "60000"}),
    Finding(check=Check.BACKUP, grade=Grade.WARNING),
    Finding(check=Check.MODE, grade=Grade.BAD, facts={**MODE, "engine": "shadow"}),
    Finding(check=Check.MODE, grade=Grade.BAD, facts={**MODE, "engine": "shadow", "bot": "3"}),
    Finding(check=Check.LISTED, grade=Grade.BAD, facts=BOT),
    Finding(
        check=Check.FILTERS,
        grade=Grade.BAD,
        facts={**BOT, "what": "price", "value": "1.05", "limit": "tick", "bound": "0.1"},
    ),
    Finding(check=Check.REFUSED, grade=Grade.BAD, facts={**BOT, "count": "4"}),
    Finding(check=Check.STREAM, grade=Grade.GOOD, facts={**MODE, "exchange": "x"}),
    Finding(check=Check.STREAM, grade=Grade.BAD, facts={**MODE, "exchange": "x"}),
    Finding(check=Check.STREAM, grade=Grade.BAD, facts={**MODE, "exchange": "x", "symbol": "A/B", "seconds": "70"}),
    Finding(check=Check.FOREIGN, grade=Grade.WARNING, facts={"market": "A/B", "count": "1", "example": "x"}),
]


@pytest.mark.parametrize("finding", FOUND)
def test_each_is_one_line_without_a_gap(finding: Finding) -> None:
    text = line(finding)
    assert "\n" not in text
    assert "{" not in text.replace("{0}", "")
    assert text.startswith(f"{sign(finding.grade)} {name(finding.check)}: ")
    for fact in ("refused", "unknown", "symbol", "example", "value", "bound", "seconds"):
        assert finding.facts.get(fact, "") in text


def test_what_is_wrong_says_what_to_do() -> None:
    assert all(said(each).count(".") or ": " in said(each) for each in FOUND if each.grade is Grade.BAD)


def test_every_check_is_covered_and_has_a_name_of_its_own() -> None:
    assert {each.check for each in FOUND} == set(Check)
    assert len({name(each) for each in Check}) == len(Check)
    assert len({sign(each) for each in Grade}) == len(Grade)


def test_a_card_shows_them_as_fields() -> None:
    (field,) = fields([FOUND[4]])
    assert (field.label, field.value) == ("✔ Withdrawals", "the key cannot take money away")
