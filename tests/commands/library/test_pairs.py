"""/pairs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec
import pytest

from commands.reply import Card, Table
from config.schema import Settings
from data.values import Mode
from engine.desk import AgentView, Note
from engine.selection.proposals import SELECTOR
from tests.commands.fake_desk import FakeDesk
from tests.commands.library.stage import Stage, lines, value
from tests.commands.test_proposals import WHAT, proposed
from tests.commands.worlds import HOUR, NOW, bot_view, spec

D = Decimal
OPEN = {"enabled": True, "most_bots": 2, "most_investment": 500}


def selecting(*notes: Note, error: str = "") -> AgentView:
    """Return the selector at work."""
    return AgentView(
        name=SELECTOR, what="Proposes markets", healthy=not error, last_at=NOW, last_advice="", restarts=0,
        last_error=error, notes=notes,
    )  # fmt: skip


def stage_of(desk: FakeDesk, agent: AgentView, allowed: Mapping[str, object] | None = None) -> Stage:
    """Return a stage with the selector on it."""
    chosen = {"enabled": True, "open": {**(allowed or {})}}
    stage = Stage(desk=desk, settings=Settings.model_validate({"pair_selection": chosen}))
    stage.agents.known = [agent]
    return stage


async def shown(stage: Stage) -> tuple[Card, Table]:
    """Return both replies."""
    card, table = await stage.say("/pairs")
    assert isinstance(card, Card)
    assert isinstance(table, Table)
    return card, table


async def test_without_a_selector_it_says_how_to_have_one() -> None:
    card, table = await shown(Stage())
    assert card.title == "No proposal is open"
    assert value(card, "Selector").startswith("off: pair_selection.enabled")
    assert value(card, "Started unasked") == "nothing; somebody starts each"
    assert (table.rows, table.empty) == ((), "No market was looked at since the start.")


async def test_the_last_round_says_of_each_market_what_became_of_it() -> None:
    notes = [
        Note(subject="market", name=f"{name}/USDT", said=said, at=NOW - HOUR)
        for name, said in (("ETH", "proposed, score 0.7"), ("SOL", "trend: 40.000 ADX (at most 25.000 ADX)"))
    ]
    card, table = await shown(stage_of(FakeDesk(), selecting(*notes)))
    assert value(card, "Selector") == "looks for markets every 6 h"
    assert table.title == "Last round, 1 h ago"
    assert table.rows == (("ETH/USDT", "proposed, score 0.7"), ("SOL/USDT", "trend: 40.000 ADX (at most 25.000 ADX)"))


async def test_an_open_proposal_leads_to_its_plan_and_says_why_it_was_not_started() -> None:
    desk = FakeDesk()
    desk.decided = list(proposed().decisions)
    note = Note(subject="proposal", name="1", said="production is not armed", at=NOW)
    card, _table = await shown(stage_of(desk, selecting(note), {**OPEN, "mode": "production"}))
    assert card.title == "1 proposal is open"
    told = "58000 – 64000.5, 11 lines, 212.30 USDT, 0 s ago: not started, production is not armed"
    assert value(card, "#1 BTC/USDT") == told
    assert lines(card) == ["/grid BTC/USDT 58000 64000.5 11 212.3", "/pairs"]
    assert value(card, "Started unasked") == "production, which is not armed: nothing is started"
    desk.view = msgspec.structs.replace(desk.view, caps={Mode.PRODUCTION: D(100)})
    card, _table = await shown(stage_of(desk, selecting(note), {**OPEN, "mode": "production"}))
    assert value(card, "Started unasked") == "production"


@pytest.mark.parametrize("plan", ["pairs-1", ""])
async def test_what_is_traded_is_open_no_more_and_uses_the_cap_up_if_nobody_asked_for_it(plan: str) -> None:
    started = msgspec.structs.replace(
        bot_view(1, msgspec.structs.replace(spec("BTC/USDT"), investment=D(200))),
        plan=plan,
        by=SELECTOR if plan else "t:1",
    )
    desk = FakeDesk(started)
    desk.decided = list(proposed().decisions)
    card, _table = await shown(stage_of(desk, selecting(), OPEN))
    assert card.title == "No proposal is open"
    assert value(card, "#1 BTC/USDT").endswith(": bot 1 was started") is bool(plan)
    assert value(card, "Bots so far") == f"{1 if plan else 0} of 2"
    assert value(card, "Invested so far") == f"{200 if plan else 0} of 500.00 USDT"
    assert ("/stop 1" in lines(card)) is bool(plan)


async def test_proposals_of_days_ago_are_not_shown() -> None:
    desk = FakeDesk()
    desk.decided = [msgspec.structs.replace(each, at=NOW - 25 * HOUR) for each in proposed(WHAT).decisions]
    card, _table = await shown(stage_of(desk, selecting(error="no prices")))
    assert [each.label for each in card.fields] == ["Selector", "Started unasked"]
    assert value(card, "Selector") == "ill: no prices"
