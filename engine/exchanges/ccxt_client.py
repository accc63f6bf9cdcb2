"""One ccxt object for one kind of market: made quietly, paced by our own budget, heard through faults alone."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Self, cast

from data.market import MarketKind
from data.values import Millis
from engine.clock import Clock
from engine.exchanges.breaker import Breaker, retry
from engine.exchanges.ccxt_streams import Streams, attentive
from engine.exchanges.faults import Answer, ClockSkewed, Nonsense, Throttled, answering, translated
from engine.exchanges.pacing import Lane, Pace
from engine.exchanges.quirks import quirks

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

Call = str | Callable[..., Awaitable[Any]]
"""The name of a ccxt method, or a function of the ccxt object and the arguments."""

_KEEP_ALIVE: Millis = 15_000
"""Between two pings of a stream; two without an answer end it."""
_GOODBYE_SECONDS = 1.0
"""How long the other end of a connection may take to say goodbye."""
_KEPT = 256
"""Orders and trades that ccxt keeps of its streams, some KiB each; what a message tells is taken over at once."""


class Client(Streams):
    """Calls and streams of one kind of market. Whatever goes wrong is a ``Fault``; nothing of ccxt's errors leaves it.

    ``ccxt`` is the object itself, for its tables of markets and what its streams have gathered.
    """

    def __init__(
        self,
        exchange: str,
        kind: MarketKind,
        *,
        clock: Clock,
        urls: Mapping[str, str] | None = None,
        timeout_seconds: int = 10,
        random: Random | None = None,
    ) -> None:
        """Prepare for a ccxt exchange; ``urls`` replaces addresses by ccxt's name for them, as ``public``, ``ws.spot``.

        Raises ValueError for an unknown exchange.
        """
        import ccxt.pro  # half a second and 70 MiB, for those who use it

        if exchange not in ccxt.pro.exchanges:
            near = ", ".join(difflib.get_close_matches(exchange, ccxt.pro.exchanges)) or "binance, kraken, okx, …"
            raise ValueError(f"exchange.name: {exchange!r} is not an exchange ccxt can stream, such as {near}")
        super().__init__(exchange, quirks(exchange))
        self.kind, self.clock = kind, clock
        self.part = self.quirks.part(kind)
        self.random = random or Random()  # noqa: S311 - spreads retries, guards nothing
        self.pace = Pace(clock, self.part.limits)
        self.breaker = Breaker(clock, self.random)
        self.skew: Millis = 0
        """Exchange time minus local time, as last measured."""
        self.timeout_seconds = timeout_seconds
        self._source = (urls or {}, timeout_seconds)
        self._testnet = False
        made = attentive(_strict(answering(getattr(ccxt.pro, exchange), self._heard), exchange), self)
        self.ccxt: Any = made(
            {
                "timeout": timeout_seconds * 1000,
                "enableRateLimit": False,
                "newUpdates": True,
                "streaming": {"keepAlive": _KEEP_ALIVE},
                "options": {"ordersLimit": _KEPT, "tradesLimit": _KEPT, **self.part.options},
            }
        )
        self.ccxt.number = str  # so that no amount passes through a float; ccxt loses those that are ``Decimal``
        self.ccxt.has["fetchCurrencies"] = False
        if urls and not any(address.startswith(("https:", "wss:")) for address in urls.values()):
            self.ccxt.timeout_on_exit = 0  # only encrypted connections need time to say goodbye
        self._place(urls or {})

    def private(self, key: str, secret: str, passphrase: str, *, testnet: bool) -> Self:
        """Return a client with a key that shares this one's budget; its calls and streams do not queue behind these."""
        urls, timeout = self._source
        made = type(self)(
            self.name, self.kind, clock=self.clock, urls=urls, timeout_seconds=timeout, random=self.random
        )
        made.pace, made.breaker = self.pace, self.breaker
        made.ccxt.apiKey, made.ccxt.secret, made.ccxt.password = key, secret, passphrase
        if testnet:
            made.use_testnet()
        return made

    def beside(self) -> Self:
        """Return a client without a key that shares this one's budget and markets, with streams of its own."""
        urls, timeout = self._source
        made = type(self)(
            self.name, self.kind, clock=self.clock, urls=urls, timeout_seconds=timeout, random=self.random
        )
        made.pace, made.breaker = self.pace, self.breaker
        if self._testnet:
            made.use_testnet()
        made.adopt(self)
        return made

    def use_testnet(self) -> None:
        """Turn to the test environment. Raises ValueError where the exchange has none."""
        try:
            getattr(self.ccxt, self.part.testnet)(True)
        except Exception as error:
            none = f"exchange.name: {self.name} has no test environment for {self.kind.value} markets"
            raise ValueError(none) from error
        self._testnet = True
        self._place(self._source[0])

    def adopt(self, other: Client) -> None:
        """Know the markets that another client has loaded."""
        self.ccxt.set_markets_from_exchange(other.ccxt)
        # A fee in an asset that no market of this kind trades must not trip ccxt over an unknown name.
        self.ccxt.currencies = _Currencies(self.ccxt.currencies)

    # -- calls

    async def read(self, call: Call, *args: Any, lane: Lane = Lane.DATA, name: str = "", tries: int = 3) -> Any:
        """Ask; again after a pause when there was no answer. ``name`` is what a function's weight is listed under."""
        once = partial(self._once, call, args, lane=lane, name=name)
        return await retry(once, clock=self.clock, random=self.random, tries=tries)

    async def change(self, call: Call, *args: Any, lane: Lane, orders: int = 0, name: str = "") -> Any:
        """Change something, once. ``AnswerLost`` when nobody knows whether it happened."""
        return await self._once(call, args, lane=lane, name=name, orders=orders, sent=True)

    async def _once(
        self, call: Call, args: tuple[Any, ...], *, lane: Lane, name: str, orders: int = 0, sent: bool = False
    ) -> Any:
        asked = partial(self._ask, call, args, lane=lane, name=name, orders=orders, sent=sent)
        try:
            return await asked()
        except ClockSkewed:
            await self.measure_skew()
            return await asked()

    async def _ask(self, call: Call, args: tuple[Any, ...], *, lane: Lane, name: str, orders: int, sent: bool) -> Any:
        weight = self.part.weight(name or (call if isinstance(call, str) else ""), *args)
        work = getattr(self.ccxt, call) if isinstance(call, str) else partial(call, self.ccxt)
        urgent = lane <= Lane.STOP
        try:
            # Whoever is shut out for long must not wait for his turn so long.
            self.breaker.check(urgent=urgent)
            await self.pace.turn(lane, weight, orders=orders)
            with self.breaker.watching(urgent=urgent), self._translated(sent=sent):
                return await work(*args)
        except Throttled as fault:
            self.pace.penalise(fault.retry_after_seconds)
            raise

    async def measure_skew(self) -> int:
        """Ask the exchange what time it is, and sign by that from here on."""
        before = self.clock.now()
        with self._translated(sent=False):
            there = int(await self.ccxt.fetch_time())
        self.skew = there - (before + self.clock.now()) // 2
        self.ccxt.options["timeDifference"] = -self.skew
        return self.skew

    # -- streams

    async def watch(self, call: str, *args: Any) -> Any:
        """Wait for a stream to tell something new."""
        if self._trouble is not None:
            raise self._trouble
        try:
            with self._translated(sent=False):
                try:
                    return await getattr(self.ccxt, call)(*args)
                except KeyError as error:
                    # Tidying up after a subscription that was refused, ccxt trips; what was refused stands behind.
                    raise error.__context__ or error from None
        except Throttled as fault:
            self.pace.penalise(fault.retry_after_seconds)
            raise

    async def snapshot(self, symbol: str, limit: int | None, params: Mapping[str, Any]) -> Any:
        """Ask for the book that a stream goes on from, in our own budget, of which ccxt knows nothing."""
        task = asyncio.current_task()
        if task is not None:
            self._errands.add(task)
            task.add_done_callback(self._errands.discard)
        levels = self.part.snapshot or limit
        book = await self.read("fetch_order_book", symbol, levels, params, tries=1)
        if most := self.part.snapshot:
            bids, asks = book["bids"], book["asks"]
            self.reach[symbol] = (
                bids[-1][0] if len(bids) >= most else None,
                asks[-1][0] if len(asks) >= most else None,
            )
        return book

    async def connect(self, address: str) -> ClientWebSocketResponse:
        """Open a connection of the caller's own; one that is dead is noticed and ends."""
        from aiohttp import ClientWSTimeout

        self.ccxt.open()
        patience = ClientWSTimeout(ws_close=_GOODBYE_SECONDS)
        with self._translated(sent=False):
            async with asyncio.timeout(self.timeout_seconds):
                return cast(
                    "ClientWebSocketResponse",
                    await self.ccxt.session.ws_connect(address, heartbeat=_KEEP_ALIVE / 1000, timeout=patience),
                )

    async def drop_streams(self) -> None:
        """Close the streams; the next wait opens new ones."""
        self._forget()
        with self._translated(sent=False):
            await self.ccxt.close_ws_clients()
        self._trouble = None
        self.live.clear()

    async def close(self) -> None:
        """Close every connection."""
        self._forget()
        await self.ccxt.close()

    def _forget(self) -> None:
        for errand in self._errands:
            errand.cancel()
        if self._settling is not None:
            self._settling.cancel()
        # ccxt renews a key of a user stream by a timer that outlives the stream; without a key it lets go.
        for option in self.ccxt.options.values():
            if isinstance(option, dict) and "listenKey" in option:
                option.update(listenKey=None, lastAuthenticatedTime=0)

    def _heard(self, answer: Answer) -> None:
        self.pace.heard(answer.headers)

    def _translated(self, *, sent: bool) -> Any:
        return translated(self.quirks.rules, sent=sent, now=self.clock.now())

    def _place(self, urls: Mapping[str, str]) -> None:
        for name, address in urls.items():
            *path, leaf = name.split(".")
            branch = self.ccxt.urls["api"]
            for part in path:
                branch = branch.setdefault(part, {})
            branch[leaf] = address


class _Currencies(dict[str, Any]):
    def __missing__(self, code: str) -> dict[str, Any]:
        return {"id": code, "code": code, "precision": None}


def _strict(exchange: type[Any], name: str) -> type[Any]:
    """Return the ccxt class that refuses an answer that is no JSON."""

    def handle_errors(
        self: Any, code: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any
    ) -> None:
        exchange.handle_errors(self, code, reason, url, method, headers, body, *rest)
        if method and body and rest[0] is None:
            # ccxt would hand out the text, and read every field of it as missing.
            raise Nonsense(f"{name}: not the JSON that was expected")

    return type(exchange.__name__, (exchange,), {"handle_errors": handle_errors})
