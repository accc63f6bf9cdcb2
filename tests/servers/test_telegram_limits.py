"""Limits, markup, keyboards, edits and files of the loopback Bot API, seen by the real python-telegram-bot."""

import struct
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest
import telegram
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputMediaPhoto
from telegram.error import BadRequest

from tests.servers.telegram import Person, TelegramServer
from tests.servers.telegram.people import Tap


def png(width: int = 3, height: int = 2, shade: int = 0) -> bytes:
    """Return a small grey PNG."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes([shade]) * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def keyboard(*labels: str, data: str = "plan") -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(label, callback_data=f"{data}:{label}")] for label in labels])


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


# -- texts ------------------------------------------------------------------------------------------------------------


async def test_text_limits(bot: telegram.Bot, ana: Person) -> None:
    assert (await bot.send_message(ana.id, "é" * 4096)).text == "é" * 4096
    await bot.send_message(ana.id, f"<b>{'x' * 4096}</b>", parse_mode="HTML")
    for too_long in ("x" * 4097, "😀" * 2049):
        with pytest.raises(BadRequest, match="Message is too long"):
            await bot.send_message(ana.id, too_long)
    for empty, reason in (("", "Message text is empty"), (" \n ", "Text must be non-empty")):
        with pytest.raises(BadRequest, match=reason):
            await bot.send_message(ana.id, empty)
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(999, "hello")
    with pytest.raises(BadRequest, match="Message to be replied not found"):
        await bot.send_message(ana.id, "hello", reply_to_message_id=12345)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x < 3", 'Unsupported start tag "" at byte offset 2'),
        ("é <int>", 'Unsupported start tag "int" at byte offset 3'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ('<span class="red">x</span>', 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<a href=http://x.y>x</a>", "Unexpected end of name token at byte offset 8"),
        ('<a href="http://x.y>x</a>', "Unclosed start tag at byte offset 0"),
        ('<b "x">y</b>', 'Empty attribute name in the tag "b" at byte offset 0'),
        ("<a href", 'Unclosed start tag "a" at byte offset 0'),
    ],
)
async def test_broken_markup(server: TelegramServer, ana: Person, source: str, reason: str) -> None:
    # Asked without python-telegram-bot, which changes the case of what it reports.
    async with httpx.AsyncClient(base_url=f"{server.base_url}{server.token}/") as http:
        answer = await http.post("sendMessage", json={"chat_id": ana.id, "text": source, "parse_mode": "HTML"})
    description = f"Bad Request: can't parse entities: {reason}"
    assert answer.json() == {"ok": False, "error_code": 400, "description": description}
    assert ana.messages == ()


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("&lt;b&gt; &amp;amp; &nbsp; &#65;&#x42; R&D", "<b> &amp; &nbsp; AB R&D", []),
        ("😀 <b>a<i>é</i></b>", "😀 aé", [("bold", "aé"), ("italic", "é")]),
        ("  <u>x</u>  ", "x", [("underline", "x")]),
        ('<pre><code class="language-python">p()</code></pre>', "p()", [("pre", "p()")]),
        ("<blockquote expandable>long</blockquote>", "long", [("expandable_blockquote", "long")]),
        ('<tg-spoiler>a</tg-spoiler><span class="tg-spoiler">b</span>', "ab", [("spoiler", "a"), ("spoiler", "b")]),
        ('<A HREF="https://x.y/?a=1&amp;b=2">x</a>', "x", [("text_link", "x")]),
        ("<s></s>x", "x", []),
    ],
)
async def test_markup(bot: telegram.Bot, ana: Person, source: str, text: str, entities: list[tuple[str, str]]) -> None:
    sent = await bot.send_message(ana.id, source, parse_mode="HTML")
    assert sent.text == text
    assert [(entity.type, part) for entity, part in sent.parse_entities().items()] == entities
    shown = await ana.expect()
    assert (shown.text, shown.source) == (text, source)
    assert [(entity.kind, entity.of(shown.text)) for entity in shown.entities] == entities


async def test_other_parse_modes_are_refused(bot: telegram.Bot, ana: Person) -> None:
    with pytest.raises(BadRequest, match="Unsupported parse_mode"):
        await bot.send_message(ana.id, "*x*", parse_mode="MarkdownV2")


# -- keyboards and taps -----------------------------------------------------------------------------------------------


async def test_keyboard_limits(bot: telegram.Bot, ana: Person) -> None:
    async def send(*rows: list[dict[str, str]]) -> None:
        await bot.send_message(ana.id, "x", reply_markup=InlineKeyboardMarkup.de_json({"inline_keyboard": rows}, bot))

    await send([{"text": "ok", "callback_data": "x" * 64}, {"text": "web", "url": "https://example.com/a"}])
    for data in ("", "é" * 33):
        with pytest.raises(BadRequest, match="(?i)button_data_invalid"):
            await send([{"text": "no", "callback_data": data}])
    with pytest.raises(BadRequest, match="(?i)text buttons are unallowed in the inline keyboard"):
        await send([{"text": "no"}])
    with pytest.raises(BadRequest, match="(?i)wrong http URL"):
        await send([{"text": "no", "url": "nowhere"}])
    with pytest.raises(BadRequest, match="Reply markup is too long"):
        await send(*[[{"text": "no", "callback_data": "x"}]] * 101)
    (message,) = ana.messages
    assert [(button.label, button.url) for button in message.buttons] == [
        ("ok", None),
        ("web", "https://example.com/a"),
    ]


async def test_a_tap_is_answered_once_and_in_time(bot: telegram.Bot, ana: Person, server: TelegramServer) -> None:
    await bot.send_message(ana.id, "Plan", reply_markup=keyboard("✅ Confirm"))

    async def answer(tap: Tap, text: str = "ok") -> None:
        await bot.answer_callback_query(tap.query_id, text, show_alert=True)

    tap = await ana.tap("Confirm")
    with pytest.raises(BadRequest, match="(?i)message_too_long"):
        await answer(tap, "x" * 201)
    assert not tap.answered
    await answer(tap, "x" * 200)
    assert (await tap.answer()).alert
    old = await ana.tap("Confirm")
    server.expire_queries()
    for late in (tap, old):
        with pytest.raises(BadRequest, match="(?i)query is too old and response timeout expired"):
            await answer(late)
    with pytest.raises(AssertionError, match="did not answer the tap"):
        await old.answer(timeout=0.01)


# -- edits ------------------------------------------------------------------------------------------------------------


async def test_edits(bot: telegram.Bot, ana: Person) -> None:
    sent = await bot.send_message(ana.id, "<b>1</b>", parse_mode="HTML", reply_markup=keyboard("Stop"))
    with pytest.raises(BadRequest, match="Message is not modified: specified new message content"):
        await sent.edit_text(" <b>1</b>", parse_mode="HTML", reply_markup=keyboard("Stop"))
    with pytest.raises(BadRequest, match="Message is not modified"):
        await sent.edit_reply_markup(keyboard("Stop"))
    await sent.edit_text("1", reply_markup=keyboard("Stop"))
    await sent.edit_reply_markup(None)
    with pytest.raises(BadRequest, match="(?i)message_too_long"):
        await sent.edit_text("x" * 4097)
    with pytest.raises(BadRequest, match="There is no caption in the message to edit"):
        await sent.edit_caption("x")
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await bot.edit_message_text("x", ana.id, sent.message_id + 99)
    said = await ana.say("hello")
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.edit_message_text("x", ana.id, said.message_id)
    assert [message.labels for message in ana.drain()] == [("Stop",), ("Stop",), ()]
    assert ana.messages[0].history == ("1", "1")


# -- files ------------------------------------------------------------------------------------------------------------


async def test_photos(bot: telegram.Bot, ana: Person, server: TelegramServer) -> None:
    sent = await bot.send_photo(ana.id, png(), caption="<i>P&amp;L</i>", parse_mode="HTML")
    assert sent.caption == "P&L"
    assert (sent.photo[-1].width, sent.photo[-1].height) == (3, 2)
    assert bytes(await (await sent.photo[-1].get_file()).download_as_bytearray()) == png()
    assert ana.photos == (png(),)
    assert (await ana.expect("P&L", photo=True)).photo == png()
    again = await bot.send_photo(ana.id, sent.photo[-1].file_id)
    assert again.photo[-1].file_unique_id == sent.photo[-1].file_unique_id
    assert server.calls_of("sendPhoto")[0].payload["photo"].endswith(f"{len(png())} bytes>")
    with pytest.raises(BadRequest, match="There is no text in the message to edit"):
        await sent.edit_text("x")
    with pytest.raises(BadRequest, match="Message caption is too long"):
        await sent.edit_caption("x" * 1025)
    await sent.edit_media(InputMediaPhoto(png(shade=9), caption="later"))
    assert (await ana.expect("later", photo=True)).photo == png(shade=9)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no image at all", "Image_process_failed"),
        (png()[:-1], "Image_process_failed"),
        (png().replace(b"IDAT", b"IDAX"), "Image_process_failed"),
        (png(9000, 1001), "Photo_invalid_dimensions"),
        (png(90, 3), "Photo_invalid_dimensions"),
        (png() + b"\0" * 10 * 1024 * 1024, "is too big for a photo; the maximum size is 10485760 bytes"),
    ],
)
async def test_photos_must_be_images(bot: telegram.Bot, ana: Person, content: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=f"(?i){reason}"):
        await bot.send_photo(ana.id, content)
    assert ana.photos == ()


async def test_documents_and_albums(bot: telegram.Bot, ana: Person) -> None:
    await bot.send_document(ana.id, b"a,b\n1,2\n", filename="fills.csv", caption="Fills")
    document = (await ana.expect("Fills")).document
    assert document is not None
    assert (document.name, document.content) == ("fills.csv", b"a,b\n1,2\n")
    album = await bot.send_media_group(ana.id, [InputMediaPhoto(png(shade=shade)) for shade in range(3)])
    assert len({message.media_group_id for message in album}) == 1
    assert len(ana.photos) == 3
    with pytest.raises(BadRequest, match="(?i)media group must include 2-10 items"):
        await bot.send_media_group(ana.id, [InputMediaPhoto(png())])


# -- menus, pins, deletions -------------------------------------------------------------------------------------------


async def test_menus_and_profile(bot: telegram.Bot, server: TelegramServer) -> None:
    me = await bot.get_me()
    assert (me.is_bot, me.username) == (True, "batuta_test_bot")
    await bot.set_my_commands([("status", "How it goes"), ("stop", "Stop a bot")])
    await bot.set_my_commands([("panic", "Everything out")], scope=telegram.BotCommandScopeAllPrivateChats())
    assert [command.command for command in await bot.get_my_commands()] == ["status", "stop"]
    assert server.commands() == {"status": "How it goes", "stop": "Stop a bot"}
    assert server.commands({"type": "all_private_chats"}) == {"panic": "Everything out"}
    for name, description in (("Status", "x"), ("a-b", "x"), ("x" * 33, "x"), ("x", ""), ("x", "y" * 257)):
        with pytest.raises(BadRequest):
            await bot.set_my_commands([(name, description)])
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.set_my_commands([("x", "y")], scope=telegram.BotCommandScopeChat(404))
    await bot.set_my_description("Conducts a trading engine.")
    assert (await bot.get_my_description()).description == "Conducts a trading engine."
    with pytest.raises(BadRequest):
        await bot.set_my_short_description("x" * 121)


async def test_pins_actions_and_deletions(bot: telegram.Bot, server: TelegramServer, ana: Person) -> None:
    sent = await bot.send_message(ana.id, "Position", disable_notification=True)
    assert (await ana.expect()).silent
    await sent.pin(disable_notification=True)
    assert server.pinned(ana.id) == (sent.message_id,)
    chat = await bot.get_chat(ana.id)
    assert chat.pinned_message is not None
    assert chat.pinned_message.text == "Position"
    await bot.send_chat_action(ana.id, "typing")
    assert server.actions(ana.id) == ("typing",)
    await sent.delete()
    assert server.message(ana.id, sent.message_id) is None
    with pytest.raises(BadRequest, match="Message to delete not found"):
        await sent.delete()
    code = await ana.say("123456")
    await bot.delete_message(ana.id, code.message_id)
    assert server.message(ana.id, code.message_id) is None
