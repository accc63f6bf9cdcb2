"""Holding an exchange account for one engine: taken at the start, kept while it runs, handed over when asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from config.paths import leases
from config.schema import Settings
from config.secrets import Secrets
from data.lease import AccountInUse, Lease, account_digest
from data.values import Mode
from engine.clock import Clock

TAKE_OVER_SECONDS = 60.0
"""How long another engine gets to end."""
_LOOK_SECONDS = 0.25

log = structlog.get_logger(__name__)


@contextmanager
def held_account(settings: Settings, secrets: Secrets) -> Iterator[Lease | None]:
    """Lend the lease of the account the settings trade, not taken yet; None where no key is used."""
    key = secrets.api(Mode(settings.operation_mode))[0]
    if key is None:
        yield None
        return
    lease = Lease(leases(), account_digest(settings.exchange.name, key))
    try:
        yield lease
    finally:
        lease.release()


async def take(lease: Lease, home: Path, clock: Clock, *, take_over: bool) -> None:
    """Take a lease; with ``take_over`` ask its holder to end and wait. Raises ``AccountInUse``."""
    try:
        lease.take(home, clock.now())
    except AccountInUse as error:
        if not take_over:
            raise
        log.warning("account_asked_for", holder=error.holder.home if error.holder else "unknown")
        await _wait_for(lease, home, clock)


async def _wait_for(lease: Lease, home: Path, clock: Clock) -> None:
    lease.ask()
    until = clock.now() + round(TAKE_OVER_SECONDS * 1000)
    while True:
        await clock.sleep(_LOOK_SECONDS)
        try:
            return lease.take(home, clock.now())
        except AccountInUse:
            if clock.now() >= until:
                raise


async def keep(lease: Lease, clock: Clock, seconds: float, asked: asyncio.Event) -> None:
    """Say every few seconds that the holder is alive; set ``asked`` once somebody wants the account, and return."""
    while not _wanted(lease, clock):
        await clock.sleep(seconds)
    log.warning("account_handed_over")
    asked.set()


def _wanted(lease: Lease, clock: Clock) -> bool:
    try:
        return not lease.keep(clock.now())
    except OSError as error:
        # A full disk takes the sign of life, not the account: the lock is the system's.
        log.warning("account_not_marked", reason=str(error))
        return False
