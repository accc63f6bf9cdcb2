"""Orders placed over a connection that stays open: they arrive sooner than by a request of REST."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from engine.exchanges.base import ExchangeUnavailable
from engine.exchanges.ccxt_client import Client
from engine.exchanges.faults import AnswerLost, Nonsense, Unavailable
from engine.exchanges.pacing import Lane
from engine.exchanges.quirks.base import Maker, OrderWords, Reply
from engine.exchanges.tasks import end, persist, spawn, together

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

_OPENING_SECONDS = 10.0
_OK = 200

log = structlog.get_logger(__name__)


class OrderSocket:
    """Places post-only orders through a client with a key; while there is no connection, by REST.

    An order whose answer does not come, because it took too long or the connection ended, is ``AnswerLost`` like one
    of REST: whether it rests is found out by its client id. A connection that kept an answer to itself is given up.
    """

    def __init__(self, client: Client, maker: Maker, words: OrderWords) -> None:
        """Speak ``words`` to the exchange; ``maker`` names the way by REST."""
        self._client, self._maker, self._words = client, maker, words
        self._socket: ClientWebSocketResponse | None = None
        self._awaited: dict[str, asyncio.Future[Reply]] = {}
        self._numbers = count(1)
        self._tried, self._silent = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def up(self) -> bool:
        """Whether orders go over the connection."""
        return self._socket is not None and not self._socket.closed and not self._silent.is_set()

    async def open(self) -> None:
        """Connect, and again whenever the connection ends; return when it stands or could not be had at first."""
        self._tasks = [spawn(persist(self._hold, self._client.clock), "order socket")]
        try:
            await asyncio.wait_for(self._tried.wait(), _OPENING_SECONDS)
        except TimeoutError:
            log.warning("order_socket_missing", exchange=self._client.name, kind=self._client.kind.value)

    async def close(self) -> None:
        """Give the connection up."""
        await end(self._tasks)
        self._tasks = []

    async def place(self, exchange: Any, request: Mapping[str, str]) -> Any:
        """Place an order and return the exchange's raw answer; to be called by ``Client.change``."""
        socket = self._socket
        if socket is None or not self.up:
            return await getattr(exchange, self._maker.call)(request)
        number = str(next(self._numbers))
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._awaited[number] = answer
        try:
            message = self._words.place(exchange, number, request)
            await socket.send_str(msgspec.json.encode(message).decode())
            async with asyncio.timeout(self._client.timeout_seconds):
                reply = await answer
        except TimeoutError as error:
            # No other order shall wait on a connection that keeps silent; one is made anew.
            self._silent.set()
            raise AnswerLost(f"{self._client.name}: no answer in time over the connection for orders") from error
        finally:
            del self._awaited[number]
        return self._read(exchange, reply)

    def _read(self, exchange: Any, reply: Reply) -> Any:
        if reply.status != _OK:
            # The same words mean the same as by REST, and are heard in the same place.
            body = msgspec.json.encode(reply.error).decode()
            exchange.handle_errors(reply.status, "", self._address, "POST", reply.headers, body, reply.error, {}, {})
        self._client.pace.heard(reply.headers)
        return reply.result

    @property
    def _address(self) -> str:
        return self._words.address(self._client.ccxt)

    # -- the connection

    async def _hold(self) -> None:
        """Connect and listen until the connection ends. Raises ``Unavailable``."""
        first = not self._tried.is_set()
        try:
            await self._client.pace.turn(Lane.DATA, self._words.weight)
            self._socket = socket = await self._client.connect(self._address)
        except ExchangeUnavailable as error:
            if first:
                self._complain("order_socket_missing", error)
            raise
        finally:
            self._tried.set()
        self._silent.clear()
        try:
            await together(self._listen(socket), self._doubted())
            raise Unavailable(f"{self._client.name}: the connection ended")
        except ExchangeUnavailable as error:
            self._complain("order_socket_broke", error)
            raise
        finally:
            self._socket = None
            for answer in self._awaited.values():
                if not answer.done():
                    answer.set_exception(AnswerLost(f"{self._client.name}: the connection ended before the answer"))
            await socket.close()

    async def _listen(self, socket: ClientWebSocketResponse) -> None:
        async for message in socket:
            try:
                reply = self._words.read(msgspec.json.decode(message.data))
            except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
                # Whose answer it was is lost with it.
                raise Nonsense(f"{self._client.name}: {type(error).__name__} in place of an answer") from error
            answer = self._awaited.get(reply.number) if reply is not None else None
            if reply is not None and answer is not None and not answer.done():
                answer.set_result(reply)

    async def _doubted(self) -> None:
        await self._silent.wait()
        raise Unavailable(f"{self._client.name}: an answer did not come in time")

    def _complain(self, what: str, error: ExchangeUnavailable) -> None:
        log.warning(what, exchange=self._client.name, kind=self._client.kind.value, reason=str(error))
