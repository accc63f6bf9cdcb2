"""An engine holds its account while it runs, ends when another asks for it, and waits no longer than it says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from chatbot.tenancy import TAKE_OVER_SECONDS, held_account, keep, take
from config.schema import Settings
from config.secrets import Secrets
from data.lease import AccountInUse, Lease, account_digest
from engine.clock import ManualClock

SECRETS = Secrets(binance_api_key=SecretStr("k"), binance_api_secret=SecretStr("s"))
ACCOUNT = account_digest("binance", "k")


@pytest.fixture(autouse=True)
def _leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATUTA_LEASES", str(tmp_path / "leases"))


def of(folder: Path) -> Lease:
    return Lease(folder / "leases", ACCOUNT)


async def test_real_money_needs_the_account_and_simulated_money_needs_none(tmp_path: Path) -> None:
    with held_account(Settings(), SECRETS) as nothing:
        assert nothing is None
    settings = Settings.model_validate({"operation_mode": "production"})
    with held_account(settings, SECRETS) as lease:
        assert lease is not None
        await take(lease, tmp_path, ManualClock(5), take_over=False)
        with pytest.raises(AccountInUse):
            await take(of(tmp_path), tmp_path, ManualClock(5), take_over=False)
    of(tmp_path).take(tmp_path, 6)


async def test_whoever_asks_gets_the_account_once_the_other_has_ended(tmp_path: Path) -> None:
    first, second, clock = of(tmp_path), of(tmp_path), ManualClock(0)
    first.take(tmp_path / "one", 0)
    asked = asyncio.Event()
    keeping = asyncio.create_task(keep(first, clock, 10, asked))
    taking = asyncio.create_task(take(second, tmp_path / "two", clock, take_over=True))
    while not asked.is_set():
        clock.advance(250)
        await asyncio.sleep(0)
    await keeping
    assert not taking.done()
    first.release()
    while not taking.done():
        clock.advance(250)
        await asyncio.sleep(0)
    assert second.keep(clock.now())
    second.release()


async def test_who_does_not_end_in_time_keeps_it(tmp_path: Path) -> None:
    first, clock = of(tmp_path), ManualClock(0)
    first.take(tmp_path / "one", 0)
    taking = asyncio.create_task(take(of(tmp_path), tmp_path / "two", clock, take_over=True))
    for _ in range(round(TAKE_OVER_SECONDS * 4) + 4):
        await asyncio.sleep(0)
        clock.advance(250)
    with pytest.raises(AccountInUse, match="home .*one"):
        await taking
    first.release()


async def test_a_disk_that_cannot_be_written_takes_the_sign_of_life_and_not_the_account(tmp_path: Path) -> None:
    class Unwritable(Lease):
        """Cannot be marked until it is mended."""

        broken = True

        def keep(self, now: int) -> bool:
            """Fail once."""
            if self.broken:
                self.broken = False
                raise OSError("no space left")
            return super().keep(now)

    lease, clock, asked = Unwritable(tmp_path / "leases", ACCOUNT), ManualClock(0), asyncio.Event()
    lease.take(tmp_path, 0)
    lease.ask()
    keeping = asyncio.create_task(keep(lease, clock, 10, asked))
    await asyncio.sleep(0)
    assert not asked.is_set()
    clock.advance(10_000)
    await keeping
    assert asked.is_set()
    lease.release()
