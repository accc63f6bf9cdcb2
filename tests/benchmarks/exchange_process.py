"""A loopback exchange in a process of its own that notes when a ticker left it and when an order had come."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from time import perf_counter_ns
from typing import TypeVar, assert_never

import msgspec

from tests.benchmarks.figures import ROOT
from tests.servers.binance import BinanceServer
from tests.servers.binance.faults import Fault, FaultScript

KEYS = {"engine": ("key-of-the-engine", "its-secret"), "plain": ("key-of-the-other", "its-secret")}
"""Key and secret of each account."""
ORDER = "POST /api/v3/order"
REST_SECONDS = 0.14
"""Left between two measurements: the engine keeps below the order limits of the exchange."""
PATIENCE = 2.0
PRICE, TICK = Decimal(50_000), Decimal("0.01")


class Refuse(msgspec.Struct, frozen=True, tag=True):
    """Refuse every order from here on as one that would take, and end the engine's oldest."""


class Ticks(msgspec.Struct, frozen=True, tag=True):
    """Move the price so many times, and say how long each took to bring an order."""

    count: int


class Clear(msgspec.Struct, frozen=True, tag=True):
    """Accept orders again, and end all there are."""


Wish = Refuse | Ticks | Clear
T = TypeVar("T")
_WISH: msgspec.json.Decoder[Wish] = msgspec.json.Decoder(Wish)


class _Noting(FaultScript):
    """Hears of every request as soon as it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.read_at = 0
        self.order = asyncio.Event()

    def request(self, *names: str) -> Fault | None:
        if ORDER in names:
            self.read_at = perf_counter_ns()
            self.order.set()
        return super().request(*names)


class _Exchange:
    def __init__(self) -> None:
        self.server = BinanceServer()
        self.server.lift_limits()
        for account, (key, secret) in KEYS.items():
            self.server.add_key(key, secret, account=account)
            for asset, amount in (("USDT", "10000000"), ("BTC", "100")):
                self.server.spot.deposit(asset, amount, account)
        self._noting = self.server.rest.faults = _Noting()
        self._written_at = 0

    def refuse(self) -> None:
        self._noting.add(
            "error", ORDER, count=None, status=400, code=-2010, message="Order would immediately match and take."
        )
        order = self.server.spot.account("engine").open("BTCUSDT")[0]
        self.server.spot.cancel(order, "by-hand")

    def clear(self) -> None:
        self._noting.clear()
        for account in KEYS:
            for order in self.server.spot.account(account).open("BTCUSDT"):
                self.server.spot.cancel(order, "by-hand")

    async def ticks(self, count: int) -> list[int]:
        """Return nanoseconds from ticker to order; a ticker that brings none counts for nothing."""
        for peer in self.server.streams.peers:
            peer.writing = self._written
        found: list[int] = []
        async with asyncio.timeout(count * PATIENCE):
            for number in itertools.cycle(range(7)):
                await asyncio.sleep(REST_SECONDS)
                self._noting.order.clear()
                bid = PRICE + TICK * number
                self.server.market("BTCUSDT").move(bid, bid + TICK)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._noting.order.wait(), PATIENCE)
                    found.append(self._noting.read_at - self._written_at)
                if len(found) == count:
                    break
        return found

    def _written(self, _text: str) -> None:
        self._written_at = perf_counter_ns()


async def _serve() -> None:
    exchange = _Exchange()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with exchange.server:
        _say(exchange.server.urls)
        while line := await reader.readline():
            match _WISH.decode(line):
                case Refuse():
                    exchange.refuse()
                    _say([])
                case Clear():
                    exchange.clear()
                    _say([])
                case Ticks(count):
                    _say(await exchange.ticks(count))
                case unknown:
                    assert_never(unknown)


def _say(words: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(words) + b"\n")
    sys.stdout.buffer.flush()


class ExchangeProcess:
    """The other end of the line; ``urls`` are as in ``BinanceServer``."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.urls = self._heard(dict[str, str])

    async def ask(self, wish: Wish) -> list[int]:
        """Have something done, and return what was measured."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(wish) + b"\n")
        self._process.stdin.flush()
        return await asyncio.to_thread(self._heard, list[int])

    def _heard(self, kind: type[T]) -> T:
        assert self._process.stdout is not None
        return msgspec.json.decode(self._process.stdout.readline(), type=kind)


@contextmanager
def exchange_process() -> Iterator[ExchangeProcess]:
    """Lend an exchange that does not share our processor time."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield ExchangeProcess(process)
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve())
