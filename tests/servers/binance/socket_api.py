"""The WebSocket API: the calls of REST over a socket, by the same rules, limits and faults.

Source of the protocol: Binance, WebSocket API, general information, of spot and of USD-M futures.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import WSCloseCode, web

from tests.servers.binance.faults import Fault
from tests.servers.binance.limits import Limits, Throttled
from tests.servers.binance.parameters import mandatory
from tests.servers.binance.rest import Question, Rest, Route, dumps, refused
from tests.servers.binance.sockets import Peer, Sockets
from tests.servers.binance.words import Json, Refusal

Where = tuple[str, str]
"""Method and path of the REST route that does the same."""
Own = Callable[[Peer], Route]
"""What only a socket can be asked, as a route for the connection that asks."""

_ENVELOPE = frozenset({"apiKey", "returnRateLimits"})
_INTEGERS = frozenset(
    {
        "cancelOrderId",
        "countdownTime",
        "endTime",
        "fromId",
        "leverage",
        "limit",
        "page",
        "recvWindow",
        "startTime",
        "subscriptionId",
        "timestamp",
    }
)
_DECIMALS = frozenset(
    {
        "activatePrice",
        "callbackRate",
        "icebergQty",
        "price",
        "quantity",
        "quoteOrderQty",
        "stopPrice",
        "triggerPrice",
    }
)
_MALFORMED = "Invalid request: it wants to be JSON with an id and a method."
_CLOSED = Refusal(-1016, "This service is no longer available.", 503)


class SocketApi:
    """The connections to the WebSocket API of one product, and the answers to what is asked over them."""

    def __init__(
        self,
        sockets: Sockets,
        rest: Rest,
        methods: Mapping[str, Where],
        *,
        ping: Where,
        handshake: int,
        own: Mapping[str, Own] | None = None,
    ) -> None:
        """Serve the methods; a handshake has its weight in the limits of the route ``ping``."""
        self.sockets = sockets
        self._rest = rest
        self._methods = methods
        self._own = own or {}
        self._ping = ping
        self._handshake = handshake
        self._late: set[asyncio.Task[None]] = set()

    @property
    def limits(self) -> Limits:
        """The limits of what has no route of its own."""
        return self._rest.routes[self._ping].limits

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Hold a connection, if its handshake is within the limits."""
        if self.sockets.accepting:
            try:
                self.limits.use(self._handshake)
            except Throttled as refusal:
                self._rest.note(f"GET {request.path}", refusal)
                headers = {"Retry-After": str(refusal.seconds)}
                return web.json_response(refusal.body, status=refusal.status, headers=headers)
        return await self.sockets.serve(request, self._understand)

    async def stop(self) -> None:
        """Forget what would be done or answered later."""
        late = list(self._late)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _understand(self, peer: Peer, message: Json) -> Json | None:
        method = message.get("method")
        if not (isinstance(method, str) and method and "id" in message and _echoed(message["id"])):
            refusal = Refusal(-1000, _MALFORMED)
            self._rest.note(f"WS {method}", refusal)
            return _reply(peer, {"id": None}, self._refusal(refusal), self.limits)
        name = sys.intern(f"WS {method}")
        self._rest.calls.append(name)
        where = self._methods.get(method)
        fault = self._rest.faults.request(*([" ".join(where)] if where else []), name)
        return self._answer(peer, message) if fault is None else self._disturbed(fault, peer, message)

    # -- the regular way

    def _answer(self, peer: Peer, message: Json) -> Json:
        method, params = message["method"], message.get("params", {})
        limits, account, told = self.limits, "", {}
        try:
            route, where = self._find(peer, method)
            limits = route.limits
            question = _question(where, params)
            try:
                told = {"status": 200, "result": self._rest.answer(route, question)}
            finally:
                account = question.account
        except Refusal as refusal:
            self._rest.note(f"WS {method} {params}", refusal)
            told = self._refusal(refusal)
        return _reply(peer, message, told, limits, account)

    def _find(self, peer: Peer, method: str) -> tuple[Route, Where]:
        if self._rest.maintenance:
            raise _CLOSED
        if method in self._own:
            return self._own[method](peer), ("WS", method)
        if method not in self._methods:
            raise Refusal(-1000, "Unknown method.")
        where = self._methods[method]
        return self._rest.routes[where], where

    def _refusal(self, refusal: Refusal) -> Json:
        error = refusal.body
        if isinstance(refusal, Throttled):
            error["data"] = {"serverTime": self._rest.now(), "retryAfter": refusal.until}
        return {"status": refusal.status, "error": error}

    # -- what goes wrong

    def _disturbed(self, fault: Fault, peer: Peer, message: Json) -> Json | None:
        """Answer as the fault wants it; None where an answer comes later, in another way or never."""
        if fault.kind == "delay_before":
            # What waits inside the exchange happens even if the client has hung up by then.
            self._later(self._do_late(fault.seconds, peer, message))
            return None
        done = fault.kind.endswith("_after") or fault.kind in {"delay", "truncate", "sever"}
        answer = self._answer(peer, message) if done else {}
        match fault.kind:
            case "drop_before" | "drop_after":
                peer.cut()
            case "delay":
                self._later(self._send_late(fault.seconds, peer, answer))
            case "truncate" | "sever":
                self._later(_send_half(peer, dumps(answer), cut=fault.kind == "sever"))
            case "html" | "html_after":
                code = WSCloseCode.BAD_GATEWAY if fault.status == 502 else WSCloseCode.SERVICE_RESTART
                self._later(peer.close(code))
            case _:
                refusal = refused(fault, self._rest.now())
                assert refusal is not None, fault.kind
                return _reply(peer, message, self._refusal(refusal), self.limits)
        return None

    def _later(self, deed: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(deed)
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _do_late(self, seconds: float, peer: Peer, message: Json) -> None:
        await asyncio.sleep(seconds)
        peer.send(self._answer(peer, message))

    @staticmethod
    async def _send_late(seconds: float, peer: Peer, answer: Json) -> None:
        await asyncio.sleep(seconds)
        peer.send(answer)


async def _send_half(peer: Peer, text: str, *, cut: bool) -> None:
    """Send half of an answer as one frame, and let the connection die if wanted."""
    if not peer.silent:
        with suppress(ConnectionResetError):
            await peer.socket.send_str(text[: len(text) // 2])
    if cut:
        peer.cut()


def _echoed(number: Any) -> bool:
    return number is None or (isinstance(number, int | str) and not isinstance(number, bool))


def _reply(peer: Peer, message: Json, told: Json, limits: Limits, account: str = "") -> Json:
    """Return a whole answer, with the limits unless the connection or the call does without."""
    wanted = peer.request.query.get("returnRateLimits", "true").lower() != "false"
    params = message.get("params")
    if isinstance(params, dict):
        wanted = params.get("returnRateLimits", wanted)
    return {"id": message["id"], **told, **({"rateLimits": limits.counts(account)} if wanted else {})}


def _question(where: Where, params: Any) -> Question:
    """Return what is asked, of parameters in their JSON types."""
    if not isinstance(params, dict):
        raise Refusal(-1000, _MALFORMED)
    texts = {name: _text(name, value) for name, value in params.items()}
    payload = "&".join(f"{name}={texts[name]}" for name in sorted(texts) if name != "signature")
    asked = {name: text for name, text in texts.items() if name not in _ENVELOPE}
    return Question(*where, asked, texts.get("apiKey"), payload, texts.get("signature", ""))


def _text(name: str, value: Any) -> str:
    """Return a parameter as REST writes it: INT comes as a JSON integer, DECIMAL as a text.

    The number of an order is an integer too, but clients in wide use send it as a text, and the exchange takes it.
    """
    integer = isinstance(value, int) and not isinstance(value, bool)
    if integer is not (name in _INTEGERS) and (name in _INTEGERS or name in _DECIMALS):
        raise mandatory(name)
    match value:
        case bool():
            return str(value).lower()
        case int() | str():
            return str(value)
        case list():
            return dumps(value)
        case _:
            raise mandatory(name)
