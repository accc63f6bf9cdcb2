"""An exchange in the test's own process that outlives every engine, and writes down all that is asked of it."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from typing import assert_never

import msgspec

from data.events import OrderFilled, OrderUpdate, TickerMoved
from data.market import FeeAsset, Fees, Filters, Market, Ticker
from data.orders import Draft, Fill, OrderType, Purpose
from data.values import ZERO, Millis, Mode, Side
from engine.exchanges.base import Accepted, Rejected
from engine.exchanges.matching import Matching
from tests.kill import wire

D = Decimal
SYMBOL = "AAA/USDT"
OPENING = {"AAA": D("3.25"), "USDT": D(25_000)}
FOREIGN = "somebody-elses-order"
TICK = D("0.01")
MIDDLE, SPREAD = 10_000, 2
"""Where the price wanders, in ticks."""


class RecordingExchange:
    """One account, one market, one engine at a time. Time is a counter: every price step is a second."""

    def __init__(self, seed: int) -> None:
        """Open an account in which somebody else holds base and has an order resting."""
        self._random = random.Random(seed)
        fees = Fees(maker=D("0.001"), taker=D("0.0015"), asset=FeeAsset.RECEIVED if seed % 2 else FeeAsset.QUOTE)
        filters = Filters(price_tick=TICK, quantity_step=D("0.0001"), min_quantity=D("0.0001"), min_notional=D(5))
        self.market = Market(exchange="kill", symbol=SYMBOL, base="AAA", quote="USDT", filters=filters, fees=fees)
        self.matching = Matching({SYMBOL: self.market}, OPENING)
        self.placed: set[str] = set()
        self.doubled: list[str] = []
        """Orders that were sent although they were here already."""
        self.fills: list[Fill] = []
        self.reports: asyncio.Queue[wire.Report] = asyncio.Queue()
        self.frozen = False
        self.now: Millis = 1_700_000_000_000
        self._price = MIDDLE
        self._writer: asyncio.StreamWriter | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._clockwork: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.move(0)
        self.matching.submit(_foreign(), self.now)

    async def start(self) -> int:
        """Listen, let the price move, and return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 26)
        self._clockwork = asyncio.get_running_loop().create_task(self._live())
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close everything."""
        if self._clockwork is not None:
            self._clockwork.cancel()
        if self._server is not None:
            # First of all nobody new may come: a child that nobody hangs up on would wait for ever.
            self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def move(self, steps: int) -> None:
        """Let ``steps`` seconds pass, each with a new price from the first fill on.

        A price that runs away while the initial inventory is bought would leave the lowest bids without money: right,
        and no matter of kills.
        """
        for _ in range(steps):
            self.now += 1000
            if not self.fills:
                continue
            pull = (MIDDLE - self._price) // 40
            self._price += self._random.randint(-60, 60) + pull
            self.matching.move(self.ticker())
            self._tell(self.matching.drain())
        if steps == 0:
            self.matching.move(self.ticker())

    def ticker(self) -> Ticker:
        """Return the best prices."""
        return Ticker(SYMBOL, self._price * TICK, (self._price + SPREAD) * TICK, self._price * TICK, self.now)

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(0.002)
            if not self.frozen and self._writer is not None:
                self.move(1)
                self._push(TickerMoved(at=self.now, ticker=self.ticker()))

    # -- the engine's connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self._writer = writer
        decode = msgspec.json.Decoder(wire.Request).decode
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                request = decode(line)
                body = self._answer(request.call)
                happened = self.matching.drain()
                late = self._random.random() < 0.5
                if not late:
                    self._tell(happened)
                self._send(wire.Answer(request.number, msgspec.Raw(msgspec.json.encode(body))))
                if late:
                    self._tell(happened)
        except ConnectionError:
            pass
        finally:
            if self._writer is writer:
                self._writer = None
            writer.close()
            self._writers.discard(writer)
            self._tasks.discard(task)

    def _answer(self, call: wire.Call) -> object:  # noqa: C901 - one line per kind of call
        match call:
            case wire.Submit():
                return self._submit(call.draft)
            case wire.Cancel():
                return self.matching.cancel(call.client_id, self.now)
            case wire.Query():
                return self.matching.order(call.client_id)
            case wire.OpenOrders():
                return self.matching.orders(SYMBOL)
            case wire.Fills():
                return [fill for fill in self.fills if fill.at >= call.since]
            case wire.Balances():
                return self.matching.balances()
            case wire.Quote():
                return self.ticker()
            case wire.ListMarket():
                return self.market
            case wire.Freeze():
                self.frozen = True
                return None
            case wire.Report():
                self.reports.put_nowait(call)
                return None
            case _:
                assert_never(call)

    def _submit(self, draft: Draft) -> Accepted | Rejected:
        # An order that was rejected never existed: it may come again under its id.
        if draft.client_id in self.placed:
            self.doubled.append(draft.client_id)
        answer = self.matching.submit(draft, self.now)
        if isinstance(answer, Accepted):
            self.placed.add(draft.client_id)
        return answer

    def _tell(self, events: list[OrderUpdate]) -> None:
        for event in events:
            if isinstance(event, OrderFilled):
                self.fills.append(event.fill)
            self._push(event)

    def _push(self, event: OrderUpdate | TickerMoved) -> None:
        self._send(wire.Push(event))

    def _send(self, line: wire.Answer | wire.Push) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(line) + b"\n")


def _foreign() -> Draft:
    return Draft(
        client_id=FOREIGN,
        bot=0,
        slot=-1,
        symbol=SYMBOL,
        mode=Mode.SHADOW,
        side=Side.BUY,
        type=OrderType.LIMIT,
        purpose=Purpose.GRID,
        price=D("12.34"),
        quantity=D(1),
    )


def held(exchange: RecordingExchange) -> dict[str, Decimal]:
    """Return the account's totals by asset."""
    totals = {balance.asset: balance.total for balance in exchange.matching.balances()}
    return {asset: totals.get(asset, ZERO) for asset in OPENING}
