"""Methods that change a message already sent."""

from dataclasses import replace

from tests.servers.telegram.keyboards import read_inline_keyboard
from tests.servers.telegram.parameters import Parameters
from tests.servers.telegram.refusals import NOT_MODIFIED, bad_request
from tests.servers.telegram.sending import Method, caption, input_media, message_text
from tests.servers.telegram.words import JsonObject, Message
from tests.servers.telegram.world import World


def _target(world: World, parameters: Parameters) -> Message:
    chat = world.chat(parameters)
    message = world.message(parameters, chat, "edit")
    if not message.from_bot:
        raise bad_request("message can't be edited")
    world.faults.check_writing(chat.chat_id)
    return message


def _apply(world: World, parameters: Parameters, before: Message, after: Message) -> JsonObject:
    keyboard = read_inline_keyboard(parameters)
    after = replace(after, rows=keyboard.rows, markup=keyboard.inline)
    if after.same_content(before):
        raise bad_request(NOT_MODIFIED)
    return world.wire(world.edit(after, before))


def edit_text(world: World, parameters: Parameters) -> JsonObject:
    """Replace the text and the keyboard of a text message."""
    text = message_text(parameters, "MESSAGE_TOO_LONG")
    before = _target(world, parameters)
    if before.file:
        raise bad_request("there is no text in the message to edit")
    after = replace(before, text=text.text, entities=text.entities, source=text.source)
    return _apply(world, parameters, before, after)


def edit_caption(world: World, parameters: Parameters) -> JsonObject:
    """Replace the caption and the keyboard of a file."""
    text = caption(parameters)
    before = _target(world, parameters)
    if not before.file:
        raise bad_request("there is no caption in the message to edit")
    after = replace(before, text=text.text, entities=text.entities, source=text.source)
    return _apply(world, parameters, before, after)


def edit_media(world: World, parameters: Parameters) -> JsonObject:
    """Replace the file, its caption and the keyboard."""
    before = _target(world, parameters)
    media = parameters.nested("media", "InputMedia")
    if media is None:
        raise bad_request("input media not specified")
    file, text = input_media(world, media, parameters)
    after = replace(before, file=file, text=text.text, entities=text.entities, source=text.source)
    return _apply(world, parameters, before, after)


def edit_reply_markup(world: World, parameters: Parameters) -> JsonObject:
    """Replace the keyboard alone."""
    before = _target(world, parameters)
    return _apply(world, parameters, before, before)


METHODS: dict[str, Method] = {
    "editmessagetext": edit_text,
    "editmessagecaption": edit_caption,
    "editmessagemedia": edit_media,
    "editmessagereplymarkup": edit_reply_markup,
}
