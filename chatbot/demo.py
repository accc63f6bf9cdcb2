"""`batuta demo`: a whole engine in shadow mode on an invented market, with the console as the chat."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sys
from collections.abc import Awaitable, Sequence
from pathlib import Path

import msgspec

from chatbot.app import App
from chatbot.choice import chosen_platforms
from chatbot.folders import Folders
from chatbot.platforms.console.platform import IDENTITY, ConsolePlatform
from chatbot.platforms.console.screen import Screen
from chatbot.venues import SIMULATED, open_venues
from commands.context import Person
from commands.registry import Role
from commands.reply import Chart, Failure, Proposal, Reply
from config.language import _
from config.load import load_settings
from config.logs import set_up_logs
from config.paths import batuta_home
from config.schema import Settings
from config.secrets import Secrets
from data.database import Database, StorageError, StorageLocked
from data.values import Millis
from engine.clock import ScaledClock, Stopwatch, SystemClock

REFUSED = 2
"""Exit code when another demo runs in the same home."""

FILLS = 12
"""Fills the built-in conversation waits for."""

BY_HAND, BY_ITSELF = 60.0, 1800.0
"""Simulated seconds per real second, unless told otherwise: a person reads, the built-in conversation need not."""

ATTEMPTS = 10
LOOK_SECONDS = 0.05
"""Real seconds between two looks at what the engine has done."""
SYMBOL = "SOL/USDT"
"""The liveliest of the invented markets: its fills come soonest."""

_DAY: Millis = 86_400_000
_CODE = re.compile(r"/pair (\d+)")


class DemoFailed(Exception):
    """The built-in conversation did not get the answer it expected."""


async def run_demo(*, seed: int, speed: float | None, minutes: float, home: Path | None) -> int:
    """Run the demo and return its exit code: typed by a person at a terminal, by itself otherwise.

    Charts go to the folder ``charts`` of the home. Everything else goes to its folder ``demo``, where it stays to be
    looked at until the next demo, which starts afresh.
    """
    interactive = sys.stdin.isatty()
    speed = speed or (BY_HAND if interactive else BY_ITSELF)
    root, screen, codes = Folders((home or batuta_home()).expanduser().absolute()), Screen(), list[str]()

    def announce(text: str) -> None:
        codes.extend(_CODE.findall(text))
        screen.say(text, "bold yellow")

    try:
        folders = _empty(root.home / "demo")
    except StorageLocked as error:
        screen.say(str(error), "bold red")
        return REFUSED
    settings = demo_settings(folders.home, speed)
    set_up_logs(settings.logging, folders.home, Secrets())
    # A whole day: the invented market has a past to draw, and midnight is far.
    clock = ScaledClock(SystemClock().now() // _DAY * _DAY, speed)
    with open_venues(settings, Secrets(), folders, clock, seed) as venues:
        app = App(settings, folders, venues, clock, announce=announce, speed=speed)
        try:
            if interactive:
                return await _by_hand(app, settings, root.charts)
            console = ConsolePlatform(
                audience=app.audience, pictures=app.renderer, clock=clock, charts=root.charts, screen=screen
            )
            return await _by_itself(app, console, screen, codes, minutes)
        finally:
            await app.stop()
            screen.say(_("The journal of this demo: {file}").format(file=folders.database), "dim")


def _empty(folder: Path) -> Folders:
    """Return the folder of the demo without what an earlier one left. Raises ``StorageLocked`` while one runs there."""
    left = Folders(folder)
    if left.database.exists():
        try:
            Database(left.database).close()
        except StorageLocked:
            raise
        except StorageError:
            # Damaged or of another version: it goes all the same.
            pass
    shutil.rmtree(folder)
    return Folders(folder)


def demo_settings(home: Path, speed: float) -> Settings:
    """Return the defaults with the simulated exchange; what is meant in real seconds is stretched by ``speed``."""
    plain = Settings()
    return load_settings(
        home=home,
        overrides={
            "operation_mode": "shadow",
            "exchange.name": SIMULATED,
            "chat.plan_expiry_seconds": plain.chat.plan_expiry_seconds * speed,
            "chat.max_age_seconds": plain.chat.max_age_seconds * speed,
            "chat.price_tolerance_perc": "5",
            "risk_management.stale_data_seconds": plain.risk_management.stale_data_seconds * speed,
            "paper.latency_ms": 0,
            "logging.log_to_console": False,
        },
    )


async def _by_hand(app: App, settings: Settings, charts: Path) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    # Nothing here is worth a pairing code, and whoever sits at the terminal could read it anyway.
    app.people.put(Person(id=IDENTITY, name=_("Console"), role=Role.OWNER))
    await app.start(chosen_platforms(app, settings, Secrets(), interactive=True, charts=charts))
    await stop.wait()
    return 0


async def _by_itself(app: App, console: ConsolePlatform, screen: Screen, codes: Sequence[str], minutes: float) -> int:
    watch = Stopwatch()
    await app.start([console])
    await app.ready.wait()
    try:
        await _converse(app, console, codes, screen, watch, minutes * 60)
    except DemoFailed as error:
        screen.say(str(error), "bold red")
        return 1
    return 0


async def _converse(
    app: App, console: ConsolePlatform, codes: Sequence[str], screen: Screen, watch: Stopwatch, seconds: float
) -> None:
    await _expect(console.say("/status"), silent=True)
    await _expect(console.say(f"/pair {codes[-1]}"))
    await _expect(console.say("/markets"))
    await _expect(console.say(f"/grid {SYMBOL}"))
    await _expect(console.choose(_("Narrow")))
    await _confirm(console, await _expect(console.choose("5000")))
    await _watch_fills(app, screen, watch, seconds)
    for line in ("/bots", "/trades 1", "/pnl 1", f"/chart {SYMBOL}", "/why"):
        replies = await _expect(console.say(line))
        if line.startswith(("/pnl", "/chart")) and not any(isinstance(reply, Chart) for reply in replies):
            raise DemoFailed(_("No chart came."))
    await _expect(console.say("/tp 1 banana"), refused=True)
    await _confirm(console, await _expect(console.say("/stop 1 sell")))
    while any(view.status.active for view in app.desk.bots()):
        if watch.seconds() > seconds:
            raise DemoFailed(_("The bot did not stop in time."))
        await SystemClock().sleep(LOOK_SECONDS)
    await _expect(console.say("/bots"))


async def _confirm(console: ConsolePlatform, replies: Sequence[Reply]) -> None:
    # Half an hour passes every second: a plan may be out of date when it is confirmed, and is shown again.
    for _attempt in range(ATTEMPTS):
        plan = next((reply for reply in replies if isinstance(reply, Proposal)), None)
        if plan is None:
            return
        replies = await _expect(console.choose(plan.confirm.label))
    raise DemoFailed(_("The market moved too fast to confirm a plan."))


async def _watch_fills(app: App, screen: Screen, watch: Stopwatch, seconds: float) -> None:
    screen.say(_("… watching the market …"), "dim")
    while len(app.desk.fills(None, FILLS)) < FILLS:
        if watch.seconds() > seconds:
            raise DemoFailed(_("Too few fills in the time given: try --minutes, --speed or another --seed."))
        await SystemClock().sleep(LOOK_SECONDS)
    await app.scheduler.run("equity_snapshot")


async def _expect(
    answer: Awaitable[tuple[Reply, ...]], *, refused: bool = False, silent: bool = False
) -> tuple[Reply, ...]:
    replies = await answer
    if silent and not replies:
        return replies
    if not replies or (any(isinstance(reply, Failure) for reply in replies) != refused):
        raise DemoFailed(
            _("An answer was not what it should be: {replies}").format(replies=msgspec.to_builtins(replies))
        )
    return replies
