"""`batuta run`: the long-running engine."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import structlog
from rich.console import Console
from rich.text import Text

from chatbot.app import App
from chatbot.choice import chosen_platforms
from chatbot.folders import Folders
from chatbot.venues import ModeUnavailable, open_venue
from config.language import _
from config.load import load_settings
from config.logs import set_up_logs
from config.paths import batuta_home
from config.problems import ConfigError
from config.schema import Settings
from config.secrets import Secrets, load_secrets
from data.database import StorageError
from engine.clock import SystemClock
from engine.recording import ReplayDiverged

REFUSED, BROKEN = 2, 1
"""Exit codes: the settings cannot be used; the engine ended by itself."""

log = structlog.get_logger(__name__)


async def serve(*, mode: str | None, config: Path | None, debug: bool, home: Path | None) -> int:
    """Run until SIGINT or SIGTERM and return the exit code. Problems with the set-up are printed, not raised."""
    console = Console(stderr=True)
    with ExitStack() as held:
        try:
            settings, secrets, app = _prepared(mode, config, debug, home, console, held)
        except (ConfigError, ModeUnavailable, StorageError, OSError, ReplayDiverged) as error:
            # Paths and names may hold brackets, which are no markup here; a line is never broken within a path.
            console.print(Text.assemble((_("Batuta did not start."), "bold red"), f" {error}"), soft_wrap=True)
            return REFUSED
        return await _run(app, settings, secrets)


def _prepared(
    mode: str | None, config: Path | None, debug: bool, home: Path | None, console: Console, held: ExitStack
) -> tuple[Settings, Secrets, App]:
    """Return everything read and made; ``held`` keeps what must be closed at the end."""

    def announce(text: str) -> None:
        console.print(Text(text, "bold yellow"), soft_wrap=True)

    folders = Folders((home or batuta_home()).expanduser().absolute())
    settings = load_settings(config, folders.home, {"operation_mode": mode} if mode else {})
    secrets = load_secrets(folders.home, settings.api)
    set_up_logs(settings.logging, folders.home, secrets, debug=debug)
    clock = SystemClock()
    venue = held.enter_context(open_venue(settings, folders, clock))
    return settings, secrets, App(settings, folders, venue, clock, announce=announce)


async def _run(app: App, settings: Settings, secrets: Secrets) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    await app.start(chosen_platforms(app, settings, secrets, interactive=sys.stdin.isatty()))
    stopping = asyncio.create_task(stop.wait())
    failing = asyncio.create_task(app.runner.wait())
    settling = asyncio.create_task(_settle(app))
    await asyncio.wait({stopping, failing}, return_when=asyncio.FIRST_COMPLETED)
    failed = failing.done() and failing.exception() is not None
    if failed and (cause := failing.exception()) is not None:
        await app.say_last_words(cause)
    for task in (stopping, settling):
        task.cancel()
    await app.stop()
    await asyncio.gather(stopping, failing, settling, return_exceptions=True)
    log.info("stopped", failed=failed)
    return BROKEN if failed else 0


async def _settle(app: App) -> None:
    await app.ready.wait()
    # What the start has made stays for good; a collection that walked it would hold everything up for 0.1 s.
    gc.freeze()
