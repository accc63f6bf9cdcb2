"""The markets of ccxt in our words: filters, default fees, contract sizes, leverage tiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from data.market import FeeAsset, Fees, Filters, Market, MarketKind, Tier
from data.values import ONE, ZERO
from engine.exchanges.ccxt_client import Client

_TICK_SIZE = 4  # how ccxt says that a precision is an increment


def decimal(value: object) -> Decimal:
    """Return a number of ccxt, which now and then is still a float, as the shortest text that means it."""
    if isinstance(value, Decimal):
        return value
    return ZERO if value is None else Decimal(str(value))


def tradable(market: Mapping[str, Any], kind: MarketKind) -> bool:
    """Return whether a ccxt market is of a kind and neither halted nor closed."""
    return market.get("active") is not False and of_kind(market, kind)


def of_kind(market: Mapping[str, Any], kind: MarketKind) -> bool:
    """Return whether a ccxt market is of a kind: spot, or a perpetual settled in its quote."""
    if kind is MarketKind.SPOT:
        return bool(market.get("spot"))
    return bool(market.get("swap") and market.get("linear") and market.get("settle") == market.get("quote"))


def contract_size(market: Mapping[str, Any]) -> Decimal:
    """Return how much base one unit of a ccxt amount is."""
    return decimal(market.get("contractSize")) or ONE


def to_market(client: Client, market: Mapping[str, Any], default: Fees | None) -> Market:
    """Return a ccxt market as ours; ``default`` fees apply where the exchange does not publish its own."""
    return Market(
        exchange=client.name,
        symbol=market["symbol"],
        base=market["base"],
        quote=market["quote"],
        kind=client.kind,
        filters=_filters(client, market),
        fees=_fees(client, market, default),
    )


def _filters(client: Client, market: Mapping[str, Any]) -> Filters:
    precision, limits, size = market["precision"], market["limits"], contract_size(market)
    amount, at_market = limits.get("amount") or {}, limits.get("market") or {}
    step = _increment(client, precision.get("amount")) * size
    more = client.part.filters(market) if client.part.filters is not None else {}
    return Filters(
        price_tick=_increment(client, precision.get("price")),
        quantity_step=step,
        min_quantity=decimal(amount.get("min")) * size or step,
        max_quantity=decimal(amount.get("max")) * size or None,
        max_market_quantity=decimal(at_market.get("max")) * size or None,
        min_notional=decimal((limits.get("cost") or {}).get("min")),
        **more,
    )


def _fees(client: Client, market: Mapping[str, Any], default: Fees | None) -> Fees:
    side = market.get("feeSide") or client.ccxt.fees["trading"].get("feeSide")
    received = client.kind is MarketKind.SPOT and side == "get"
    maker, taker = market.get("maker"), market.get("taker")
    return Fees(
        maker=default.maker if maker is None and default else decimal(maker),
        taker=default.taker if taker is None and default else decimal(taker),
        asset=FeeAsset.RECEIVED if received else FeeAsset.QUOTE,
    )


def _increment(client: Client, precision: object) -> Decimal:
    if precision is not None and client.ccxt.precisionMode == _TICK_SIZE:
        return decimal(precision)
    # Significant digits have no fixed step; the finest one in use never rounds an order away.
    return ONE.scaleb(-8)


def to_tiers(found: Sequence[Mapping[str, Any]]) -> tuple[Tier, ...]:
    """Return ccxt's leverage tiers of one market, lowest first, with the deductions that make them continuous."""
    rows = sorted(found, key=lambda row: decimal(row["minNotional"]))
    rates = [decimal(row["maintenanceMarginRate"]) for row in rows]
    floors = [decimal(row["minNotional"]) for row in rows]
    deductions = [ZERO]
    for (before, rate), floor in zip(pairwise(rates), floors[1:], strict=True):
        deductions.append(deductions[-1] + floor * (rate - before))
    return tuple(
        Tier(
            floor=floor,
            cap=decimal(row["maxNotional"]) or None,
            maintenance=rate,
            deduction=deduction,
            max_leverage=int(decimal(row["maxLeverage"])),
        )
        for row, floor, rate, deduction in zip(rows, floors, rates, deductions, strict=True)
    )
