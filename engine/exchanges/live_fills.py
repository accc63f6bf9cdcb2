"""Own executions of one kind of market on a real exchange, with their fees valued in quote."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import structlog

from data.market import Market
from data.orders import Fill
from data.values import Millis, Side, plain
from engine.exchanges.base import MarketUnknown
from engine.exchanges.ccxt_client import Client
from engine.exchanges.ccxt_markets import contract_size, decimal
from engine.exchanges.fee_prices import FeePrices
from engine.exchanges.live_orders import LiveOrders
from engine.exchanges.pacing import Lane
from engine.exchanges.public_feed import PublicFeed

_PAGE = 1000
_REMEMBERED = 2_048
"""Fees in a third asset whose value is kept."""

log = structlog.get_logger(__name__)


class Worth(NamedTuple):
    """What there is to value a fee by: a price in quote, a quantity in base, and when."""

    price: Decimal
    quantity: Decimal
    maker: bool
    at: Millis


class LiveFills:
    """Turns trades of ccxt into fills, the same whether a stream or an answer tells them."""

    def __init__(self, client: Client, orders: LiveOrders, feed: PublicFeed, markets: Mapping[str, Market]) -> None:
        """Ask through ``client``; ``feed`` tells the price of a third asset that a fee is paid in."""
        self._client, self._orders, self._markets = client, orders, markets
        self._values: OrderedDict[tuple[str, str], Decimal] = OrderedDict()
        self._feed, self._prices = feed, FeePrices(feed)

    async def close(self) -> None:
        """Ask for no more prices."""
        await self._prices.close()

    async def since(self, symbol: str, since: Millis) -> list[Fill]:
        """Return own executions on a market at or after ``since``, oldest first."""
        part, now = self._client.part, self._client.clock.now() + self._client.skew
        start = max(since, now - part.trades_kept, 0) if part.trades_kept else max(since, 0)
        trades: dict[tuple[str, str], Mapping[str, Any]] = {}
        while True:
            for trade in await self._window(symbol, start):
                # Where both sides of a trade are the account's, they have one number.
                trades[str(trade["id"]), str(trade["order"])] = trade
            start += part.trades_window
            if not part.trades_window or start > now:
                break
        ordered = sorted(trades.values(), key=lambda trade: (trade["timestamp"], _number(str(trade["id"]))))
        wanted = [trade for trade in ordered if trade["timestamp"] >= since]
        names = await self._orders.client_ids(symbol, {str(each["order"]): int(each["timestamp"]) for each in wanted})
        return [await self._fill(trade, names[str(trade["order"])]) for trade in wanted]

    async def _window(self, symbol: str, start: Millis) -> list[Mapping[str, Any]]:
        """Return all trades from ``start`` on as far as one question reaches, however many pages they fill."""
        part, found = self._client.part, []
        page = await self._page(symbol, start, {})
        while True:
            found += page
            if len(page) < _PAGE:
                return found
            last = page[-1]
            if part.trades_from:
                # The last one again: the other side of it may be the account's, too.
                page = await self._page(symbol, None, {part.trades_from: int(last["id"])})
            else:
                known, at = {(trade["id"], trade["order"]) for trade in found}, int(last["timestamp"])
                page = await self._page(symbol, at, {})
                if all((trade["id"], trade["order"]) in known for trade in page):
                    page = await self._page(symbol, at + 1, {})

    async def _page(self, symbol: str, since: Millis | None, params: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        page = await self._client.read("fetch_my_trades", symbol, since, _PAGE, dict(params), lane=Lane.BOOKS)
        return sorted(page, key=lambda trade: (trade["timestamp"], _number(str(trade["id"]))))

    async def fill(self, trade: Mapping[str, Any]) -> Fill:
        """Return a trade of ccxt as a fill. Raises ``ExchangeUnavailable`` when its order can not be asked for."""
        return await self._fill(trade, await self._orders.client_id(str(trade["symbol"]), str(trade["order"])))

    async def _fill(self, trade: Mapping[str, Any], client_id: str) -> Fill:
        symbol, price = str(trade["symbol"]), decimal(trade["price"])
        listed = self._client.ccxt.markets.get(symbol)
        if listed is None:
            raise MarketUnknown(symbol)
        quantity = decimal(trade["amount"]) * contract_size(listed)
        charged = trade.get("fee") or {}
        fee, asset = decimal(charged.get("cost")), str(charged.get("currency") or "")
        identity, at = str(trade["id"]), int(trade["timestamp"])
        maker = trade.get("takerOrMaker") == "maker"
        value = await self._value((symbol, f"{identity} {client_id}"), fee, asset, Worth(price, quantity, maker, at))
        return Fill(
            trade_id=identity,
            client_id=client_id,
            symbol=symbol,
            side=Side(trade["side"]),
            price=price,
            quantity=quantity,
            fee=fee,
            fee_asset=asset,
            fee_quote=value,
            maker=maker,
            at=at,
        )

    async def _value(self, key: tuple[str, str], fee: Decimal, asset: str, worth: Worth) -> Decimal:
        """Return a fee in quote, without waiting long for the price of a third asset.

        A price of another time, or else the rate that the account pays, is nearer to the truth than nothing.
        """
        # One that has been halted since before the start was not among those to choose from.
        market = self._markets.get(key[0]) or self._feed.market(key[0])
        if not fee or asset == market.quote:
            return fee
        if asset == market.base:
            return fee * worth.price
        if key not in self._values:
            near = await self._prices.near(asset, market.quote, worth.at)
            if near is None:
                return self._estimate(market, fee, asset, worth)
            # Once valued, a fill keeps its value: it may be told again.
            self._values[key] = fee * near
            if len(self._values) > _REMEMBERED:
                self._values.popitem(last=False)
        return self._values[key]

    def _estimate(self, market: Market, fee: Decimal, asset: str, worth: Worth) -> Decimal:
        last = self._prices.last(asset, market.quote, worth.at)
        rate = market.fees.maker if worth.maker else market.fees.taker
        value = fee * last if last is not None else (worth.price * worth.quantity * rate).copy_sign(fee)
        log.warning("fee_estimated", symbol=market.symbol, asset=asset, fee=plain(fee), value=plain(value))
        return value


def _number(identity: str) -> tuple[int, str]:
    return (int(identity), "") if identity.isdigit() else (0, identity)
