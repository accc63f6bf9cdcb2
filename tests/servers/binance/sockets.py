"""WebSocket connections: subscriptions, outgoing events in order, and what the fault script does to them."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from aiohttp import ClientConnectionResetError, WSMsgType, web

from tests.servers.binance.faults import FaultScript
from tests.servers.binance.rest import dumps
from tests.servers.binance.words import Json
from tests.servers.loopback import cut

Understand = Callable[["Peer", Json], Json | None]
"""Answers one message of a client, or None to say nothing."""

_MOST_MESSAGES = {"stream": 5, "ws": 5, "public": 10, "market": 10, "private": 10}
_MOST_STREAMS = 1_024
_MOST_CONNECTIONS, _CONNECTIONS_SECONDS = 300, 300.0
_REMEMBERED = 256
_TOO_MANY = 1008
"""The code a connection is closed with that sends too many messages."""


class Peer:
    """One open connection."""

    def __init__(self, request: web.Request, faults: FaultScript) -> None:
        self.socket = web.WebSocketResponse(autoping=False)  # to count pings too
        self.request = request
        self.path = request.path
        self.streams: dict[str, None] = {}
        self.silent = False
        self.said: deque[Json] = deque(maxlen=_REMEMBERED)
        """The last messages of the client, oldest first; nothing for a ping or a pong."""
        self.remembered: Json = {}
        """What the protocol of this connection remembers, such as its user subscription."""
        self.writing: Callable[[str], None] = lambda text: None
        """Told of every message at the moment it is handed to the socket."""
        self._faults = faults
        self._queue: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
        self._held: list[str] = []
        self._arrivals: deque[float] = deque()

    def counted(self, most: int) -> bool:
        """Count a frame of the client; return whether no more than so many came within a second."""
        now = asyncio.get_running_loop().time()
        self._arrivals.append(now)
        while self._arrivals[0] <= now - 1:
            self._arrivals.popleft()
        return len(self._arrivals) <= most

    def send(self, message: Any, where: str = "answer") -> None:
        """Send a message behind those that wait, unless the fault script has other ideas about ``where``."""
        if self.silent:
            return
        text, wait = dumps(message), 0.0
        fault = self._faults.event(where) if self._faults.rules else None
        match fault.kind if fault else None:
            case "lose":
                return
            case "duplicate":
                self._queue.put_nowait((text, 0.0))
            case "reorder":
                self._held.append(text)
                return
            case "late":
                wait = fault.seconds if fault else 0.0
            case "garble":
                text = text[: len(text) // 2]
            case "cut":
                return self.cut()
            case "silence":
                self.silent = True
                return
            case _:
                pass
        self._queue.put_nowait((text, wait))
        while self._held:
            self._queue.put_nowait((self._held.pop(0), 0.0))

    def cut(self) -> None:
        """Let the connection die without a word."""
        cut(self.request)

    async def close(self, code: int = 1000) -> None:
        """Close the connection politely."""
        await self.socket.close(code=code)

    async def write(self) -> None:
        """Send what waits, for as long as the connection lives."""
        with suppress(ClientConnectionResetError, ConnectionResetError):
            while not self.socket.closed:
                text, wait = await self._queue.get()
                if wait:
                    await asyncio.sleep(wait)
                self.writing(text)
                await self.socket.send_str(text)


class Sockets:
    """Every connection of one kind of stream."""

    def __init__(self, faults: FaultScript, mistakes: list[str]) -> None:
        self.peers: dict[Peer, None] = {}
        self.accepting = True
        self.joined: Callable[[str], None] = lambda stream: None
        """Told of every stream that somebody begins to hear when nobody did."""
        self.most_messages = dict(_MOST_MESSAGES)
        """How many frames of any kind a client may send within a second, by the first part of the address; any number
        where it is not listed, as at the WebSocket API, whose calls are counted by weight."""
        self.most_streams = _MOST_STREAMS
        """How many streams one connection may hear."""
        self.most_connections = _MOST_CONNECTIONS
        """How many connections may be opened within five minutes: all clients of a test come from one address."""
        self._opened: deque[float] = deque()
        self._faults = faults
        self._mistakes = mistakes
        self._listeners: dict[str, dict[Peer, None]] = {}
        self._changed = asyncio.Condition()

    async def serve(
        self, request: web.Request, understand: Understand, streams: Iterable[str] = (), **remembered: Any
    ) -> web.StreamResponse:
        """Hold a connection that hears some streams until it ends, answering what the client says."""
        if not self.accepting:
            return web.Response(status=503)
        if not self._counted():
            self._mistakes.append(f"{request.path}: more than {self.most_connections} connections within five minutes")
            return web.Response(status=429)
        peer = Peer(request, self._faults)
        peer.remembered.update(remembered)
        await peer.socket.prepare(request)
        self.peers[peer] = None
        for stream in streams:
            self.join(peer, stream)
        await self._notify()
        writer = asyncio.create_task(peer.write())
        try:
            await self._listen(peer, understand)
        finally:
            writer.cancel()
            for stream in peer.streams:
                del self._listeners[stream][peer]
            del self.peers[peer]
            await self._notify()
        return peer.socket

    def _counted(self) -> bool:
        """Count a connection; return whether no more than may be were opened of late."""
        now = asyncio.get_running_loop().time()
        self._opened.append(now)
        while self._opened[0] <= now - _CONNECTIONS_SECONDS:
            self._opened.popleft()
        return len(self._opened) <= self.most_connections

    async def _listen(self, peer: Peer, understand: Understand) -> None:
        """Answer what a client says until it hangs up or says too much."""
        most = self.most_messages.get(peer.path.split("/")[1])
        async for message in peer.socket:
            if most is not None and not peer.counted(most):
                self._mistakes.append(f"{peer.path}: more than {most} messages within a second")
                await peer.close(_TOO_MANY)
                return
            match message.type:
                case WSMsgType.TEXT:
                    peer.said.append(_read(message.data))
                    answer = understand(peer, peer.said[-1])
                    if answer is not None:
                        peer.send(answer)
                    await self._notify()
                case WSMsgType.PING:
                    await peer.socket.pong(message.data)
                case _:
                    pass

    def subscriptions(self, valid: Callable[[str], bool]) -> Understand:
        """Return the protocol of market streams, over the streams that exist."""

        def understand(peer: Peer, command: Json) -> Json | None:
            method, streams, number = command.get("method"), command.get("params", []), command.get("id")
            if method == "LIST_SUBSCRIPTIONS":
                return {"result": list(peer.streams), "id": number}
            if method not in {"SUBSCRIBE", "UNSUBSCRIBE"} or not isinstance(streams, list):
                return self._misunderstood(command, "unknown method or params")
            if bad := [stream for stream in streams if not valid(stream)]:
                return self._misunderstood(command, f"no such stream {bad}")
            if method == "SUBSCRIBE" and len({*peer.streams, *streams}) > self.most_streams:
                return self._misunderstood(command, f"more than {self.most_streams} streams on one connection")
            for stream in streams:
                if method == "SUBSCRIBE":
                    self.join(peer, stream)
                else:
                    self.leave(peer, stream)
            return {"result": None, "id": number}

        return understand

    def join(self, peer: Peer, stream: str) -> None:
        """Let a connection hear a stream."""
        if not self.heard(stream):
            self.joined(stream)
        peer.streams[stream] = None
        self._listeners.setdefault(stream, {})[peer] = None

    def leave(self, peer: Peer, stream: str) -> None:
        """Let a connection hear a stream no more."""
        peer.streams.pop(stream, None)
        self._listeners.get(stream, {}).pop(peer, None)

    def heard(self, stream: str) -> bool:
        """Return whether anybody listens, to save the work of making an event."""
        return bool(self._listeners.get(stream))

    def publish(self, stream: str, event: Any) -> None:
        """Tell an event to everybody who listens."""
        for peer in list(self._listeners.get(stream, ())):
            combined = peer.remembered.get("combined")
            peer.send({"stream": stream, "data": event} if combined else event, stream)

    # -- what a test does to them

    def mute(self) -> None:
        """Say nothing more on the connections there are, and keep them open; new ones are told everything."""
        for peer in self.peers:
            peer.silent = True

    def cut(self) -> None:
        """Let every connection die without a word."""
        for peer in list(self.peers):
            peer.cut()

    async def close(self, code: int = 1001) -> None:
        """Close every connection politely, as before a release of the exchange."""
        for peer in list(self.peers):
            await peer.close(code)

    async def subscribed(self, *streams: str) -> None:
        """Wait until connections that are not mute listen to all of the streams, such as ``btcusdt@trade``."""

        def heard() -> set[str]:
            return {stream for peer in self.peers if not peer.silent for stream in peer.streams}

        await self.until(lambda: set(streams) <= heard())

    async def unheard(self) -> None:
        """Wait until nobody listens to any stream."""
        await self.until(lambda: not any(peer.streams for peer in self.peers))

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait for something about the connections to become true."""
        async with self._changed:
            await self._changed.wait_for(wanted)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _misunderstood(self, command: Json, why: str) -> Json:
        self._mistakes.append(why)
        return {"error": {"code": 2, "msg": f"Invalid request: {why}"}, "id": command.get("id")}


def stream_pattern(*channels: str) -> Callable[[str], bool]:
    """Return the check of stream names such as ``btcusdt@trade`` over the channels there are."""
    pattern = re.compile(rf"[a-z0-9]+@({'|'.join(channels)})")
    return lambda stream: pattern.fullmatch(stream) is not None


def _read(text: str) -> Json:
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
