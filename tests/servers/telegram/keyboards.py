"""Reply markup: inline keyboards and their limits, and the keyboards below the text field."""

import re
from dataclasses import dataclass
from typing import Any

from tests.servers.telegram.parameters import Parameters
from tests.servers.telegram.refusals import Refusal, bad_request
from tests.servers.telegram.words import Button, JsonObject

MAX_BUTTONS = 100
MAX_ROW = 8
MAX_DATA = 64  # bytes
_ACTIONS = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
)
_STYLES = {"danger", "success", "primary"}
_ADDRESS = re.compile(r"(?:https?://[^\s/.]+\.[^\s]+|https?://localhost\S*|tg://\S+)")


@dataclass(frozen=True, slots=True)
class Keyboard:
    """What came as reply_markup: an inline keyboard, or another kind kept as it is."""

    rows: tuple[tuple[Button, ...], ...] = ()
    inline: JsonObject | None = None
    other: JsonObject | None = None


def read_keyboard(parameters: Parameters) -> Keyboard:
    """Return the keyboard of a request, or refuse it as Telegram does."""
    markup = parameters.nested("reply_markup", "reply keyboard markup")
    if markup is None:
        return Keyboard()
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" not in markup:
        return _other(markup)
    rows = tuple(_row(row) for row in _list(markup["inline_keyboard"], 'Field "inline_keyboard" must be of type Array'))
    rows = tuple(row for row in rows if row)
    if sum(map(len, rows)) > MAX_BUTTONS or any(len(row) > MAX_ROW for row in rows):
        raise bad_request("reply markup is too long")
    return Keyboard(rows, markup if rows else None)


def read_inline_keyboard(parameters: Parameters) -> Keyboard:
    """Return the keyboard of an edit, where only an inline one is possible."""
    keyboard = read_keyboard(parameters)
    if keyboard.other is not None:
        raise bad_request("inline keyboard expected")
    return keyboard


def _other(markup: JsonObject) -> Keyboard:
    if not {"keyboard", "remove_keyboard", "force_reply"} & markup.keys():
        return Keyboard()  # an empty object means no keyboard
    for row in _list(markup.get("keyboard", []), 'Field "keyboard" must be of type Array'):
        for button in _list(row, "KeyboardButton row must be an Array"):
            if not (button if isinstance(button, str) else button.get("text")):
                raise bad_request("keyboard button text must be non-empty")
    return Keyboard(other=markup)


def _list(value: object, reason: str) -> list[Any]:
    if not isinstance(value, list):
        raise _unparsable(reason)
    return value


def _unparsable(reason: str) -> Refusal:
    return bad_request(f"can't parse inline keyboard button: {reason}")


def _row(row: object) -> tuple[Button, ...]:
    return tuple(_button(button) for button in _list(row, "InlineKeyboardButton row must be an Array"))


def _button(button: object) -> Button:
    if not isinstance(button, dict):
        raise _unparsable("InlineKeyboardButton must be an Object")
    label = button.get("text")
    if not isinstance(label, str):
        raise _unparsable('Field "text" must be of type String')
    if not label.strip():
        raise bad_request("inline keyboard button text must be non-empty")
    if not any(action in button for action in _ACTIONS):
        raise _unparsable("Text buttons are unallowed in the inline keyboard")
    if button.get("style") not in {None, *_STYLES}:
        raise _unparsable("Invalid button style specified")
    return Button(label=label, data=_data(button), url=_address(button))


def _data(button: JsonObject) -> str | None:
    if "callback_data" not in button:
        return None
    data = button["callback_data"]
    if not isinstance(data, str):
        raise _unparsable('Field "callback_data" must be of type String')
    if not 1 <= len(data.encode()) <= MAX_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
    return data


def _address(button: JsonObject) -> str | None:
    if "url" not in button:
        return None
    address = button["url"]
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise bad_request(f"inline keyboard button URL '{address}' is invalid: Wrong HTTP URL")
    return address
