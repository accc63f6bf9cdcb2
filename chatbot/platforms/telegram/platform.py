"""The platform itself: updates in, requests to the dispatcher, replies out; everything else is deny by default."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from telegram import CallbackQuery, LinkPreviewOptions, Message, Update
from telegram.constants import ChatType
from telegram.error import BadRequest, InvalidToken, TelegramError
from telegram.ext import (
    Application,
    ApplicationBuilder,
    BaseUpdateProcessor,
    CallbackQueryHandler,
    Defaults,
    MessageHandler,
    filters,
)

from chatbot.platform import Audience, Pictures, SendError, SendFailed, SendRefused, chat_of
from chatbot.platforms.telegram.markup import LIMITS
from chatbot.platforms.telegram.menus import Menus
from chatbot.platforms.telegram.polling import Patience, Poller
from chatbot.platforms.telegram.sender import Place, Sender, settled
from chatbot.platforms.telegram.taps import Tap, Taps
from chatbot.rendering import parts
from commands.dispatch import Dispatcher, Request
from commands.parse import Line, split
from commands.registry import Tier
from commands.reply import Reply
from config.language import use
from engine.clock import Clock

NAME = "telegram"
_AT_ONCE = 64
_LONGEST_GRACE_SECONDS, _LAST_SECONDS, _FIRST_SECONDS = 10.0, 1.0, 3.0
_TOO_OLD = "query is too old"
_log = logging.getLogger(__name__)
_App = Application[Any, Any, Any, Any, Any, Any]


class TelegramPlatform:
    """One Telegram bot. Every failure of Telegram's is waited out; none reaches the engine."""

    name = NAME

    def __init__(
        self,
        token: str,
        audience: Audience,
        clock: Clock,
        pictures: Pictures | None = None,
        *,
        base_url: str | None = None,
        base_file_url: str | None = None,
        poll_seconds: float = 30.0,
        grace_seconds: float = _LONGEST_GRACE_SECONDS,
    ) -> None:
        """Speak for the bot of ``token``, at Telegram's own addresses unless others are given.

        ``grace_seconds`` is how long what is being answered may take when it stops.
        """
        # The addresses of requests carry the token, and the library's client writes them into its log.
        for noisy in ("httpx", "httpcore"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        self._app = _application(token, base_url, base_file_url)
        self._audience, self._clock = audience, clock
        self._grace_seconds = min(grace_seconds, _LONGEST_GRACE_SECONDS)
        self._sender = Sender(self._app.bot, clock, pictures)
        self._taps = Taps(self._sender)
        self._poller = Poller(self._app.bot, clock, self._app.update_queue.put, poll_seconds)
        self._dispatcher: Dispatcher | None = None
        self._menus: Menus | None = None
        self._running: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self, dispatcher: Dispatcher) -> None:
        """Begin to listen in the background and return at once, also when Telegram cannot be reached yet."""
        self._dispatcher = dispatcher
        self._menus = Menus(self._app.bot, self._audience, dispatcher)
        self._app.add_handler(MessageHandler(filters.UpdateType.MESSAGE & filters.TEXT, self._on_message))
        self._app.add_handler(CallbackQueryHandler(self._on_tap))
        self._app.add_error_handler(_on_error)
        self._running = asyncio.create_task(self._run(), name="telegram")

    async def ready(self) -> None:
        """Wait until Telegram has accepted the bot."""
        await self._ready.wait()

    async def stop(self) -> None:
        """Stop listening, let what is being answered finish, and close every connection."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        self._ready.clear()
        if self._app.running:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._grace_seconds):
                    await self._app.update_queue.join()
                    await settled(self._poller.confirm(), "the last updates were not confirmed")
            with suppress(TimeoutError):
                # What still waits out a flood by now is cut off.
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._app.stop()
        await self._app.shutdown()
        # Not started for good, the library does not close what it opened.
        await self._app.bot.shutdown()

    async def send(self, recipient: str, reply: Reply, silent: bool) -> str:
        """Send ``reply`` to ``telegram:chat id`` and return the message ids. Raises ``SendError``."""
        chat = chat_of(recipient, NAME)
        if not chat.removeprefix("-").isdecimal():
            raise SendRefused(f"recipient: {recipient!r} is no chat; accepted: {NAME}:number")
        if not self._ready.is_set():
            await self._reached()
        person = self._audience.person(NAME, chat)
        with use(self._audience.locale(person)):
            shown = parts(reply, LIMITS, self._audience.zone(person))
            sent = await self._sender.post(Place(int(chat)), shown, silent=silent, patient=False)
        return " ".join(map(str, sent))

    async def _reached(self) -> None:
        # What is pushed in the first moments, the restart report, need not fail and wait for its next turn.
        either = [asyncio.ensure_future(self._ready.wait()), asyncio.ensure_future(self._clock.sleep(_FIRST_SECONDS))]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in either:
                each.cancel()
            await asyncio.gather(*either, return_exceptions=True)
        if not self._ready.is_set():
            raise SendFailed("Telegram was not reached yet")

    async def _run(self) -> None:
        patience = Patience(self._clock)
        while not self._ready.is_set():
            try:
                await self._app.initialize()
                # With a webhook set, Telegram refuses to hand out updates.
                await self._app.bot.delete_webhook()
            except Exception as error:
                await patience.wait(error, "Telegram cannot be reached")
                continue
            await self._app.start()
            self._ready.set()
        _log.info("Telegram: listening as @%s", self._app.bot.username)
        if self._menus is not None:
            await self._menus.show_all()
        await self._poller.run()

    async def _on_message(self, update: Update, _context: object) -> None:
        message = update.message
        if message is None or not self._is_for_us(message):
            return
        request = _request(update, message, message.text or "")
        replies = await self._ask(request)
        if not replies:
            return
        person = self._audience.person(NAME, request.user_id)
        thread = message.message_thread_id if message.is_topic_message else None
        place = Place(message.chat_id, thread, None if request.private else message.message_id)
        zone = self._audience.zone(person)
        with use(self._audience.locale(person)):
            for reply in replies:
                shown = parts(reply, LIMITS, zone)
                posted = await self._sender.post(place, shown)
                if self._reads(request):
                    self._taps.remember(message.chat_id, posted, shown)
        await self._refresh_menu(request)

    async def _on_tap(self, update: Update, _context: object) -> None:
        query = update.callback_query
        if query is None or query.message is None or not query.data or query.from_user.is_bot:
            return
        if self._audience.person(NAME, str(query.from_user.id)) is None:
            return
        fresh = await _acknowledged(query)
        private = query.message.chat.type == ChatType.PRIVATE
        # Taps carry no time. One that Telegram itself finds too old is at most as young as its message.
        seen = query.message.date.timestamp() if isinstance(query.message, Message) else 0
        request = Request(
            platform=NAME, user_id=str(query.from_user.id), user_name=query.from_user.full_name,
            chat_id=str(query.message.chat.id), private=private, line=query.data, update_id=str(update.update_id),
            sent_at=self._clock.now() if fresh else int(seen * 1000), locale=query.from_user.language_code or "",
        )  # fmt: skip
        replies = await self._ask(request)
        if not replies:
            return
        person = self._audience.person(NAME, request.user_id)
        zone = self._audience.zone(person)
        with use(self._audience.locale(person)):
            if not isinstance(query.message, Message):
                for reply in replies:
                    await self._sender.post(Place(query.message.chat.id), parts(reply, LIMITS, zone))
                return
            tap = Tap(
                message=query.message, line=request.line, command=_command(request.line), by=request.user_name,
                zone=zone, private=private, read_only=self._reads(request),
            )  # fmt: skip
            await self._taps.answer(tap, replies)

    async def _ask(self, request: Request) -> tuple[Reply, ...]:
        return () if self._dispatcher is None else await self._dispatcher.handle(request)

    def _is_for_us(self, message: Message) -> bool:
        # Words that were forwarded or sent by way of a bot are not the person's own; nor are those of a channel.
        sender = message.from_user
        if sender is None or sender.is_bot or message.sender_chat or message.forward_origin or message.via_bot:
            return False
        head = (message.text or "").split(maxsplit=1)[0] if (message.text or "").strip() else ""
        if message.chat.type == ChatType.PRIVATE:
            return bool(head)
        _name, at, bot = head.partition("@")
        return head.startswith("/") and (not at or bot.lower() == self._app.bot.username.lower())

    def _reads(self, request: Request) -> bool:
        person = self._audience.person(NAME, request.user_id)
        if person is None or self._dispatcher is None:
            return False
        name = _command(request.line)
        return any(each.name == name and each.tier is Tier.READ for each in self._dispatcher.visible(person))

    async def _refresh_menu(self, request: Request) -> None:
        if request.private and self._menus is not None:
            await self._menus.show(request.user_id)


class _ChatByChat(BaseUpdateProcessor):
    """Answers each chat in its own order, and no chat waits for another."""

    def __init__(self) -> None:
        super().__init__(_AT_ONCE)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def do_process_update(self, update: object, coroutine: Any) -> None:
        chat = update.effective_chat.id if isinstance(update, Update) and update.effective_chat else 0
        lock = self._locks.setdefault(chat, asyncio.Lock())
        async with lock:
            await coroutine

    async def initialize(self) -> None:
        """Nothing to prepare."""

    async def shutdown(self) -> None:
        """Nothing to release."""


def _application(token: str, base_url: str | None, base_file_url: str | None) -> _App:
    builder = ApplicationBuilder().token(token).updater(None).job_queue(None).concurrent_updates(_ChatByChat())
    builder = builder.defaults(Defaults(link_preview_options=LinkPreviewOptions(is_disabled=True)))
    if base_url:
        builder = builder.base_url(base_url)
    if base_file_url:
        builder = builder.base_file_url(base_file_url)
    return builder.build()


def _request(update: Update, message: Message, line: str) -> Request:
    sender = message.from_user
    return Request(
        platform=NAME, user_id=str(sender.id) if sender else "", user_name=sender.full_name if sender else "",
        chat_id=str(message.chat_id), private=message.chat.type == ChatType.PRIVATE, line=line,
        update_id=str(update.update_id), sent_at=int(message.date.timestamp() * 1000),
        locale=(sender.language_code if sender else None) or "",
    )  # fmt: skip


def _command(line: str) -> str:
    taken = split(line)
    return taken.name if isinstance(taken, Line) else ""


async def _acknowledged(query: CallbackQuery) -> bool:
    """Return False when Telegram says that the tap is too old to be answered."""
    try:
        await query.answer()
    except BadRequest as error:
        return _TOO_OLD not in str(error).lower()
    except TelegramError:
        return True
    return True


async def _on_error(_update: object, context: Any) -> None:
    error = context.error
    if isinstance(error, SendError | TelegramError) and not isinstance(error, InvalidToken):
        _log.warning("an answer did not reach its chat: %s", error)
    else:
        _log.error("an update could not be handled", exc_info=error)
