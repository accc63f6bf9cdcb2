"""What is pushed without a step behind it, and how it reads on a lock screen."""

from __future__ import annotations

from commands.bulletins import error_notice, pairing_locked, person_joined, reach_notice, restart_report
from commands.notice import Lane
from tests.commands.fake_desk import FakeDesk
from tests.commands.test_notice import reconciled
from tests.commands.worlds import NOW, bot_view

BOT = bot_view(1)


def test_a_start_that_found_everything_in_order() -> None:
    report = restart_report(
        FakeDesk(BOT), NOW, [reconciled(recovered_fills=2, resolved_orders=1), reconciled()], NOW - 3_605_000
    )
    assert report.card.title == "Batuta is back: books and exchange agree"
    assert report.lane is Lane.REPLY
    assert [(field.label, field.value) for field in report.card.fields] == [
        ("Away for", "1 h"), ("Bots", "1 active"), ("Trading", "active"), ("Fills found", "2"),
        ("Orders clarified", "1"),
    ]  # fmt: skip


def test_a_start_that_found_a_gap_rings() -> None:
    report = restart_report(FakeDesk(BOT), NOW, [reconciled(gap={"asset": "BTC"})])
    assert report.card.title == "Batuta is back: books disagree on BTC/USDT"
    assert report.lane is Lane.CRITICAL
    assert report.card.fields[0].label == "Bots"


def test_errors_and_people_ring() -> None:
    told = [
        error_notice("the daily digest", "ab12", NOW),
        reach_notice(NOW),
        person_joined("Ada", "telegram:1", "owner", NOW),
        pairing_locked("Eve", "telegram:2", NOW),
    ]
    assert [each.lane for each in told] == [Lane.CRITICAL] * 4
    assert [each.card.title for each in told] == [
        "Error: the daily digest", "Batuta can reach you here",
        "Ada may now talk to me as owner", "Too many wrong pairing codes from Eve",
    ]  # fmt: skip
