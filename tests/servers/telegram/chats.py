"""Methods about chats, files, callback queries and messages that go away."""

from tests.servers.telegram.parameters import Parameters
from tests.servers.telegram.refusals import QUERY_TOO_OLD, bad_request
from tests.servers.telegram.sending import Method
from tests.servers.telegram.words import CallbackAnswer, Chat, JsonObject, utf16_length
from tests.servers.telegram.world import World

MAX_ANSWER = 200
MAX_DOWNLOAD = 20 * 1024 * 1024
DELETABLE_FOR = 48 * 3600
_ACTIONS = {
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
}


def answer_query(world: World, parameters: Parameters) -> bool:
    """Answer a tap; each can be answered once, while it is young."""
    text = parameters.text("text")
    if utf16_length(text) > MAX_ANSWER:
        raise bad_request("MESSAGE_TOO_LONG")
    query = world.queries.get(parameters.text("callback_query_id"))
    if query is None or query.expired or query.answer.done():
        raise bad_request(QUERY_TOO_OLD)
    url = parameters.text("url") or None
    query.answer.set_result(CallbackAnswer(text=text, alert=parameters.flag("show_alert"), url=url))
    return True


def delete_message(world: World, parameters: Parameters) -> bool:
    """Delete one message not older than two days."""
    chat = world.chat(parameters)
    message = world.message(parameters, chat, "delete")
    if world.now() - message.date > DELETABLE_FOR or not (message.from_bot or chat.private):
        raise bad_request("message can't be deleted for everyone")
    del world.messages[chat.chat_id, message.message_id]
    return True


def delete_messages(world: World, parameters: Parameters) -> bool:
    """Delete several messages; unknown ones are skipped."""
    chat = world.chat(parameters)
    for message_id in parameters.nested("message_ids", "message identifiers") or []:
        world.messages.pop((chat.chat_id, int(message_id)), None)
    return True


def pin_message(world: World, parameters: Parameters) -> bool:
    """Pin a message."""
    chat = world.chat(parameters)
    message = world.message(parameters, chat, "pin")
    world.faults.check_writing(chat.chat_id)
    pins = world.pins.setdefault(chat.chat_id, [])
    if message.message_id in pins:
        pins.remove(message.message_id)
    pins.append(message.message_id)
    return True


def unpin_message(world: World, parameters: Parameters) -> bool:
    """Unpin a message, or the newest pinned one."""
    pins = world.pins.get(world.chat(parameters).chat_id, [])
    message_id = parameters.integer("message_id", pins[-1] if pins else 0)
    if message_id not in pins:
        raise bad_request("message to unpin not found")
    pins.remove(message_id)
    return True


def unpin_all(world: World, parameters: Parameters) -> bool:
    """Unpin every message of a chat."""
    world.pins.pop(world.chat(parameters).chat_id, None)
    return True


def chat_action(world: World, parameters: Parameters) -> bool:
    """Show that the bot is typing or uploading."""
    chat = world.chat(parameters)
    action = parameters.text("action")
    if action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    world.faults.check_writing(chat.chat_id, 0)
    world.actions.append((chat.chat_id, action))
    return True


def get_file(world: World, parameters: Parameters) -> JsonObject:
    """Return where a file can be downloaded."""
    file = world.files.get(parameters.text("file_id"))
    if file is None:
        raise bad_request("invalid file_id")
    if len(file.content) > MAX_DOWNLOAD:
        raise bad_request("file is too big")
    body = {"file_id": file.file_id, "file_unique_id": file.unique_id, "file_size": len(file.content)}
    return body | {"file_path": f"{'photos' if file.is_photo else 'documents'}/{file.file_id}"}


def get_chat(world: World, parameters: Parameters) -> JsonObject:
    """Return what is known of a chat."""
    chat = world.chat(parameters)
    body = chat.wire() | {"accent_color_id": 1, "max_reaction_count": 11, "accepted_gift_types": _GIFTS}
    pinned = world.messages.get((chat.chat_id, (world.pins.get(chat.chat_id) or [0])[-1]))
    return body | ({"pinned_message": world.wire(pinned)} if pinned else {})


_GIFTS = {
    "unlimited_gifts": False,
    "limited_gifts": False,
    "unique_gifts": False,
    "premium_subscription": False,
    "gifts_from_channels": False,
}


def get_chat_member(world: World, parameters: Parameters) -> JsonObject:
    """Return a member of a chat, or that he is none."""
    chat = world.chat(parameters)
    user_id = parameters.integer("user_id")
    if user_id == world.me.user_id:
        return {"user": world.me.wire(), "status": "member"}
    user = world.users.get(user_id)
    if user is None:
        raise bad_request("PARTICIPANT_ID_INVALID")
    return {"user": user.wire(), "status": "member" if user_id in chat.members else "left"}


def _count(chat: Chat) -> int:
    return len(chat.members) + 1


def _webhook(world: World, _: Parameters) -> JsonObject:
    return {"url": "", "has_custom_certificate": False, "pending_update_count": len(world.updates.pending)}


def delete_webhook(world: World, parameters: Parameters) -> bool:
    """Confirm that there is no webhook, and drop what is pending if asked."""
    if parameters.flag("drop_pending_updates"):
        world.updates.drop()
    return True


METHODS: dict[str, Method] = {
    "answercallbackquery": answer_query,
    "deletemessage": delete_message,
    "deletemessages": delete_messages,
    "pinchatmessage": pin_message,
    "unpinchatmessage": unpin_message,
    "unpinallchatmessages": unpin_all,
    "sendchataction": chat_action,
    "getfile": get_file,
    "getchat": get_chat,
    "getchatmember": get_chat_member,
    "getchatmembercount": lambda world, parameters: _count(world.chat(parameters)),
    "getwebhookinfo": _webhook,
    "deletewebhook": delete_webhook,
    "close": lambda world, parameters: True,
    "logout": lambda world, parameters: True,
}
