"""The loopback Bot API server and what tests may ask of it."""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.servers.loopback import cut
from tests.servers.telegram import chats, editing, menus, sending
from tests.servers.telegram.parameters import MAX_BODY, Parameters, read_parameters
from tests.servers.telegram.people import Person
from tests.servers.telegram.refusals import Refusal, bad_request, not_found, unauthorized
from tests.servers.telegram.sabotage import Sabotaged
from tests.servers.telegram.words import Call, Chat, JsonObject, User
from tests.servers.telegram.world import World

TOKEN = "7000000001:AAG-loopback-token-of-the-tests-000"
METHODS: dict[str, sending.Method] = {**sending.METHODS, **editing.METHODS, **menus.METHODS, **chats.METHODS}


class TelegramServer(Sabotaged):
    """A Bot API with one bot. Point a client at `base_url` and `base_file_url` with `token`."""

    def __init__(
        self, token: str = TOKEN, username: str = "batuta_test_bot", now: Callable[[], float] = time.time
    ) -> None:
        super().__init__(World(username, now))
        self.token = token
        self._people: dict[int, Person] = {}

    @property
    def base_url(self) -> str:
        """The address before the token, as python-telegram-bot wants it."""
        return f"{self.address}/bot"

    @property
    def base_file_url(self) -> str:
        """The address of downloads before the token."""
        return f"{self.address}/file/bot"

    def person(self, user_id: int, name: str = "Ana", *, started: bool = True) -> Person:
        """Return a person; one who never started the bot cannot be written to first."""
        if user_id not in self._people:
            user = User(user_id=user_id, name=name, username=f"{name.lower()}_{user_id}")
            self._world.users[user_id] = user
            self._people[user_id] = Person(self._world, user)
        if started:
            self._people[user_id].open_chat()
        return self._people[user_id]

    def group(self, chat_id: int, title: str, *members: Person, forum: bool = False) -> int:
        """Make a group of people and the bot, and return its id (negative)."""
        assert chat_id < 0, "a group has a negative id"
        people = tuple(member.id for member in members)
        self._world.chats[chat_id] = Chat(chat_id=chat_id, title=title, members=people, forum=forum)
        return chat_id

    def application(self) -> web.Application:
        """Return the routes of the Bot API."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        app.router.add_route("*", "/{anything:.*}", self._nowhere)
        return app

    async def _nowhere(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(not_found().wire(), status=404)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        name, arrived = request.match_info["method"], self._world.now()
        method, parameters = name.lower(), Parameters()
        try:
            self._check_token(request)
            parameters = await read_parameters(request)
            answer: JsonObject = {"ok": True, "result": await self._perform(method, parameters)}
            status = 200
        except Refusal as refusal:
            answer, status = refusal.wire(), refusal.status
        self.calls.append(Call(method=name, payload=parameters.recorded(), at=arrived, status=status))
        if seconds := self._world.faults.delay_of(method):
            await asyncio.sleep(seconds)
        if self._world.faults.loses(method):
            cut(request)
        retry_after = answer.get("parameters", {}).get("retry_after")
        headers = {"Retry-After": str(retry_after)} if retry_after else None
        return web.json_response(answer, status=status, headers=headers)

    async def _perform(self, method: str, parameters: Parameters) -> Any:
        self._world.faults.check_scripted(method)
        if method == "getupdates":
            return await self._get_updates(parameters)
        if method not in METHODS:
            raise not_found()
        return METHODS[method](self._world, parameters)

    async def _get_updates(self, parameters: Parameters) -> list[JsonObject]:
        kinds = parameters.nested("allowed_updates", "allowed updates")
        if kinds is not None:
            if not isinstance(kinds, list):
                raise bad_request("can't parse allowed updates: expected an Array of String")
            self._world.updates.allow(kinds)
        limit = parameters.integer("limit", 100)
        return await self._world.updates.poll(parameters.integer("offset"), limit, parameters.integer("timeout"))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_token(request)
            file = self._world.files.get(request.match_info["path"].rpartition("/")[2])
            if file is None:
                raise not_found()
        except Refusal as refusal:
            return web.json_response(refusal.wire(), status=refusal.status)
        return web.Response(body=file.content, content_type="application/octet-stream")

    def _check_token(self, request: web.Request) -> None:
        token = request.match_info["token"]
        if token != self.token:
            raise unauthorized() if re.fullmatch(r"\d+:[\w-]{10,}", token) else not_found()
