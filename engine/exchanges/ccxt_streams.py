"""What comes over the streams of a ccxt object, heard before and after ccxt takes it in, and what goes out, paced."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from engine.clock import Clock
from engine.exchanges.faults import Unavailable
from engine.exchanges.quirks.base import Best, Part, Quirks
from engine.exchanges.spacing import Spacing

_SETTLED_SECONDS = 0.3
"""After connecting, a stream that says nothing is taken for one that listens."""


class Streams(ABC):
    """The hearing of a client: who is told what, and what is wrong with its streams."""

    clock: Clock
    part: Part
    """What outgoing messages are paced by; to be set before the first one."""

    def __init__(self, name: str, quirks: Quirks) -> None:
        """Hear nothing yet."""
        self.name, self.quirks = name, quirks
        self.live = asyncio.Event()
        """Set while a stream is connected and has settled."""
        self.gathered: Callable[[], None] = _nothing
        """Called after every message of a stream, when ccxt has taken it in."""
        self.happened: Callable[[Mapping[str, Any]], None] = _nothing
        """Called with every event of a stream, as it came over the wire."""
        self.best: dict[str, Callable[[Best], None]] = {}
        """Who hears the best prices of a market, by its name at the exchange, as soon as they come and instead of ccxt:
        its own watch of them ends only with the stream. Empty where ``quirks`` cannot read them."""
        self.reach: dict[str, tuple[Decimal | None, Decimal | None]] = {}
        """Worst bid and ask of the snapshot that a streamed book was built on; None where it held all of a side."""
        self.unsent = 0
        """Messages that wait for their turn: until they went, a silent stream may not have been asked for."""
        self._trouble: Unavailable | None = None
        self._errands: set[asyncio.Task[Any]] = set()
        self._dismissed: set[asyncio.Task[None]] = set()
        self._settling: asyncio.TimerHandle | None = None

    @property
    def troubled(self) -> bool:
        """Return whether a message was lost, so that nothing can be waited for until the streams are dropped."""
        return self._trouble is not None

    @property
    def asking(self) -> bool:
        """Return whether the book that a stream goes on from is being asked for."""
        return bool(self._errands)

    @abstractmethod
    async def snapshot(self, symbol: str, limit: int | None, params: Mapping[str, Any]) -> Any:
        """Ask for the book that a stream goes on from, in our own budget, of which ccxt knows nothing."""

    def told(self, message: object) -> None:
        """Hear a message of a stream. Raises ``Unavailable`` when it says that no more will follow."""
        self.live.set()
        body = message.get("event", message) if isinstance(message, dict) else None
        if not isinstance(body, dict):
            return
        if body.get("e") in self.quirks.stream_ends:
            raise Unavailable(f"{self.name}: {body['e']}")
        self.happened(body)

    def took(self, message: object) -> bool:
        """Hand the best prices that a message tells to whoever hears them; return whether somebody did."""
        if not self.best or self.quirks.best is None or not isinstance(message, dict):
            return False
        found = self.quirks.best(message)
        hear = self.best.get(found.market) if found is not None else None
        if found is None or hear is None:
            return False
        hear(found)
        return True

    def connected(self) -> None:
        """Hear that a stream is connected."""
        if self._settling is not None:
            self._settling.cancel()  # nobody could cancel it any more when the streams are dropped
        self._settling = asyncio.get_running_loop().call_later(_SETTLED_SECONDS, self.live.set)

    def dismiss(self, socket: Any) -> None:
        """Close a connection that was given up before it stood: what it tells would be told twice."""
        closing = asyncio.ensure_future(socket.close())
        self._dismissed.add(closing)
        closing.add_done_callback(self._dismissed.discard)

    def broken(self, error: Exception) -> Unavailable:
        """Hear that a message could not be taken in: what it told is lost, and the next wait must fail."""
        self._trouble = Unavailable(f"{self.name}: {type(error).__name__}: {error}")
        return self._trouble


def attentive(exchange: type[Any], client: Streams) -> type[Any]:
    """Return the ccxt class that tells the client of its streams; a message can not end these in silence."""

    def handle_message(self: Any, socket: Any, message: object) -> None:
        try:
            client.told(message)
            if not client.took(message):
                exchange.handle_message(self, socket, message)
                client.gathered()
        except Exception as error:
            # Raised any further it would end ccxt's receiving, and whoever waits would wait for ever.
            socket.reject(client.broken(error))

    def on_connected(self: Any, socket: Any, message: object = None) -> None:
        if not _current(self, socket):
            client.dismiss(socket)
            return
        exchange.on_connected(self, socket, message)
        client.connected()

    def on_close(self: Any, socket: Any, error: object) -> None:
        if _current(self, socket):  # or ccxt would forget the one that took its place
            exchange.on_close(self, socket, error)

    async def snapshot_of(self: Any, symbol: str, limit: int | None = None, params: Any = None) -> Any:
        return await client.snapshot(symbol, limit, params or {})

    def client_of(self: Any, url: str) -> Any:
        return _prepared(client, exchange.client(self, url))

    return type(
        exchange.__name__,
        (exchange,),
        {
            "handle_message": handle_message,
            "on_connected": on_connected,
            "on_close": on_close,
            "client": client_of,
            "fetch_rest_order_book_safe": snapshot_of,
            "safe_float": staticmethod(_exact),
        },
    )


def _current(exchange: Any, socket: Any) -> bool:
    return (exchange.clients or {}).get(socket.url) is socket


def _exact(told: Any, key: Any, default: Any = None) -> Any:
    """Read what ccxt, in its books and bars alone, would read as a float, as the number that was written."""
    try:
        value = told[key]
        return default if value is None or value == "" else Decimal(str(value))
    except (KeyError, IndexError, TypeError, InvalidOperation):
        return default


def _prepared(client: Streams, socket: Any) -> Any:
    """Return a connection that outlives what it cannot read, whose promises complain to nobody, and whose messages are
    kept apart in time.
    """
    socket.future = partial(_promised, socket)
    socket.handle_text_or_binary_message = partial(_decoded, client, socket)
    if client.part.messages_per_second is not None and "send" not in vars(socket):
        socket.send = partial(_paced, client, socket, Spacing(client.clock, client.part.messages_per_second))
    return socket


def _decoded(client: Streams, socket: Any, data: object) -> None:
    try:
        type(socket).handle_text_or_binary_message(socket, data)
    except Exception as error:
        # No JSON, such as half a message: it would end ccxt's receiving while the connection stays open.
        socket.reject(client.broken(error))


async def _paced(client: Streams, socket: Any, spacing: Spacing, message: object) -> None:
    """Send a message when its turn has come. Raises ``ConnectionError`` where the connection died: ccxt tells whoever
    waits for what was asked for, so that it is asked for anew.
    """
    client.unsent += 1
    try:
        await spacing.turn(socket.closed)
    finally:
        client.unsent -= 1
    await type(socket).send(socket, message)


def _promised(socket: Any, message_hash: str) -> asyncio.Future[Any]:
    """Return what ccxt waits for on a stream; where nobody does, as while signing on, asyncio must not complain."""
    promise: asyncio.Future[Any] = type(socket).future(socket, message_hash)
    promise.remove_done_callback(_retrieve)
    promise.add_done_callback(_retrieve)
    return promise


def _retrieve(promise: asyncio.Future[Any]) -> None:
    if not promise.cancelled():
        promise.exception()


def _nothing(*_: object) -> None:
    """Nobody listens."""
