"""The futures half of the exchange: its markets, its calls and streams, and what passes with time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from aiohttp import web

from tests.servers.binance.faults import FaultScript
from tests.servers.binance.limits import Limits
from tests.servers.binance.rest import Rest
from tests.servers.binance.socket_api import SocketApi
from tests.servers.binance.sockets import Sockets
from tests.servers.binance.usdm_contracts import perpetuals
from tests.servers.binance.usdm_engine import Futures
from tests.servers.binance.usdm_orders import UsdmOrders
from tests.servers.binance.usdm_public import UsdmPublic
from tests.servers.binance.usdm_settings import UsdmSettings
from tests.servers.binance.usdm_stream import UsdmStreams
from tests.servers.binance.usdm_user import UsdmUser
from tests.servers.binance.words import Refusal

_OPENING = {"BTCUSDT": Decimal(50_000), "ETHUSDT": Decimal(2_500), "SOLUSDT": Decimal(100)}
_PULSE_SECONDS = 0.02
_METHODS = {
    "order.place": ("POST", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"),
    "order.status": ("GET", "/fapi/v1/order"),
    "algoOrder.place": ("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": ("DELETE", "/fapi/v1/algoOrder"),
    "account.balance": ("GET", "/fapi/v2/balance"),
    "account.position": ("GET", "/fapi/v2/positionRisk"),
    "account.status": ("GET", "/fapi/v2/account"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
    "depth": ("GET", "/fapi/v1/depth"),
    "ticker.price": ("GET", "/fapi/v1/ticker/price"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "userDataStream.start": ("POST", "/fapi/v1/listenKey"),
    "userDataStream.ping": ("PUT", "/fapi/v1/listenKey"),
    "userDataStream.stop": ("DELETE", "/fapi/v1/listenKey"),
}
"""What may be asked over a socket, where the second version of a call is the third of REST."""


class Usdm(Futures):
    """USD-M futures: the truth about accounts and markets, with the wires to it."""

    def __init__(self, rest: Rest, faults: FaultScript, now: Callable[[], int]) -> None:
        super().__init__(now)
        self.limits = Limits(now, 2_400, {("SECOND", 10): 300, ("MINUTE", 1): 1_200}, "MBX-USED")
        self.streams = Sockets(faults, rest.mistakes)
        """The connections that hear market data."""
        self.users = UsdmUser(self, Sockets(faults, rest.mistakes), rest, self.limits)
        """The listen keys and the connections that hear an account."""
        self.calls = SocketApi(
            Sockets(faults, rest.mistakes), rest, _METHODS, ping=("GET", "/fapi/v1/ping"), handshake=5
        )
        """The connections to the WebSocket API."""
        self._market_streams = UsdmStreams(self, self.streams)
        UsdmPublic(self, rest, self.limits)
        UsdmOrders(self, rest, self.limits)
        UsdmSettings(self, rest, self.limits)
        for contract in perpetuals():
            bid = _OPENING[contract.symbol]
            self.list(contract, bid, bid + contract.spec.tick)

    def serve(self, router: web.UrlDispatcher) -> None:
        """Add the addresses of the streams."""
        for path in ("public", "market"):
            router.add_get(f"/{path}/ws", self._market_streams.serve)
            router.add_get(f"/{path}/ws/{{number}}", self._market_streams.serve)
        router.add_get("/private/ws", self.users.serve)
        router.add_get("/private/ws/{key}", self.users.serve)
        router.add_get("/ws-fapi/v1", self.calls.serve)

    def move_money(self, asset: str, amount: Decimal, account: str) -> None:
        """Bring money from another wallet of the exchange, or take it there when negative."""
        holder = self.member(account).account
        if asset != holder.asset or -amount > holder.withdrawable:
            raise Refusal(-5013, "Asset transfer failed: insufficient balance")
        self.deposit(amount, account)

    async def run(self) -> None:
        """Let time pass: countdowns and listen keys end, mark prices are told each second."""
        told = self.now()
        while True:
            await asyncio.sleep(_PULSE_SECONDS)
            self.pass_time()
            self.users.expire_due()
            if self.now() - told >= 1_000:
                told = self.now()
                self._market_streams.tick()
