"""Choosing the exchange adapter that the settings ask for."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatbot.folders import Folders
from config.schema import Settings
from data.accounts import AccountStore
from data.database import Database
from data.market import Fees
from data.values import ONE
from engine.clock import Clock
from engine.exchanges.base import Exchange

SIMULATED, REPLAYED = "simulated", "replayed"
_BASIS_POINTS = 10_000


class ModeUnavailable(Exception):
    """The mode asked for cannot be had with this version; the message says what can."""


@contextmanager
def open_venue(settings: Settings, folders: Folders, clock: Clock, seed: int = 1) -> Iterator[Exchange]:
    """Lend the adapter for the settings, with its account kept in ``folders``.

    Raises ``ModeUnavailable``, and ``StorageError`` when another engine has the account or its file is bad.
    """
    if settings.operation_mode != "shadow":
        raise ModeUnavailable(
            f"operation_mode: {settings.operation_mode} cannot be run by this version; accepted: shadow"
        )
    _check_name(settings.exchange.name)
    database = Database(folders.account(settings.exchange.name))
    try:
        yield _adapter(settings, folders, clock, AccountStore(database), seed)
    finally:
        database.close()


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
