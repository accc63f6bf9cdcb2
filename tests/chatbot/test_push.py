"""Notices reach everybody once, in order of urgency, whatever single chats do."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from chatbot.platform import Audience, SendFailed, SendRefused, SendRetry
from chatbot.push import BURST, LIFETIMES, Pusher
from commands.context import Person
from commands.dispatch import Dispatcher
from commands.notice import Lane, Notice
from commands.registry import Role
from commands.reply import Card, Reply
from config.service import Chat
from data.database import Database
from data.outbox import Outbox
from data.values import Millis, Mode
from engine.clock import ManualClock
from tests.commands.house import MemoryPeople, person

NOW: Millis = 1_768_478_400_000
OLGA, TIM, VERA = "telegram:1", "telegram:2", "telegram:3"


class Post:
    """A platform whose chats answer as told."""

    name = "telegram"

    def __init__(self, clock: ManualClock) -> None:
        """Deliver everything at once."""
        self.clock = clock
        self.sent: list[tuple[str, str, Millis]] = []
        self.cards: list[Card] = []
        self.quiet: list[bool] = []
        self.attempts: list[tuple[str, Millis]] = []
        self.answers: dict[str, deque[Exception]] = defaultdict(deque)
        self.dead: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Event()

    async def start(self, dispatcher: Dispatcher) -> None:
        """Nothing to listen to."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def send(self, recipient: str, reply: Reply, silent: bool) -> str:
        """Deliver, hang or raise."""
        assert isinstance(reply, Card)
        self.attempts.append((recipient, self.clock.now()))
        self._changed.set()
        if recipient in self.dead:
            await self.dead[recipient].wait()
        if self.answers[recipient]:
            raise self.answers[recipient].popleft()
        self.sent.append((recipient, reply.title, self.clock.now()))
        self.cards.append(reply)
        self.quiet.append(silent)
        self._changed.set()
        return str(len(self.sent))

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for a condition that changes with every message."""
        async with asyncio.timeout(5):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    def titles(self, recipient: str) -> list[str]:
        """Return what one person received."""
        return [title for to, title, _at in self.sent if to == recipient]


class Desk:
    """A pusher with a clock in hand, one owner, and a database that outlives it."""

    def __init__(self, database: Database) -> None:
        """Start with Olga alone."""
        self.clock = ManualClock(NOW)
        self.people = MemoryPeople(person("1", Role.OWNER))
        self.outbox = Outbox(database)
        self.post = Post(self.clock)
        self.pusher = self.new_pusher()

    def new_pusher(self) -> Pusher:
        """Return another pusher on the same outbox, as after a restart."""
        return Pusher(self.outbox, Audience(self.people, Chat()), self.clock)

    def know(self, *names: str) -> None:
        """Let people in as viewers."""
        for each in names:
            self.people.put(person(each.partition(":")[2], Role.VIEWER))

    async def pass_time(self, millis: Millis) -> None:
        """Move time on, and let everybody who waited for it act."""
        await settle()
        self.clock.advance(millis)
        await settle()


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    database = Database.in_memory()
    desk = Desk(database)
    yield desk
    await desk.pusher.stop()
    database.close()


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(30):
        await asyncio.sleep(0)


def notice(title: str = "hello", key: str = "", lane: Lane = Lane.TRADE, **more: object) -> Notice:
    """Return a notice."""
    digest, silent = str(more.get("digest", "")), bool(more.get("silent"))
    card = Card(title=title, fields=(), mode=Mode.SHADOW)
    return Notice(
        key=key or title, lane=lane, at=NOW, bot=1, mode=Mode.SHADOW, card=card, digest=digest, silent=silent
    )  # fmt: skip


async def test_everybody_of_a_running_platform_hears_it_once(desk: Desk) -> None:
    desk.know(TIM)
    desk.people.put(Person(id="discord:9", name="Dora", role=Role.OWNER))
    await desk.pusher.start([desk.post])
    desk.pusher.push((notice("hello", silent=True),))
    await settle()
    assert [to for to, _title, _at in desk.post.sent] == [OLGA, TIM]
    assert desk.post.quiet == [True, True]
    assert desk.outbox.pending() == []
    row = desk.outbox.get(1)
    assert row is not None
    assert (row.receipt, row.delivered_at) == ("1", NOW)


async def test_whoever_did_it_is_not_told_what_the_receipt_said(desk: Desk) -> None:
    desk.know(TIM)
    await desk.pusher.start([desk.post])
    desk.pusher.push((msgspec.structs.replace(notice("paused"), by=TIM),))
    await settle()
    assert [to for to, _title, _at in desk.post.sent] == [OLGA]


async def test_owners_alone_hear_what_is_for_owners(desk: Desk) -> None:
    desk.know(TIM)
    await desk.pusher.start([desk.post])
    desk.pusher.push((notice(),), Role.OWNER)
    await settle()
    assert [to for to, _title, _at in desk.post.sent] == [OLGA]


async def test_what_comes_before_the_start_is_kept(desk: Desk) -> None:
    desk.pusher.push((notice("early"),))
    await desk.pusher.start([desk.post])
    await settle()
    assert desk.post.titles(OLGA) == ["early"]


async def test_the_most_urgent_leaves_first(desk: Desk) -> None:
    await desk.pusher.start([desk.post])
    for lane in (Lane.DIGEST, Lane.TRADE, Lane.REPLY, Lane.CRITICAL):
        desk.pusher.push((notice(lane.name, lane=lane),))
    await settle()
    await desk.pass_time(1000)
    assert desk.post.titles(OLGA) == ["CRITICAL", "REPLY", "TRADE", "DIGEST"]


async def test_a_chat_gets_a_burst_and_then_one_a_second(desk: Desk) -> None:
    await desk.pusher.start([desk.post])
    for number in range(6):
        desk.pusher.push((notice(f"n{number}"),))
    await settle()
    assert len(desk.post.sent) == BURST
    for _ in range(3):
        await desk.pass_time(1000)
    assert [(at - NOW) // 1000 for _to, _title, at in desk.post.sent] == [0, 0, 0, 1, 2, 3]
    await desk.pass_time(60_000)
    for number in range(6):
        desk.pusher.push((notice(f"later{number}"),))
    await settle()
    assert len(desk.post.sent) == 6 + BURST


async def test_fills_that_wait_become_one_message(desk: Desk) -> None:
    await desk.pusher.start([desk.post])
    desk.post.answers[OLGA].append(SendRetry(30))
    desk.pusher.push((notice("first", lane=Lane.CRITICAL),))
    await settle()
    for number in range(1, 21):
        digest = f"{{n}} fills on #1 BTC/USDT: +{number}.00 USDT"
        desk.pusher.push((notice(f"Sold {number}", key="fill:1", digest=digest),))
        desk.pusher.push((notice(f"range {number}", key="range:1"),))
    await desk.pass_time(30_000)
    assert desk.post.titles(OLGA) == ["first", "20 fills on #1 BTC/USDT: +20.00 USDT", "range 20"]
    card = desk.post.cards[1]
    assert card.mode is Mode.SHADOW
    assert card.note.split("\n") == [*(f"Sold {number}" for number in range(20, 5, -1)), "and 5 before"]


async def test_a_fill_that_is_on_its_way_is_not_told_twice(desk: Desk) -> None:
    await desk.pusher.start([desk.post])
    desk.post.dead[OLGA] = asyncio.Event()
    desk.pusher.push((notice("one", key="fill:1", digest="{n} fills"),))
    await desk.post.until(lambda: len(desk.post.attempts) == 1)
    desk.pusher.push((notice("two", key="fill:1", digest="{n} fills"),))
    desk.pusher.push((notice("three", key="fill:1", digest="{n} fills"),))
    desk.post.dead.pop(OLGA).set()
    await settle()
    assert desk.post.titles(OLGA) == ["one", "2 fills"]


async def test_a_dead_chat_delays_nobody(desk: Desk) -> None:
    desk.know(TIM, VERA)
    desk.post.dead[TIM] = asyncio.Event()
    desk.post.answers[VERA].append(SendRetry(600))
    await desk.pusher.start([desk.post])
    for number in range(3):
        desk.pusher.push((notice(f"n{number}"),))
    await settle()
    assert desk.post.titles(OLGA) == ["n0", "n1", "n2"]
    assert desk.post.titles(TIM) == desk.post.titles(VERA) == []
    await desk.pass_time(599_000)
    assert desk.post.titles(VERA) == []
    await desk.pass_time(1_000)
    assert desk.post.titles(VERA) == ["n0", "n1", "n2"]


async def test_a_lost_network_is_tried_again_later_and_later(desk: Desk) -> None:
    await desk.pusher.start([desk.post])
    desk.post.answers[OLGA].extend(SendFailed("no route") for _ in range(8))
    desk.pusher.push((notice(),))
    for _ in range(400):
        await desk.pass_time(1000)
    times = [at for _to, at in desk.post.attempts]
    gaps = [(after - before) / 1000 for before, after in pairwise(times)]
    assert desk.post.titles(OLGA) == ["hello"]
    assert all(2**n / 2 <= gap <= 2**n + 2 for n, gap in enumerate(gaps)), gaps


async def test_an_urgent_notice_overtakes_what_waits(desk: Desk) -> None:
    await desk.pusher.start([desk.post])
    for number in range(5):
        desk.pusher.push((notice(f"n{number}"),))
    await settle()
    desk.pusher.push((notice("fire", lane=Lane.CRITICAL),))
    await desk.pass_time(1000)
    assert desk.post.titles(OLGA)[BURST:] == ["fire"]


async def test_a_refusal_is_final(desk: Desk) -> None:
    await desk.pusher.start([desk.post])
    desk.post.answers[OLGA].append(SendRefused("bot was blocked by the user"))
    desk.pusher.push((notice("lost"),))
    desk.pusher.push((notice("next"),))
    await settle()
    assert desk.post.titles(OLGA) == ["next"]
    row = desk.outbox.get(1)
    assert row is not None
    assert row.reason == "bot was blocked by the user"


async def test_a_message_that_breaks_the_platform_is_given_up_and_the_rest_goes_on(desk: Desk) -> None:
    await desk.pusher.start([desk.post])
    desk.post.answers[OLGA].extend([RuntimeError("bug"), RuntimeError("bug"), RuntimeError("bug")])
    desk.pusher.push((notice("poison"),))
    for _ in range(10):
        await desk.pass_time(1000)
    desk.pusher.push((notice("next"),))
    await settle()
    assert desk.post.titles(OLGA) == ["next"]
    assert desk.outbox.pending() == []


async def test_old_news_is_not_sent(desk: Desk) -> None:
    await desk.pusher.start([desk.post])
    desk.post.answers[OLGA].append(SendRetry(LIFETIMES[Lane.TRADE] / 1000 + 1))
    desk.pusher.push((notice("fire", lane=Lane.CRITICAL),))
    desk.pusher.push((notice("sold"),))
    await desk.pass_time(LIFETIMES[Lane.TRADE] + 1000)
    assert desk.post.titles(OLGA) == ["fire"]


async def test_who_was_removed_hears_nothing_more(desk: Desk) -> None:
    desk.know(TIM)
    desk.post.answers[TIM].append(SendRetry(60))
    await desk.pusher.start([desk.post])
    desk.pusher.push((notice(),))
    await settle()
    desk.people.remove(TIM)
    await desk.pass_time(60_000)
    assert desk.post.titles(TIM) == []
    assert desk.outbox.pending() == []


async def test_what_was_not_delivered_is_delivered_after_a_restart_once(tmp_path: Path) -> None:
    database = Database(tmp_path / "batuta.db")
    desk = Desk(database)
    desk.post.answers[OLGA].append(SendFailed("no route"))
    await desk.pusher.start([desk.post])
    desk.pusher.push((notice("kept"),))
    await settle()
    await desk.pusher.stop()
    database.close()

    again = Database(tmp_path / "batuta.db")
    for expected in (["kept"], []):
        reborn = Desk(again)
        reborn.clock.advance(10_000)
        await reborn.pusher.start([reborn.post])
        await settle()
        await reborn.pusher.stop()
        assert reborn.post.titles(OLGA) == expected
    again.close()


async def test_a_broken_outbox_never_reaches_the_engine(caplog: pytest.LogCaptureFixture) -> None:
    database = Database.in_memory()
    desk = Desk(database)
    await desk.pusher.start([desk.post])
    database.close()
    desk.pusher.push((notice("hello"),))
    assert "a notice is lost: hello" in caplog.text
    await desk.pusher.stop()


async def test_news_does_not_expire_with_the_old_news_of_its_kind(desk: Desk) -> None:
    await desk.pusher.start([desk.post])
    desk.post.answers[OLGA].append(SendRetry(LIFETIMES[Lane.TRADE] / 1000 + 1))
    desk.pusher.push((notice("fire", lane=Lane.CRITICAL),))
    desk.pusher.push((notice("old", key="fill:1", digest="{n} fills"),))
    await desk.pass_time(LIFETIMES[Lane.TRADE] - 1000)
    desk.pusher.push((notice("new", key="fill:1", digest="{n} fills"),))
    await desk.pass_time(3000)
    await desk.pass_time(1000)
    assert desk.post.titles(OLGA) == ["fire", "new"]
