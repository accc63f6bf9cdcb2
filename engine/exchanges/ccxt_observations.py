"""What ccxt tells of a market's day, bars, book and trades, in our words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from data.market import Candle
from data.observations import Book, Day, Level, PublicTrade
from data.values import HUNDRED, ZERO, Millis, Side
from engine.exchanges.ccxt_markets import contract_size, decimal


def to_day(ticker: Mapping[str, Any], size: Decimal, at: Millis) -> Day | None:
    """Return a ccxt ticker, whose amounts count in units of ``size`` base, as a day; None where nobody ever traded."""
    last = decimal(ticker.get("last"))
    if not last:
        return None
    opened, percentage = decimal(ticker.get("open")), ticker.get("percentage")
    if percentage is None and opened:
        percentage = round((last / opened - 1) * HUNDRED, 3)
    volume = decimal(ticker.get("baseVolume")) * size
    return Day(
        symbol=ticker["symbol"],
        last=last,
        bid=decimal(ticker.get("bid")) or None,
        ask=decimal(ticker.get("ask")) or None,
        change=decimal(percentage) / HUNDRED,
        high=decimal(ticker.get("high")) or last,
        low=decimal(ticker.get("low")) or last,
        volume=volume,
        turnover=decimal(ticker.get("quoteVolume")) or volume * (decimal(ticker.get("vwap")) or last),
        at=at,
    )


def to_book(market: Mapping[str, Any], told: Mapping[str, Any], depth: int, at: Millis) -> Book:
    """Return the best levels of a ccxt order book."""
    size = contract_size(market)

    def levels(rows: Iterable[Sequence[Any]]) -> tuple[Level, ...]:
        found = ((decimal(price), decimal(amount)) for price, amount, *_ in rows)
        return tuple(Level(price, amount * size) for price, amount in found if amount > ZERO)

    bids, asks = told["bids"][:depth], told["asks"][:depth]
    return Book(symbol=market["symbol"], bids=levels(bids), asks=levels(asks), at=at)


def to_candle(row: Sequence[Any]) -> Candle:
    """Return a row of ccxt's as a bar."""
    at, *values = row
    return Candle(int(at), *(decimal(value) for value in values[:5]))


def to_trades(market: Mapping[str, Any], told: Iterable[Mapping[str, Any]]) -> list[PublicTrade]:
    """Return ccxt trades of one market, oldest first."""
    size = contract_size(market)
    found = [
        PublicTrade(
            symbol=market["symbol"],
            trade_id=str(each.get("id") or ""),
            price=decimal(each["price"]),
            quantity=decimal(each["amount"]) * size,
            side=Side.SELL if each.get("side") == "sell" else Side.BUY,
            at=int(each["timestamp"]),
        )
        for each in told
    ]
    return sorted(found, key=lambda trade: trade.at)
