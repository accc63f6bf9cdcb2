"""A recorded market on the clock: what is known when, what fills, and that it trades as a replay does."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from data.accounts import AccountStore
from data.candles import CandleColumns, read_candles
from data.database import Database
from data.events import OrderFilled, StartBot, TickerMoved
from data.grids import GridSpec, OutOfRange, Spacing
from data.journal import Journal
from data.orders import parse_client_id
from data.values import Mode, Side
from engine.clock import ManualClock, ScaledClock
from engine.core import Engine
from engine.exchanges.base import ExchangeUnavailable
from engine.exchanges.replayed import REPEAT, ReplayedExchange
from engine.replay import Replay
from engine.risk import RiskLimits
from engine.runner import Runner
from tests.contracts.venues import Inbox
from tests.engine.exchanges.orders import SYMBOL, approved, market
from tests.engine.exchanges.stores import ForgetfulStore

D = Decimal
MINUTE = 60_000
START = 1_600_000_020_000 // (60 * MINUTE) * 60 * MINUTE
RESTLESS = Path(__file__).parents[1] / "candles" / "restless.csv"


def columns(*bars: tuple[str, str, str, str], length: int = MINUTE, start: int = START) -> CandleColumns:
    """Return bars of (open, high, low, close), one of base traded in each."""
    opens, highs, lows, closes = ([D(bar[index]) for bar in bars] for index in range(4))
    at = [start + length * number for number in range(len(bars))]
    return CandleColumns(at=at, open=opens, high=highs, low=lows, close=closes, volume=[D(1)] * len(bars))


def flat(count: int, price: str = "100") -> tuple[tuple[str, str, str, str], ...]:
    return ((price, price, price, price),) * count


class Stage(NamedTuple):
    """An exchange on a clock turned by hand."""

    clock: ManualClock
    exchange: ReplayedExchange
    inbox: Inbox

    async def pass_bars(self, count: int = 1) -> None:
        """Let bars close, one at a time, and wait until each is walked."""
        for _ in range(count):
            before = self.exchange.walked
            self.clock.advance(MINUTE)
            await walked(self.exchange, before + 1)

    def told(self) -> list[TickerMoved]:
        return self.inbox.tickers(SYMBOL)

    def fills(self) -> list[tuple[str, Decimal, int]]:
        fills = (event.fill for event in self.inbox.events if isinstance(event, OrderFilled))
        return [(fill.client_id, fill.price, (fill.at - START) // MINUTE) for fill in fills]


async def walked(exchange: ReplayedExchange, count: int) -> None:
    """Wait until bars have been walked."""
    async with asyncio.timeout(10):
        while exchange.walked < count:  # noqa: ASYNC110 - nobody tells when the answers are in
            await asyncio.sleep(0)


async def turns(count: int = 200) -> None:
    """Let everything that is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


BALANCES = {"USDT": D(10_000), "BTC": D(10)}


@pytest.fixture
async def opened() -> AsyncIterator[list[ReplayedExchange]]:
    exchanges: list[ReplayedExchange] = []
    yield exchanges
    for exchange in exchanges:
        await exchange.close()


async def stage(
    opened: list[ReplayedExchange],
    candles: CandleColumns,
    *,
    at: int = START,
    shift: int = 0,
    store: AccountStore | None = None,
    latency: int = 0,
) -> Stage:
    clock, inbox = ManualClock(at), Inbox()
    exchange = ReplayedExchange(
        clock=clock,
        balances=BALANCES,
        market=market(),
        candles=candles,
        shift=shift,
        store=store,
        latency=latency,
    )
    opened.append(exchange)
    await exchange.open(inbox.emit)
    await exchange.subscribe(frozenset({SYMBOL}))
    return Stage(clock, exchange, inbox)


# -- what is known when


async def test_a_bar_is_known_only_when_its_close_has_passed(opened: list[ReplayedExchange]) -> None:
    it = await stage(opened, columns(("100", "110", "90", "105"), ("106", "107", "104", "104")))
    it.clock.advance(MINUTE - 1)
    assert (await it.exchange.ticker(SYMBOL)).last == 100
    assert await it.exchange.candles(SYMBOL, "1m", 10) == []
    it.clock.advance(1)
    ticker = await it.exchange.ticker(SYMBOL)
    assert [ticker.bid, ticker.ask, ticker.last, ticker.at] == [105, 105, 105, START + MINUTE]
    (bar,) = await it.exchange.candles(SYMBOL, "1m", 10)
    assert [bar.opened_at, bar.open, bar.high, bar.low, bar.close] == [START, 100, 110, 90, 105]


async def test_open_extremes_and_close_are_told_on_the_way(opened: list[ReplayedExchange]) -> None:
    it = await stage(opened, columns(("100", "110", "90", "105"), ("104", "112", "95", "96")))
    await it.pass_bars(2)
    rising, falling = [100, 90, 110, 105], [104, 112, 95, 96]
    assert [event.ticker.last for event in it.told()] == [100, *rising, *falling]
    assert [event.at for event in it.told()] == [START] + [START + MINUTE] * 4 + [START + 2 * MINUTE] * 4


async def test_bars_are_joined_to_the_timeframe_asked_for(opened: list[ReplayedExchange]) -> None:
    bars = [(str(p), str(p + 2), str(p - 3), str(p + 1)) for p in range(100, 108)]
    it = await stage(opened, columns(*bars), at=START + 7 * MINUTE)
    first, second = await it.exchange.candles(SYMBOL, "5m", 10)
    assert [first.opened_at, first.open, first.high, first.low, first.close, first.volume] == [
        START,
        100,
        106,
        97,
        105,
        5,
    ]
    assert [second.opened_at, second.open, second.close, second.volume] == [START + 5 * MINUTE, 105, 107, 2]
    assert await it.exchange.candles(SYMBOL, "5m", 1) == [second]


async def test_bars_finer_than_the_recording_are_not_there(opened: list[ReplayedExchange]) -> None:
    it = await stage(opened, columns(*flat(3), length=5 * MINUTE))
    for timeframe in ("1m", "7m"):
        with pytest.raises(ExchangeUnavailable, match="5 minutes"):
            await it.exchange.candles(SYMBOL, timeframe, 5)


async def test_the_price_is_repeated_between_two_bars(opened: list[ReplayedExchange]) -> None:
    it = await stage(opened, columns(*flat(3)))
    for _ in range(3):
        await turns()
        it.clock.advance(REPEAT)
    await turns()
    assert [event.at - START for event in it.told()] == [0, REPEAT, 2 * REPEAT, 3 * REPEAT]
    assert {(event.ticker.at - event.at, event.ticker.last) for event in it.told()} == {(0, D(100))}


async def test_a_recording_may_be_played_at_another_time(opened: list[ReplayedExchange]) -> None:
    shift = 90 * 24 * 60 * MINUTE
    it = await stage(opened, columns(("100", "101", "99", "101"), *flat(2)), at=START + shift, shift=shift)
    await it.exchange.submit(approved("b1", Side.BUY, "99.5"))
    it.clock.advance(MINUTE)
    assert (await it.exchange.ticker(SYMBOL)).at == START + shift + MINUTE
    (fill,) = await it.exchange.fills(SYMBOL, 0)
    assert fill.at == START + shift + MINUTE
    (bar,) = await it.exchange.candles(SYMBOL, "1m", 9)
    assert bar.opened_at == START + shift


async def test_the_end_is_said_once_and_nothing_follows(opened: list[ReplayedExchange]) -> None:
    with capture_logs() as logs:
        it = await stage(opened, columns(*flat(2)))
        await it.pass_bars(2)
        seen = len(it.inbox.events)
        for _ in range(5):
            it.clock.advance(MINUTE)
            await turns()
            await it.exchange.ticker(SYMBOL)
    assert len(it.inbox.events) == seen
    assert (await it.exchange.ticker(SYMBOL)).at == START + 2 * MINUTE
    assert [entry["event"] for entry in logs] == ["recording_ended"]


async def test_a_recording_without_bars_is_refused() -> None:
    with pytest.raises(ValueError, match="candles"):
        ReplayedExchange(clock=ManualClock(), balances={}, market=market(), candles=columns())


# -- what fills


async def test_touching_is_not_enough(opened: list[ReplayedExchange]) -> None:
    it = await stage(opened, columns(("100", "101", "99", "100"), ("100", "101.1", "98.9", "100")))
    await it.exchange.submit(approved("b1", Side.BUY, "99"))
    await it.exchange.submit(approved("s1", Side.SELL, "101"))
    await it.pass_bars()
    assert it.fills() == []
    await it.pass_bars()
    assert it.fills() == [("b1", D(99), 2), ("s1", D(101), 2)]


async def test_an_order_placed_while_a_bar_grows_fills_from_the_next_bar_on(opened: list[ReplayedExchange]) -> None:
    it = await stage(opened, columns(("100", "101", "90", "100"), ("100", "101", "90", "100")))
    it.clock.advance(1)
    await it.exchange.submit(approved("b1", Side.BUY, "95"))
    it.clock.advance(MINUTE - 1)
    assert await it.exchange.fills(SYMBOL, 0) == []
    it.clock.advance(MINUTE)
    assert [fill.client_id for fill in await it.exchange.fills(SYMBOL, 0)] == ["b1"]


async def test_an_answer_on_the_way_rests_at_once_and_fills_in_the_next_bar(opened: list[ReplayedExchange]) -> None:
    it = await stage(opened, columns(("100", "105", "90", "104"), ("104", "106", "103", "104"), *flat(1)))
    answers: list[asyncio.Task[object]] = []

    def pair(event: object) -> None:
        it.inbox.emit(event)  # type: ignore[arg-type]  # as the exchange emits it
        if isinstance(event, OrderFilled) and event.fill.side is Side.BUY:
            # Below the close of the bar: a later answer would be refused because it takes.
            answers.append(asyncio.ensure_future(it.exchange.submit(approved("s1", Side.SELL, "101"))))

    await it.exchange.open(pair)
    await it.exchange.subscribe(frozenset({SYMBOL}))
    await it.exchange.submit(approved("b1", Side.BUY, "95"))
    await it.pass_bars()
    assert it.fills() == [("b1", D(95), 1)]
    await it.pass_bars()
    assert it.fills() == [("b1", D(95), 1), ("s1", D(101), 2)]
    await asyncio.gather(*answers)


async def test_latency_is_waited_for_on_the_way(opened: list[ReplayedExchange]) -> None:
    it = await stage(opened, columns(("100", "101", "90", "100"), *flat(9)), latency=1_000)
    placing = asyncio.ensure_future(it.exchange.submit(approved("b1", Side.BUY, "95")))
    await turns()
    it.clock.advance(1_000)
    await placing
    it.clock.advance(2 * MINUTE)
    for _ in range(30):
        await turns()
        it.clock.advance(1_000)
    assert it.told()[-1].ticker.last == 100
    assert it.fills() == []  # it arrived a second after the bar had opened


# -- restarts


async def test_what_rests_meets_the_bars_missed_while_down(opened: list[ReplayedExchange], tmp_path: Path) -> None:
    bars = columns(("100", "100", "98", "100"), ("100", "100", "94", "96"), ("96", "102", "96", "100"), *flat(3))
    database = Database(tmp_path / "account.db")
    first = await stage(opened, bars, store=AccountStore(database))
    for client_id, side, price in (("b1", Side.BUY, "99"), ("b2", Side.BUY, "95"), ("s1", Side.SELL, "101")):
        await first.exchange.submit(approved(client_id, side, price))
    await first.pass_bars()
    await first.exchange.close()
    second = await stage(opened, bars, at=START + 4 * MINUTE, store=AccountStore(database))
    assert second.fills() == [("b2", D(95), 2), ("s1", D(101), 3)]
    assert [fill.client_id for fill in await second.exchange.fills(SYMBOL, 0)] == ["b1", "b2", "s1"]
    assert (await second.exchange.ticker(SYMBOL)).last == 100
    await second.exchange.close()
    database.close()


async def test_nothing_is_told_before_it_is_stored(opened: list[ReplayedExchange], tmp_path: Path) -> None:
    database = Database(tmp_path / "account.db")
    store = ForgetfulStore(database)
    it = await stage(opened, columns(("100", "101", "90", "100"), *flat(2)), store=store)
    await it.exchange.submit(approved("b1", Side.BUY, "95"))
    store.full = True
    await it.pass_bars()
    assert it.fills() == []
    store.full = False
    await it.pass_bars()
    assert it.fills() == [("b1", D(95), 1)]
    await it.exchange.close()
    database.close()


# -- the same as a replay


def grid(spacing: Spacing, levels: int, policy: OutOfRange) -> GridSpec:
    return GridSpec(
        symbol=SYMBOL,
        lower=D(94),
        upper=D(106),
        levels=levels,
        spacing=spacing,
        investment=D(5_000),
        out_of_range=policy,
    )


Traded = list[tuple[int, int, str, Decimal, Decimal]]


def traded(journal: Journal, at: list[int], late: int) -> Traded:
    """Return bar, slot, side, price and quantity of each fill; ``late`` is how long after its bar's open it is told."""
    found = []
    for fill in reversed(journal.fills(None, 1_000_000)):
        key = parse_client_id(fill.client_id)
        assert key is not None
        bar = max(bisect_right(at, fill.at - late) - 1, 0)
        found.append((bar, key.slot, fill.side.value, fill.price, fill.quantity))
    return found


@pytest.mark.parametrize("spacing", list(Spacing))
@pytest.mark.parametrize("levels", [7, 40])
async def test_the_real_engine_trades_as_in_a_replay(spacing: Spacing, levels: int) -> None:
    candles, spec = read_candles(RESTLESS), grid(spacing, levels, OutOfRange.HOLD)
    replay = Replay(candles, spec, market(), Journal.in_memory())
    replay.run()
    expected = traded(replay.journal, candles.at, 0)
    clock = ManualClock(candles.at[0])
    exchange = ReplayedExchange(clock=clock, balances={"USDT": D(5_000)}, market=market(), candles=candles)
    runner = Runner(Engine(RiskLimits()), Journal.in_memory(), [exchange], clock)
    await runner.start("test")
    await runner.connect()
    await runner.watch(SYMBOL)
    started = await runner.ask(StartBot(at=clock.now(), by="test", spec=spec, market=market()))
    assert not started.problem
    await runner.resubscribe(Mode.SHADOW)
    await turns()
    for number, at in enumerate(candles.at):
        clock.advance(at + MINUTE - clock.now())
        await walked(exchange, number + 1)
        await runner.settled()
    await runner.stop()
    assert len(expected) > 50
    assert traded(runner.journal, candles.at, MINUTE) == expected
    bot = runner.engine.state.bots[1]
    assert (bot.books.cash, bot.books.base) == (replay.bot.books.cash, replay.bot.books.base)
    assert {balance.asset: balance.total for balance in await exchange.balances()}["USDT"] == bot.books.cash


async def test_a_fast_clock_plays_a_recording_through(opened: list[ReplayedExchange]) -> None:
    inbox, candles = Inbox(), columns(*flat(99), ("100", "101", "90", "100"))
    clock = ScaledClock(START, 60_000)
    exchange = ReplayedExchange(clock=clock, balances=BALANCES, market=market(), candles=candles)
    opened.append(exchange)
    await exchange.open(inbox.emit)
    await exchange.subscribe(frozenset({SYMBOL}))
    await exchange.submit(approved("b1", Side.BUY, "95"))
    fill = await inbox.until(lambda: next((e.fill for e in inbox.events if isinstance(e, OrderFilled)), None))
    assert fill.at == START + 100 * MINUTE
    assert clock.now() >= fill.at
