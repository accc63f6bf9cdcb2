"""Two real processes want one exchange account: the second is refused, or takes over and the first ends cleanly."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from tests.servers.binance import BinanceServer

PATIENCE = 30.0
INHERITED = ("PATH", "LANG", "SYSTEMROOT")
ROOT = Path(__file__).parents[2]


async def start(server: BinanceServer, folder: Path, home: str, *more: str) -> asyncio.subprocess.Process:
    """Start an engine for real money in a home of its own; all of them share the key and the folder of leases."""
    (folder / home).mkdir()
    settings = {
        "exchange": {"urls": server.urls, "supported_markets": ["spot"]},
        "scheduler": {"heartbeat_seconds": 1},
        "logging": {"log_to_console": False},
    }
    (folder / home / "config.yaml").write_bytes(msgspec.json.encode(settings))
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chatbot", "run", "--mode", "production", *more, cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env={
            **environment, "BATUTA_HOME": str(folder / home), "BATUTA_LEASES": str(folder / "leases"),
            "BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "s",
        },
    )  # fmt: skip


async def said(process: asyncio.subprocess.Process, words: str) -> str:
    """Wait until a process says ``words``, and return everything up to it."""
    assert process.stderr is not None
    heard = ""
    async with asyncio.timeout(PATIENCE):
        while words not in heard:
            line = await process.stderr.readline()
            assert line, f"it ended without saying {words!r}: {heard}"
            heard += line.decode()
    return heard


async def test_an_account_is_traded_by_one_engine_and_handed_over_when_asked_for(tmp_path: Path) -> None:
    async with BinanceServer() as server:
        server.add_key("k", "s")
        first = await start(server, tmp_path, "one")
        await said(first, "Nobody owns this bot yet")
        second = await start(server, tmp_path, "two")
        refused = await said(second, "--take-over")
        assert f"process {first.pid}, home {tmp_path / 'one'}" in refused
        assert await second.wait() == 2
        third = await start(server, tmp_path, "three", "--take-over")
        async with asyncio.timeout(PATIENCE):
            assert await first.wait() == 0
        await said(third, "Nobody owns this bot yet")
        third.terminate()
        async with asyncio.timeout(PATIENCE):
            assert await third.wait() == 0
