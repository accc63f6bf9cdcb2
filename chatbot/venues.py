"""Choosing the exchange adapters that the settings ask for, with the keys that belong to them."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from chatbot.folders import Folders
from commands.findings import said
from config.schema import Settings
from config.secrets import Secrets
from data.accounts import AccountStore
from data.database import Database
from data.market import Fees, MarketKind
from data.values import ONE, Mode
from engine.accounts.checkup import examine_key, refused_key
from engine.accounts.findings import Check, Grade
from engine.clock import Clock
from engine.exchanges.base import Exchange, ExchangeUnavailable, Told
from engine.exchanges.faults import Unauthorised

SIMULATED, REPLAYED = "simulated", "replayed"
_BASIS_POINTS = 10_000


class ModeUnavailable(Exception):
    """The mode asked for cannot be had with this version; the message says what can."""


@contextmanager
def open_venues(
    settings: Settings, secrets: Secrets, folders: Folders, clock: Clock, seed: int = 1
) -> Iterator[tuple[Exchange, ...]]:
    """Lend one adapter for each mode the settings let trade, with simulated accounts kept in ``folders``.

    People see the markets of the first. Beside real money there is always a shadow account, for bots on trial.
    Raises ``ModeUnavailable``, and ``StorageError`` when another engine has an account or its file is bad.
    """
    mode = Mode(settings.operation_mode)
    _check_name(settings.exchange.name)
    live = () if mode is Mode.SHADOW else (live_venue(settings, secrets, clock),)
    if mode is Mode.TESTNET:
        # Prices of the test environment are its own; nothing simulated on real ones would mean anything beside them.
        yield live
        return
    database = Database(folders.account(settings.exchange.name))
    try:
        yield (*live, _adapter(settings, folders, clock, AccountStore(database), seed))
    finally:
        database.close()


def credentials(settings: Settings, secrets: Secrets, mode: Mode) -> tuple[str, str]:
    """Return key and secret of a mode. Raises ``ModeUnavailable`` when they are missing or belong to another mode."""
    key, secret = secrets.api(mode)
    names = (settings.api.key, settings.api.secret)
    if mode is Mode.TESTNET:
        names = (settings.api.testnet_key, settings.api.testnet_secret)
    if not key or not secret:
        wanted = " and ".join(name.strip("${}") for name in names)
        raise ModeUnavailable(f"operation_mode: {mode} needs an exchange key; accepted: {wanted} in the environment")
    if key in (secrets.api(other)[0] for other in Mode if other is not mode):
        raise ModeUnavailable(
            f"{names[0].strip('${}')}: the same key is given for production and testnet; accepted: a key of {mode} "
            f"here, and another one or none for the other mode"
        )
    return key, secret


async def admit(exchange: Exchange, kinds: Collection[MarketKind]) -> None:
    """Refuse an account whose key does not belong to its mode, or could take money away. Raises ``ModeUnavailable``.

    An exchange that cannot be asked now is asked again once it answers, and before anything is armed.
    """
    if exchange.mode is Mode.SHADOW:
        return
    try:
        await exchange.open(_ignore)
        findings = await examine_key(exchange, kinds)
    except Unauthorised as error:
        findings = [refused_key(exchange, error)]
    except ExchangeUnavailable:
        findings = []
    finally:
        await exchange.close()
    for finding in findings:
        known = "unknown" not in finding.facts
        if finding.grade is Grade.BAD and known and finding.check in (Check.KEY, Check.WITHDRAWAL):
            raise ModeUnavailable(f"operation_mode: {exchange.mode}: {said(finding)}")


def _ignore(_event: Told) -> None:
    """Nobody listens yet."""


def market_kinds(settings: Settings) -> frozenset[MarketKind]:
    """Return which kinds of market may be traded."""
    kinds = {"spot": MarketKind.SPOT, "futures": MarketKind.PERPETUAL}
    return frozenset(kinds[name] for name in settings.exchange.supported_markets)


def live_venue(settings: Settings, secrets: Secrets, clock: Clock) -> Exchange:
    """Return the adapter for real or test money. Raises ``ModeUnavailable``."""
    exchange, mode = settings.exchange, Mode(settings.operation_mode)
    if exchange.name in (SIMULATED, REPLAYED):
        why = f"{mode} cannot trade the {exchange.name} exchange"
        raise ModeUnavailable(f"operation_mode: {why}; accepted: shadow, or a real exchange.name")
    key, secret = credentials(settings, secrets, mode)
    from engine.exchanges.ccxt_live import CcxtExchange

    return CcxtExchange(
        clock=clock,
        mode=mode,
        exchange=exchange.name,
        key=key,
        secret=secret,
        kinds=market_kinds(settings),
        urls={name: str(value) for name, value in exchange.urls.items()},
        timeout_seconds=int(exchange.request_timeout_seconds),
        order_socket=exchange.order_socket,
    )


def _check_name(name: str) -> None:
    # Its import takes half a second; what it can do is seen from its files, too.
    ccxt = importlib.util.find_spec("ccxt")
    pro = Path(ccxt.origin or "").parent / "pro" if ccxt is not None else Path()
    known = {file.stem for file in pro.glob("[a-z]*.py")}
    if name not in (SIMULATED, REPLAYED) and name not in known:
        near = ", ".join(difflib.get_close_matches(name, known)) or "binance, kraken, okx, …"
        raise ModeUnavailable(f"exchange.name: {name!r} is not known; accepted: {near}, or {SIMULATED}, {REPLAYED}")


def _adapter(settings: Settings, folders: Folders, clock: Clock, store: AccountStore, seed: int) -> Exchange:
    name, paper = settings.exchange.name, settings.paper
    slippage = paper.slippage_bps / _BASIS_POINTS
    if name == SIMULATED:
        from engine.exchanges.simulated import SimulatedExchange

        return SimulatedExchange(
            clock=clock,
            balances=paper.initial_balances,
            margin=paper.initial_futures_balances,
            kinds=market_kinds(settings),
            seed=seed,
            store=store,
            haircut=paper.maker_queue_haircut,
            slippage=slippage,
            latency=paper.latency_ms,
        )
    if name == REPLAYED:
        from chatbot.recording import RecordingUnusable, open_recording

        try:
            return open_recording(settings, folders, clock, store)
        except RecordingUnusable as error:
            raise ModeUnavailable(str(error)) from error
    from engine.exchanges.paper import PaperExchange

    return PaperExchange(
        clock=clock,
        balances=paper.initial_balances,
        margin=paper.initial_futures_balances,
        kinds=market_kinds(settings),
        exchange=name,
        store=store,
        haircut=paper.maker_queue_haircut,
        slippage=slippage,
        latency=paper.latency_ms,
        fees=Fees(maker=paper.fees.maker * ONE, taker=paper.fees.taker * ONE),
        urls={key: str(value) for key, value in settings.exchange.urls.items()},
        timeout_seconds=int(settings.exchange.request_timeout_seconds),
        poll_seconds=settings.scheduler.price_poll_seconds,
    )
