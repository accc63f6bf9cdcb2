"""What people see of a reply, and what happens when Telegram says no."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr
from telegram import Bot
from telegram.error import Conflict

from chatbot.platform import Audience, Outfit, SendFailed, SendRefused, SendRetry
from chatbot.platforms.telegram import build, probe
from chatbot.push import Pusher
from commands.notice import Lane, Notice
from commands.reply import Button, Card, Field, Table, Text
from config.schema import Settings
from config.secrets import Secrets
from config.service import Chat
from data.database import Database
from data.outbox import Outbox
from data.values import Mode
from tests.chatbot.platforms.telegram.room import TRADER, VIEWER, Room
from tests.commands.worlds import NOW

GRID = "/grid BTC/USDT 58000 64000 9 1000"


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


async def test_a_push_waits_out_a_flood_in_the_outbox_and_keeps_the_receipt(room: Room) -> None:
    database = Database.in_memory()
    outbox = Outbox(database)
    pusher = Pusher(outbox, Audience(room.house.people, Chat()), room.clock)
    await pusher.start([room.platform])
    room.server.flood(room.tim, 5, times=2)
    room.server.block(room.vera)
    card = Card(title="Stop loss hit", fields=(), mode=Mode.PRODUCTION)
    pusher.push((Notice(key="k", lane=Lane.CRITICAL, at=NOW, bot=1, mode=Mode.PRODUCTION, card=card),))
    heard = await room.tim.expect("PRODUCTION · Stop loss hit")
    await room.olga.expect("Stop loss hit")
    await room.silence(room.tim)
    await pusher.stop()
    ended = {row.recipient: row.receipt or row.reason for number in range(1, 7) if (row := outbox.get(number))}
    assert ended[f"telegram:{TRADER}"] == str(heard.message_id)
    assert "blocked" in ended[f"telegram:{VIEWER}"]
    assert outbox.pending("telegram:tim") == []
    database.close()


async def test_another_poller_is_told_off_and_outlasted(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    async with Bot(room.server.token, base_url=room.server.base_url) as other:
        for _ in range(5):
            # Whoever polls last wins; ours always comes back.
            with pytest.raises(Conflict):
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


# -- before it starts


async def test_the_platform_is_built_only_when_there_is_a_token(room: Room, tmp_path: Path) -> None:
    outfit = Outfit(
        settings=room.settings, secrets=Secrets(), clock=room.clock, audience=Audience(room.house.people, Chat()),
        pictures=room.pictures, registry=room.house.registry, charts=tmp_path, interactive=False,
    )  # fmt: skip
    assert build(outfit) is None
    token = Secrets(telegram_bot_token=SecretStr(room.server.token))
    built = build(msgspec.structs.replace(outfit, secrets=token))
    assert built is not None
    assert built.name == "telegram"
    off = Settings.model_validate({"chat": {"telegram": {"enabled": False}}})
    assert build(msgspec.structs.replace(outfit, secrets=token, settings=off)) is None


async def test_the_doctor_learns_whether_telegram_takes_the_token(room: Room) -> None:
    settings = Settings.model_validate({"chat": {"telegram": {"base_url": room.server.base_url}}})
    assert await probe(settings, SecretStr(room.server.token)) == ("answers as @batuta_test_bot", True)
    words, well = await probe(settings, SecretStr("123456:AAG-not-the-token-of-anybody"))
    assert not well
    assert "TELEGRAM_BOT_TOKEN" in words
    assert "AAG" not in words
    await room.server.stop()
    words, well = await probe(settings, SecretStr(room.server.token))
    assert not well
    assert "cannot be reached" in words
