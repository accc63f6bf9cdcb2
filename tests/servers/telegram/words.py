"""Users, chats, messages and what they look like on the wire."""

from dataclasses import dataclass
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]

_ARGUMENTS = {"text_link": "url", "pre": "language", "custom_emoji": "custom_emoji_id"}


def utf16_length(text: str) -> int:
    """Return the length of a text as Telegram counts it: in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person or the bot."""

    user_id: int
    name: str
    username: str
    is_bot: bool = False

    def wire(self) -> JsonObject:
        """Return the Bot API's User object."""
        body: JsonObject = {"id": self.user_id, "is_bot": self.is_bot, "first_name": self.name}
        body["username"] = self.username
        return body if self.is_bot else {**body, "language_code": "en"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A private chat (id = the person's id) or a supergroup (negative id)."""

    chat_id: int
    title: str
    members: tuple[int, ...]
    username: str = ""
    forum: bool = False

    @property
    def private(self) -> bool:
        """Whether this is the chat of one person with the bot."""
        return self.chat_id > 0

    def wire(self) -> JsonObject:
        """Return the Bot API's Chat object."""
        if self.private:
            body: JsonObject = {"id": self.chat_id, "type": "private", "first_name": self.title}
            return {**body, "username": self.username}
        body = {"id": self.chat_id, "type": "supergroup", "title": self.title}
        return {**body, "is_forum": True} if self.forum else body


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A formatted span of a visible text, counted in UTF-16 code units."""

    kind: str
    offset: int
    length: int
    argument: str = ""  # the address of a text_link, the language of a pre, the id of an emoji

    def wire(self) -> JsonObject:
        """Return the Bot API's MessageEntity object."""
        body: JsonObject = {"type": self.kind, "offset": self.offset, "length": self.length}
        name = _ARGUMENTS.get(self.kind)
        return {**body, name: self.argument} if name and self.argument else body

    def of(self, text: str) -> str:
        """Return the part of the text this entity covers."""
        units = text.encode("utf-16-le")
        return units[2 * self.offset : 2 * (self.offset + self.length)].decode("utf-16-le")


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """One inline button."""

    label: str
    data: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file the server keeps; photos know their size in pixels."""

    file_id: str
    unique_id: str
    name: str
    content: bytes
    width: int = 0
    height: int = 0

    @property
    def is_photo(self) -> bool:
        """Whether the file was sent as a photo."""
        return self.width > 0

    def wire(self) -> JsonObject:
        """Return the Bot API's PhotoSize or Document object."""
        body: JsonObject = {"file_id": self.file_id, "file_unique_id": self.unique_id}
        body["file_size"] = len(self.content)
        if self.is_photo:
            return {**body, "width": self.width, "height": self.height}
        return {**body, "file_name": self.name}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it stood at one moment; an edit makes a new value with one more past text in `history`."""

    message_id: int
    chat_id: int
    sender: User
    date: int
    text: str = ""  # the visible text, or the caption of a file
    entities: tuple[Entity, ...] = ()
    source: str = ""  # the text as the sender wrote it, markup included
    file: StoredFile | None = None
    rows: tuple[tuple[Button, ...], ...] = ()
    markup: JsonObject | None = None  # the inline keyboard as it was sent
    reply_keyboard: JsonObject | None = None  # a keyboard, its removal, or a forced reply
    reply_to: int | None = None
    thread_id: int | None = None
    album: str | None = None
    silent: bool = False
    edit_date: int | None = None
    history: tuple[str, ...] = ()

    @property
    def from_bot(self) -> bool:
        """Whether the bot wrote this message."""
        return self.sender.is_bot

    @property
    def buttons(self) -> tuple[Button, ...]:
        """All inline buttons, row after row."""
        return tuple(button for row in self.rows for button in row)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all inline buttons."""
        return tuple(button.label for button in self.buttons)

    @property
    def photo(self) -> bytes | None:
        """The image, if the message is a photo."""
        return self.file.content if self.file and self.file.is_photo else None

    @property
    def document(self) -> StoredFile | None:
        """The file, if the message is a document."""
        return self.file if self.file and not self.file.is_photo else None

    @property
    def edited(self) -> bool:
        """Whether the message was edited since it was sent."""
        return bool(self.history)

    def same_content(self, other: "Message") -> bool:
        """Whether an edit from the other message to this one would change nothing."""
        file, old = self.file, other.file
        same_file = (file.file_id if file else None) == (old.file_id if old else None)
        return same_file and (self.text, self.entities, self.markup) == (other.text, other.entities, other.markup)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackAnswer:
    """What the bot answered to a tap."""

    text: str
    alert: bool
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request the bot made, uploads shown as `<name, n bytes>`."""

    method: str
    payload: JsonObject
    at: float
    status: int
