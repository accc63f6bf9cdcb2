"""The budget of calls: never above a limit, the urgent first, nothing lost when callers give up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import ManualClock, Stopwatch, SystemClock
from engine.exchanges.pacing import Counted, Lane, Limit, Pace

START = 1_760_000_000_000
WEIGHT = Limit(counts=Counted.WEIGHT, most=20, seconds=60, header="x-weight")
ORDERS = Limit(counts=Counted.ORDERS, most=5, seconds=10, header="x-orders")
MINUTE = 60_000


class Callers:
    """Tasks that take turns on one budget, and who got his turn when."""

    def __init__(self, *limits: Limit) -> None:
        self.clock = ManualClock(START)
        self.pace = Pace(self.clock, limits or (WEIGHT, ORDERS))
        self.granted: list[tuple[int, str]] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, name: str, lane: Lane, weight: int = 1, orders: int = 0, rank: int = 0) -> None:
        async def turn() -> None:
            await self.pace.turn(lane, weight, orders=orders, rank=Decimal(rank))
            self.granted.append((self.clock.now(), name))

        self.tasks[name] = asyncio.create_task(turn())
        await settle()

    async def pass_(self, millis: int) -> None:
        """Let time pass in steps, as sleepers see it."""
        for _ in range(millis // 100):
            self.clock.advance(100)
            await settle()

    @property
    def names(self) -> list[str]:
        return [name for _, name in self.granted]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_with_room_nothing_waits_and_nobody_else_runs() -> None:
    pace, ran = Callers().pace, asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    await pace.turn(Lane.GRID, 1, orders=1)
    assert not ran.is_set()


async def test_each_lane_leaves_room_to_those_before_it() -> None:
    callers = Callers(WEIGHT)
    for lane in reversed(Lane):
        for count in range(20):
            await callers.ask(f"{lane.name} {count}", lane)
    told = [sum(name.startswith(lane.name) for name in callers.names) for lane in Lane]
    assert told == [1, 2, 1, 1, 3, 12]
    assert callers.pace.load == 1
    for task in callers.tasks.values():
        task.cancel()
    await settle()
    assert callers.pace.waiting == 0


async def test_prices_and_what_became_of_orders_are_asked_after_orders_and_before_charts() -> None:
    callers = Callers(WEIGHT)
    await callers.ask("before", Lane.CANCEL, 18)
    later = [("chart", Lane.DATA), ("fills", Lane.BOOKS), ("price", Lane.PRICES)]
    for name, lane in [*later, ("order", Lane.GRID), ("stop", Lane.STOP)]:
        await callers.ask(name, lane, 2)
    await callers.pass_(MINUTE + 2_000)
    assert callers.names == ["before", "stop", "order", "price", "fills", "chart"]


async def test_charts_that_used_up_their_share_leave_room_to_ask_what_became_of_orders() -> None:
    callers = Callers(WEIGHT)
    await callers.ask("charts", Lane.DATA, 12)
    await callers.ask("chart", Lane.DATA)
    await callers.ask("fills", Lane.BOOKS)
    assert callers.names == ["charts", "fills"]
    await callers.pass_(MINUTE + 2_000)


async def test_the_nearest_line_goes_first_and_then_the_oldest() -> None:
    callers = Callers(ORDERS)
    await callers.ask("first", Lane.GRID, orders=4)
    for name, rank in (("far", 9), ("near", 1), ("also near", 1), ("middle", 5)):
        await callers.ask(name, Lane.GRID, orders=2, rank=rank)
    await callers.ask("stop", Lane.STOP, orders=2, rank=99)
    await callers.pass_(40_000)
    assert callers.names == ["first", "stop", "near", "also near", "middle", "far"]


async def test_cancels_pass_a_queue_without_waiting() -> None:
    callers = Callers()
    for count in range(8):
        await callers.ask(f"order {count}", Lane.GRID, orders=1)
    assert callers.pace.waiting == 4
    before = callers.clock.now()
    await callers.ask("cancel", Lane.CANCEL)
    assert callers.granted[-1] == (before, "cancel")
    await callers.pass_(30_000)


async def test_waiting_for_one_limit_does_not_hold_up_who_needs_another() -> None:
    callers = Callers()
    for count in range(5):
        await callers.ask(f"order {count}", Lane.GRID, orders=1)
    await callers.ask("price", Lane.DATA)
    assert callers.names[-1] == "price"
    assert callers.pace.waiting == 1
    await callers.pass_(11_000)


async def test_a_heavy_call_is_not_overtaken_for_ever_by_light_ones() -> None:
    callers = Callers(WEIGHT)
    await callers.ask("before", Lane.DATA, 6)
    await callers.ask("heavy", Lane.DATA, 12)
    await callers.ask("light", Lane.DATA, 1)
    assert callers.names == ["before"]
    await callers.pass_(2 * MINUTE + 2_000)
    assert callers.names == ["before", "heavy", "light"]


async def test_a_call_heavier_than_its_share_waits_for_an_empty_window() -> None:
    callers = Callers(WEIGHT)
    await callers.ask("heavy", Lane.DATA, 20)
    assert callers.names == ["heavy"]
    with pytest.raises(ValueError, match="21 weight at once"):
        await callers.pace.turn(Lane.CANCEL, 21)


async def test_the_exchange_is_believed_when_it_counted_more_until_its_window_ends() -> None:
    callers = Callers(WEIGHT)
    callers.clock.advance(MINUTE - START % MINUTE + 1_000)
    callers.pace.heard({"x-weight": "19", "date": "today"})
    await callers.ask("data", Lane.DATA)
    assert not callers.granted
    await callers.ask("cancel", Lane.CANCEL)
    assert callers.names == ["cancel"]
    await callers.pass_(MINUTE - 1_000)
    assert callers.names == ["cancel", "data"]


async def test_our_own_count_holds_when_the_exchange_tells_less() -> None:
    callers = Callers(WEIGHT)
    await callers.ask("data", Lane.DATA, 12)
    callers.pace.heard({"x-weight": "1"})
    await callers.ask("more", Lane.DATA)
    assert callers.names == ["data"]
    assert callers.pace.load == 12 / 20
    await callers.pass_(MINUTE + 1_000)


async def test_a_lower_count_of_the_exchange_frees_those_who_wait() -> None:
    callers = Callers(WEIGHT)
    callers.pace.heard({"x-weight": "20"})
    await callers.ask("data", Lane.DATA)
    callers.pace.heard({"x-weight": "nonsense"})
    assert callers.pace.waiting == 1
    callers.pace.heard({"x-weight": "1"})
    await settle()
    assert callers.names == ["data"]


async def test_a_penalty_stops_everybody_until_it_is_over() -> None:
    callers = Callers()
    callers.pace.penalise(30)
    callers.pace.penalise(5)
    await callers.ask("data", Lane.DATA)
    await callers.ask("cancel", Lane.CANCEL)
    await callers.pass_(29_900)
    assert not callers.granted
    await callers.pass_(200)
    assert callers.names == ["cancel", "data"]


async def test_a_penalty_also_holds_those_who_wait_already() -> None:
    callers = Callers(ORDERS)
    await callers.ask("first", Lane.GRID, orders=5)
    await callers.ask("second", Lane.GRID, orders=1)
    callers.pace.penalise(60)
    await callers.pass_(59_000)
    assert callers.names == ["first"]
    await callers.pass_(2_000)
    assert callers.names == ["first", "second"]


async def test_who_gives_up_after_his_turn_came_gives_it_back() -> None:
    callers = Callers(WEIGHT)
    callers.pace.heard({"x-weight": "20"})
    await callers.ask("gives up", Lane.CANCEL, 20)
    await callers.ask("next", Lane.CANCEL, 20)
    callers.pace.heard({"x-weight": "0"})
    callers.tasks["gives up"].cancel()
    await settle()
    assert callers.names == ["next"]


async def test_a_clock_set_back_does_not_stop_the_calls_for_longer() -> None:
    callers = Callers(WEIGHT)
    await callers.ask("all", Lane.CANCEL, 20)
    callers.clock.advance(-3_600_000)
    await callers.ask("next", Lane.CANCEL)
    await callers.pass_(MINUTE + 1_000)
    assert callers.names == ["all", "next"]


async def test_a_turn_is_far_cheaper_than_a_call() -> None:
    pace = Pace(SystemClock(), [Limit(counts=Counted.WEIGHT, most=10**9, seconds=60), ORDERS])
    best = min([await _seconds_of_a_turn(pace) for _ in range(5)])
    assert best < 50e-6


async def _seconds_of_a_turn(pace: Pace) -> float:
    watch = Stopwatch()
    for _ in range(1_000):
        await pace.turn(Lane.CANCEL, 1)
    return watch.seconds() / 1_000


_ASK = st.tuples(st.just("ask"), st.sampled_from(Lane), st.integers(1, 20), st.integers(0, 2), st.integers(0, 3))
_STEPS = st.lists(
    st.one_of(
        _ASK,
        _ASK,
        st.tuples(st.just("pass"), st.integers(0, 30_000)),
        st.tuples(st.just("give up"), st.integers(0, 40)),
        st.tuples(st.just("heard"), st.integers(0, 25)),
        st.tuples(st.just("penalty"), st.integers(1, 5)),
    ),
    max_size=40,
)


@given(_STEPS)
def test_no_window_overflows_no_cancel_waits_behind_data_and_no_turn_is_lost(steps: Sequence[tuple[Any, ...]]) -> None:
    asyncio.run(_walk(steps))


async def _walk(steps: Sequence[tuple[Any, ...]]) -> None:
    callers, asked = Callers(), {}
    for index, step in enumerate(steps):
        match step:
            case ("ask", lane, weight, orders, rank):
                name = str(index)
                asked[name] = (lane, weight, orders, len(callers.granted))
                await callers.ask(name, lane, weight, orders, rank)
            case ("pass", millis):
                await callers.pass_(millis)
            case ("give up", which) if callers.tasks:
                list(callers.tasks.values())[which % len(callers.tasks)].cancel()
                await settle()
            case ("heard", used):
                callers.pace.heard({"x-weight": str(used)})
            case ("penalty", seconds):
                callers.pace.penalise(seconds)
            case _:
                pass  # nobody is there to give up
    for _ in range(20 * len(asked)):
        if callers.pace.waiting:
            await callers.pass_(5_000)
    await asyncio.gather(*callers.tasks.values(), return_exceptions=True)
    assert {name for name, task in callers.tasks.items() if not task.cancelled()} == set(callers.names)
    _check_windows(callers, asked)
    _check_cancels(callers, asked)


def _check_windows(callers: Callers, asked: dict[str, tuple[Lane, int, int, int]]) -> None:
    for at, _ in callers.granted:
        inside = [name for when, name in callers.granted if at <= when < at + MINUTE]
        assert sum(asked[name][1] for name in inside) <= WEIGHT.most
        inside = [name for when, name in callers.granted if at <= when < at + 10_000]
        assert sum(asked[name][2] for name in inside) <= ORDERS.most


def _check_cancels(callers: Callers, asked: dict[str, tuple[Lane, int, int, int]]) -> None:
    for turn, (_, name) in enumerate(callers.granted):
        lane, _, orders, arrived = asked[name]
        if lane is Lane.CANCEL and not orders:
            overtaking = callers.names[arrived:turn]
            assert all(asked[other][0] is not Lane.DATA for other in overtaking)
