"""The person's side: what a human does with a phone, and what the phone shows."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from tests.servers.telegram.markup import commands_in
from tests.servers.telegram.words import Button, CallbackAnswer, Chat, JsonObject, Message, User
from tests.servers.telegram.world import Query, World

PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Tap:
    """A tapped button, which spins on the phone until the bot answers it."""

    query_id: str
    update_id: int | None
    _answer: "asyncio.Future[CallbackAnswer]"

    @property
    def answered(self) -> bool:
        """Whether the bot has answered."""
        return self._answer.done()

    async def answer(self, timeout: float = PATIENCE) -> CallbackAnswer:  # noqa: ASYNC109 - reads like expect()
        """Wait for the bot's answer."""
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(self._answer)
        except TimeoutError:
            raise AssertionError(f"the bot did not answer the tap within {timeout} s") from None


class Person:
    """One Telegram user: writes, taps, reads. Everything he sees arrives once in `expect`."""

    def __init__(self, world: World, user: User) -> None:
        self._world = world
        self._user = user
        self._inbox: list[Message] = []
        self._arrived = asyncio.Event()
        self.last_update: int | None = None  # the id of his newest update, for replays
        world.watchers.append(self._notice)

    @property
    def id(self) -> int:
        """The user id, which is also the id of the private chat."""
        return self._user.user_id

    @property
    def name(self) -> str:
        """The first name."""
        return self._user.name

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages of the bot he can see now, oldest first, as they stand after edits."""
        return tuple(message for message in self._world.messages.values() if message.from_bot and self._sees(message))

    @property
    def photos(self) -> tuple[bytes, ...]:
        """The images among the messages."""
        return tuple(message.photo for message in self.messages if message.photo is not None)

    @property
    def unread(self) -> tuple[Message, ...]:
        """Messages and edits no `expect` has consumed yet."""
        return tuple(self._inbox)

    async def start(self) -> Message:
        """Press Start, which is /start and opens the private chat."""
        return await self.say("/start")

    async def say(
        self, text: str, *, chat: int | None = None, reply_to: int | None = None, sent_at: datetime | None = None
    ) -> Message:
        """Write a message, in the private chat or in a group; `sent_at` makes it an old one."""
        place = self._place(chat)
        assert not self._world.faults.is_blocked(self.id), f"{self.name} has blocked the bot and cannot write to it"
        message = Message(
            message_id=self._world.fresh("message"),
            chat_id=place.chat_id,
            sender=self._user,
            date=int(sent_at.timestamp()) if sent_at else self._world.date(),
            text=text,
            source=text,
            entities=commands_in(text),
            reply_to=reply_to,
        )
        self._world.put(message)
        if self._bot_reads(message, place):
            self._update("message", self._world.wire(message))
        return message

    async def edit(self, message_id: int, text: str, *, chat: int | None = None) -> Message:
        """Edit a message of his own."""
        place = self._place(chat)
        before = self._world.messages[place.chat_id, message_id]
        assert before.sender == self._user, "only one's own messages can be edited"
        after = self._world.edit(replace(before, text=text, source=text, entities=commands_in(text)), before)
        after = self._world.messages[place.chat_id, after.message_id]
        if self._bot_reads(after, place):
            self._update("edited_message", self._world.wire(after))
        return after

    async def tap(self, label: str, *, chat: int | None = None) -> Tap:
        """Tap a button of the newest message that has it; a part of the label is enough if none has it whole."""
        place = self._place(chat)
        matches: tuple[Callable[[Button], bool], ...] = (lambda b: b.label == label, lambda b: label in b.label)
        for match in matches:
            for message in reversed(self.messages):
                for button in message.buttons:
                    if message.chat_id == place.chat_id and button.data is not None and match(button):
                        return self._tap(place, message.message_id, button.data)
        seen = [message.labels for message in self.messages if message.buttons]
        raise AssertionError(f"no button {label!r}; the keyboards are {seen}")

    async def tap_data(self, message_id: int, data: str, *, chat: int | None = None) -> Tap:
        """Send callback data for a message, whether a button there has it or not: stale, forged, repeated."""
        return self._tap(self._place(chat), message_id, data)

    async def expect(
        self,
        contains: str | None = None,
        *,
        photo: bool | None = None,
        chat: int | None = None,
        timeout: float = PATIENCE,  # noqa: ASYNC109 - the wait is what a test means to bound
    ) -> Message:
        """Wait for the first message or edit not consumed yet that fits, and consume it alone."""

        def fits(message: Message) -> bool:
            texts = contains is None or contains in message.text
            photos = photo is None or photo == (message.photo is not None)
            return texts and photos and chat in {None, message.chat_id}

        try:
            async with asyncio.timeout(timeout):
                while not (found := next(filter(fits, self._inbox), None)):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise AssertionError(self._missed(contains, photo, timeout)) from None
        self._inbox.remove(found)
        return found

    async def expect_nothing(self, within: float = 0.2, contains: str = "") -> None:
        """Wait and fail if a message or edit with this text arrives, or is unread already."""
        try:
            message = await self.expect(contains, timeout=within)
        except AssertionError:
            return
        raise AssertionError(f"{self.name} received {message.text!r}")

    def drain(self) -> tuple[Message, ...]:
        """Consume and return everything unread."""
        unread, self._inbox = tuple(self._inbox), []
        return unread

    def _missed(self, contains: str | None, photo: bool | None, timeout: float) -> str:
        wanted = f"a message containing {contains!r}" if contains else "a message"
        kind = {True: " with a photo", False: " without a photo", None: ""}[photo]
        unread = "\n".join(f"  - {message.text!r} {list(message.labels)}" for message in self._inbox) or "  nothing"
        return f"{self.name} received no {wanted.removeprefix('a ')}{kind} within {timeout} s; unread:\n{unread}"

    def _notice(self, message: Message) -> None:
        if message.from_bot and self._sees(message):
            self._inbox.append(message)
            self._arrived.set()

    def _sees(self, message: Message) -> bool:
        return self.id in self._world.chats[message.chat_id].members

    def _place(self, chat: int | None) -> Chat:
        """Return the chat he acts in; acting in the private chat opens it."""
        if chat is not None and chat != self.id:
            assert self.id in self._world.chats[chat].members, f"{self.name} is not in this group"
            return self._world.chats[chat]
        return self.open_chat()

    def open_chat(self) -> Chat:
        """Open the private chat, after which the bot may write first."""
        chat = Chat(chat_id=self.id, title=self.name, members=(self.id,), username=self._user.username)
        return self._world.chats.setdefault(self.id, chat)

    def _bot_reads(self, message: Message, place: Chat) -> bool:
        """In a group with privacy mode a bot gets commands meant for it, mentions and replies to it."""
        if place.private:
            return True
        mention = f"@{self._world.me.username}"
        replied = self._world.messages.get((place.chat_id, message.reply_to or 0))
        command = message.entities[0].of(message.text) if message.text.startswith("/") and message.entities else ""
        mine = bool(command) and ("@" not in command or command.endswith(mention))
        return mine or mention in message.text or (replied is not None and replied.from_bot)

    def _tap(self, place: Chat, message_id: int, data: str) -> Tap:
        query_id = f"{self.id}{self._world.fresh('query'):06d}"
        answer: asyncio.Future[CallbackAnswer] = asyncio.get_running_loop().create_future()
        self._world.queries[query_id] = Query(query_id, answer)
        message = self._world.messages.get((place.chat_id, message_id))
        shown: JsonObject = {"chat": place.wire(), "message_id": message_id, "date": 0}
        body: JsonObject = {
            "id": query_id,
            "from": self._user.wire(),
            "message": self._world.wire(message) if message else shown,
            "chat_instance": str(place.chat_id * 7919),
            "data": data,
        }
        self._update("callback_query", body)
        return Tap(query_id, self.last_update, answer)

    def _update(self, kind: str, body: JsonObject) -> None:
        self.last_update = self._world.updates.add(kind, body)
