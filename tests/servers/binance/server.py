"""Binance on loopback: spot and USD-M on one port, with everything a test may see and do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.servers.binance.faults import FaultScript
from tests.servers.binance.keys import Key, Keyring
from tests.servers.binance.limits import Limits
from tests.servers.binance.market import Market
from tests.servers.binance.rest import Rest
from tests.servers.binance.sockets import Sockets
from tests.servers.binance.spot import Spot
from tests.servers.binance.spot_public import SpotPublic
from tests.servers.binance.spot_rest import SpotRest
from tests.servers.binance.spot_stream import MarketStreams, UserStreams
from tests.servers.binance.symbols import Spec
from tests.servers.binance.usdm import Usdm
from tests.servers.binance.walk import Walk
from tests.servers.binance.wallet import Wallet
from tests.servers.loopback import Loopback

D = Decimal
_REST = {
    "public": "api/v3",
    "private": "api/v3",
    "v1": "api/v1",
    "sapi": "sapi/v1",
    "sapiV2": "sapi/v2",
    "sapiV3": "sapi/v3",
    "sapiV4": "sapi/v4",
    "fapiPublic": "fapi/v1",
    "fapiPublicV2": "fapi/v2",
    "fapiPublicV3": "fapi/v3",
    "fapiPrivate": "fapi/v1",
    "fapiPrivateV2": "fapi/v2",
    "fapiPrivateV3": "fapi/v3",
    "fapiData": "futures/data",
    "dapiPublic": "dapi/v1",
    "dapiPrivate": "dapi/v1",
    "dapiPrivateV2": "dapi/v2",
    "dapiData": "dapi/data",
    "eapiPublic": "eapi/v1",
    "eapiPrivate": "eapi/v1",
    "papi": "papi/v1",
    "papiV2": "papi/v2",
}
_STREAMS = {
    "spot": "stream/ws",
    "margin": "stream/ws",
    "linear": "ws",
    "inverse": "inverse/ws",
    "stock": "stock/ws",
    "option": "option/ws",
    "optionMarket": "option/market/ws",
    "optionPrivate": "option/private/ws",
    "papi": "papi/ws",
    "ws-api.spot": "ws-api/v3",
    "ws-api.linear": "ws-fapi/v1",
    "ws-api.inverse": "ws-dapi/v1",
}

_MINUTE = 60_000
_PLACING = frozenset({"POST /api/v3/order", "POST /fapi/v1/order", "WS order.place"})


class BinanceServer(Loopback):
    """The whole exchange.

    ``rest.calls`` are the requests that came, ``rest.mistakes`` what only a faulty client sends, ``spot`` the truth
    about accounts and markets, ``faults`` the fault script.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.clock_offset = 0
        """Milliseconds by which the exchange's clock is ahead of ours."""
        self.faults = FaultScript(seed)
        self.keyring = Keyring()
        self.rest = Rest(self.keyring, self.faults, self.now)
        self.spot_limits = Limits(self.now, 6_000, {("SECOND", 10): 100, ("DAY", 1): 200_000})
        self.wallet_limits = Limits(self.now, 12_000, {}, "SAPI-USED-IP")
        self.spot = Spot(self.now)
        SpotPublic(self.spot, self.rest, self.spot_limits)
        SpotRest(self.spot, self.rest, self.spot_limits)
        self.streams = Sockets(self.faults, self.rest.mistakes)
        """The connections that hear spot market data."""
        self._market_streams = MarketStreams(self.spot, self.streams)
        self.users = UserStreams(self.spot, Sockets(self.faults, self.rest.mistakes), self.rest)
        """The connections to the WebSocket API, with the spot user streams."""
        self.wallet = Wallet(self.spot, self.rest, self.wallet_limits, self.now)
        self.usdm = Usdm(self.rest, self.faults, self.now)
        self.wallet.purses["futures"] = self.usdm.move_money
        self._tasks: list[asyncio.Task[None]] = []
        for spec, bid in _listed():
            self.spot.list(spec, bid, bid + spec.tick)

    def application(self) -> web.Application:
        """Return the streams, and one door for every REST call."""
        application = web.Application()
        router = application.router
        for path in ("/stream/ws/{number}", "/stream/ws", "/stream", "/ws/{streams:.+}"):
            router.add_get(path, self._market_streams.serve)
        router.add_get("/ws-api/v3", self.users.calls.serve)
        self.usdm.serve(router)
        router.add_route("*", "/{rest:.*}", self.rest.handle)
        return application

    async def start(self) -> None:
        """Answer, and let time pass."""
        await super().start()
        self._tasks.append(asyncio.create_task(self.usdm.run()))

    async def stop(self) -> None:
        """Stop answering, and the walks with it."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await super().stop()
        for api in (self.users.calls, self.usdm.calls):
            await api.stop()

    @property
    def urls(self) -> dict[str, str]:
        """Every address that ccxt knows, by its name with dots, turned to this server."""
        socket = self.address.replace("http", "ws", 1)
        found = {name: f"{self.address}/{path}" for name, path in _REST.items()}
        return found | {f"ws.{name}": f"{socket}/{path}" for name, path in _STREAMS.items()}

    @property
    def ccxt_urls(self) -> dict[str, Any]:
        """The same, nested as the constructor of ccxt wants it: ``{"urls": server.ccxt_urls}``."""
        nested: dict[str, Any] = {}
        for name, address in self.urls.items():
            *parents, last = name.split(".")
            inner = nested
            for parent in parents:
                inner = inner.setdefault(parent, {})
            inner[last] = address
        return {"api": nested}

    @property
    def calls(self) -> list[str]:
        """Method and path of every request."""
        return self.rest.calls

    def orders_sent(self) -> int:
        """Return how many orders were sent, to either product over either wire, whatever became of them."""
        return sum(call in _PLACING for call in self.calls)

    @property
    def mistakes(self) -> list[str]:
        """What only a faulty client sends."""
        return self.rest.mistakes

    # -- the script

    def now(self) -> int:
        """Return the exchange's time in milliseconds."""
        return time.time_ns() // 1_000_000 + self.clock_offset

    def begin_minute(self, *, next_one: bool = False) -> None:
        """Let the clock stand early in a minute, so that what a test does in a few seconds falls into one bar."""
        late = self.now() % _MINUTE
        if next_one or late > 2 * _MINUTE // 3:
            self.clock_offset += _MINUTE - late + 1_000

    def add_key(self, name: str, secret: str, *rights: str, account: str = "main") -> Key:
        """Make an API key; without rights it may read and trade everything."""
        return self.keyring.add(name, secret, *rights, account=account)

    def market(self, symbol: str) -> Market:
        """Return a spot market, to move it."""
        return self.spot.markets[symbol]

    def perpetual(self, symbol: str) -> Market:
        """Return a USD-M market, to move it."""
        return self.usdm.markets[symbol]

    def walk(self, symbols: Iterable[str], seed: int, interval_seconds: float, volatility: float = 0.001) -> None:
        """Let prices walk by themselves until the server stops; a symbol is walked wherever it is listed."""
        walks = [(self.spot.markets, seed), (self.usdm.markets, seed + 1)]
        names = set(symbols)
        for markets, each in walks:
            walk = Walk({name: market for name, market in markets.items() if name in names}, each, volatility)
            self._tasks.append(asyncio.create_task(walk.run(interval_seconds)))

    def lift_limits(self) -> None:
        """Let clients ask and order as fast as they can."""
        for limits in (self.spot_limits, self.usdm.limits, self.wallet_limits):
            limits.weight = 1 << 40
            limits.orders = dict.fromkeys(limits.orders, 1 << 40)

    async def maintain(self, closed: bool = True) -> None:
        """Close the exchange for maintenance, or open it again."""
        self.rest.maintenance = self.wallet.maintenance = closed
        usdm = self.usdm
        for sockets in (self.streams, self.users.sockets, usdm.streams, usdm.users.sockets, usdm.calls.sockets):
            sockets.accepting = not closed
            if closed:
                await sockets.close()


def _listed() -> list[tuple[Spec, Decimal]]:
    """Return the markets there are at first, with what somebody pays."""
    small = D("0.0001")
    return [
        (Spec("BTCUSDT", "BTC", "USDT"), D(50_000)),
        (Spec("ETHUSDT", "ETH", "USDT", step=small, min_quantity=small), D(2_500)),
        (Spec("BNBUSDT", "BNB", "USDT", step=D("0.001"), min_quantity=D("0.001")), D(500)),
        (Spec("SOLUSDT", "SOL", "USDT", step=D("0.001"), min_quantity=D("0.001")), D(100)),
        (
            Spec(
                "ETHBTC",
                "ETH",
                "BTC",
                tick=D("0.00001"),
                min_price=D("0.00001"),
                max_price=D(1_000),
                step=small,
                min_quantity=small,
                min_notional=small,
            ),
            D("0.05"),
        ),
    ]
