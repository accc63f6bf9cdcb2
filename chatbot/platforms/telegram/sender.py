"""Messages to one chat after the other: patient where a person waits, honest where the outbox decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

import msgspec
from telegram import Bot, InputMediaPhoto, Message, ReplyParameters
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter, TelegramError

from chatbot.charts.renderer import ChartFailed
from chatbot.platform import Pictures, SendError, SendFailed, SendRefused, SendRetry
from chatbot.platforms.telegram.markup import PARSE_MODE, html, keyboard
from chatbot.rendering import Block, Part, Style, plain
from config.language import _
from engine.clock import Clock

_TRIES = 5
_LONGEST_WAIT_SECONDS = 90.0
_UNREADABLE = "can't parse entities"
_UNCHANGED = "message is not modified"
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Place(msgspec.Struct, frozen=True):
    """Where a message goes."""

    chat: int
    thread: int | None = None
    """The topic of a forum."""
    reply_to: int | None = None


class Sender:
    """Sends and edits through one bot."""

    def __init__(self, bot: Bot, clock: Clock, pictures: Pictures | None) -> None:
        """Draw charts with ``pictures``; without them the words of a chart must do."""
        self._bot, self._clock, self._pictures = bot, clock, pictures

    async def post(
        self, place: Place, parts: Sequence[Part], *, silent: bool = False, patient: bool = True
    ) -> tuple[int, ...]:
        """Send ``parts`` in order and return their message ids. Raises ``SendError``.

        Without ``patient`` the first part is tried once; the others always wait, because a half-sent reply that is
        sent again would say its first half twice.
        """
        sent: list[int] = []
        for part in parts:
            tries = _TRIES if patient or sent else 1
            message = await self._patiently(lambda: self._one(place, part, silent), tries)  # noqa: B023 - awaited here
            if message is not None:
                sent.append(message.message_id)
        return tuple(sent)

    async def edit(self, place: Place, message: int, part: Part, photo: bool) -> None:
        """Make a message say ``part``; ``photo`` says that it holds a picture now. Raises ``SendError``."""
        await self._patiently(lambda: self._edit(place, message, part, photo), _TRIES)

    async def strip(self, place: Place, message: int) -> None:
        """Take the buttons off a message. Raises ``SendError``."""
        await self._patiently(
            lambda: _unless_same(self._bot.edit_message_reply_markup(chat_id=place.chat, message_id=message)), _TRIES
        )

    async def _patiently(self, call: Callable[[], Awaitable[_T]], tries: int) -> _T:
        for attempt in range(1, tries):
            try:
                return await _named(call())
            except SendRetry as error:
                if error.after_seconds > _LONGEST_WAIT_SECONDS:
                    raise
                await self._clock.sleep(error.after_seconds)
            except SendFailed:
                await self._clock.sleep(2.0 ** (attempt - 1))
        return await _named(call())

    async def _one(self, place: Place, part: Part, silent: bool) -> Message | None:
        reply = ReplyParameters(place.reply_to, allow_sending_without_reply=True) if place.reply_to else None
        picture = await self._draw(part)
        if part.picture is not None and picture is None:
            part = _without_picture(part)
        markup = keyboard(part.rows)

        async def send(text: str, parse_mode: str | None) -> Message:
            if picture is not None:
                return await self._bot.send_photo(
                    place.chat, picture, caption=text or None, parse_mode=parse_mode, reply_markup=markup,
                    reply_parameters=reply, message_thread_id=place.thread, disable_notification=silent,
                )  # fmt: skip
            return await self._bot.send_message(
                place.chat, text, parse_mode=parse_mode, reply_markup=markup,
                reply_parameters=reply, message_thread_id=place.thread, disable_notification=silent,
            )  # fmt: skip

        return await _readable(part.blocks, send)

    async def _edit(self, place: Place, message: int, part: Part, photo: bool) -> None:
        picture = await self._draw(part) if photo else None
        markup = keyboard(part.rows)

        async def change(text: str, parse_mode: str | None) -> Message | bool:
            if picture is not None:
                return await self._bot.edit_message_media(
                    InputMediaPhoto(picture, caption=text or None, parse_mode=parse_mode),
                    chat_id=place.chat, message_id=message, reply_markup=markup,
                )  # fmt: skip
            if photo:
                return await self._bot.edit_message_caption(
                    chat_id=place.chat, message_id=message, caption=text, parse_mode=parse_mode, reply_markup=markup
                )
            return await self._bot.edit_message_text(
                text, chat_id=place.chat, message_id=message, parse_mode=parse_mode, reply_markup=markup
            )

        await _unless_same(_readable(part.blocks, change))

    async def _draw(self, part: Part) -> bytes | None:
        if part.picture is None or self._pictures is None:
            return None
        try:
            return await self._pictures.png(part.picture)
        except ChartFailed as error:
            _log.warning("a chart is told in words: %s", error)
            return None


def failure_of(error: TelegramError) -> SendError:
    """Return what an error of the library means for a message. Its own text is kept only where it holds no secret."""
    match error:
        case RetryAfter():
            after = error.retry_after
            return SendRetry(after.total_seconds() if isinstance(after, timedelta) else float(after))
        case Forbidden() | BadRequest() | ChatMigrated():
            # BadRequest is a NetworkError to the library; sent again it would fail again.
            return SendRefused(str(error))
        case InvalidToken():
            return SendFailed("Telegram does not accept the token")
        case _:
            return SendFailed(f"Telegram was not reached: {type(error).__name__}")


async def _named(call: Awaitable[_T]) -> _T:
    try:
        return await call
    except TelegramError as error:
        raise failure_of(error) from None


async def _readable(blocks: Sequence[Block], send: Callable[[str, str | None], Awaitable[_T]]) -> _T:
    try:
        return await send(html(blocks), PARSE_MODE)
    except BadRequest as error:
        if _UNREADABLE not in str(error).lower():
            raise
        _log.error("Telegram cannot read our markup, the message goes out as plain text: %s", error)
        return await send(plain(blocks), None)


async def _unless_same(call: Awaitable[object]) -> None:
    try:
        await call
    except BadRequest as error:
        if _UNCHANGED not in str(error).lower():
            raise


def _without_picture(part: Part) -> Part:
    note = Block(Style.NOTE, _("The chart could not be drawn."))
    return msgspec.structs.replace(part, blocks=(*part.blocks, note), picture=None)


async def settled(call: Awaitable[object], what: str) -> bool:
    """Await something a person can do without; return whether it worked."""
    try:
        await call
    except asyncio.CancelledError:
        raise
    except (TelegramError, SendError) as error:
        _log.warning("%s: %s", what, failure_of(error) if isinstance(error, TelegramError) else error)
        return False
    return True
