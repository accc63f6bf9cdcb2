"""The user stream of futures: listen keys, and the private events for who holds one."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from tests.servers.binance.limits import Limits
from tests.servers.binance.parameters import Call
from tests.servers.binance.rest import Rest
from tests.servers.binance.sockets import Peer, Sockets
from tests.servers.binance.usdm_engine import Futures
from tests.servers.binance.words import Json, Refusal

VALID = 3_600_000


@dataclass(slots=True)
class ListenKey:
    """The one key of an account."""

    text: str
    account: str
    until: int


class UsdmUser:
    """Who hears what happens to which account."""

    def __init__(self, futures: Futures, sockets: Sockets, rest: Rest, limits: Limits) -> None:
        self.sockets = sockets
        self.keys: dict[str, ListenKey] = {}
        """By account."""
        self._futures = futures
        self._mistakes = rest.mistakes
        self._made = 0
        for method, answer in (("POST", self._start), ("PUT", self._renew), ("DELETE", self._close)):
            rest.add(method, "/fapi/v1/listenKey", answer, limits, right="", may={"listenKey", "subType", "type"})
        futures.on_user = self._tell

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Hold a connection; with a key that is none, it hears nothing."""
        text = request.match_info.get("key") or request.query.get("listenKey", "")
        if self._account(text) is None:
            self._mistakes.append(f"{request.path} with a listen key that does not exist")
        return await self.sockets.serve(request, self._understand, listen_key=text)

    def expire(self, account: str = "main") -> None:
        """Let the key of an account end, with the event that says so."""
        key = self.keys[account]
        for peer in self._peers(account):
            event = {"e": "listenKeyExpired", "E": self._futures.now(), "listenKey": key.text}
            peer.send(event, "user:listenKeyExpired")
        self.keys.pop(account)

    def expire_due(self) -> None:
        """Let end what was not renewed in time."""
        for account, key in list(self.keys.items()):
            if key.until <= self._futures.now():
                self.expire(account)

    async def heard(self, account: str = "main", connections: int = 1) -> None:
        """Wait until an account's events are heard on so many connections."""
        await self.sockets.until(lambda: self.subscribers(account) >= connections)

    def subscribers(self, account: str = "main") -> int:
        """Return how many connections hear an account."""
        return len(self._peers(account))

    def _start(self, call: Call) -> Json:
        key = self.keys.get(call.account)
        if key is None:
            self._made += 1
            text = f"{call.account}{self._made:064d}"[-64:]
            key = self.keys[call.account] = ListenKey(text, call.account, 0)
        key.until = self._futures.now() + VALID
        return {"listenKey": key.text}

    def _renew(self, call: Call) -> Json:
        key = self._held(call)
        key.until = self._futures.now() + VALID
        return {"listenKey": key.text}

    def _close(self, call: Call) -> Json:
        del self.keys[self._held(call).account]
        return {}

    def _held(self, call: Call) -> ListenKey:
        self.expire_due()
        key = self.keys.get(call.account)
        if key is None or call.text("listenKey", key.text) != key.text:
            raise Refusal(-1125, "This listenKey does not exist.")
        return key

    def _account(self, text: object) -> str | None:
        return next((key.account for key in self.keys.values() if key.text == text), None)

    def _peers(self, account: str) -> list[Peer]:
        return [peer for peer in self.sockets.peers if self._account(peer.remembered.get("listen_key")) == account]

    def _tell(self, account: str, event: Json) -> None:
        for peer in self._peers(account):
            peer.send(event, f"user:{event['e']}")

    @staticmethod
    def _understand(peer: Peer, message: Json) -> Json:
        return {"result": None, "id": message.get("id")}
