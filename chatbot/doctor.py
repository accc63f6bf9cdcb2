"""`batuta doctor`: what is configured, reachable and allowed, how far clocks differ, where packages came from."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import platform as machine
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chatbot.folders import Folders
from chatbot.heartbeat import Heartbeat
from chatbot.venues import REPLAYED, SIMULATED, ModeUnavailable, live_venue, market_kinds
from commands.findings import name, said
from config.language import _
from config.load import load_settings
from config.paths import batuta_home, settings_file
from config.problems import ConfigError
from config.schema import Settings
from config.secrets import Secrets, load_secrets
from data.database import Database, StorageError, StorageLocked
from data.journal import Journal
from data.values import Mode
from engine.accounts.checkup import examine_clock, examine_key, examine_market, refused_key
from engine.accounts.findings import Finding as Found
from engine.accounts.findings import Grade
from engine.clock import Clock, SystemClock
from engine.exchanges.base import Exchange, ExchangeUnavailable
from engine.exchanges.faults import Unauthorised
from engine.recording import ReplayDiverged
from engine.risk import RiskLimits
from engine.runner import load_engine
from engine.state import Bot

OURS = ("chatbot", "commands", "config", "data", "engine", "scheduler")
LIBRARIES = ("python-telegram-bot", "discord.py", "APScheduler", "ccxt", "ollama", "matplotlib", "msgspec", "pydantic")
STALE_BEATS = 3
"""Heartbeats missed before an engine counts as dead."""
_PATIENCE = 10.0


class Finding(msgspec.Struct, frozen=True):
    """One line of the examination; ``ok`` None means neither good nor bad."""

    what: str
    result: str
    ok: bool | None = None


def healthy(home: Path | None) -> int:
    """Return 0 when a running engine left a sign of life lately, else 1."""
    try:
        folders = Folders((home or batuta_home()).expanduser().absolute())
        settings = load_settings(home=folders.home)
    except (ConfigError, OSError):
        return 1
    within = settings.scheduler.heartbeat_seconds * STALE_BEATS * 1000
    return 0 if Heartbeat(folders.heartbeat).alive(SystemClock().now(), within) else 1


async def examine(*, config: Path | None, home: Path | None) -> int:
    """Print the examination and return 0 when nothing is wrong, 1 otherwise."""
    console = Console()
    try:
        folders = Folders((home or batuta_home()).expanduser().absolute())
        settings = load_settings(config, folders.home)
        secrets = load_secrets(folders.home, settings.api)
    except (ConfigError, OSError) as error:
        told = Text.assemble((_("The settings cannot be used."), "bold red"), f"\n{error}")
        console.print(told, soft_wrap=True)
        return 1
    findings = [
        *_configured(settings, secrets, config or settings_file(folders.home)),
        *_stored(folders, settings),
        *await _exchange(settings, secrets, folders),
        *await _chats(settings, secrets),
        *await _model(settings),
        *_packages(),
    ]
    _print(console, findings)
    return 1 if any(finding.ok is False for finding in findings) else 0


def _configured(settings: Settings, secrets: Secrets, file: Path) -> Iterable[Finding]:
    yield Finding(_("Settings"), str(file) if file.exists() else _("defaults ({file} is not there)").format(file=file))
    yield Finding(_("Mode"), settings.operation_mode)
    yield Finding(_("Exchange"), settings.exchange.name)
    given = sorted(each for each, value in secrets if value is not None)
    yield Finding(_("Secrets given"), ", ".join(given) or _("none (none are needed for shadow mode)"))


def _stored(folders: Folders, settings: Settings) -> Iterable[Finding]:
    yield Finding(_("Home"), str(folders.home))
    file = folders.books(Mode(settings.operation_mode))
    if not file.exists():
        yield Finding(_("Journal"), _("empty: the engine has not run here yet"))
        return
    try:
        database = Database(file)
    except StorageLocked as error:
        yield Finding(_("Journal"), _("in use by the running engine, process {pid}").format(pid=error.pid), True)
        return
    except StorageError as error:
        yield Finding(_("Journal"), str(error), False)
        return
    try:
        count = Journal(database).verify()
        yield Finding(_("Journal"), _("{count} entries, chain of digests intact").format(count=count), True)
    except StorageError as error:
        yield Finding(_("Journal"), str(error), False)
    finally:
        database.close()


async def _exchange(settings: Settings, secrets: Secrets, folders: Folders) -> list[Finding]:
    if settings.exchange.name == SIMULATED:
        return [Finding(_("Exchange answers"), _("yes: it is simulated"), True)]
    if settings.exchange.name == REPLAYED:
        return [_recording(settings, folders)]
    try:
        venue = _venue(settings, secrets, SystemClock())
    except ModeUnavailable as error:
        return [Finding(_("Exchange answers"), str(error), False)]
    try:
        async with asyncio.timeout(_PATIENCE):
            await venue.open(lambda _event: None)
            count = len(await venue.markets())
            found = await _checkup(venue, settings, folders)
    except Unauthorised as error:
        return [_told(refused_key(venue, error))]
    except (ExchangeUnavailable, TimeoutError) as error:
        return [Finding(_("Exchange answers"), _("no: {reason}").format(reason=str(error) or _("timed out")), False)]
    finally:
        await venue.close()
    return [Finding(_("Exchange answers"), _("yes, {count} markets").format(count=count), True), *found]


async def _checkup(venue: Exchange, settings: Settings, folders: Folders) -> list[Finding]:
    found = await examine_key(venue, market_kinds(settings))
    found.append(await examine_clock(venue, settings.risk_management.max_clock_skew_milliseconds))
    for bot in _bots_of(folders, venue.mode):
        found += await examine_market(bot, venue)
    return list(map(_told, found))


def _told(found: Found) -> Finding:
    good = {Grade.GOOD: True, Grade.WARNING: None, Grade.BAD: False}
    return Finding(name(found.check), said(found), good[found.grade])


def _bots_of(folders: Folders, mode: Mode) -> list[Bot]:
    """Return the bots of an engine that does not run; one that does examines its own, by `/doctor`."""
    file = folders.books(mode)
    if not file.exists():
        return []
    try:
        database = Database(file)
    except StorageError:
        return []
    try:
        state = load_engine(Journal(database), RiskLimits()).state
    except (StorageError, ReplayDiverged):
        return []
    finally:
        database.close()
    return [bot for bot in state.active_bots() if bot.spec.mode is mode]


def _recording(settings: Settings, folders: Folders) -> Finding:
    from chatbot.recording import RecordingUnusable, read_recording

    try:
        market, candles = read_recording(settings, folders)
    except RecordingUnusable as error:
        return Finding(_("Exchange answers"), str(error), False)
    words = _("yes: {count} recorded bars of {symbol}").format(count=len(candles), symbol=market.symbol)
    return Finding(_("Exchange answers"), words, True)


def _venue(settings: Settings, secrets: Secrets, clock: Clock) -> Exchange:
    if settings.operation_mode != "shadow":
        return live_venue(settings, secrets, clock)
    # Without a store: looking must not touch the account of a running engine.
    from engine.exchanges.paper import PaperExchange

    return PaperExchange(
        clock=clock,
        balances={},
        exchange=settings.exchange.name,
        urls={key: str(value) for key, value in settings.exchange.urls.items()},
    )


async def _chats(settings: Settings, secrets: Secrets) -> list[Finding]:
    token = secrets.telegram_bot_token
    findings = []
    if settings.chat.telegram.is_on(token) and token is not None:
        from chatbot.platforms.telegram import probe

        findings.append(Finding("Telegram", *await probe(settings, token)))
    else:
        findings.append(Finding("Telegram", _("off: set TELEGRAM_BOT_TOKEN to use it")))
    on = settings.chat.discord.is_on(secrets.discord_bot_token)
    findings.append(Finding("Discord", _("on") if on else _("off: set DISCORD_BOT_TOKEN to use it")))
    return findings


async def _model(settings: Settings) -> list[Finding]:
    ai = settings.ai_agent
    if not ai.enabled:
        return [Finding("Ollama", _("off: set ai_agent.enabled to use it"))]
    from engine.explain.model import reachable

    ok, words = await reachable(str(ai.base_url), ai.model.model_name or "", _PATIENCE)
    return [Finding("Ollama", words, ok)]


def _packages() -> Iterable[Finding]:
    yield Finding("Python", f"{machine.python_version()} ({sys.executable})")
    for package in OURS:
        spec = importlib.util.find_spec(package)
        found = spec.origin if spec else None
        yield Finding(package, found or _("missing"), None if found else False)
    for package in LIBRARIES:
        try:
            where = importlib.metadata.distribution(package)
            yield Finding(package, f"{where.version} ({where.locate_file('')})")
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, _("missing"), False)


def _print(console: Console, findings: Iterable[Finding]) -> None:
    table = Table(show_header=False, box=None)
    signs = {True: "[green]✔[/]", False: "[red]✘[/]", None: " "}
    for finding in findings:
        table.add_row(signs[finding.ok], Text(finding.what), Text(finding.result))
    console.print(table)
