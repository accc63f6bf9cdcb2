"""The exchange that outlives every engine: prices that walk, faults on every wire, and somebody else in the account."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

from tests.kill_live.witness import Witness
from tests.servers.binance.faults import Kind
from tests.servers.binance.limits import Limits
from tests.servers.binance.market import Market
from tests.servers.binance.orders import Order
from tests.servers.binance.parameters import Call
from tests.servers.binance.rest import Answer
from tests.servers.binance.server import BinanceServer
from tests.servers.binance.walk import Walk

D = Decimal
SPOT, PERPETUAL = "BTC/USDT", "ETH/USDT:USDT"
TOKEN = "BNB"
"""What fees are taken in, in one world of three."""
KEY, SECRET = "key-of-the-tests", "its-secret"
STEP_SECONDS = 0.005
VOLATILITY = 0.0015
ORDERS = {"/api/v3/order", "/fapi/v1/order", "/fapi/v1/algoOrder"}
CHANGES: dict[Kind, float] = {
    "drop_before": 0.02,
    "drop_after": 0.03,
    "timeout_before": 0.02,
    "timeout_after": 0.03,
    "delay": 0.02,
    "delay_before": 0.02,
    "html_after": 0.01,
    "truncate": 0.01,
    "sever": 0.01,
}
READS: dict[Kind, float] = {"drop_before": 0.008, "html": 0.004, "truncate": 0.004, "delay": 0.02}
EVENTS: dict[Kind, float] = {"lose": 0.02, "duplicate": 0.04, "reorder": 0.02, "late": 0.01, "cut": 0.006}


class Exchange:
    """One account, one spot and one perpetual market, one engine at a time."""

    def __init__(self, seed: int) -> None:
        """Open an account in which somebody else holds base and has orders resting."""
        self.server = BinanceServer(seed)
        self.server.add_key(KEY, SECRET)
        self.witness = Witness()
        self.on_order: Callable[[], None] = lambda: None
        """Told of every order and cancel at the moment it is read from the socket."""
        self._random = random.Random(seed)
        self._seed = seed
        self._weather: asyncio.Task[None] | None = None
        self._walks = [
            Walk({market.spec.symbol: market}, seed + number, VOLATILITY)
            for number, market in enumerate((self.spot, self.perpetual))
        ]
        self._endow(seed)
        self.foreign = self._place_foreign()
        self._open_doors()

    @property
    def spot(self) -> Market:
        """Return the spot market."""
        return self.server.market("BTCUSDT")

    @property
    def perpetual(self) -> Market:
        """Return the perpetual market."""
        return self.server.perpetual("ETHUSDT")

    def _endow(self, seed: int) -> None:
        server = self.server
        for asset, amount in (("BTC", D("0.5")), ("USDT", D(20_000)), (TOKEN, D(5))):
            server.spot.deposit(asset, amount)
        server.spot.account().burns_bnb = seed % 3 == 0
        server.usdm.deposit(D(20_000))
        # Little enough that orders of ours fill in parts.
        self.spot.liquidity, self.perpetual.liquidity = D("0.008"), D("0.2")
        for market in (self.spot, self.perpetual):
            market.move(market.bid, market.ask)

    def _place_foreign(self) -> list[Order]:
        spot, futures = self.server.spot, self.server.usdm
        return [
            spot.place_foreign("BTCUSDT", "BUY", "0.01", "45000"),
            spot.place_foreign("BTCUSDT", "SELL", "0.2", "55000"),
            futures.place_foreign("ETHUSDT", "BUY", "0.5", "2385"),
            futures.place_foreign("ETHUSDT", "SELL", "0.5", "2615"),
        ]

    def _open_doors(self) -> None:
        """Count no weight, for hundreds of starts fit into no minute; and hear of every order."""
        limits = Limits(self.server.now, 1 << 40, {}, "UNTOLD")
        routes = self.server.rest.routes
        for where, route in routes.items():
            changes = where[0] in {"POST", "DELETE"} and where[1] in ORDERS
            answer = self._told(route.answer) if changes else route.answer
            routes[where] = dataclasses.replace(route, limits=limits, answer=answer)

    def _told(self, answer: Answer) -> Answer:
        def tell_and_answer(call: Call) -> object:
            self.on_order()
            try:
                return answer(call)
            finally:
                self.witness.look(self.spot.resting())
                self.witness.look(self.perpetual.resting())

        return tell_and_answer

    # -- life

    async def start(self) -> None:
        """Listen, and let prices move."""
        await self.server.start()
        self.thaw()

    async def stop(self) -> None:
        """Close everything."""
        await self.freeze()
        await self.server.stop()

    async def freeze(self) -> None:
        """Let prices stand still and every wire be sound."""
        self.server.faults.clear()
        weather, self._weather = self._weather, None
        if weather is not None:
            weather.cancel()
            with suppress(asyncio.CancelledError):
                await weather

    def thaw(self) -> None:
        """Let prices move and things go wrong."""
        faults = self.server.faults
        self._seed += 1000
        for match, rates in (("POST *", CHANGES), ("DELETE *", CHANGES), ("GET *", READS), ("user:*", EVENTS)):
            faults.chaos(self._seed, rates, match, seconds=0.05)
        if self._weather is None:
            self._weather = asyncio.create_task(self._blow())

    def move(self, steps: int) -> None:
        """Let prices walk on, from the first trade of ours on, or the first order where no trade begins the grid.

        A price that runs away while the initial inventory is bought would leave the lowest bids without money: right,
        and no matter of kills.
        """
        begun = self.server.spot.account().trades, len(self.server.usdm.member().orders) > len(self.foreign) / 2
        for walk, moves in zip(self._walks, begun, strict=True):
            for _ in range(steps if moves else 0):
                walk.step()

    async def _blow(self) -> None:
        while True:
            await asyncio.sleep(STEP_SECONDS)
            self.move(1)
            if self._random.random() < 0.003:
                self.server.usdm.apply_funding("ETHUSDT", D(self._random.randint(-30, 30)) / 100_000)
