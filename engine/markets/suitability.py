"""Whether a market suits a grid: what was found, what is wanted, and why it matters, check by check."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from data.market import Market
from data.values import HUNDRED, ZERO, Side
from engine.exchanges.base import NotPossible
from engine.indicators.adx import Adx
from engine.indicators.atr import Atr
from engine.indicators.board import Board

if TYPE_CHECKING:
    from config.trading import PairSelection
    from engine.markets.service import MarketService

HOURS = 500
"""Hourly bars that the strength of a trend is read from: Wilder's averages need a long run-up."""
DAYS = 60
BOOK = 1_000
"""Levels of a side that are added up."""
NEAR = Decimal("0.01")
_PLACES = Decimal("0.0001")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about one market; None where the exchange does not tell."""

    symbol: str
    turnover: Decimal | None
    """Quote traded in 24 hours."""
    atr_percent: Decimal | None
    """Average true range of a day (Wilder, 14 days) in percent of the price; None below 15 days."""
    adx: Decimal | None
    """Strength of the trend on hourly bars (Wilder, 14), 0 to 100."""
    spread_percent: Decimal | None
    depth: Decimal | None
    """Quote that rests on both sides within 1 % of the middle, as far as a thousand levels show."""
    open_interest: Decimal | None
    """Quote; None on spot."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One criterion: ``passed`` is None when nothing is known about it."""

    name: str
    found: Decimal | None
    wanted: Decimal
    most: bool
    """Whether ``wanted`` is the most allowed, and not the least."""
    unit: str
    passed: bool | None
    why: str


async def facts_of(data: MarketService, market: Market) -> Facts:
    """Find out about one market. Raises ``ExchangeUnavailable`` and ``MarketUnknown``."""
    days, daily, hourly, book = await asyncio.gather(
        data.days(market.kind),
        data.bars(market.symbol, "1d", DAYS),
        data.bars(market.symbol, "1h", HOURS),
        data.book(market.symbol, BOOK),
    )
    interest = await _interest(data, market) if market.perpetual else None
    day, resting = days.value.get(market.symbol), book.value
    # Bars that are unfinished say too little of their range.
    atr = Board.over({"atr": Atr()}, daily.value.part(stop=-1)).values["atr"]["atr"]
    adx = Board.over({"adx": Adx()}, hourly.value.part(stop=-1)).values["adx"]["adx"]
    # A market that was listed today and not traded yet has no bars at all.
    price, mid = float(daily.value.close[-1]) if len(daily.value) else math.nan, resting.mid
    return Facts(
        symbol=market.symbol,
        turnover=None if day is None else day.turnover,
        atr_percent=_decimal(atr / price * 100),
        adx=_decimal(adx),
        spread_percent=None if mid is None else (resting.asks[0].price - resting.bids[0].price) / mid * HUNDRED,
        depth=None if mid is None else sum((resting.depth(side, NEAR) for side in Side), ZERO),
        open_interest=interest,
    )


async def _interest(data: MarketService, market: Market) -> Decimal | None:
    try:
        return (await data.open_interest(market.symbol)).value.notional
    except NotPossible:
        return None


def judge(facts: Facts, market: Market, wanted: PairSelection) -> tuple[Check, ...]:
    """Hold what was found against the criteria of the settings' section ``pair_selection``."""
    quote = market.quote
    checks = [
        _least("volume of 24 h", facts.turnover, wanted.min_volume_usd_24h, quote, "many trades fill a grid's orders"),
        _least("daily range", facts.atr_percent, wanted.min_atr_perc_24h, "%", "a grid earns from movement"),
        _most("trend", facts.adx, wanted.max_adx, "ADX", "a strong trend leaves a grid behind"),
        _most("spread", facts.spread_percent, wanted.max_spread_perc, "%", "what a market order loses at once"),
    ]
    if market.perpetual:
        least = wanted.futures_pairs.min_open_interest_usd
        checks.append(_least("open interest", facts.open_interest, least, quote, "a market that few hold is left fast"))
    else:
        least, why = wanted.spot_pairs.min_liquidity_depth, "what rests near the price takes orders without a jump"
        checks.append(_least("depth within 1 %", facts.depth, least, quote, why))
    return tuple(checks)


def banned(market: Market, wanted: PairSelection) -> bool:
    """Return whether the settings' blacklist names a market, however it is written."""
    names = {_letters(each) for each in wanted.blacklist}
    return _letters(market.symbol) in names or _letters(f"{market.base}{market.quote}") in names


def _least(name: str, found: Decimal | None, wanted: Decimal, unit: str, why: str) -> Check:
    passed = None if found is None else found >= wanted
    return Check(name=name, found=found, wanted=wanted, most=False, unit=unit, passed=passed, why=why)


def _most(name: str, found: Decimal | None, wanted: Decimal, unit: str, why: str) -> Check:
    passed = None if found is None else found <= wanted
    return Check(name=name, found=found, wanted=wanted, most=True, unit=unit, passed=passed, why=why)


def _decimal(value: float) -> Decimal | None:
    return None if value != value else Decimal(repr(value)).quantize(_PLACES)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.upper() if letter.isalnum())
