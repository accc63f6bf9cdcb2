"""Which exchanges are opened, and what is refused before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from chatbot.folders import Folders
from chatbot.venues import ModeUnavailable, admit, credentials, market_kinds, open_venues
from config.schema import Settings
from config.secrets import Secrets
from data.market import MarketKind
from data.values import Mode
from engine.clock import ManualClock
from engine.exchanges.base import Emit, ExchangeUnavailable, Rights
from engine.exchanges.faults import Unauthorised
from tests.engine.fake_exchange import FakeExchange

REAL = Secrets(binance_api_key=SecretStr("real"), binance_api_secret=SecretStr("r"))
TEST = Secrets(binance_testnet_api_key=SecretStr("test"), binance_testnet_api_secret=SecretStr("t"))
SAME = Secrets(
    binance_api_key=SecretStr("one"),
    binance_api_secret=SecretStr("r"),
    binance_testnet_api_key=SecretStr("one"),
    binance_testnet_api_secret=SecretStr("t"),
)


def settings_of(mode: str, **exchange: object) -> Settings:
    return Settings.model_validate({"operation_mode": mode, "exchange": exchange})


@pytest.mark.parametrize(
    ("settings", "secrets", "words"),
    [
        (settings_of("shadow", name="binanse"), REAL, "'binanse' is not known; accepted: .*binance.*simulated"),
        (settings_of("production"), TEST, "production needs an exchange key; accepted: BINANCE_API_KEY and BINANCE_"),
        (settings_of("testnet"), REAL, "accepted: BINANCE_TESTNET_API_KEY and BINANCE_TESTNET_API_SECRET"),
        (settings_of("production"), SAME, "same key is given for production and testnet"),
        (settings_of("testnet"), SAME, "same key is given for production and testnet"),
        (settings_of("production", name="simulated"), REAL, "production cannot trade the simulated exchange"),
        (settings_of("testnet", name="replayed"), TEST, "testnet cannot trade the replayed exchange"),
    ],
)
def test_what_cannot_be_traded_is_said_and_leaves_no_trace(
    tmp_path: Path, settings: Settings, secrets: Secrets, words: str
) -> None:
    with pytest.raises(ModeUnavailable, match=words):
        with open_venues(settings, secrets, Folders(tmp_path), ManualClock(0)):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_known_exchange_is_opened_without_its_library(tmp_path: Path) -> None:
    with open_venues(Settings(), Secrets(), Folders(tmp_path), ManualClock(0)) as venues:
        assert [venue.name for venue in venues] == ["paper"]


@pytest.mark.parametrize(
    ("mode", "secrets", "modes"),
    [("testnet", TEST, [Mode.TESTNET]), ("production", REAL, [Mode.PRODUCTION, Mode.SHADOW])],
)
def test_real_money_always_has_a_shadow_beside_it(
    tmp_path: Path, mode: str, secrets: Secrets, modes: list[Mode]
) -> None:
    with open_venues(settings_of(mode), secrets, Folders(tmp_path), ManualClock(0)) as venues:
        assert [venue.mode for venue in venues] == modes


def test_each_mode_has_a_key_of_its_own() -> None:
    assert credentials(Settings(), REAL, Mode.PRODUCTION) == ("real", "r")
    assert credentials(Settings(), TEST, Mode.TESTNET) == ("test", "t")
    assert REAL.api("shadow") == (None, None)


def test_the_kinds_of_market_are_those_of_the_settings() -> None:
    assert market_kinds(Settings()) == {MarketKind.SPOT, MarketKind.PERPETUAL}
    assert market_kinds(settings_of("shadow", supported_markets=["spot"])) == {MarketKind.SPOT}


class Keyed(FakeExchange):
    """An account whose key answers as told."""

    def __init__(self, mode: Mode, answer: Rights | ExchangeUnavailable) -> None:
        super().__init__(ManualClock(0))
        self.mode, self.answer, self.closed = mode, answer, 0

    async def open(self, emit: Emit) -> None:
        """Fail where the key is not accepted at all."""
        if isinstance(self.answer, ExchangeUnavailable):
            raise self.answer

    async def close(self) -> None:
        """Count."""
        self.closed += 1

    async def rights(self) -> Rights | None:
        """Return what was told."""
        assert isinstance(self.answer, Rights)
        return self.answer


GOOD = Rights(spot=True, perpetual=True, withdraw=False, transfer=False, bound_to_address=True)
DANGEROUS = Rights(spot=True, perpetual=True, withdraw=True, transfer=False, bound_to_address=True)


@pytest.mark.parametrize(
    ("mode", "answer", "words"),
    [
        (Mode.PRODUCTION, GOOD, ""),
        (Mode.PRODUCTION, DANGEROUS, "production: the key may take money away"),
        (Mode.TESTNET, DANGEROUS, ""),
        (Mode.TESTNET, Unauthorised("Invalid API-key."), r"does not accept it for testnet \(Invalid API-key\)"),
        (Mode.PRODUCTION, ExchangeUnavailable("down"), ""),
    ],
)
async def test_a_key_is_looked_at_before_anything_starts(
    mode: Mode, answer: Rights | ExchangeUnavailable, words: str
) -> None:
    exchange = Keyed(mode, answer)
    if words:
        with pytest.raises(ModeUnavailable, match=words):
            await admit(exchange, market_kinds(Settings()))
    else:
        await admit(exchange, market_kinds(Settings()))
    assert exchange.closed == 1
    await admit(FakeExchange(ManualClock(0)), market_kinds(Settings()))
