"""As much of Discord's servers as one connection needs, on a real socket: log-in, gateway, direct messages."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

from aiohttp import WSMsgType, web

from tests.servers.loopback import Loopback

TOKEN = "a-token-of-the-tests"
BOT = {"id": "1", "username": "batuta", "discriminator": "0", "avatar": None, "bot": True}
API = "/api/v10"
HELLO, IDENTIFY, HEARTBEAT, ACKNOWLEDGED = 10, 2, 1, 11


class DiscordServer(Loopback):
    """Answers one bot; ``sent`` holds the direct messages, ``declared`` the names of its commands."""

    def __init__(self) -> None:
        """Know nothing yet."""
        super().__init__()
        self.sent: list[dict[str, Any]] = []
        self.declared: list[str] = []
        self.identified = asyncio.Event()

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application()
        app.router.add_get(f"{API}/users/@me", self._me)
        app.router.add_get(f"{API}/oauth2/applications/@me", self._application)
        app.router.add_put(f"{API}/applications/{{app}}/commands", self._declare)
        app.router.add_get(f"{API}/gateway", self._where)
        app.router.add_post(f"{API}/users/@me/channels", self._open)
        app.router.add_post(f"{API}/channels/{{channel}}/messages", self._message)
        app.router.add_get("/gateway/", self._gateway)
        return app

    async def _me(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bot {TOKEN}":
            return _json({"message": "401: Unauthorized", "code": 0}, 401)
        return _json(BOT)

    async def _application(self, _request: web.Request) -> web.Response:
        owner = {"id": "2", "username": "olga", "discriminator": "0", "avatar": None}
        return _json(
            {"id": "1", "name": "batuta", "description": "", "icon": None, "bot_public": False,
             "bot_require_code_grant": False, "owner": owner, "verify_key": "", "flags": 0}
        )  # fmt: skip

    async def _declare(self, request: web.Request) -> web.Response:
        declared = await request.json()
        self.declared = [each["name"] for each in declared]
        return _json(
            [each | {"id": str(at), "application_id": "1", "version": "1"} for at, each in enumerate(declared, 10)]
        )

    async def _where(self, _request: web.Request) -> web.Response:
        return _json({"url": f"{self.address.replace('http', 'ws')}/gateway/"})

    async def _open(self, request: web.Request) -> web.Response:
        recipient = BOT | {"id": (await request.json())["recipient_id"], "bot": False}
        return _json({"id": "77", "type": 1, "recipients": [recipient], "last_message_id": None})

    async def _message(self, request: web.Request) -> web.Response:
        said = await request.json()
        self.sent.append(said)
        return _json(
            {"id": str(100 + len(self.sent)), "type": 0, "content": said.get("content") or "", "channel_id": "77",
             "author": BOT, "attachments": [], "embeds": [], "mentions": [], "mention_roles": [], "pinned": False,
             "mention_everyone": False, "tts": False, "timestamp": "2026-01-01T00:00:00+00:00",
             "edited_timestamp": None}
        )  # fmt: skip

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        squeeze = zlib.compressobj()

        async def say(code: int, data: Any, kind: str | None = None, number: int | None = None) -> None:
            words = json.dumps({"op": code, "d": data, "t": kind, "s": number}).encode()
            await socket.send_bytes(squeeze.compress(words) + squeeze.flush(zlib.Z_SYNC_FLUSH))

        await say(HELLO, {"heartbeat_interval": 45_000})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            heard = json.loads(message.data)
            if heard["op"] == HEARTBEAT:
                await say(ACKNOWLEDGED, None)
            if heard["op"] == IDENTIFY:
                self.identified.set()
                ready = {"v": 10, "user": BOT, "guilds": [], "session_id": "s", "application": {"id": "1", "flags": 0},
                         "resume_gateway_url": f"{self.address.replace('http', 'ws')}/gateway/"}  # fmt: skip
                await say(0, ready, "READY", 1)
        return socket


def _json(data: Any, status: int = 200) -> web.Response:
    # discord.py reads bodies as JSON only when the type is exactly this, without a character set.
    return web.Response(body=json.dumps(data).encode(), status=status, headers={"Content-Type": "application/json"})
