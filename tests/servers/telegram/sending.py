"""Methods that send a new message."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.servers.telegram.keyboards import Keyboard, read_keyboard
from tests.servers.telegram.markup import parse_html, trim
from tests.servers.telegram.media import read_file
from tests.servers.telegram.parameters import Parameters
from tests.servers.telegram.refusals import bad_request
from tests.servers.telegram.words import Chat, Entity, JsonObject, Message, StoredFile, utf16_length
from tests.servers.telegram.world import World

MAX_TEXT = 4096
MAX_CAPTION = 1024
ALBUM = range(2, 11)

Method = Callable[[World, Parameters], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Formatted:
    """A text after its markup was read."""

    text: str
    entities: tuple[Entity, ...]
    source: str


def formatted(parameters: Parameters, field: str = "text") -> Formatted:
    """Return a text or caption of a request, parsed and trimmed, or refuse its markup."""
    source = parameters.text(field)
    mode = parameters.text("parse_mode").lower()
    if mode == "html":
        text, entities = parse_html(source)
    elif mode:
        # MarkdownV2 exists, but Batuta speaks HTML alone; a stray mode must not pass silently.
        raise bad_request("unsupported parse_mode")
    else:
        listed = parameters.nested("entities" if field == "text" else "caption_entities", "entities") or []
        text, entities = trim(source, [_entity(entity) for entity in listed])
    return Formatted(text=text, entities=entities, source=source)


def _entity(listed: JsonObject) -> Entity:
    argument = next((str(listed[name]) for name in ("url", "language", "custom_emoji_id") if name in listed), "")
    return Entity(kind=listed["type"], offset=listed["offset"], length=listed["length"], argument=argument)


def message_text(parameters: Parameters, too_long: str = "message is too long") -> Formatted:
    """Return the text of a text message within its limits; an edit words "too long" differently."""
    if not parameters.text("text"):
        raise bad_request("message text is empty")
    text = formatted(parameters)
    if not text.text:
        raise bad_request("text must be non-empty")
    if utf16_length(text.text) > MAX_TEXT:
        raise bad_request(too_long)
    return text


def caption(parameters: Parameters) -> Formatted:
    """Return the caption of a file within its limit."""
    text = formatted(parameters, "caption")
    if utf16_length(text.text) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    return text


def _reply_to(world: World, parameters: Parameters, chat: Chat) -> int | None:
    reply = parameters.nested("reply_parameters", "reply parameters") or {}
    message_id = int(reply.get("message_id", parameters.integer("reply_to_message_id")))
    if not message_id or (chat.chat_id, message_id) in world.messages:
        return message_id or None
    if reply.get("allow_sending_without_reply") or parameters.flag("allow_sending_without_reply"):
        return None
    raise bad_request("message to be replied not found")


def _thread(parameters: Parameters, chat: Chat) -> int | None:
    thread = parameters.integer("message_thread_id")
    if thread and not chat.forum:
        raise bad_request("message thread not found")
    return thread or None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    """What every sent message has besides its content."""

    chat: Chat
    reply_to: int | None
    thread_id: int | None
    keyboard: Keyboard
    silent: bool


def _envelope(world: World, parameters: Parameters) -> _Envelope:
    chat = world.chat(parameters)
    return _Envelope(
        chat=chat,
        reply_to=_reply_to(world, parameters, chat),
        thread_id=_thread(parameters, chat),
        keyboard=read_keyboard(parameters),
        silent=parameters.flag("disable_notification"),
    )


def _send(
    world: World, envelope: _Envelope, text: Formatted, file: StoredFile | None = None, album: str | None = None
) -> JsonObject:
    message = Message(
        message_id=world.fresh("message"),
        chat_id=envelope.chat.chat_id,
        sender=world.me,
        date=world.date(),
        text=text.text,
        entities=text.entities,
        source=text.source,
        file=file,
        rows=envelope.keyboard.rows,
        markup=envelope.keyboard.inline,
        reply_keyboard=envelope.keyboard.other,
        reply_to=envelope.reply_to,
        thread_id=envelope.thread_id,
        silent=envelope.silent,
        album=album,
    )
    return world.wire(world.put(message))


def send_message(world: World, parameters: Parameters) -> JsonObject:
    """Send a text message."""
    text = message_text(parameters)
    envelope = _envelope(world, parameters)
    world.faults.check_writing(envelope.chat.chat_id)
    return _send(world, envelope, text)


def _send_file(world: World, parameters: Parameters, *, field: str) -> JsonObject:
    text = caption(parameters)
    envelope = _envelope(world, parameters)
    world.faults.check_writing(envelope.chat.chat_id)
    file = read_file(world, parameters, parameters.text(field), field=field, photo=field == "photo")
    return _send(world, envelope, text, file)


def send_photo(world: World, parameters: Parameters) -> JsonObject:
    """Send a PNG or JPEG as a photo."""
    return _send_file(world, parameters, field="photo")


def send_document(world: World, parameters: Parameters) -> JsonObject:
    """Send any file as a document."""
    return _send_file(world, parameters, field="document")


def input_media(world: World, media: object, parameters: Parameters) -> tuple[StoredFile, Formatted]:
    """Return file and caption of one InputMedia object."""
    if not isinstance(media, dict):
        raise bad_request("can't parse InputMedia: object expected")
    if media.get("type") not in {"photo", "document"}:
        raise bad_request("can't parse InputMedia: invalid media type specified")
    if not media.get("media"):
        raise bad_request("can't parse InputMedia: media not found")
    text = caption(Parameters(media))
    is_photo = media["type"] == "photo"
    return read_file(world, parameters, media["media"], field="", photo=is_photo), text


def send_media_group(world: World, parameters: Parameters) -> list[JsonObject]:
    """Send two to ten photos, or documents, as one album."""
    envelope = _envelope(world, parameters)
    media = parameters.nested("media", "media")
    if not isinstance(media, list):
        raise bad_request("there is no media to send" if media is None else "array of InputMedia expected")
    if not media:
        raise bad_request("there are no messages to send")
    if len(media) not in ALBUM:
        too_many = "too many messages to send as an album"
        # The real server lets a single item pass against its own documentation; nobody should rely on that.
        raise bad_request(too_many if len(media) > 1 else "media group must include 2-10 items")
    if len({item.get("type") for item in media}) > 1:
        raise bad_request("document can't be mixed with other media types")
    items = [input_media(world, item, parameters) for item in media]
    world.faults.check_writing(envelope.chat.chat_id, len(items))
    album = str(13_000_000_000 + world.fresh("album"))
    return [_send(world, envelope, text, file, album) for file, text in items]


METHODS: dict[str, Method] = {
    "sendmessage": send_message,
    "sendphoto": send_photo,
    "senddocument": send_document,
    "sendmediagroup": send_media_group,
}
