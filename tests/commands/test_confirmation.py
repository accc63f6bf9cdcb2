"""What you see is what runs: every way in which a confirmed plan could do something else."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from commands.context import Context
from commands.library.confirm import confirm
from commands.library.discard import discard
from commands.registry import Role
from commands.reply import Failure, Proposal, Reply, Text
from config.schema import Settings
from data.events import Control, StopBot
from engine.outcome import Outcome
from tests.commands.fake_desk import FakeDesk
from tests.commands.house import House, NoAgents, NoJobs, person


async def propose(house: House, line: str = "/buy size=3", user: str = "tim") -> Proposal:
    reply = await house.one(line, user)
    assert isinstance(reply, Proposal)
    return reply


def problem(reply: Reply) -> str:
    assert isinstance(reply, Failure)
    return reply.problem


async def test_a_plan_is_shown_and_nothing_is_done() -> None:
    house = House()
    shown = await propose(house)
    assert shown.confirm.line == f"/confirm {shown.plan_id}"
    assert shown.discard.line == f"/discard {shown.plan_id}"
    assert shown.confirm.danger
    assert shown.card.note == "worst case"
    assert shown.expires_at == house.clock.now() + 120_000
    assert house.desk.asked == []


async def test_one_tap_runs_it_under_its_own_id() -> None:
    house = House()
    shown = await propose(house)
    assert await house.one(shown.confirm.line) == Text(text="done 1")
    assert house.world.acted == 1
    (control,) = house.desk.asked
    assert isinstance(control, StopBot)
    assert (control.plan, control.by) == (shown.plan_id, "telegram:tim")


async def test_a_plan_may_be_controls_alone() -> None:
    house = House()
    house.world.acts = False
    shown = await propose(house)
    assert await house.one(shown.confirm.line) == Text(text="done 1")
    assert house.world.acted == 0


async def test_a_plan_of_several_controls_gives_each_its_own_id() -> None:
    desk = _Deaf()
    house = House(desk=desk)
    house.world.controls = 3
    shown = await propose(house)
    assert await house.one(shown.confirm.line) == Text(text="done 3")
    assert [control.plan for control in desk.heard if isinstance(control, StopBot)] == [
        f"{shown.plan_id}-1",
        f"{shown.plan_id}-2",
        f"{shown.plan_id}-3",
    ]


async def test_two_taps_at_once_run_it_once() -> None:
    house = House()
    shown = await propose(house)
    house.world.gate = asyncio.Event()
    first = asyncio.create_task(house.one(shown.confirm.line))
    await asyncio.wait_for(house.world.waiting.wait(), 5)
    others = await asyncio.gather(*(house.one(shown.confirm.line) for _ in range(5)))
    assert all("runs once" in problem(reply) for reply in others)
    assert house.desk.asked == []
    house.world.gate.set()
    assert await first == Text(text="done 1")
    assert len(house.desk.asked) == 1


async def test_a_second_tap_later_says_that_it_ran() -> None:
    house = House()
    shown = await propose(house)
    await house.one(shown.confirm.line)
    assert "runs once" in problem(await house.one(shown.confirm.line))
    assert len(house.desk.asked) == 1


async def test_an_expired_plan_does_nothing() -> None:
    house = House()
    shown = await propose(house)
    house.clock.advance(120_000)
    assert "expired" in problem(await house.one(shown.confirm.line))
    assert house.desk.asked == []


async def test_somebody_elses_plan_does_nothing_and_stays_theirs() -> None:
    house = House()
    shown = await propose(house)
    assert "somebody else" in problem(await house.one(shown.confirm.line, "olga"))
    assert "somebody else" in problem(await house.one(shown.discard.line, "olga"))
    assert await house.one(shown.confirm.line) == Text(text="done 1")
    assert "no such plan" in problem(await house.one(shown.confirm.line, "olga"))


async def test_a_guessed_plan_does_nothing() -> None:
    house = House()
    assert "no such plan" in problem(await house.one("/confirm aaaaaaaa"))


async def test_a_discarded_plan_does_nothing() -> None:
    house = House()
    shown = await propose(house)
    assert await house.one(shown.discard.line.upper().replace("/DISCARD", "/discard")) == Text(
        text="Discarded. Nothing was done."
    )
    assert "discarded" in problem(await house.one(shown.confirm.line))
    assert house.desk.asked == []


async def test_a_moved_price_asks_again_and_the_new_plan_runs() -> None:
    house = House()
    shown = await propose(house)
    house.world.price = Decimal("100.51")
    again = await house.one(shown.confirm.line)
    assert isinstance(again, Proposal)
    assert again.plan_id != shown.plan_id
    assert again.card.note.startswith("The price moved")
    assert house.desk.asked == []
    assert await house.one(again.confirm.line) == Text(text="done 1")
    assert "runs once" in problem(await house.one(shown.confirm.line))


async def test_a_price_within_tolerance_runs() -> None:
    house = House()
    shown = await propose(house)
    house.world.price = Decimal("99.50")
    assert await house.one(shown.confirm.line) == Text(text="done 1")


async def test_a_price_that_vanished_asks_again() -> None:
    house = House()
    shown = await propose(house)
    house.world.quoted = False
    assert isinstance(await house.one(shown.confirm.line), Proposal)


async def test_a_changed_state_asks_again() -> None:
    house = House()
    shown = await propose(house)
    house.world.state = "stormy"
    again = await house.one(shown.confirm.line)
    assert isinstance(again, Proposal)
    assert again.card.note.startswith("Things changed")


async def test_what_became_impossible_says_so() -> None:
    house = House()
    shown = await propose(house)
    house.world.refuse = Failure(problem="the bot is gone")
    assert problem(await house.one(shown.confirm.line)) == "the bot is gone"
    assert house.desk.asked == []


async def test_an_exchange_that_falls_silent_before_the_second_quote_does_nothing() -> None:
    house = House()
    shown = await propose(house)
    house.world.unavailable = True
    assert "does not answer" in problem(await house.one(shown.confirm.line))
    assert house.desk.asked == []


async def test_a_role_lost_between_two_taps_counts() -> None:
    house = House()
    shown = await propose(house)
    house.people.put(person("tim", Role.VIEWER))
    assert "no longer" in problem(await house.one(shown.confirm.line))
    assert house.desk.asked == []


async def test_an_engine_that_breaks_midway_is_admitted() -> None:
    house = House()
    shown = await propose(house)
    house.world.controls = 2
    failure = await house.one(shown.confirm.line)
    assert "part of it may have been done" in problem(failure)
    assert "KeyError" not in str(failure)


async def test_what_raises_risk_needs_the_code_from_the_server() -> None:
    house = House()
    shown = await propose(house, "/golive", "olga")
    asked = await house.one(shown.confirm.line, "olga")
    assert isinstance(asked, Text)
    code = house.announced[0].split()[-1]
    assert "missing" in problem(await house.one(shown.confirm.line, "olga"))
    assert house.desk.asked == []
    assert len(house.announced) == 1
    assert await house.one(f"{shown.confirm.line} {code}", "olga") == Text(text="done 1")


async def test_typing_the_code_has_time_of_its_own() -> None:
    house = House()
    shown = await propose(house, "/golive", "olga")
    house.clock.advance(119_000)
    await house.one(shown.confirm.line, "olga")
    code = house.announced[0].split()[-1]
    house.clock.advance(119_000)
    assert await house.one(f"{shown.confirm.line} {code}", "olga") == Text(text="done 1")


async def test_a_code_cannot_be_guessed() -> None:
    house = House()
    shown = await propose(house, "/golive", "olga")
    await house.one(shown.confirm.line, "olga")
    code = house.announced[0].split()[-1]
    wrong = str((int(code) + 1) % 1_000_000).zfill(6)
    for _ in range(3):
        assert "not the code" in problem(await house.one(f"{shown.confirm.line} {wrong}", "olga"))
    assert "discarded" in problem(await house.one(f"{shown.confirm.line} {code}", "olga"))
    assert house.desk.asked == []


async def test_a_code_before_the_first_tap_counts_for_nothing() -> None:
    house = House()
    shown = await propose(house, "/golive", "olga")
    assert isinstance(await house.one(f"{shown.confirm.line} 000000", "olga"), Text)
    assert house.desk.asked == []


@pytest.mark.parametrize("handler", [confirm, discard])
async def test_without_a_counter_nothing_is_confirmed(handler: object) -> None:
    house = House()
    ctx = Context(
        person=person("tim", Role.TRADER), desk=house.desk, clock_now=0, settings=Settings(), jobs=NoJobs(),
        agents=NoAgents(), people=house.people, registry=house.registry, platform="telegram",
    )  # fmt: skip
    assert callable(handler)
    assert isinstance(await handler(ctx, "abcdefgh"), Failure)


class _Deaf(FakeDesk):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Control] = []

    async def ask(self, control: Control) -> Outcome:
        self.heard.append(control)
        return Outcome(sequence=0, event=control, problem="deaf")
