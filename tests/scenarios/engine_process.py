"""A real `batuta run` process, its home and its Telegram, as the operator has them."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from chatbot.app import limits_of
from config.load import load_settings
from data.accounts import AccountBooks, AccountStore
from data.database import Database
from data.journal import Journal
from engine.runner import load_engine
from engine.state import EngineState
from tests.servers.telegram import TelegramServer

PATIENCE = 20.0
SETTINGS = """\
exchange: {{name: simulated}}
chat:
  telegram: {{base_url: "{base_url}", base_file_url: "{base_file_url}"}}
"""
INHERITED = ("PATH", "LANG", "SYSTEMROOT")


class EngineProcess:
    """One engine at a time on one home; what it writes to stderr is kept."""

    def __init__(self, home: Path, server: TelegramServer) -> None:
        """Lay out ``home`` for an engine that talks to ``server``; nothing runs yet."""
        self.home, self.stderr = home, ""
        self._token = server.token
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._wrote = asyncio.Event()
        settings = SETTINGS.format(base_url=server.base_url, base_file_url=server.base_file_url)
        (home / "config.yaml").write_text(settings, encoding="utf-8")

    @property
    def pid(self) -> int:
        """Return the process id of the engine that runs."""
        assert self._process is not None
        return self._process.pid

    def command(self) -> Sequence[str]:
        """Return the words that start it."""
        return sys.executable, "-m", "chatbot", "run"

    def secrets(self) -> Mapping[str, str]:
        """Return what its environment holds beside the home."""
        return {"TELEGRAM_BOT_TOKEN": self._token}

    async def start(self) -> None:
        """Start the engine and return at once."""
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self.stderr = ""
        self._process = await asyncio.create_subprocess_exec(
            *self.command(), cwd=Path(__file__).parents[2], stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            env={**environment, "BATUTA_HOME": str(self.home), **self.secrets()},
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(self._process), name="stderr")

    async def said(self, pattern: str) -> str:
        """Wait until ``pattern`` stands in stderr and return its first group, or all of it."""
        async with asyncio.timeout(PATIENCE):
            while (found := re.search(pattern, self.stderr)) is None:
                self._wrote.clear()
                assert self._reading is not None
                assert not self._reading.done(), f"the engine ended without saying {pattern!r}: {self.stderr}"
                await self._wrote.wait()
        return found.group(found.lastindex or 0)

    async def end(self, signal: int | None = None) -> int:
        """Send a signal, wait for the end and return the exit code."""
        assert self._process is not None
        assert self._reading is not None
        if signal is not None:
            self._process.send_signal(signal)
        async with asyncio.timeout(PATIENCE):
            code = await self._process.wait()
            await self._reading
        self._process = None
        return code

    async def close(self) -> None:
        """End whatever still runs."""
        if self._process is not None:
            self._process.kill()
            await self.end()

    def books(self) -> tuple[EngineState, AccountBooks]:
        """Verify the journal; return what the stopped engine knows, and what its exchange knows."""
        engine = Database(self.home / "batuta.sqlite")
        account = Database(self.home / "account-shadow-simulated.sqlite")
        try:
            journal = Journal(engine)
            assert journal.verify() > 0
            known = AccountStore(account).load()
            assert known is not None
            return load_engine(journal, limits_of(load_settings(home=self.home))).state, known
        finally:
            engine.close()
            account.close()

    def traces_of(self, secret: str) -> list[str]:
        """Return where ``secret`` was written: files of the home, and stderr."""
        files = (file for file in self.home.rglob("*") if file.is_file())
        found = [file.name for file in files if secret.encode() in file.read_bytes()]
        return [*found, *(["stderr"] if secret in self.stderr else [])]

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self.stderr += line.decode()
            self._wrote.set()
        self._wrote.set()
