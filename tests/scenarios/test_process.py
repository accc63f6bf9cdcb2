"""The program as it is really run: a process of its own, a bot API behind a socket, and signals."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatbot.doctor import healthy
from data.orders import key_of
from tests.scenarios.engine_process import PATIENCE, EngineProcess
from tests.servers.telegram import Person, TelegramServer

USER = 4711
GRID = "/grid BTC/USDT 62000 68000 20 1000"
STOPS_WITHIN = 10.0


@pytest.fixture
async def server() -> AsyncIterator[TelegramServer]:
    """Return a Bot API."""
    async with TelegramServer() as running:
        yield running


@pytest.fixture
async def engine(server: TelegramServer, tmp_path: Path) -> AsyncIterator[EngineProcess]:
    """Return an engine that was started on an empty home."""
    process = EngineProcess(tmp_path, server)
    await process.start()
    yield process
    await process.close()


async def paired(server: TelegramServer, engine: EngineProcess) -> Person:
    """Return the owner, let in with the code from the terminal."""
    ana = server.person(USER, "Ana]")  # a name may hold what terminals take for markup
    code = await engine.said(r"/pair (\d{8})")
    await ana.say(f"/pair {code}")
    await ana.expect("Your role is owner", timeout=PATIENCE)
    return ana


async def test_a_killed_engine_comes_back_with_its_bot_and_nothing_twice(
    server: TelegramServer, engine: EngineProcess
) -> None:
    ana = await paired(server, engine)
    await ana.say(GRID)
    plan = await ana.expect("Can be confirmed until")
    line = plan.buttons[0].data or ""
    # Two taps of a nervous finger, on their way at the same time.
    await ana.tap_data(plan.message_id, line)
    await ana.tap_data(plan.message_id, line)
    await ana.expect("started with 1000.00 USDT")
    await ana.expect("confirmed before")
    await ana.expect("Initial buy of")

    assert await engine.end(signal.SIGKILL) == -signal.SIGKILL
    await ana.say("/orders")
    await engine.start()
    report = await ana.expect("Batuta is back: books and exchange agree", timeout=PATIENCE)
    assert report.text.startswith("SHADOW")
    assert "Bots: 1 active" in report.text
    assert "Away for:" in report.text
    assert "sell" in (await ana.expect("Open orders")).text, "what was asked meanwhile is answered"
    await ana.say("/bots 1")
    assert "running" in (await ana.expect("open orders")).text
    await ana.expect_nothing(contains="Bot 1 BTC/USDT started")

    assert await engine.end(signal.SIGTERM) == 0
    state, account = engine.books()
    (bot,) = state.bots.values()
    assert bot.status.active
    open_orders = {each.draft.client_id for each in account.orders if each.status.live}
    assert open_orders <= set(bot.live)
    slots = Counter(key.slot for each in open_orders if (key := key_of(each)) is not None)
    assert slots
    assert set(slots.values()) == {1}, "a slot rests one order"
    told = Counter(each.trade_id for each in account.fills)
    assert set(told.values()) == {1}
    bought = [each for each in account.fills if (key := key_of(each.client_id)) is not None and key.slot < 0]
    assert len({each.client_id for each in bought}) == 1, "the first inventory was bought once"


async def test_stopping_is_quick_and_clean_and_leaves_no_secret(server: TelegramServer, engine: EngineProcess) -> None:
    ana = await paired(server, engine)
    await ana.say("/invite viewer")
    await ana.tap_data((await ana.expect("Let somebody in")).message_id, ana.messages[-1].buttons[0].data or "")
    await ana.expect("one-time code was printed on the server")
    await engine.said(r"Ana\] asks for /invite. One-time code: \d+")
    assert healthy(engine.home) == 0

    second = EngineProcess(engine.home, server)
    await second.start()
    assert await second.end() == 2
    assert "is in use by another running Batuta" in second.stderr
    assert "Traceback" not in second.stderr

    async with asyncio.timeout(STOPS_WITHIN):
        assert await engine.end(signal.SIGTERM) == 0
    assert healthy(engine.home) == 1
    assert engine.traces_of(server.token.partition(":")[2]) == []
    assert "Traceback" not in engine.stderr


async def test_telegram_may_go_away_and_come_back(server: TelegramServer, engine: EngineProcess) -> None:
    ana = await paired(server, engine)
    await server.stop()
    await engine.said("updates cannot be fetched")
    await server.start()
    await ana.say("/status")
    assert "connected" in (await ana.expect("Books checked", timeout=PATIENCE)).text
    assert await engine.end(signal.SIGTERM) == 0
