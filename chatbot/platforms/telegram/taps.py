"""What becomes of a message whose button was tapped: a used plan closes, a view turns into the next, the rest stays."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import tzinfo

import msgspec
from telegram import Message

from chatbot.platform import SendError
from chatbot.platforms.telegram.markup import LIMITS
from chatbot.platforms.telegram.sender import Place, Sender, settled
from chatbot.rendering import Block, Part, Style, parts, plain
from commands.reply import Card, Chart, Failure, Proposal, Reply, Table, Text
from config.language import _

_PLANS = ("confirm", "discard")
_REMEMBERED = 2048


class Tap(msgspec.Struct, frozen=True, kw_only=True):
    """A button of a message that the bot sent, and the person who tapped it."""

    message: Message
    line: str
    command: str
    """The command's name, without slash."""
    by: str
    """The person's name."""
    zone: tzinfo
    private: bool
    read_only: bool
    """The command only looks."""


class Taps:
    """Answers taps, in place where that loses nothing."""

    def __init__(self, sender: Sender) -> None:
        """Edit and post with ``sender``."""
        self._sender = sender
        # Only what a command that looks has answered may be overwritten: pushed notices, receipts and, after a
        # restart, anything older stay as they are.
        self._views: OrderedDict[tuple[int, int], Part] = OrderedDict()
        self._closed: OrderedDict[tuple[int, int], None] = OrderedDict()

    def remember(self, chat: int, messages: Sequence[int], shown: Sequence[Part]) -> None:
        """Note that messages are the answer of a command that only looks."""
        if len(messages) == 1 and len(shown) == 1:
            self._views[chat, messages[0]] = shown[0]
            _forget(self._views)

    async def answer(self, tap: Tap, replies: Sequence[Reply]) -> None:
        """Say ``replies`` where they belong. Raises ``SendError``."""
        rest = list(replies)
        if rest and tap.command in _PLANS:
            if await self._plan(tap, rest[0]):
                del rest[0]
        elif len(rest) == 1 and await self._in_place(tap, rest[0]):
            return
        for reply in rest:
            shown = parts(reply, LIMITS, tap.zone)
            posted = await self._sender.post(_place(tap, tap.command in _PLANS), shown)
            if tap.read_only:
                self.remember(tap.message.chat_id, posted, shown)

    async def _plan(self, tap: Tap, reply: Reply) -> bool:
        """Return whether ``reply`` needs no message of its own."""
        if isinstance(reply, Failure):
            # In a group the plan may be somebody else's, who can still use it.
            if tap.private and not self._is_closed(tap):
                await settled(self._sender.strip(_place(tap), tap.message.message_id), "buttons were not removed")
            return False
        if _still_asks(tap, reply):
            return False
        if isinstance(reply, Proposal):
            shown = parts(reply, LIMITS, tap.zone)
            return len(shown) == 1 and await self._edited(tap, shown[0])
        return await self._receipt(tap, reply)

    async def _receipt(self, tap: Tap, reply: Reply) -> bool:
        if self._is_closed(tap):
            return False
        self._closed[tap.message.chat_id, tap.message.message_id] = None
        _forget(self._closed)
        mark = _("✔ Confirmed by {name}") if tap.command == "confirm" else _("✖ Discarded by {name}")
        said = _settled_lines(tap.message.text or "")
        before = [Block(Style.PLAIN, line) for line in said]
        close = [Block(Style.PLAIN, ""), Block(Style.TITLE, mark.format(name=tap.by))]
        shown = parts(reply, LIMITS, tap.zone)
        whole = Part((*before, *close, *_news(shown[0].blocks, said)), shown[0].rows)
        fits = len(shown) == 1 and shown[0].picture is None and LIMITS.size(whole.blocks) <= LIMITS.text
        if fits and await self._edited(tap, whole):
            return True
        if LIMITS.size([*before, *close]) > LIMITS.text or not await self._edited(tap, Part((*before, *close))):
            await settled(self._sender.strip(_place(tap), tap.message.message_id), "buttons were not removed")
        return False

    async def _in_place(self, tap: Tap, reply: Reply) -> bool:
        old = self._views.get((tap.message.chat_id, tap.message.message_id))
        if old is None or not tap.read_only or not isinstance(reply, Card | Chart | Table | Text):
            return False
        shown = parts(reply, LIMITS, tap.zone)
        if len(shown) != 1 or (shown[0].picture is None) != (not tap.message.photo):
            return False
        if shown[0] == old:
            return True
        if not await self._edited(tap, shown[0]):
            return False
        self.remember(tap.message.chat_id, [tap.message.message_id], shown)
        return True

    async def _edited(self, tap: Tap, part: Part) -> bool:
        try:
            await self._sender.edit(_place(tap), tap.message.message_id, part, bool(tap.message.photo))
        except SendError:
            # A message may be too old to edit, or gone; whoever tapped still gets the answer.
            return False
        return True

    def _is_closed(self, tap: Tap) -> bool:
        return (tap.message.chat_id, tap.message.message_id) in self._closed


def _settled_lines(text: str) -> list[str]:
    # Until when a plan may be confirmed is of no interest once it was.
    until = _("Can be confirmed until {time}.").partition("{time}")[0]
    lines = text.rstrip().split("\n")
    if lines[-1].startswith(until):
        lines = "\n".join(lines[:-1]).rstrip().split("\n")
    return lines


def _news(receipt: Sequence[Block], said: Sequence[str]) -> Sequence[Block]:
    # What the plan above says in the same words need not be read twice; the title always stays.
    title, *rest = receipt
    new = [each for each in rest if not plain([each]).strip() or plain([each]) not in said]
    while new and not plain(new[-1:]).strip():
        del new[-1]
    return (title, *new)


def _place(tap: Tap, reply: bool = False) -> Place:
    thread = tap.message.message_thread_id if tap.message.is_topic_message else None
    return Place(tap.message.chat_id, thread, tap.message.message_id if reply else None)


def _still_asks(tap: Tap, reply: Reply) -> bool:
    # The answer that asks for a one-time code says how to send it: with the very line of the button.
    return isinstance(reply, Text) and tap.line in reply.text


def _forget(kept: OrderedDict[tuple[int, int], Part] | OrderedDict[tuple[int, int], None]) -> None:
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)
