"""The real python-telegram-bot talks to the loopback Bot API."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import telegram
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.constants import ParseMode
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter
from telegram.ext import Application, ApplicationBuilder, CallbackQueryHandler, CommandHandler, ContextTypes

from tests.servers.telegram import Person, TelegramServer

Context = ContextTypes.DEFAULT_TYPE
GROUP = -1001234567890


def keyboard(*labels: str, data: str = "plan") -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(label, callback_data=f"{data}:{label}")] for label in labels])


@pytest.fixture(autouse=True)
def _new_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without it, python-telegram-bot 22 warns at every RetryAfter.
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
async def server() -> AsyncIterator[TelegramServer]:
    async with TelegramServer() as server:
        yield server


@pytest.fixture
def ana(server: TelegramServer) -> Person:
    return server.person(101, "Ana")


@pytest.fixture
async def bot(server: TelegramServer) -> AsyncIterator[telegram.Bot]:
    async with telegram.Bot(server.token, base_url=server.base_url, base_file_url=server.base_file_url) as bot:
        yield bot


async def _status(update: Update, _: Context) -> None:
    assert update.effective_message is not None
    await update.effective_message.reply_text(
        f"<b>Running</b> {update.update_id}", parse_mode=ParseMode.HTML, reply_markup=keyboard("Confirm", "Cancel")
    )


async def _tapped(update: Update, _: Context) -> None:
    query = update.callback_query
    assert query is not None
    await query.answer(f"took {query.data}")
    if query.message and query.message.is_accessible:
        await query.edit_message_text("Done")


@pytest.fixture
async def application(server: TelegramServer) -> AsyncIterator[Application]:  # type: ignore[type-arg]
    application = (
        ApplicationBuilder().token(server.token).base_url(server.base_url).base_file_url(server.base_file_url).build()
    )
    application.add_handler(CommandHandler("status", _status))
    application.add_handler(CallbackQueryHandler(_tapped))
    assert application.updater is not None
    async with application:
        await application.start()
        await application.updater.start_polling(poll_interval=0, timeout=timedelta(seconds=5))
        yield application
        await application.updater.stop()
        await application.stop()


# -- a whole conversation ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("application")
async def test_a_conversation(server: TelegramServer, ana: Person) -> None:
    await ana.say("/status")
    reply = await ana.expect("Running")
    assert [(entity.kind, entity.of(reply.text)) for entity in reply.entities] == [("bold", "Running")]
    assert reply.labels == ("Confirm", "Cancel")
    tap = await ana.tap("Confirm")
    assert (await tap.answer()).text == "took plan:Confirm"
    edited = await ana.expect("Done")
    assert (edited.message_id, edited.edited, edited.buttons) == (reply.message_id, True, ())
    assert [message.text for message in ana.messages] == ["Done"]
    assert [call.status for call in server.calls_of("sendMessage")] == [200]


@pytest.mark.usefixtures("application")
async def test_stale_and_forged_taps(server: TelegramServer, ana: Person) -> None:
    await ana.say("/status")
    reply = await ana.expect()
    await (await ana.tap_data(reply.message_id, "forged")).answer()
    await ana.expect("Done")
    with pytest.raises(AssertionError, match="no button 'Confirm'"):
        await ana.tap("Confirm")
    assert (await (await ana.tap_data(reply.message_id + 500, "gone")).answer()).text == "took gone"
    await ana.expect_nothing(within=0.05)
    assert len(server.calls_of("answerCallbackQuery")) == 2


@pytest.mark.usefixtures("application")
async def test_confirmed_updates_vanish_and_can_be_replayed(server: TelegramServer, ana: Person) -> None:
    await ana.say("/status")
    first = await ana.expect()
    await ana.say("/status")
    await ana.expect()
    assert ana.last_update is not None
    server.replay(ana.last_update - 1)
    assert (await ana.expect()).text == first.text
    await ana.say("/status")
    await ana.expect(f"Running {ana.last_update}")
    await ana.expect_nothing(within=0.05)


@pytest.mark.usefixtures("application")
async def test_polling_survives_a_dropped_connection(server: TelegramServer, ana: Person) -> None:
    server.drop_connections()
    await ana.say("/status")
    await ana.expect("Running")


@pytest.mark.usefixtures("application")
async def test_an_edited_command_comes_again(ana: Person) -> None:
    said = await ana.say("/status")
    await ana.expect()
    await ana.edit(said.message_id, "/status now")
    await ana.expect()


@pytest.mark.usefixtures("application")
async def test_groups_have_privacy_mode(server: TelegramServer, ana: Person) -> None:
    ben = server.person(102, "Ben")
    server.group(GROUP, "Desk", ana, ben)
    await ana.say("/status@another_bot", chat=GROUP)
    await ana.say("just talking about /status", chat=GROUP)
    await ben.say("/status@batuta_test_bot", chat=GROUP)
    assert (await ana.expect(chat=GROUP)).text == (await ben.expect()).text
    await (await ana.tap("Cancel", chat=GROUP)).answer()
    assert (await ben.expect("Done")).chat_id == GROUP
    assert len(server.calls_of("sendMessage")) == 1
    with pytest.raises(AssertionError, match="not in this group"):
        await server.person(103, "Eve").say("/status", chat=GROUP)


# -- getUpdates -------------------------------------------------------------------------------------------------------


async def test_offsets_and_limits(bot: telegram.Bot, ana: Person, server: TelegramServer) -> None:
    for text in ("one", "two", "three"):
        await ana.say(text)
    first, second = await bot.get_updates(limit=2)
    assert [update.message.text for update in (first, second) if update.message] == ["one", "two"]
    assert len(await bot.get_updates()) == 3
    assert [update.update_id for update in await bot.get_updates(offset=-1)] == [first.update_id + 2]
    assert len(server.pending) == 1
    assert await bot.get_updates(offset=first.update_id + 3) == ()
    assert not server.pending


async def test_an_empty_poll_lasts_its_timeout(bot: telegram.Bot, ana: Person) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await bot.get_updates(timeout=1) == ()
    assert loop.time() - started >= 0.95
    poll = asyncio.create_task(bot.get_updates(timeout=5))
    await asyncio.sleep(0.05)
    await ana.say("hello")
    assert len(await poll) == 1
    assert loop.time() - started < 3


async def test_a_second_poller_conflicts(bot: telegram.Bot, server: TelegramServer, ana: Person) -> None:
    async with telegram.Bot(server.token, base_url=server.base_url) as other:
        first = asyncio.create_task(bot.get_updates(timeout=5))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(other.get_updates(timeout=5))
        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await first
        await ana.say("hello")
        assert len(await second) == 1


async def test_allowed_updates(bot: telegram.Bot, ana: Person, server: TelegramServer) -> None:
    await bot.get_updates(allowed_updates=["callback_query"])
    await ana.say("unheard")
    await ana.tap_data(1, "x")
    (update,) = await bot.get_updates()
    assert update.callback_query is not None
    assert update.callback_query.data == "x"
    await bot.delete_webhook(drop_pending_updates=True)
    assert server.pending == ()


async def test_an_old_message_keeps_its_date(bot: telegram.Bot, ana: Person) -> None:
    hour_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    await ana.say("/stop", sent_at=hour_ago)
    (update,) = await bot.get_updates()
    assert update.message is not None
    assert update.message.date == hour_ago


# -- failures ---------------------------------------------------------------------------------------------------------


async def test_tokens_methods_and_bodies(server: TelegramServer, ana: Person) -> None:
    wrong = telegram.Bot("7000000001:AA-wrong-but-well-formed-token", base_url=server.base_url)
    with pytest.raises(InvalidToken):
        await wrong.initialize()
    await wrong.shutdown()
    async with httpx.AsyncClient(base_url=f"{server.base_url}{server.token}/") as http:
        missing = await http.post("flyToTheMoon")
        assert (missing.status_code, missing.json()) == (
            404,
            {"ok": False, "error_code": 404, "description": "Not Found"},
        )
        body = {"chat_id": str(ana.id), "text": "hi"}
        sent = [await http.post("sendMessage", json=body), await http.post("SENDMESSAGE", data=body)]
        sent.append(await http.get("sendMessage", params=body))
        sent.append(await http.post("sendMessage", data=body, files={"unused": b"x"}))
        assert [answer.json()["result"]["text"] for answer in sent] == ["hi"] * 4
        nobody = await http.post("sendMessage", json={"text": "hi"})
        assert nobody.json()["description"] == "Bad Request: chat_id is empty"
        garbled = await http.post("sendMessage", json=body | {"reply_markup": "{"})
        assert garbled.json()["description"] == "Bad Request: can't parse reply keyboard markup JSON object"


async def test_strangers_cannot_be_written_to_first(bot: telegram.Bot, server: TelegramServer) -> None:
    eve = server.person(666, "Eve", started=False)
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(eve.id, "hello")
    await eve.start()
    await bot.send_message(eve.id, "hello")


async def test_a_blocked_bot(bot: telegram.Bot, server: TelegramServer, ana: Person) -> None:
    server.block(ana)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(ana.id, "hello")
    (update,) = await bot.get_updates()
    assert update.my_chat_member is not None
    assert update.my_chat_member.new_chat_member.status == "kicked"
    server.unblock(ana)
    await bot.send_message(ana.id, "hello")


async def test_floods(bot: telegram.Bot, server: TelegramServer, ana: Person) -> None:
    ben = server.person(102, "Ben")
    server.flood(ana, 7)
    server.flood(ben, 3, times=1)
    with pytest.raises(RetryAfter) as caught:
        await bot.send_message(ana.id, "hello")
    assert caught.value.retry_after == timedelta(seconds=7)
    assert server.calls[-1].status == 429
    with pytest.raises(RetryAfter):
        await bot.send_message(ben.id, "hello")
    await bot.send_message(ben.id, "hello")
    assert len(ben.messages) == 1


async def test_flood_ends_with_its_time() -> None:
    time = 1_700_000_000.0
    async with TelegramServer(now=lambda: time) as server:
        ana = server.person(101)
        server.limit_per_chat(2, 10)
        async with telegram.Bot(server.token, base_url=server.base_url) as bot:
            await bot.send_message(ana.id, "1")
            time += 4
            await bot.send_message(ana.id, "2")
            with pytest.raises(RetryAfter):
                await bot.send_message(ana.id, "3")
            time += 6
            await bot.send_message(ana.id, "3")
            server.limit_per_chat(0, 0)
            server.flood(ana, 5)
            time += 5
            await bot.send_message(ana.id, "4")
    assert [message.text for message in ana.messages] == ["1", "2", "3", "4"]
    assert ana.messages[-1].date == 1_700_000_015


async def test_scripted_failures(bot: telegram.Bot, server: TelegramServer, ana: Person) -> None:
    server.fail_next("sendMessage", 500, "Internal Server Error")
    server.fail_next("*", 502, "Bad Gateway")
    for _ in range(2):
        with pytest.raises(NetworkError):
            await bot.send_message(ana.id, "hello")
    assert ana.messages == ()
    server.lose_answer("sendMessage")
    with pytest.raises(NetworkError):
        await bot.send_message(ana.id, "arrives")
    assert (await ana.expect()).text == "arrives"
    server.delay_next("sendMessage", 0.3)
    with pytest.raises(telegram.error.TimedOut):
        await bot.send_message(ana.id, "late", read_timeout=0.1)
    await ana.expect("late")


async def test_an_outage_ends(bot: telegram.Bot, server: TelegramServer, ana: Person) -> None:
    await server.stop()
    with pytest.raises(NetworkError):
        await bot.send_message(ana.id, "hello")
    await ana.say("while it was down")
    await server.start()
    (update,) = await bot.get_updates()
    assert update.message is not None
    await bot.send_message(ana.id, "back")
    await ana.expect("back")


async def test_what_did_not_come(ana: Person, bot: telegram.Bot) -> None:
    await bot.send_message(ana.id, "something else", reply_markup=keyboard("Go"))
    with pytest.raises(
        AssertionError, match=r"containing 'hello' within 0.01 s; unread:\n  - 'something else' \['Go'\]"
    ):
        await ana.expect("hello", timeout=0.01)
    with pytest.raises(AssertionError, match="Ana received 'something else'"):
        await ana.expect_nothing(within=0.01)
