"""The way of every REST request: fault script, weight, key, parameters, time, signature, then its answer."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from tests.servers.binance.faults import Fault, FaultScript
from tests.servers.binance.keys import Keyring, check_signature, check_time
from tests.servers.binance.limits import Limits, Throttled
from tests.servers.binance.parameters import Call, mandatory
from tests.servers.binance.words import Refusal
from tests.servers.loopback import cut

Answer = Callable[[Call], Any]
_SIGNING = frozenset({"timestamp", "recvWindow", "signature"})
_MISTAKES = frozenset(range(-1136, -1099)) - {-1121} | {-1000, -1022, -4021}
_STATUS = "/sapi/v1/system/status"
_HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"
_TIMEOUT = Refusal(
    -1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.", 408
)
_CLOCK = Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


@dataclass(frozen=True, slots=True)
class Route:
    """One call of the interface.

    ``right`` is None for the public, an empty text where any key will do without a signature.
    """

    answer: Answer
    limits: Limits
    needs: frozenset[str]
    may: frozenset[str]
    weight: int | Callable[[dict[str, str]], int]
    right: str | None
    order: bool

    @property
    def signed(self) -> bool:
        """Whether it wants time and signature."""
        return bool(self.right)

    def check(self, params: dict[str, str]) -> None:
        """Refuse parameters nobody reads, and the lack of those that are needed."""
        known = self.needs | self.may | (_SIGNING if self.signed else frozenset())
        read = sum(name in known for name in params)
        if read < len(params):
            if not known:
                raise Refusal(-1101, f"Too many parameters; expected '0' and received '{len(params)}'.")
            text = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(params)}'."
            raise Refusal(-1104, text)
        for name in sorted(self.needs):
            if not params.get(name):
                raise mandatory(name)


@dataclass(slots=True)
class Question:
    """One request on its way to the answer, whichever wire it came over."""

    method: str
    path: str
    params: dict[str, str]
    key: str | None
    payload: str
    """What was signed."""
    signature: str
    account: str = ""
    """Whose orders it counts to, once that is known."""


@dataclass(slots=True)
class Rest:
    """Every route, and what was asked of them."""

    keyring: Keyring
    faults: FaultScript
    now: Callable[[], int]
    routes: dict[tuple[str, str], Route] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """Method and path of every request, such as ``POST /api/v3/order``."""
    mistakes: list[str] = field(default_factory=list)
    """Requests only a faulty client sends: unknown paths, missing or unknown parameters, bad signatures."""
    refused: Counter[int] = field(default_factory=Counter)
    """How often each code was answered."""
    maintenance: bool = False
    _waiting: set[asyncio.Task[web.Response]] = field(default_factory=set)

    def add(
        self,
        method: str,
        path: str,
        answer: Answer,
        limits: Limits,
        *,
        needs: Iterable[str] = (),
        may: Iterable[str] = (),
        weight: int | Callable[[dict[str, str]], int] = 1,
        right: str | None = None,
        order: bool = False,
    ) -> None:
        """Serve a path; parameters are named without those that every signed call has."""
        self.routes[method, path] = Route(answer, limits, frozenset(needs), frozenset(may), weight, right, order)

    def note(self, where: str, refusal: Refusal) -> None:
        """Remember a refusal, and apart from the others what only a faulty client provokes."""
        self.refused[refusal.code] += 1
        if refusal.code in _MISTAKES:
            self.mistakes.append(f"{where}: {refusal.code} {refusal.message}")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        where = f"{request.method} {request.path}"
        self.calls.append(sys.intern(where))
        raw = request.rel_url.raw_query_string
        if request.can_read_body:
            raw += await request.text()
        fault = self.faults.request(where)
        if fault is None:
            return self._respond(request, raw)
        if fault.kind != "delay_before":
            return await self._disturbed(fault, request, raw)
        # What waits inside the exchange happens even if the client has hung up by then.
        late = asyncio.create_task(self._late(fault.seconds, request, raw))
        self._waiting.add(late)
        late.add_done_callback(self._waiting.discard)
        return await asyncio.shield(late)

    # -- the regular way

    def _respond(self, request: web.Request, raw: str) -> web.Response:
        route = self.routes.get((request.method, request.path))
        if self.maintenance and request.path != _STATUS:
            return web.Response(status=503, text=_HTML.format("503 Service Unavailable"), content_type="text/html")
        if route is None:
            self.mistakes.append(f"{request.method} {request.path} does not exist")
            return web.Response(status=404, text=_HTML.format("404 Not Found"), content_type="text/html")
        headers: dict[str, str] = {}
        payload, _, signature = raw.rpartition("&signature=")
        question = Question(request.method, request.path, {}, request.headers.get("X-MBX-APIKEY"), payload, signature)
        try:
            question.params = _parse(raw)
            body, status = self.answer(route, question), 200
        except Refusal as refusal:
            body, status = refusal.body, refusal.status
            if isinstance(refusal, Throttled):
                headers["Retry-After"] = str(refusal.seconds)
            self.note(f"{request.method} {request.path}?{raw}", refusal)
        headers |= route.limits.headers(question.account)
        return web.Response(status=status, text=dumps(body), headers=headers, content_type="application/json")

    def answer(self, route: Route, question: Question) -> Any:
        """Weigh, admit, count and answer a request; a refusal is raised."""
        params = question.params
        route.limits.use(route.weight(params) if callable(route.weight) else route.weight)
        call = self._admit(route, question)
        if route.order:
            question.account = call.account
            route.limits.count_order(call.account)
        return route.answer(call)

    def _admit(self, route: Route, question: Question) -> Call:
        params = question.params
        if route.right is None:
            route.check(params)
            return Call(question.method, question.path, params, None)
        key = self.keyring.find(question.key, route.right or None)
        route.check(params)
        call = Call(question.method, question.path, params, key)
        if route.signed:
            for name in ("signature", "timestamp"):
                if not params.get(name):
                    raise mandatory(name)
            check_time(call.integer("timestamp"), call.integer("recvWindow", 5_000), self.now())
            check_signature(key, question.payload, question.signature)
        return call

    # -- what goes wrong

    async def _late(self, seconds: float, request: web.Request, raw: str) -> web.Response:
        await asyncio.sleep(seconds)
        return self._respond(request, raw)

    async def _disturbed(self, fault: Fault, request: web.Request, raw: str) -> web.StreamResponse:
        """Answer as the fault wants it; what it names ``after`` or delays is done all the same."""
        done = fault.kind in {"drop_after", "delay", "truncate", "sever", "html_after", "error_after"}
        response = self._respond(request, raw) if done or fault.kind == "timeout_after" else web.Response()
        match fault.kind:
            case "drop_before" | "drop_after":
                cut(request)
            case "delay":
                await asyncio.sleep(fault.seconds)
            case "truncate":
                response.text = (response.text or "")[: len(response.text or "") // 2]
            case "sever":
                return await _severed(request, response)
            case "html" | "html_after":
                title = f"{fault.status} Service Unavailable"
                return web.Response(status=fault.status, text=_HTML.format(title), content_type="text/html")
            case "error" | "error_after" if not fault.code:
                return web.Response(status=fault.status)
            case _:
                refusal = refused(fault, self.now())
                return response if refusal is None else _refusal(refusal)
        return response


def dumps(body: Any) -> str:
    """Write JSON as the exchange does, without spaces."""
    return json.dumps(body, separators=(",", ":"))


def _parse(raw: str) -> dict[str, str]:
    pairs = parse_qsl(raw, keep_blank_values=True)
    params = dict(pairs)
    if len(params) != len(pairs):
        raise Refusal(-1101, "Duplicate values for a parameter detected.")
    return params


async def _severed(request: web.Request, whole: web.Response) -> web.StreamResponse:
    """Send half of the promised body and let the connection die."""
    body = (whole.text or "").encode()
    half = web.StreamResponse(status=whole.status, headers={"Content-Length": str(len(body))})
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    cut(request)
    return half


def _refusal(refusal: Refusal) -> web.Response:
    headers = {"Retry-After": str(refusal.seconds)} if isinstance(refusal, Throttled) else {}
    return web.Response(
        status=refusal.status, text=dumps(refusal.body), headers=headers, content_type="application/json"
    )


def refused(fault: Fault, now: int) -> Refusal | None:
    """Return what a fault lets the exchange answer, or None for one that leaves it without a word."""
    match fault.kind:
        case "error" | "error_after":
            return Refusal(fault.code or -1000, fault.message, fault.status)
        case "timeout_before" | "timeout_after":
            return _TIMEOUT
        case "throttle":
            return _throttled(fault, now)
        case "clock":
            return _CLOCK
        case _:
            return None


def _throttled(fault: Fault, now: int) -> Throttled:
    status = fault.status if fault.status in {418, 429} else 429
    until = now + round(fault.seconds * 1_000)
    message = "Too many requests; please use the websocket for live updates."
    if status == 418:
        message = f"Way too many requests; IP banned until {until}. Please use the websocket for live updates."
    return Throttled(-1003, message, status, max(1, round(fault.seconds)), until)
