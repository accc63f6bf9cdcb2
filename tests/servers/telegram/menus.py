"""Command menus and the bot's own profile."""

import json
import re

from tests.servers.telegram.parameters import Parameters
from tests.servers.telegram.refusals import bad_request
from tests.servers.telegram.sending import Method
from tests.servers.telegram.words import JsonObject
from tests.servers.telegram.world import World

MAX_COMMANDS = 100
MAX_NAME = 32
MAX_DESCRIPTION = 256
_SCOPES = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}
_PROFILE = {"name": 64, "description": 512, "short_description": 120}


def menu_key(scope: JsonObject | None = None, language: str = "") -> str:
    """Return the key under which a menu is kept."""
    return json.dumps([scope or {"type": "default"}, language], sort_keys=True)


def _key(world: World, parameters: Parameters) -> str:
    scope = parameters.nested("scope", "BotCommandScope") or {"type": "default"}
    if not isinstance(scope, dict) or scope.get("type") not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    for field in _SCOPES[scope["type"]]:
        if field not in scope:
            raise bad_request(f"can't parse BotCommandScope: Can't find field \"{field}\"")
    if "chat_id" in scope:
        world.chat(Parameters(scope))
    language = parameters.text("language_code")
    if language and not re.fullmatch("[a-z]{2}", language):
        raise bad_request("invalid language code specified")
    return menu_key(scope, language)


def _command(command: object) -> JsonObject:
    if not isinstance(command, dict) or not isinstance(command.get("command"), str):
        raise bad_request("can't parse BotCommand: Can't find field \"command\"")
    if not isinstance(command.get("description"), str):
        raise bad_request("can't parse BotCommand: Can't find field \"description\"")
    name, description = command["command"].removeprefix("/"), command["description"].strip()
    _check_length("command", name, MAX_NAME)
    _check_length("command description", description, MAX_DESCRIPTION)
    if not re.fullmatch("[a-z0-9_]+", name):
        raise bad_request("BOT_COMMAND_INVALID")
    return {"command": name, "description": description}


def _check_length(what: str, text: str, most: int) -> None:
    if not text:
        raise bad_request(f"{what} must be non-empty")
    if len(text) > most:
        raise bad_request(f"{what} length must not exceed {most}")


def set_commands(world: World, parameters: Parameters) -> bool:
    """Replace the menu of a scope and language."""
    commands = parameters.nested("commands", "commands")
    if not isinstance(commands, list):
        raise bad_request("can't parse commands: expected an Array of BotCommand")
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    world.menus[_key(world, parameters)] = [_command(command) for command in commands]
    return True


def get_commands(world: World, parameters: Parameters) -> list[JsonObject]:
    """Return the menu of exactly this scope and language."""
    return world.menus.get(_key(world, parameters), [])


def delete_commands(world: World, parameters: Parameters) -> bool:
    """Remove the menu of a scope and language."""
    world.menus.pop(_key(world, parameters), None)
    return True


def get_me(world: World, _: Parameters) -> JsonObject:
    """Return the bot itself."""
    abilities = {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}
    return world.me.wire() | abilities


def _setter(field: str) -> Method:
    def set_field(world: World, parameters: Parameters) -> bool:
        text = parameters.text(field)
        if len(text) > _PROFILE[field]:
            raise bad_request(f"{field.replace('_', ' ')} is too long")
        world.profile[field + parameters.text("language_code")] = text
        return True

    return set_field


def _getter(field: str) -> Method:
    def get_field(world: World, parameters: Parameters) -> JsonObject:
        return {field: world.profile.get(field + parameters.text("language_code"), "")}

    return get_field


def _menu_button(_: World, __: Parameters) -> JsonObject:
    return {"type": "commands"}


METHODS: dict[str, Method] = {
    "getme": get_me,
    "setmycommands": set_commands,
    "getmycommands": get_commands,
    "deletemycommands": delete_commands,
    "setchatmenubutton": lambda world, parameters: True,
    "getchatmenubutton": _menu_button,
    **{f"setmy{field.replace('_', '')}": _setter(field) for field in _PROFILE},
    **{f"getmy{field.replace('_', '')}": _getter(field) for field in _PROFILE},
}
