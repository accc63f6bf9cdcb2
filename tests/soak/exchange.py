"""The exchange of a soak: spot and perpetual markets that walk, wires that fail, and weather that spares nobody."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

from data.grids import Direction, GridSpec
from data.values import Mode
from tests.servers.binance.faults import Kind
from tests.servers.binance.server import BinanceServer
from tests.servers.binance.usdm_contracts import solana
from tests.servers.binance.walk import Walk
from tests.servers.binance.words import cut

D = Decimal
KEY, SECRET = "key-of-the-tests", "its-secret"
SPOT = {"BTC/USDT": D(50_000), "ETH/USDT": D(2_500), "BNB/USDT": D(500), "SOL/USDT": D(100), "ETH/BTC": D("0.05")}
PERPETUAL = {"BTC": 50_000, "ETH": 2_500, "SOL": 100, "LTC": 100, "DOT": 90, "AVAX": 80, "LINK": 70, "ATOM": 60}
DIRECTIONS = (Direction.NEUTRAL, Direction.LONG, Direction.SHORT)
STEP_SECONDS, VOLATILITY = 0.5, 0.0015
CHANGES: dict[Kind, float] = {
    "drop_before": 0.002,
    "drop_after": 0.002,
    "timeout_before": 0.001,
    "timeout_after": 0.001,
    "delay": 0.01,
    "delay_before": 0.002,
    "html": 0.001,
    "html_after": 0.0005,
    "error": 0.0005,
    "error_after": 0.0005,
    "truncate": 0.0005,
    "sever": 0.0005,
    "throttle": 0.0002,
    "clock": 0.0005,
}
READS: dict[Kind, float] = {
    "drop_before": 0.002,
    "html": 0.002,
    "error": 0.001,
    "truncate": 0.001,
    "sever": 0.001,
    "delay": 0.01,
    "throttle": 0.0002,
}
EVENTS: dict[Kind, float] = {
    "lose": 0.001,
    "duplicate": 0.01,
    "reorder": 0.005,
    "late": 0.003,
    "garble": 0.0001,
    "cut": 0.0002,
    "silence": 0.00005,
}
QUOTES: dict[Kind, float] = {
    "lose": 0.001,
    "duplicate": 0.001,
    "garble": 0.00001,
    "cut": 0.00005,
    "silence": 0.00002,
}
JUMPS = (-4_000, -1_500, 700, 1_500, 6_000)
"""Milliseconds by which the exchange's clock suddenly differs from ours."""


class Exchange:
    """One account with enough money for all bots, and real limits."""

    def __init__(self, seed: int) -> None:
        self.server = BinanceServer(seed)
        self.weather: Counter[str] = Counter()
        """What happened to everybody at once."""
        self._seed, self._random = seed, random.Random(seed)
        self._tasks: list[asyncio.Task[None]] = []
        server = self.server
        server.add_key(KEY, SECRET)
        for asset, amount in (("USDT", "500000"), ("BTC", "5"), ("ETH", "50"), ("SOL", "500"), ("BNB", "200")):
            server.spot.deposit(asset, amount)
        server.spot.account().burns_bnb = True
        server.usdm.deposit("500000")
        rules = server.market("ETHBTC").spec
        rules.step = rules.min_quantity = D("0.001")  # more digits than the money has would be rounded
        # Fees of a market quoted in bitcoin must have a price.
        server.spot.list(dataclasses.replace(rules, symbol="BNBBTC", base="BNB"), "0.01", "0.01001")
        for base, price in PERPETUAL.items():
            if f"{base}USDT" not in server.usdm.markets:
                like = solana()
                spec = dataclasses.replace(like.spec, symbol=f"{base}USDT", base=base)
                server.usdm.list(dataclasses.replace(like, spec=spec), D(price), D(price) + spec.tick)
        self._deepen(D(50_000))

    def _deepen(self, worth: Decimal) -> None:
        """Let every price level of every market offer so much, in dollars."""
        for market in (*self.server.spot.markets.values(), *self.server.usdm.markets.values()):
            dollars = market.mid if market.spec.quote == "USDT" else market.mid * SPOT["BTC/USDT"]
            market.liquidity = max(cut(worth / dollars, market.spec.step), market.spec.step)
            market.move(market.bid, market.ask)

    def blow(self, every_seconds: float) -> None:
        """Let prices walk, requests and streams fail by chance, and something happen to everybody now and then."""
        server = self.server
        # Little enough that orders of ours fill in parts, and enough for the initial inventories before.
        self._deepen(D(300))
        for number, markets in enumerate((server.spot.markets, server.usdm.markets)):
            walk = Walk(markets, self._seed + number, VOLATILITY)
            self._tasks.append(asyncio.create_task(walk.run(STEP_SECONDS)))
        for match, rates in (("POST *", CHANGES), ("DELETE *", CHANGES), ("GET *", READS), ("user:*", EVENTS)):
            server.faults.chaos(self._seed, rates, match, seconds=1.0)
        server.faults.chaos(self._seed, QUOTES, "*@*")
        self._tasks.append(asyncio.create_task(self._happen(every_seconds)))

    @property
    def mistakes(self) -> list[str]:
        """Return what only a faulty client sends; a key that has just expired is renewed in vain, as anywhere."""
        return [each for each in self.server.mistakes if "-1125" not in each or not self.weather["listen key expired"]]

    async def calm(self) -> None:
        """Let prices stand still and every wire be sound."""
        self.server.faults.clear()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _happen(self, every_seconds: float) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(1 / every_seconds))
            name, happening = self._random.choice(self._happenings())
            self.weather[name] += 1
            happening()

    def _happenings(self) -> list[tuple[str, Callable[[], object]]]:
        server = self.server
        usdm = server.usdm
        wires = (server.users.sockets, usdm.users.sockets, usdm.calls.sockets, server.streams, usdm.streams)
        found: list[tuple[str, Callable[[], object]]] = [("funding", self._fund), ("clock jump", self._jump)]
        found += [(what, getattr(each, what)) for each in wires for what in ("cut", "mute")]
        if "main" in server.usdm.users.keys:
            found.append(("listen key expired", server.usdm.users.expire))
        return [*found, ("connections dropped", server.drop_connections)]

    def _fund(self) -> None:
        symbol = self._random.choice(list(self.server.usdm.markets))
        self.server.usdm.apply_funding(symbol, D(self._random.randint(-30, 30)) / 100_000)

    def _jump(self) -> None:
        self.server.clock_offset = self._random.choice(JUMPS)


def specs(bots: int) -> list[GridSpec]:
    """Return the grids of so many bots: two of five on perpetuals as far as there are markets, which take one each."""
    perpetuals = min(bots * 2 // 5, len(PERPETUAL))
    names = [f"{base}/USDT:USDT" for base in PERPETUAL][:perpetuals]
    return [_perpetual(name, number) for number, name in enumerate(names)] + [
        _spot(list(SPOT)[number % len(SPOT)], number) for number in range(bots - perpetuals)
    ]


def _spot(symbol: str, number: int) -> GridSpec:
    price = SPOT[symbol]
    return GridSpec(
        symbol=symbol,
        mode=Mode.TESTNET,
        lower=price * D("0.97"),
        upper=price * D("1.03"),
        levels=18 + number % 5,
        investment=D(3_000) if symbol.endswith("/USDT") else D("0.06"),
        trail_up=price * D("1.05") if number % 3 == 2 else None,
    )


def _perpetual(symbol: str, number: int) -> GridSpec:
    price = D(PERPETUAL[symbol.partition("/")[0]])
    return GridSpec(
        symbol=symbol,
        mode=Mode.TESTNET,
        lower=price * D("0.975"),
        upper=price * D("1.025"),
        levels=21,
        investment=D(2_500),
        direction=DIRECTIONS[number % 3],
        leverage=2,
    )
