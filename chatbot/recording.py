"""Opening a recorded market: the file of candles, the market it is of, and when it is played."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chatbot.folders import Folders
from config.schema import Settings
from data.accounts import AccountStore
from data.candles import CandleColumns, read_candles
from data.market import Fees, Market
from data.tables import TableFileError
from data.values import ONE, Millis
from engine.clock import Clock
from engine.exchanges.candle_market import ReplayMarket, bar_length, market_of
from engine.exchanges.replayed import ReplayedExchange


class RecordingUnusable(Exception):
    """The recorded candles cannot be played; the message names the setting, its value and what is accepted."""


class _Played(msgspec.Struct, frozen=True, kw_only=True):
    file: str
    first: Millis
    shift: Millis


def open_recording(settings: Settings, folders: Folders, clock: Clock, store: AccountStore | None) -> ReplayedExchange:
    """Return the exchange that plays ``exchange.candles``. Raises ``RecordingUnusable``.

    A clock within the recording's own time plays it there. Any other clock plays it from its beginning, which is
    remembered: the next start goes on where the recording then stands.
    """
    market, candles = read_recording(settings, folders)
    paper = settings.paper
    return ReplayedExchange(
        clock=clock,
        balances=paper.initial_balances,
        margin=paper.initial_futures_balances if market.perpetual else {},
        market=market,
        candles=candles,
        shift=_shift(folders, _file(settings, folders), candles, clock.now()),
        store=store,
        slippage=paper.slippage_bps / 10_000,
        latency=paper.latency_ms,
    )


def read_recording(settings: Settings, folders: Folders) -> tuple[Market, CandleColumns]:
    """Return the recorded market and its bars, at least one. Raises ``RecordingUnusable``."""
    file, symbol, paper = _file(settings, folders), settings.exchange.candles_symbol, settings.paper
    pair, _colon, settled = symbol.upper().partition(":")
    balances = paper.initial_futures_balances if settled else paper.initial_balances
    invested = balances.get(pair.partition("/")[2]) or settings.trading.capital_per_pair_usd or ONE
    try:
        candles = read_candles(file)
        if not candles.at:
            raise RecordingUnusable(f"exchange.candles: {file} has no bars; accepted: a file with at least one")
        market = market_of(symbol, candles, invested, ReplayMarket(fee=paper.fees.maker * ONE))
    except TableFileError as error:
        raise RecordingUnusable(f"exchange.candles: {error}") from error
    except ValueError as error:
        raise RecordingUnusable(f"exchange.candles_{error}") from error
    fees = Fees(maker=paper.fees.maker * ONE, taker=paper.fees.taker * ONE)
    return msgspec.structs.replace(market, fees=fees), candles


def _file(settings: Settings, folders: Folders) -> Path:
    if settings.exchange.candles is None:
        raise RecordingUnusable("exchange.candles: null; accepted: the path of a Parquet or CSV file of candles")
    return folders.home / Path(settings.exchange.candles).expanduser()


def _shift(folders: Folders, file: Path, candles: CandleColumns, now: Millis) -> Millis:
    first, length = candles.at[0], bar_length(candles.at)
    if first <= now < candles.at[-1] + length:
        return 0
    played = _remembered(folders.recording)
    if played is None or (played.file, played.first) != (str(file), first):
        # A multiple of the bars' length, so that bars still open at full minutes or hours.
        played = _Played(file=str(file), first=first, shift=(now - first) // length * length)
        folders.recording.write_bytes(msgspec.json.encode(played))
    return played.shift


def _remembered(file: Path) -> _Played | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Played)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
