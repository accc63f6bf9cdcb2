"""The command menu that each person sees in the private chat: what their role allows."""

from __future__ import annotations

import logging

from telegram import Bot, BotCommand, BotCommandScopeChat
from telegram.constants import BotCommandLimit

from chatbot.platform import Audience
from chatbot.platforms.telegram.sender import settled
from commands.context import Person
from commands.dispatch import Dispatcher
from config.language import _, use

_log = logging.getLogger(__name__)


class Menus:
    """Keeps the menus at Telegram as they should be, with no call more than needed."""

    def __init__(self, bot: Bot, audience: Audience, dispatcher: Dispatcher) -> None:
        """Show what ``dispatcher`` lets each person of ``audience`` run."""
        self._bot, self._audience, self._dispatcher = bot, audience, dispatcher
        self._shown: dict[str, tuple[tuple[str, str], ...]] = {}

    async def show_all(self) -> None:
        """Set the menu of everybody who is known."""
        try:
            for person in self._audience.of("telegram"):
                await self.show(person.id.partition(":")[2])
        except Exception:
            # Commands work without a menu.
            _log.exception("the command menus were not set")

    async def show(self, user_id: str) -> None:
        """Set the menu of one person, if it should change; a stranger's is empty."""
        person = self._audience.person("telegram", user_id)
        wanted = self._wanted(person)
        if self._shown.get(user_id, ()) == wanted or not user_id.isdecimal():
            return
        scope = BotCommandScopeChat(int(user_id))
        commands = [BotCommand(name, text) for name, text in wanted]
        change = self._bot.set_my_commands(commands, scope) if commands else self._bot.delete_my_commands(scope)
        if await settled(change, "a command menu was not set"):
            self._shown[user_id] = wanted

    def _wanted(self, person: Person | None) -> tuple[tuple[str, str], ...]:
        if person is None:
            return ()
        longest = BotCommandLimit.MAX_DESCRIPTION
        with use(self._audience.locale(person)):
            visible = self._dispatcher.visible(person)[: BotCommandLimit.MAX_COMMAND_NUMBER]
            return tuple((each.name, _(each.help)[:longest]) for each in visible)
