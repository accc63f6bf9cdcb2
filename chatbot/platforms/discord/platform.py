"""Discord itself: connects, watches over the connection, pushes as direct messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aiohttp
import discord
from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import SecretStr
from yarl import URL

from chatbot.platform import Audience, Pictures, SendFailed, SendRefused, SendRetry, chat_of
from chatbot.platforms.discord.client import PLATFORM, Client
from chatbot.platforms.discord.failures import PATIENCE_SECONDS, translated
from commands.dispatch import Dispatcher
from commands.registry import Registry
from commands.reply import Reply
from engine.clock import Clock

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
_LASTED = 60_000
"""A connection that held so many milliseconds counts as good: the next pause is the first again."""
_SETTLE_SECONDS = 5.0
_log = logging.getLogger(__name__)


class DiscordPlatform:
    """Talks to people on Discord. Whatever breaks there is tried again, ever more rarely, and breaks nothing else."""

    def __init__(
        self,
        token: SecretStr,
        *,
        registry: Registry,
        audience: Audience,
        pictures: Pictures,
        clock: Clock,
        api_base_url: str | None = None,
        connect: Callable[[Client], Awaitable[None]] | None = None,
    ) -> None:
        """Connect to nothing yet. ``connect`` runs one connection until it ends; tests give their own."""
        self._token, self._registry, self._audience, self._pictures = token, registry, audience, pictures
        self._clock, self._base = clock, api_base_url
        self._connect = connect or self._dial
        self._task: asyncio.Task[None] | None = None
        self.client: Client | None = None
        """The connection of the moment, connected or not."""
        # At lower levels the library writes addresses, and those of interactions hold tokens.
        for name in ("discord.http", "discord.webhook", "discord.gateway"):
            logging.getLogger(name).setLevel(logging.WARNING)

    @property
    def name(self) -> str:
        """Return ``discord``."""
        return PLATFORM

    async def start(self, dispatcher: Dispatcher) -> None:
        """Begin to connect in the background and return at once."""
        if self._task is None:
            self.client = self._new(dispatcher)
            self._task = asyncio.create_task(self._watch(dispatcher), name="discord")

    async def stop(self) -> None:
        """Stop listening, let what is being answered finish, and close the connection."""
        task, self._task = self._task, None
        if self.client is not None:
            await self.client.settle(_SETTLE_SECONDS)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def send(self, recipient: str, reply: Reply, silent: bool) -> str:
        """Send ``reply`` to the person ``discord:user id`` directly and return a receipt. Raises ``SendError``."""
        user = chat_of(recipient, PLATFORM)
        if not user.isdecimal():
            raise SendRefused(f"recipient: {recipient!r} is no person; accepted: discord:user id")
        client = self.client
        if client is None or client.is_closed():
            raise SendFailed("Discord is not connected")
        if not client.is_ready():
            raise SendRetry(PATIENCE_SECONDS)
        with translated():
            return await client.deliver(int(user), reply, silent=silent)

    def _new(self, dispatcher: Dispatcher) -> Client:
        return Client(dispatcher=dispatcher, registry=self._registry, audience=self._audience, pictures=self._pictures)

    async def _watch(self, dispatcher: Dispatcher) -> None:
        pause = FIRST_PAUSE
        while True:
            began = self._clock.now()
            client = self.client or self._new(dispatcher)
            self.client = client
            try:
                await self._connect(client)
                _log.warning("Discord ended the connection")
            except discord.LoginFailure:
                _log.error("Discord refused the token; accepted: that of the bot's page in the developer portal")
                return
            except Exception as error:
                # discord.py fails in many ways, an AttributeError of its own among them when the first connection
                # does not come about; the cure is the same for all.
                _log.warning("Discord is out of reach: %s", type(error).__name__)
            finally:
                await _close(client)
            if self._clock.now() - began >= _LASTED:
                pause = FIRST_PAUSE
            await self._clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            self.client = self._new(dispatcher)

    async def _dial(self, client: Client) -> None:
        if self._base is not None:
            # The library has one address for the whole process.
            Route.BASE = self._base.rstrip("/")
        await client.login(self._token.get_secret_value())
        if self._base is not None:
            found = await client.http.request(Route("GET", "/gateway"))
            DiscordWebSocket.DEFAULT_GATEWAY = URL(str(found["url"]))
        await client.connect()


async def _close(client: Client) -> None:
    with suppress(discord.DiscordException, aiohttp.ClientError, OSError):
        await client.close()
