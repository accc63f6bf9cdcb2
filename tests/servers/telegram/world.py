"""Everything the server remembers: people, chats, messages, files, queries, menus, updates."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.servers.telegram.faults import Faults
from tests.servers.telegram.parameters import Parameters
from tests.servers.telegram.refusals import bad_request
from tests.servers.telegram.updates import Updates
from tests.servers.telegram.words import CallbackAnswer, Chat, JsonObject, Message, StoredFile, User

BOT_ID = 7_000_000_001


@dataclass(slots=True)
class Query:
    """A tap that waits for its answer."""

    query_id: str
    answer: "asyncio.Future[CallbackAnswer]"
    expired: bool = False


class World:
    """The state behind the Bot API; methods change it, people look at it."""

    def __init__(self, username: str, now: Callable[[], float]) -> None:
        self.now = now
        self.me = User(user_id=BOT_ID, name="Batuta", username=username, is_bot=True)
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.messages: dict[tuple[int, int], Message] = {}
        self.files: dict[str, StoredFile] = {}
        self.queries: dict[str, Query] = {}
        self.menus: dict[str, list[JsonObject]] = {}
        self.profile: dict[str, str] = {}
        self.pins: dict[int, list[int]] = {}
        self.actions: list[tuple[int, str]] = []
        self.updates = Updates()
        self.faults = Faults(now)
        self.watchers: list[Callable[[Message], None]] = []
        self._next_id = {"message": 1000, "file": 0, "query": 0, "album": 0}

    def fresh(self, what: str) -> int:
        """Return the next number of a kind."""
        self._next_id[what] += 1
        return self._next_id[what]

    def date(self) -> int:
        """Return the time as messages carry it."""
        return int(self.now())

    def keep_file(self, name: str, content: bytes, width: int = 0, height: int = 0) -> StoredFile:
        """Store a file under a new file id; the same bytes keep their unique id."""
        file_id = f"{'AgACAgIAAxkBAAI' if width else 'BQACAgIAAxkBAAI'}{self.fresh('file'):06d}"
        unique_id = "AQAD" + hashlib.sha256(content).hexdigest()[:12]
        file = StoredFile(file_id=file_id, unique_id=unique_id, name=name, content=content, width=width, height=height)
        self.files[file_id] = file
        return file

    def put(self, message: Message) -> Message:
        """Store a message, new or edited, and show it to everyone who watches."""
        self.messages[message.chat_id, message.message_id] = message
        for watcher in self.watchers:
            watcher(message)
        return message

    def edit(self, message: Message, before: Message) -> Message:
        """Store an edit, unless it changes nothing."""
        return self.put(replace(message, edit_date=self.date(), history=(*before.history, before.text)))

    def chat(self, parameters: Parameters, name: str = "chat_id") -> Chat:
        """Return the chat a request names, or refuse."""
        reference = parameters.text(name)
        if not reference:
            raise bad_request(f"{name} is empty")
        by_username = next((chat for chat in self.chats.values() if f"@{chat.username}" == reference), None)
        chat = self.chats.get(parameters.integer(name)) or (None if by_username is None else by_username)
        if chat is None or (reference.startswith("@") and chat.private):
            raise bad_request("chat not found")
        return chat

    def message(self, parameters: Parameters, chat: Chat, purpose: str) -> Message:
        """Return the message a request names; `purpose` stands in the refusal ("message to edit not found")."""
        if not parameters.given("message_id"):
            raise bad_request("message identifier is not specified")
        message = self.messages.get((chat.chat_id, parameters.integer("message_id")))
        if message is None:
            raise bad_request(f"message to {purpose} not found")
        return message

    def wire(self, message: Message, *, nested: bool = False) -> JsonObject:
        """Return the Bot API's Message object; a replied-to message carries no reply of its own."""
        body: JsonObject = {
            "message_id": message.message_id,
            "from": message.sender.wire(),
            "chat": self.chats[message.chat_id].wire(),
            "date": message.date,
        }
        body |= _content(message)
        if message.edit_date:
            body["edit_date"] = message.edit_date
        if message.markup:
            body["reply_markup"] = message.markup
        if message.album:
            body["media_group_id"] = message.album
        if message.thread_id:
            body |= {"message_thread_id": message.thread_id, "is_topic_message": True}
        replied = self.messages.get((message.chat_id, message.reply_to or 0))
        if replied and not nested:
            body["reply_to_message"] = self.wire(replied, nested=True)
        return body


def _content(message: Message) -> JsonObject:
    entities = [entity.wire() for entity in message.entities]
    if message.file is None:
        return {"text": message.text} | ({"entities": entities} if entities else {})
    body: JsonObject = {}
    if message.text:
        body = {"caption": message.text} | ({"caption_entities": entities} if entities else {})
    if message.file.is_photo:
        return {**body, "photo": [message.file.wire()]}
    return {**body, "document": message.file.wire()}
