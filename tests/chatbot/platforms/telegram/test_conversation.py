"""What people send and tap, who may, and what counts: once, freshly, and by the right person."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from commands.registry import Role
from commands.reply import Button, Card
from tests.chatbot.platforms.telegram.room import (
    OWNER,
    STRANGER,
    TRADER,
    VIEWER,
    Room,
)
from tests.commands.worlds import NOW

GRID = "/grid BTC/USDT 58000 64000 9 1000"


# -- conversations


async def test_a_stranger_pairs_and_gets_the_menu_of_the_role(room: Room) -> None:
    code = room.house.pairing.invite(Role.VIEWER, "telegram:101")
    await room.sam.say(f"/pair {code}")
    await room.sam.expect("Welcome, Sam")
    await room.sam.say("/help")
    await room.sam.expect("/status")
    menu = room.server.commands({"type": "chat", "chat_id": STRANGER})
    assert "status" in menu
    assert "grid" not in menu


async def test_menus_follow_roles_from_the_start(room: Room) -> None:
    await room.tim.say("/help")
    await room.tim.expect("/grid")
    assert "grid" in room.server.commands({"type": "chat", "chat_id": TRADER})
    assert "grid" not in room.server.commands({"type": "chat", "chat_id": VIEWER})
    assert room.server.commands() == {}


async def test_a_grid_is_planned_confirmed_once_and_receipted_in_place(room: Room) -> None:
    await room.tim.say(GRID)
    plan = await room.tim.expect("Start a grid on BTC/USDT")
    assert plan.text.startswith("SHADOW · ")
    assert "Can be confirmed until 12:02:00 UTC" in plan.text
    assert room.house.desk.asked == []

    tap = await room.tim.tap(plan.labels[0])
    await tap.answer()
    closed = await room.tim.expect("✔ Confirmed by Tim")
    assert closed.message_id == plan.message_id
    before, _blank, until = plan.text.rpartition("\n\n")
    assert before in closed.text
    assert until not in closed.text, "of no interest any more"
    assert closed.text.count("Range:") == 1, "the receipt need not repeat what the plan said"
    assert not {"/confirm", "/discard"} & {(each.data or "").split()[0] for each in closed.buttons}
    assert len(room.house.desk.asked) == 1


async def test_a_double_tap_runs_once(room: Room) -> None:
    await room.tim.say(GRID)
    plan = await room.tim.expect("Start a grid on BTC/USDT")
    line = plan.buttons[0].data or ""
    await room.tim.tap_data(plan.message_id, line)
    await room.tim.tap_data(plan.message_id, line)
    await room.tim.expect("✔ Confirmed")
    await room.tim.expect("confirmed before")
    assert len(room.house.desk.asked) == 1
    now = room.server.message(TRADER, plan.message_id)
    assert now is not None
    assert now.buttons, "the second tap took the buttons of the receipt"


async def test_a_replayed_update_runs_once(room: Room) -> None:
    await room.tim.say(GRID)
    plan = await room.tim.expect("Start a grid on BTC/USDT")
    tap = await room.tim.tap(plan.labels[0])
    await room.tim.expect("✔ Confirmed")
    assert tap.update_id is not None
    room.server.replay(tap.update_id)
    await room.silence(room.tim)
    assert len(room.house.desk.asked) == 1


async def test_a_stale_button_does_nothing_and_goes(room: Room) -> None:
    await room.tim.say(GRID)
    plan = await room.tim.expect("Start a grid on BTC/USDT")
    room.clock.advance(121_000)
    await room.tim.tap(plan.labels[0])
    stripped = await room.tim.expect("Start a grid on BTC/USDT")
    assert stripped.buttons == ()
    await room.tim.expect("expired")
    assert room.house.desk.asked == []


async def test_a_discarded_plan_says_so_where_it_stood(room: Room) -> None:
    await room.tim.say(GRID)
    plan = await room.tim.expect("Start a grid on BTC/USDT")
    await room.tim.tap("Discard")
    closed = await room.tim.expect("✖ Discarded by Tim")
    assert (closed.message_id, closed.buttons) == (plan.message_id, ())


async def test_a_moved_price_turns_the_plan_into_the_new_one(small: Room) -> None:
    await small.tim.say("/buy")
    plan = await small.tim.expect("Buy")
    small.house.world.price *= 2
    await small.tim.tap("Confirm")
    again = await small.tim.expect("The price moved")
    assert again.message_id == plan.message_id
    assert again.buttons[0].data != plan.buttons[0].data
    await small.tim.tap("Confirm")
    await small.tim.expect("done 1")


async def test_a_plan_that_needs_a_code_stays_open(small: Room) -> None:
    await small.olga.say("/golive")
    plan = await small.olga.expect("Buy")
    await small.olga.tap("Confirm")
    asked = await small.olga.expect("one-time code")
    assert asked.message_id != plan.message_id
    still = small.server.message(OWNER, plan.message_id)
    assert still is not None
    assert still.buttons == plan.buttons
    code = small.house.announced[-1].split()[-1]
    await small.olga.say(f"{plan.buttons[0].data} {code}")
    await small.olga.expect("done 1")


# -- who may, and what counts


@pytest.mark.parametrize("line", ["/help", "/status", "hello", GRID])
async def test_strangers_hear_nothing(room: Room, line: str) -> None:
    await room.sam.say(line)
    await room.silence(room.sam)


async def test_a_strangers_tap_is_not_even_answered(room: Room) -> None:
    group = room.server.group(-100, "Traders", room.tim, room.sam)
    await room.tim.say(GRID, chat=group)
    plan = await room.tim.expect("Start a grid on BTC/USDT", chat=group)
    tap = await room.sam.tap_data(plan.message_id, plan.buttons[0].data or "", chat=group)
    room.sam.drain()
    await room.silence(room.sam)
    assert not tap.answered
    assert room.house.desk.asked == []


async def test_a_plan_of_somebody_else_is_refused_and_stays(room: Room) -> None:
    group = room.server.group(-100, "Traders", room.tim, room.olga)
    await room.tim.say(GRID, chat=group)
    plan = await room.tim.expect("Start a grid on BTC/USDT", chat=group)
    await room.olga.tap_data(plan.message_id, plan.buttons[0].data or "", chat=group)
    await room.olga.expect("somebody else", chat=group)
    kept = room.server.message(group, plan.message_id)
    assert kept is not None
    assert kept.buttons == plan.buttons
    assert room.house.desk.asked == []


@pytest.mark.parametrize("data", ["/stop 1 sell", "/confirm aaaaaaaa", "/people", "x" * 64, "\x00", "/confirm"])
async def test_forged_data_is_only_text_of_whoever_sent_it(room: Room, data: str) -> None:
    await room.vera.say("/bots 1")
    card = await room.vera.expect("BTC/USDT")
    tap = await room.vera.tap_data(card.message_id, data)
    await tap.answer()
    await room.vera.say("/status")
    await room.vera.expect("connected")
    assert room.house.desk.asked == []


async def test_an_edited_message_does_not_run_again(room: Room) -> None:
    asked = await room.tim.say("/status")
    await room.tim.expect("connected")
    await room.tim.edit(asked.message_id, "/pause 1")
    await room.silence(room.tim)
    assert room.house.desk.asked == []


async def test_a_command_from_a_dead_hour_is_not_carried_out(room: Room) -> None:
    long_ago = datetime.fromtimestamp(NOW / 1000 - 3600, UTC)
    await room.tim.say("/pause 1", sent_at=long_ago)
    late = await room.tim.expect("Nothing was done")
    assert late.labels == ("Do it now",)
    assert room.house.desk.asked == []
    await room.tim.tap("Do it now")
    await room.tim.expect("paused")
    assert len(room.house.desk.asked) == 1


async def test_a_tap_from_a_dead_hour_is_as_old_as_its_message(small: Room) -> None:
    card = Card(title="Notice", fields=(), buttons=(Button("Halt", "/halt"),))
    await small.platform.send(f"telegram:{TRADER}", card, silent=False)
    await small.tim.expect("Notice")
    small.clock.advance(3_600_000)
    small.server.fail_next("answerCallbackQuery", 400, "Bad Request: query is too old and response timeout expired")
    await small.tim.tap("Halt")
    await small.tim.expect("Nothing was done")
    assert small.house.desk.asked == []


async def test_words_in_a_group_are_not_commands(room: Room) -> None:
    group = room.server.group(-100, "Traders", room.tim)
    await room.tim.say("@batuta_test_bot how are we doing", chat=group)
    await room.tim.say("/status@batuta_test_bot", chat=group)
    answer = await room.tim.expect("connected", chat=group)
    assert answer.reply_to is not None
    assert not room.tim.unread


async def test_a_button_of_a_message_that_is_gone_still_works(room: Room) -> None:
    await (await room.tim.tap_data(424_242, "/status")).answer()
    await room.tim.expect("connected")


async def test_chats_do_not_wait_for_each_other_but_each_keeps_its_order(small: Room) -> None:
    small.house.world.gate = asyncio.Event()
    await small.tim.say("/buy")
    await small.house.world.waiting.wait()
    await small.tim.say("/peek BTC/USDT")
    await small.vera.say("/peek ETH/USDT")
    await small.vera.expect("seen ETH/USDT")
    assert not small.tim.unread
    small.house.world.gate.set()
    await small.tim.expect("seen BTC/USDT")
    assert [each.text.split()[0] for each in small.tim.messages] == ["Buy", "seen"]
