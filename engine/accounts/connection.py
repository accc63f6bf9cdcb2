"""Keeping every account connected: one that cannot be reached is tried again for ever and stops none of the others."""

from __future__ import annotations

import asyncio

import structlog

from data.events import Reconciled
from engine.accounts.account import Account
from engine.accounts.reconcile import differs_anew
from engine.accounts.upkeep import reconcile_account
from engine.exchanges.base import ExchangeUnavailable
from engine.runner import Runner

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two attempts to reach an exchange: doubled each time, up to the longest."""

log = structlog.get_logger(__name__)


async def reach_first(runner: Runner) -> tuple[Reconciled, ...]:
    """Try every account until at least one is reached, and return what comparing the books there brought."""
    pause = FIRST_PAUSE
    while True:
        rounds = await asyncio.gather(*(_reach(runner, account) for account in runner.accounts.values()))
        if any(reports is not None for reports in rounds):
            return tuple(report for reports in rounds for report in reports or ())
        pause = await _pause(runner, pause)


async def attend(runner: Runner, account: Account) -> None:
    """Compare the books of an account soon after each interruption, again and again until it answers; never return."""
    pause = FIRST_PAUSE
    while True:
        await account.interrupted.wait()
        account.interrupted.clear()
        reached = await _reach(runner, account) is not None
        if reached and not account.unanswered and not differs_anew(account, runner.clock.now()):
            pause = FIRST_PAUSE
        else:
            pause = await _pause(runner, pause)


async def _reach(runner: Runner, account: Account) -> tuple[Reconciled, ...] | None:
    """Connect an account that is not, and compare its books; return None when it does not answer."""
    try:
        if not account.opened:
            await runner.connect(account.mode)
        return await reconcile_account(runner, account)
    except ExchangeUnavailable as error:
        log.warning("exchange_unavailable", account=account.name, reason=str(error))
    except Exception:
        # Without a connection nothing trades and no exit is watched; giving up in silence would be the worst.
        log.exception("connecting_broke_off", account=account.name)
    account.interrupted.set()
    return None


async def _pause(runner: Runner, seconds: float) -> float:
    await runner.clock.sleep(seconds)
    return min(seconds * 2, LONGEST_PAUSE)
