"""The store of plans: single use, bound to a person, and never larger than it may be."""

from __future__ import annotations

from decimal import Decimal

import pytest

from commands.plan import Gone, Planned, Plans, Stored, moved, new_code, new_plan_id
from commands.reply import Card, Text


def plan(**quote: Decimal) -> Planned:
    return Planned(
        card=Card(title="x", fields=()), controls=lambda _plan, _by, _at: (), receipt=lambda _outcomes: Text(text=""),
        quote=quote,
    )  # fmt: skip


def put(plans: Plans, person: str = "a:1", now: int = 0, **quote: Decimal) -> Stored:
    return plans.put(plan(**quote), person=person, command="buy", arguments={"size": 1}, now=now, lifetime=100)


def test_a_plan_is_taken_once() -> None:
    plans = Plans()
    stored = put(plans)
    assert plans.look(stored.id, "a:1", 99) == stored
    assert plans.take(stored.id, "a:1", 99) == stored
    assert plans.take(stored.id, "a:1", 99) is Gone.USED


def test_what_later_taps_hear() -> None:
    plans = Plans()
    expired, discarded, foreign = put(plans), put(plans), put(plans, person="b:2")
    assert plans.take(discarded.id, "a:1", 0, Gone.DISCARDED) == discarded
    assert plans.look(expired.id, "a:1", 100) is Gone.EXPIRED
    assert plans.look(expired.id, "a:1", 0) is Gone.EXPIRED
    assert plans.look(discarded.id, "a:1", 0) is Gone.DISCARDED
    assert plans.look(discarded.id, "b:2", 0) is Gone.UNKNOWN
    assert plans.look(foreign.id, "a:1", 0) is Gone.FOREIGN
    assert plans.look("nothing", "a:1", 0) is Gone.UNKNOWN


def test_the_store_is_bounded() -> None:
    plans = Plans(limit=3)
    stored = [put(plans) for _ in range(30)]
    assert [plans.look(each.id, "a:1", 0) for each in stored[-3:]] == stored[-3:]
    assert plans.look(stored[-4].id, "a:1", 0) is Gone.EXPIRED
    assert plans.look(stored[0].id, "a:1", 0) is Gone.UNKNOWN


def test_a_stored_plan_does_not_change_with_what_it_was_made_of() -> None:
    plans = Plans()
    arguments = {"size": 1}
    stored = plans.put(plan(), person="a:1", command="buy", arguments=arguments, now=0, lifetime=100)
    arguments["size"] = 1000
    assert stored.arguments == {"size": 1}


def test_a_code_is_bound_to_its_plan() -> None:
    plans = Plans()
    first, second = put(plans), put(plans)
    assert not plans.challenged(first.id)
    plans.challenge(first.id, 500, "123456")
    assert plans.challenged(first.id)
    assert plans.fits(first.id, " 123456 ")
    assert not plans.fits(second.id, "")
    assert isinstance(plans.look(first.id, "a:1", 499), Stored)


def test_three_wrong_codes_end_a_plan() -> None:
    plans = Plans()
    stored = put(plans)
    plans.challenge(stored.id, 100, "123456")
    assert [plans.fits(stored.id, "1") for _ in range(3)] == [False] * 3
    assert plans.look(stored.id, "a:1", 0) is Gone.DISCARDED


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [("100", "100.5", False), ("100", "100.51", True), ("100", "99.49", True), ("0", "0", False), ("0", "0.01", True)],
)
def test_tolerance_counts_both_ways(then: str, now: str, expected: bool) -> None:
    stored = put(Plans(), price=Decimal(then))
    assert moved(stored, plan(price=Decimal(now)), Decimal("0.5")) is expected


def test_another_set_of_prices_has_moved() -> None:
    assert moved(put(Plans(), price=Decimal(1)), plan(), Decimal(100))
    assert not moved(put(Plans()), plan(), Decimal(0))


def test_ids_and_codes_are_short_and_typed_easily() -> None:
    ids, codes = {new_plan_id() for _ in range(200)}, {new_code() for _ in range(200)}
    assert len(ids) == 200
    assert all(len(each) == 8 and set(each) <= set("abcdefghijklmnopqrstuvwxyz234567") for each in ids)
    assert all(len(each) == 6 and each.isdigit() for each in codes)
