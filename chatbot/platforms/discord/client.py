"""What arrives from Discord, and the way back of each answer: slash commands, taps, typed lines."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import tzinfo
from typing import Any

import aiohttp
import discord

from chatbot.charts.renderer import ChartFailed
from chatbot.platform import Audience, Pictures
from chatbot.platforms.discord.messages import PICTURE_NAME, Outgoing, messages, view
from chatbot.platforms.discord.tree import Tree
from commands.complete import Choice
from commands.dispatch import Dispatcher, Request
from commands.registry import Registry
from commands.reply import Failure, Proposal, Reply, Text
from config.language import use

PLATFORM = "discord"
_log = logging.getLogger(__name__)
_ABOUT_A_PLAN = ("/confirm ", "/discard ")
_LONGEST_WAIT = 30.0
"""Seconds that the library itself may wait for a rate limit before it is handed to whoever sends."""


class Client(discord.Client):
    """One connection. A tap carries the command line it stands for, so buttons outlive every restart."""

    def __init__(self, *, dispatcher: Dispatcher, registry: Registry, audience: Audience, pictures: Pictures) -> None:
        """Answer with ``dispatcher``; nothing is connected yet."""
        super().__init__(
            intents=discord.Intents(guilds=True, dm_messages=True),
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=_LONGEST_WAIT,
            max_messages=None,
        )
        self._dispatcher, self._audience, self._pictures = dispatcher, audience, pictures
        self._answering: set[asyncio.Future[None]] = set()
        self.tree = Tree(self, registry, self._run, self._suggest)

    async def setup_hook(self) -> None:
        """Tell Discord the commands; old ones keep working if it does not listen."""
        try:
            await self.tree.sync()
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            _log.warning("the slash commands could not be declared: %s", type(error).__name__)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Answer a tapped button; commands and completion have their own way through the tree."""
        if interaction.type is discord.InteractionType.component:
            data: Mapping[str, Any] = dict(interaction.data or {})
            async with self._busy():
                await self._tapped(interaction, str(data.get("custom_id", "")))

    async def on_message(self, message: discord.Message) -> None:
        """Answer a line that a person typed into the private chat."""
        if message.author.bot or message.guild is not None or not message.content.strip():
            return
        async with self._busy():
            with suppress(discord.HTTPException, aiohttp.ClientError, OSError):
                await self._typed(message)

    async def deliver(self, user_id: int, reply: Reply, *, silent: bool) -> str:
        """Send ``reply`` as direct messages and return the id of the last. Raises what discord.py raises."""
        channel = await self.create_dm(discord.Object(user_id))
        receipt = ""
        for outgoing in self._messages(reply, str(user_id)):
            receipt = str((await channel.send(**await self._contents(outgoing), silent=silent)).id)
        return receipt

    async def settle(self, seconds: float) -> None:
        """Wait until everything that is being answered has been, at most ``seconds``."""
        if self._answering:
            await asyncio.wait(self._answering, timeout=seconds)

    async def _run(self, interaction: discord.Interaction, command: str, options: dict[str, str]) -> None:
        line = " ".join([f"/{command}", *(f"{name}={_quoted(value)}" for name, value in options.items())])
        async with self._busy():
            # First of all: after three seconds of silence Discord takes no answer any more, and nothing may be
            # done that nobody could be told of.
            if not await _deferred(interaction, ephemeral=interaction.guild_id is not None, thinking=True):
                return
            replies = await self._dispatcher.handle(_request(interaction, line, options))
            with _tolerated("an answer could not be shown"):
                await self._show(interaction, replies)

    async def _suggest(
        self, interaction: discord.Interaction, command: str, parameter: str, letters: str
    ) -> tuple[Choice, ...]:
        return await self._dispatcher.complete(_request(interaction, f"/{command}"), command, parameter, letters)

    async def _tapped(self, interaction: discord.Interaction, line: str) -> None:
        about_plan = line.startswith(_ABOUT_A_PLAN)
        ephemeral = interaction.guild_id is not None
        if not await _deferred(interaction, ephemeral=ephemeral and not about_plan, thinking=not about_plan):
            return
        replies = await self._dispatcher.handle(_request(interaction, line))
        with _tolerated("a tap could not be answered"):
            if about_plan:
                await self._conclude(interaction, replies)
            else:
                await self._show(interaction, replies)

    async def _typed(self, message: discord.Message) -> None:
        request = Request(
            platform=PLATFORM, user_id=str(message.author.id), user_name=message.author.display_name,
            chat_id=str(message.channel.id), private=True, line=message.content, update_id=str(message.id),
            sent_at=int(message.created_at.timestamp() * 1000),
        )  # fmt: skip
        for reply in await self._dispatcher.handle(request):
            for outgoing in self._messages(reply, request.user_id):
                await message.channel.send(**await self._contents(outgoing))

    async def _show(self, interaction: discord.Interaction, replies: Sequence[Reply]) -> None:
        # The first message takes the place of "thinking…"; for a stranger that place is cleared.
        outgoing = [each for reply in replies for each in self._messages(reply, str(interaction.user.id))]
        if not outgoing:
            await interaction.delete_original_response()
            return
        await interaction.edit_original_response(**_edited(await self._contents(outgoing[0])))
        await self._follow(interaction, outgoing[1:])

    async def _conclude(self, interaction: discord.Interaction, replies: Sequence[Reply]) -> None:
        # The plan's own message becomes its receipt. A failure, such as that of a second tap, comes below instead:
        # it must not wipe out the receipt of the first.
        if not replies:
            return
        first, *others = replies
        user = str(interaction.user.id)
        rest = [each for reply in others for each in self._messages(reply, user)]
        if isinstance(first, Failure):
            await self._follow(interaction, [*self._messages(first, user), *rest])
            await _close(interaction)
            return
        shown, *more = self._messages(first, user)
        contents = _edited(await self._contents(shown))
        if isinstance(first, Text):
            # What was planned stays readable below the words about it.
            del contents["embed"]
        elif isinstance(first, Proposal):
            contents["content"] = None
        await interaction.edit_original_response(**contents)
        await self._follow(interaction, [*more, *rest])

    async def _follow(self, interaction: discord.Interaction, outgoing: Sequence[Outgoing]) -> None:
        for each in outgoing:
            await interaction.followup.send(
                **await self._contents(each), ephemeral=interaction.guild_id is not None, wait=True
            )

    def _messages(self, reply: Reply, user_id: str) -> tuple[Outgoing, ...]:
        locale, zone = self._manner(user_id)
        with use(locale):
            return messages(reply, zone)

    def _manner(self, user_id: str) -> tuple[str, tzinfo]:
        person = self._audience.person(PLATFORM, user_id)
        return self._audience.locale(person), self._audience.zone(person)

    async def _contents(self, outgoing: Outgoing) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if outgoing.content:
            found["content"] = outgoing.content
        if outgoing.picture is not None:
            try:
                drawn = io.BytesIO(await self._pictures.png(outgoing.picture))
                found["files"] = [discord.File(drawn, PICTURE_NAME)]
            except ChartFailed as error:
                _log.warning("sent without its picture: %s", error)
        if outgoing.embed is not None:
            found["embed"] = outgoing.embed
            if "files" not in found:
                outgoing.embed.set_image(url=None)
        if outgoing.rows:
            found["view"] = view(outgoing.rows)
        return found

    @asynccontextmanager
    async def _busy(self) -> AsyncIterator[None]:
        done = asyncio.get_running_loop().create_future()
        self._answering.add(done)
        try:
            yield
        finally:
            self._answering.discard(done)
            done.set_result(None)


class _tolerated(suppress):
    """Writes down what Discord would not take and goes on."""

    def __init__(self, what: str) -> None:
        super().__init__(discord.DiscordException, aiohttp.ClientError, OSError)
        self._what = what

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        swallowed = bool(super().__exit__(kind, error, trace))
        if swallowed:
            # Never the error itself: its text holds the address, and with it the token, of the interaction.
            _log.warning("%s: %s", self._what, type(error).__name__)
        return swallowed


async def _deferred(interaction: discord.Interaction, *, ephemeral: bool, thinking: bool) -> bool:
    try:
        await interaction.response.defer(ephemeral=ephemeral, thinking=thinking)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        _log.warning("too late or out of reach to answer; nothing was done: %s", type(error).__name__)
        return False
    return True


async def _close(interaction: discord.Interaction) -> None:
    # Only the person of a plan sees its message here, so a plan that failed them is of no use to anybody.
    message = await interaction.original_response()
    lines = {str(getattr(child, "custom_id", "")) for row in message.components for child in _children(row)}
    if any(line.startswith(_ABOUT_A_PLAN) for line in lines):
        await interaction.edit_original_response(view=None)


def _children(row: object) -> Sequence[object]:
    return tuple(getattr(row, "children", ()))


def _edited(contents: dict[str, Any]) -> dict[str, Any]:
    # An edit keeps what it does not name, and calls files attachments.
    return {
        "content": contents.get("content"), "embed": contents.get("embed"), "view": contents.get("view"),
        "attachments": contents.get("files", []),
    }  # fmt: skip


def _request(interaction: discord.Interaction, line: str, options: dict[str, str] | None = None) -> Request:
    return Request(
        platform=PLATFORM, user_id=str(interaction.user.id), user_name=interaction.user.display_name,
        chat_id=str(interaction.channel_id or ""), private=interaction.guild_id is None, line=line, arguments=options,
        update_id=str(interaction.id), sent_at=int(interaction.created_at.timestamp() * 1000),
        locale=interaction.locale.value,
    )  # fmt: skip


def _quoted(value: str) -> str:
    return value if value and not any(each.isspace() or each in "\"'\\=" for each in value) else f'"{value}"'
