"""`batuta run`: the long-running engine."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import structlog
from rich.console import Console
from rich.text import Text

from chatbot.app import App
from chatbot.choice import chosen_platforms
from chatbot.folders import Folders
from chatbot.tenancy import held_account, keep, take
from chatbot.venues import ModeUnavailable, admit, market_kinds, open_venues
from config.language import _
from config.load import load_settings
from config.logs import set_up_logs
from config.paths import batuta_home
from config.problems import ConfigError
from config.schema import Settings
from config.secrets import Secrets, load_secrets
from data.database import StorageError
from data.lease import AccountInUse, Lease
from engine.clock import SystemClock
from engine.recording import ReplayDiverged

REFUSED, BROKEN = 2, 1
"""Exit codes: the settings cannot be used; the engine ended by itself."""

log = structlog.get_logger(__name__)


class Wish(NamedTuple):
    """What the command line asks for."""

    mode: str | None = None
    config: Path | None = None
    debug: bool = False
    home: Path | None = None
    take_over: bool = False


class _Set(NamedTuple):
    """Everything read and made before the engine starts."""

    settings: Settings
    secrets: Secrets
    app: App
    lease: Lease | None


async def serve(wish: Wish) -> int:
    """Run until SIGINT or SIGTERM and return the exit code. Problems with the set-up are printed, not raised."""
    console, stop = Console(stderr=True), asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    with ExitStack() as held:
        try:
            prepared = await _unless(stop, _prepared(wish, console, held))
        except (ConfigError, ModeUnavailable, AccountInUse, StorageError, OSError, ReplayDiverged) as error:
            # Paths and names may hold brackets, which are no markup here; a line is never broken within a path.
            console.print(Text.assemble((_("Batuta did not start."), "bold red"), f" {error}"), soft_wrap=True)
            return REFUSED
        if prepared is None:
            log.info("stopped_before_the_start")
            return 0
        return await _run(prepared, stop)


async def _unless(stop: asyncio.Event, preparing: Coroutine[None, None, _Set]) -> _Set | None:
    """Return what is prepared, or None once somebody wants to stop: an exchange may let a start wait for long."""
    work, stopping = asyncio.create_task(preparing), asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not work.done():
        work.cancel()
        await asyncio.wait({work})
        return None
    return work.result()


async def _prepared(wish: Wish, console: Console, held: ExitStack) -> _Set:
    """Return everything read and made; ``held`` keeps what must be closed at the end."""

    def announce(text: str) -> None:
        console.print(Text(text, "bold yellow"), soft_wrap=True)

    folders = Folders((wish.home or batuta_home()).expanduser().absolute())
    settings = load_settings(wish.config, folders.home, {"operation_mode": wish.mode} if wish.mode else {})
    secrets = load_secrets(folders.home, settings.api)
    set_up_logs(settings.logging, folders.home, secrets, debug=wish.debug)
    clock = SystemClock()
    lease = held.enter_context(held_account(settings, secrets))
    if lease is not None:
        await take(lease, folders.home, clock, take_over=wish.take_over)
    venues = held.enter_context(open_venues(settings, secrets, folders, clock))
    await admit(venues[0], market_kinds(settings))
    return _Set(settings, secrets, App(settings, folders, venues, clock, announce=announce), lease)


async def _run(prepared: _Set, stop: asyncio.Event) -> int:
    settings, secrets, app, lease = prepared
    await app.start(chosen_platforms(app, settings, secrets, interactive=sys.stdin.isatty()))
    stopping = asyncio.create_task(stop.wait())
    failing = asyncio.create_task(app.runner.wait())
    settling = asyncio.create_task(_settle(app))
    keeping = asyncio.create_task(_keep(lease, app, stop))
    await asyncio.wait({stopping, failing}, return_when=asyncio.FIRST_COMPLETED)
    failed = failing.done() and failing.exception() is not None
    if failed and (cause := failing.exception()) is not None:
        await app.say_last_words(cause)
    for task in (stopping, settling, keeping):
        task.cancel()
    await app.stop()
    await asyncio.gather(stopping, failing, settling, keeping, return_exceptions=True)
    log.info("stopped", failed=failed)
    return BROKEN if failed else 0


async def _keep(lease: Lease | None, app: App, stop: asyncio.Event) -> None:
    if lease is not None:
        await keep(lease, app.clock, app.settings.scheduler.heartbeat_seconds, stop)


async def _settle(app: App) -> None:
    await app.ready.wait()
    # What the start has made stays for good; a collection that walked it would hold everything up for 0.1 s.
    gc.freeze()
