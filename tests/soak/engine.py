"""The whole program without a chat, in a process that starts its bots, answers one word a line, and ends when told."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path

import msgspec

from chatbot.app import App
from chatbot.folders import Folders
from chatbot.venues import open_venues
from config.load import load_settings
from config.logs import set_up_logs
from config.secrets import load_secrets
from data.events import StartBot
from data.orders import OrderStatus
from engine import state
from engine.accounts.upkeep import reconcile_all
from engine.clock import SystemClock
from engine.exchanges import live_fills, own_orders
from engine.exchanges.base import ExchangeUnavailable
from engine.outcome import Outcome
from engine.views import BotStatus
from tests.soak.exchange import specs

CALM = 2
"""Comparisons after each other that must change nothing."""


class Sample(msgspec.Struct, frozen=True):
    """The process as seen from within."""

    resident: float
    """MiB."""
    tasks: int
    sockets: int
    entries: int
    """Of the journal."""
    orders: int
    bots: int
    """That run."""
    waiting: int
    """Events not yet stepped."""


class Done(msgspec.Struct, frozen=True):
    """The word was obeyed."""

    seconds: float


def forget_soon() -> None:
    """Bound what is remembered of past orders to what a few minutes fill. Whatever grows after that is no memory that
    fills up, which takes half an hour as it is, but a leak.
    """
    state.KEEP_FINISHED = 512
    own_orders._REMEMBERED, own_orders._NAMED = 128, 2_048
    live_fills._REMEMBERED = 128


async def live(home: Path, bots: int) -> None:
    """Run until the word is to end."""
    settings, folders, clock = load_settings(None, home), Folders(home), SystemClock()
    secrets = load_secrets(home, settings.api)
    set_up_logs(settings.logging, home, secrets)
    with open_venues(settings, secrets, folders, clock) as venues:
        app = App(settings, folders, venues, clock, announce=lambda _: None)
        await app.start([])
        await app.ready.wait()
        gc.freeze()
        await _obey(app, bots)
        await app.stop()


async def _obey(app: App, bots: int) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        word = (await reader.readline()).decode().strip()
        begun = asyncio.get_running_loop().time()
        match word:
            case "start":
                await _start(app, bots)
            case "settle":
                await _settle(app)
            case "sample":
                _say(_sample(app))
                continue
            case _:
                return
        _say(Done(asyncio.get_running_loop().time() - begun))


def _say(words: Sample | Done) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(words) + b"\n")
    sys.stdout.buffer.flush()


async def _start(app: App, bots: int) -> None:
    for spec in specs(bots):
        plan = await app.desk.plan(spec)
        outcome = await app.desk.ask(StartBot(at=app.clock.now(), by="soak", spec=spec, market=plan.market))
        if outcome.problem:
            raise ValueError(f"{spec.symbol}: {outcome.problem}")
    state, at_work = app.runner.engine.state, asyncio.Event()

    def look(_: Outcome) -> None:
        settled = all(order.status is OrderStatus.OPEN for order in state.orders.values())
        if settled and all(bot.status is BotStatus.RUNNING for bot in state.bots.values()):
            at_work.set()

    app.runner.observers.append(look)
    await at_work.wait()
    app.runner.observers.remove(look)


async def _settle(app: App) -> None:
    """Go on until several comparisons after each other leave every order resting and nothing changed."""
    state, calm = app.runner.engine.state, 0
    before: tuple[object, ...] = ()
    while calm < CALM:
        await asyncio.sleep(1)
        try:
            await reconcile_all(app.runner)
        except ExchangeUnavailable:
            continue
        known = tuple((order.draft.client_id, order.status, order.filled) for order in state.orders.values())
        still = all(status is OrderStatus.OPEN for _, status, _ in known)
        calm = calm + 1 if still and known == before else 0
        before = known


def _sample(app: App) -> Sample:
    state = app.runner.engine.state
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(
        resident=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        tasks=len(asyncio.all_tasks()),
        sockets=len([each for each in Path("/proc/self/fd").iterdir() if each.is_socket()]),
        entries=state.sequence,
        orders=len(state.orders),
        bots=sum(bot.status is BotStatus.RUNNING for bot in state.active_bots()),
        waiting=app.runner.waiting,
    )


if __name__ == "__main__":
    if sys.argv[3:] == ["short"]:
        forget_soon()
    asyncio.run(live(Path(sys.argv[1]), int(sys.argv[2])))
