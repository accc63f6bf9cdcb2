"""The Telegram platform against a strict Bot API: what people send, tap and see."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from telegram import Bot
from telegram.error import Conflict

from chatbot.platform import SendFailed, SendRefused, SendRetry
from commands.registry import Role
from commands.reply import Button, Card, Field, Table, Text
from data.values import Mode
from tests.chatbot.platforms.telegram_room import (
    OWNER,
    STRANGER,
    TRADER,
    VIEWER,
    QuickClock,
    Room,
    new_room,
    seconds_of,
)
from tests.commands.worlds import NOW
from tests.servers.telegram import TelegramServer

GRID = "/grid BTC/USDT 58000 64000 9 1000"


@pytest_asyncio.fixture
async def room() -> AsyncIterator[Room]:
    clock = QuickClock(NOW)
    async with TelegramServer(now=seconds_of(clock)) as server:
        room = new_room(server, clock)
        await room.start()
        yield room
        await room.platform.stop()


@pytest_asyncio.fixture
async def small() -> AsyncIterator[Room]:
    """A room whose few commands do as the test says."""
    clock = QuickClock(NOW)
    async with TelegramServer(now=seconds_of(clock)) as server:
        room = new_room(server, clock, None)
        await room.start()
        yield room
        await room.platform.stop()


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
    plan = await room.tim.expect("Start a BTC/USDT grid")
    assert plan.text.startswith("SHADOW · ")
    assert "Can be confirmed until 12:02:00 UTC" in plan.text
    assert room.house.desk.asked == []

    tap = await room.tim.tap(plan.labels[0])
    await tap.answer()
    closed = await room.tim.expect("✔ Confirmed by Tim")
    assert closed.message_id == plan.message_id
    assert plan.text in closed.text
    assert not {"/confirm", "/discard"} & {(each.data or "").split()[0] for each in closed.buttons}
    assert len(room.house.desk.asked) == 1


async def test_a_double_tap_runs_once(room: Room) -> None:
    await room.tim.say(GRID)
    plan = await room.tim.expect("Start a BTC/USDT grid")
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
    plan = await room.tim.expect("Start a BTC/USDT grid")
    tap = await room.tim.tap(plan.labels[0])
    await room.tim.expect("✔ Confirmed")
    assert tap.update_id is not None
    room.server.replay(tap.update_id)
    await room.silence(room.tim)
    assert len(room.house.desk.asked) == 1


async def test_a_stale_button_does_nothing_and_goes(room: Room) -> None:
    await room.tim.say(GRID)
    plan = await room.tim.expect("Start a BTC/USDT grid")
    room.clock.advance(121_000)
    await room.tim.tap(plan.labels[0])
    stripped = await room.tim.expect("Start a BTC/USDT grid")
    assert stripped.buttons == ()
    await room.tim.expect("expired")
    assert room.house.desk.asked == []


async def test_a_discarded_plan_says_so_where_it_stood(room: Room) -> None:
    await room.tim.say(GRID)
    plan = await room.tim.expect("Start a BTC/USDT grid")
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
    plan = await room.tim.expect("Start a BTC/USDT grid", chat=group)
    tap = await room.sam.tap_data(plan.message_id, plan.buttons[0].data or "", chat=group)
    room.sam.drain()
    await room.silence(room.sam)
    assert not tap.answered
    assert room.house.desk.asked == []


async def test_a_plan_of_somebody_else_is_refused_and_stays(room: Room) -> None:
    group = room.server.group(-100, "Traders", room.tim, room.olga)
    await room.tim.say(GRID, chat=group)
    plan = await room.tim.expect("Start a BTC/USDT grid", chat=group)
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
    await room.tim.expect("Paused" if False else "1")
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


# -- what is shown


async def test_refreshing_edits_in_place_and_an_equal_answer_costs_nothing(room: Room) -> None:
    await room.tim.say("/bots")
    bots = await room.tim.expect("Bots")
    await room.tim.tap_data(bots.message_id, "/bots")
    await (await room.tim.tap_data(bots.message_id, "/bots 1")).answer()
    card = await room.tim.expect("Made of")
    assert card.message_id == bots.message_id
    assert len(room.server.calls_of("editMessageText")) == 1
    assert len(room.tim.messages) == 1


async def test_a_pushed_message_is_never_overwritten(room: Room) -> None:
    card = Card(
        title="Bought", fields=(Field("Value", "1 USDT"),), mode=Mode.SHADOW, buttons=(Button("See", "/bots 1"),)
    )
    await room.platform.send(f"telegram:{TRADER}", card, silent=True)
    pushed = await room.tim.expect("SHADOW · Bought")
    assert pushed.silent
    await room.tim.tap("See")
    answer = await room.tim.expect("Made of")
    assert answer.message_id != pushed.message_id


async def test_a_chart_is_a_photo_and_refreshes_as_one(room: Room) -> None:
    await room.tim.say("/pnl 1")
    chart = await room.tim.expect(photo=True)
    assert chart.text.startswith("SHADOW · ")
    await room.tim.tap_data(chart.message_id, "/pnl 1 7d")
    newer = await room.tim.expect(photo=True)
    assert newer.message_id == chart.message_id
    assert newer.photo != chart.photo


async def test_a_chart_that_cannot_be_drawn_is_told_in_words(room: Room) -> None:
    room.pictures.broken = True
    await room.tim.say("/pnl 1")
    told = await room.tim.expect("The chart could not be drawn", photo=False)
    assert "Total" in told.text


async def test_html_in_what_people_write_is_shown_as_written(room: Room) -> None:
    await room.tim.say("/bots <b>&amp;</b>")
    answer = await room.tim.expect("<b>&amp;</b>")
    assert "bold" not in {each.kind for each in answer.entities if each.of(answer.text) == "&"}


async def test_markup_that_telegram_cannot_read_goes_out_as_plain_text(room: Room) -> None:
    room.server.fail_next("sendMessage", 400, "Bad Request: can't parse entities: unsupported start tag")
    await room.tim.say("/status")
    answer = await room.tim.expect("connected")
    assert answer.entities == ()
    assert answer.buttons


async def test_a_long_table_comes_in_parts_with_heading_and_number(room: Room) -> None:
    rows = tuple((str(number), f"{number}.50") for number in range(900))
    table = Table(title="Orders", columns=("No.", "Price"), rows=rows, buttons=(Button("Bots", "/bots"),))
    receipt = await room.platform.send(f"telegram:{TRADER}", table, silent=False)
    messages = room.tim.messages
    assert len(messages) == len(receipt.split()) > 1
    for number, each in enumerate(messages, 1):
        assert each.text.startswith(f"Orders ({number}/{len(messages)})\nNo.   Price")
        assert [one.kind for one in each.entities] == ["bold", "pre"]
        assert bool(each.buttons) == (number == len(messages))
    seen = [line.split()[0] for each in messages for line in each.text.split("\n")[2:]]
    assert seen == [row[0] for row in rows]


# -- when Telegram says no


async def test_a_flooded_reply_arrives_after_the_wait(room: Room) -> None:
    room.server.flood(room.tim, 7)
    await room.tim.say("/status")
    await room.tim.expect("connected")
    assert 7 in room.clock.waited


async def test_a_lost_network_is_waited_out(room: Room) -> None:
    await room.server.stop()
    await room.server.start()
    await room.tim.say("/status")
    await room.tim.expect("connected")


async def test_pushes_name_every_refusal(room: Room) -> None:
    recipient, text = f"telegram:{TRADER}", Text(text="hello")
    room.server.flood(room.tim, 9, times=1)
    with pytest.raises(SendRetry) as retry:
        await room.platform.send(recipient, text, silent=False)
    assert retry.value.after_seconds == 9
    room.server.fail_next("sendMessage", 502, "Bad Gateway")
    with pytest.raises(SendFailed):
        await room.platform.send(recipient, text, silent=False)
    room.server.block(room.tim)
    with pytest.raises(SendRefused, match="blocked"):
        await room.platform.send(recipient, text, silent=False)
    for nobody in ("telegram:5555", "telegram:abc", "discord:101"):
        with pytest.raises(SendRefused):
            await room.platform.send(nobody, text, silent=False)


async def test_another_poller_is_told_off_and_outlasted(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    async with Bot(room.server.token, base_url=room.server.base_url) as other:
        with pytest.raises(Conflict):
            # Ours comes back after its own conflict and takes the updates over again.
            await other.get_updates(timeout=5)
    assert "another program fetches the updates" in caplog.text
    await room.tim.say("/status")
    await room.tim.expect("connected")


async def test_starting_without_telegram_returns_at_once_and_catches_up(room: Room) -> None:
    await room.platform.stop()
    await room.server.stop()
    late = room.new_platform()
    await late.start(room.house.dispatcher)
    with pytest.raises(SendFailed):
        await late.send(f"telegram:{TRADER}", Text(text="hello"), silent=False)
    await room.server.start()
    await late.ready()
    await room.tim.say("/status")
    await room.tim.expect("connected")
    await late.stop()


async def test_the_token_is_never_written_down(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for logger in ("httpx", "httpcore"):
        assert logging.getLogger(logger).level == logging.WARNING
    wrong = "123456:AAG-not-the-token-of-anybody"
    refused = room.new_platform(wrong)
    await refused.start(room.house.dispatcher)
    await room.tim.say("/status")
    await room.tim.expect("connected")
    await refused.stop()
    assert "TELEGRAM_BOT_TOKEN" in caplog.text
    ours = [each for each in caplog.records if not each.name.startswith(("aiohttp", "telegram", "asyncio"))]
    assert all(wrong not in each.getMessage() and room.server.token not in each.getMessage() for each in ours)


async def test_a_restart_does_not_hear_old_updates_again(room: Room) -> None:
    await room.tim.say("/status")
    await room.tim.expect("connected")
    await room.platform.stop()
    assert room.server.pending == ()
