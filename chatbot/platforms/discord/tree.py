"""Slash commands made from the registry: typed options, choices and completion."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import discord
from discord import app_commands

from commands.complete import Choice
from commands.registry import Command, Parameter, ParameterKind, Registry

MOST_CHOICES = 25
LONGEST_DESCRIPTION = 100
Run = Callable[[discord.Interaction, str, dict[str, str]], Awaitable[None]]
"""Runs a command with the options that were filled in, as text."""
Suggest = Callable[[discord.Interaction, str, str, str], Awaitable[tuple[Choice, ...]]]
"""Returns what fits the first letters of a parameter: (interaction, command, parameter, letters)."""
_log = logging.getLogger(__name__)
_TYPES: Mapping[ParameterKind, type] = {ParameterKind.INTEGER: int, ParameterKind.FLAG: bool}
_WHERE = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False)


class Tree(app_commands.CommandTree[discord.Client]):
    """The slash commands of one client."""

    def __init__(self, client: discord.Client, registry: Registry, run: Run, suggest: Suggest) -> None:
        """Declare every command, hidden ones too: without ``/confirm`` and ``/pair`` no code could be typed."""
        super().__init__(client, allowed_contexts=_WHERE)
        for each in registry.all():
            self.add_command(_slash(each, run, suggest))

    async def on_error(self, interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        """Keep a command that Discord remembers differently from breaking anything."""
        _log.warning("a slash command was not understood: %s", type(error).__name__)


def _slash(found: Command, run: Run, suggest: Suggest) -> app_commands.Command[Any, ..., None]:
    async def callback(interaction: discord.Interaction, **options: Any) -> None:
        await run(interaction, found.name, {name: _text(value) for name, value in options.items() if value is not None})

    # discord.py reads options from the signature, so it is given the one it would like to see.
    first = inspect.Parameter("interaction", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=discord.Interaction)
    setattr(callback, "__signature__", inspect.Signature([first, *map(_option, found.parameters)]))  # noqa: B010
    described: Any = callback
    if found.parameters:
        described = app_commands.describe(**{each.name: _cut(each.help) for each in found.parameters})(described)
    for each in found.parameters:
        if each.choices and len(each.choices) <= MOST_CHOICES:
            offered = [app_commands.Choice(name=choice, value=choice) for choice in map(str, each.choices)]
            described = app_commands.choices(**{each.name: offered})(described)
        elif each.choices or each.complete:
            described = app_commands.autocomplete(**{each.name: _completer(found, each, suggest)})(described)
    return app_commands.Command(name=found.name, description=_cut(found.help), callback=described)


def _option(parameter: Parameter) -> inspect.Parameter:
    return inspect.Parameter(
        parameter.name, inspect.Parameter.KEYWORD_ONLY, annotation=_TYPES.get(parameter.kind, str),
        default=inspect.Parameter.empty if parameter.required else None,
    )  # fmt: skip


def _completer(
    found: Command, parameter: Parameter, suggest: Suggest
) -> Callable[[discord.Interaction, Any], Coroutine[Any, Any, list[app_commands.Choice[Any]]]]:
    async def complete(interaction: discord.Interaction, current: Any) -> list[app_commands.Choice[Any]]:
        offered = await suggest(interaction, found.name, parameter.name, str(current))
        whole = parameter.kind is ParameterKind.INTEGER
        return [
            app_commands.Choice(name=_cut(each.label), value=int(each.value) if whole else each.value)
            for each in offered[:MOST_CHOICES]
            if not whole or each.value.isdecimal()
        ]

    return complete


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_DESCRIPTION else text[: LONGEST_DESCRIPTION - 1] + "…"
