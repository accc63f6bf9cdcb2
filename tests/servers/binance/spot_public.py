"""The public side of spot REST: markets, prices, books, candles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.servers.binance.limits import Limits
from tests.servers.binance.market import Market
from tests.servers.binance.orders import Trade
from tests.servers.binance.parameters import Call
from tests.servers.binance.rest import Rest
from tests.servers.binance.spot import Spot
from tests.servers.binance.spot_check import TYPES
from tests.servers.binance.symbols import Spec
from tests.servers.binance.tape import INTERVALS
from tests.servers.binance.words import Json, Refusal, eight

_SETS = {"permissions", "showPermissionSets", "symbolStatus"}


class SpotPublic:
    """The calls below ``/api/v3`` that need no key."""

    def __init__(self, spot: Spot, rest: Rest, limits: Limits) -> None:
        self._spot = spot
        self._limits = limits
        some = {"symbol", "symbols"}

        add = partial(rest.add, "GET", limits=limits)
        add("/api/v3/ping", lambda call: {})
        add("/api/v3/time", lambda call: {"serverTime": spot.now()})
        add("/api/v3/exchangeInfo", self.information, weight=20, may=some | _SETS)
        add("/api/v3/depth", self.depth, weight=_weigh_depth, needs={"symbol"}, may={"limit"})
        add("/api/v3/trades", self.trades, weight=25, needs={"symbol"}, may={"limit"})
        period = {"startTime", "endTime", "limit"}
        add("/api/v3/aggTrades", self.aggregates, weight=4, needs={"symbol"}, may=period | {"fromId"})
        add("/api/v3/klines", self.klines, weight=2, needs={"symbol", "interval"}, may=period | {"timeZone"})
        add("/api/v3/avgPrice", self.average, weight=2, needs={"symbol"})
        add("/api/v3/ticker/24hr", self.day, weight=_weigh_day, may=some | {"type", "symbolStatus"})
        add("/api/v3/ticker/price", self.price, weight=_weigh_price, may=some | {"symbolStatus"})
        add("/api/v3/ticker/bookTicker", self.best, weight=_weigh_price, may=some | {"symbolStatus"})

    def information(self, call: Call) -> Json:
        """Tell the markets and their rules."""
        return {
            "timezone": "UTC",
            "serverTime": self._spot.now(),
            "rateLimits": self._limits.rules(),
            "exchangeFilters": [],
            "sors": [],
            "symbols": [symbol_json(market.spec) for market in self._asked(call)],
        }

    def depth(self, call: Call) -> Json:
        """Tell the book."""
        return depth_json(self._market(call), call.integer("limit", 100, least=1, most=5_000))

    def trades(self, call: Call) -> list[Json]:
        """Tell the last public trades."""
        return [
            {
                "id": trade.id,
                "price": eight(trade.price),
                "qty": eight(trade.quantity),
                "quoteQty": eight(trade.price * trade.quantity),
                "time": trade.time,
                "isBuyerMaker": trade.buyer_is_maker,
                "isBestMatch": True,
            }
            for trade in self._recent(call)
        ]

    def aggregates(self, call: Call) -> list[Json]:
        """Tell the last public trades in the other shape."""
        since, until = call.integer("startTime", 0), call.integer("endTime", 1 << 62)
        first = call.integer("fromId", 0)
        found = [trade for trade in self._recent(call) if since <= trade.time <= until and trade.id >= first]
        return [aggregate_json(trade) for trade in found]

    def klines(self, call: Call) -> list[Any]:
        """Tell candles."""
        market = self._market(call)
        interval = call.choice("interval", INTERVALS)
        since = call.integer("startTime") if "startTime" in call else None
        until = call.integer("endTime") if "endTime" in call else None
        limit = call.integer("limit", 500, least=1, most=1_000)
        return self._spot.tapes[market.spec.symbol].klines(interval, market.last, since, until, limit)

    def average(self, call: Call) -> Json:
        """Tell the average price that filters use."""
        return {"mins": 5, "price": eight(self._market(call).last), "closeTime": self._spot.now()}

    def day(self, call: Call) -> Json | list[Json]:
        """Tell the last 24 hours."""
        brief = call.choice("type", ("FULL", "MINI"), "FULL") == "MINI"
        return self._each(call, lambda market: self._day(market, brief))

    def price(self, call: Call) -> Json | list[Json]:
        """Tell the last price."""
        return self._each(call, lambda market: {"symbol": market.spec.symbol, "price": eight(market.last)})

    def best(self, call: Call) -> Json | list[Json]:
        """Tell the best prices."""
        return self._each(call, best_json)

    def _day(self, market: Market, brief: bool) -> Json:
        bar = self._spot.tapes[market.spec.symbol].day(market.last)
        now = self._spot.now()
        told: Json = {
            "symbol": market.spec.symbol,
            "openPrice": eight(bar.first),
            "highPrice": eight(bar.high),
            "lowPrice": eight(bar.low),
            "lastPrice": eight(bar.last),
            "volume": eight(bar.volume),
            "quoteVolume": eight(bar.turnover),
            "openTime": now - 86_400_000,
            "closeTime": now,
            "firstId": bar.first_id,
            "lastId": bar.last_id,
            "count": bar.trades,
        }
        if brief:
            return told
        change = bar.last - bar.first
        return told | {
            "priceChange": eight(change),
            "priceChangePercent": f"{change / bar.first * 100:.3f}",
            "weightedAvgPrice": eight(bar.turnover / bar.volume if bar.volume else bar.last),
            "prevClosePrice": eight(bar.first),
            "lastQty": eight(bar.volume and self._spot.tapes[market.spec.symbol].trades[-1].quantity),
            **{name: value for name, value in best_json(market).items() if name != "symbol"},
        }

    def _market(self, call: Call) -> Market:
        return self._spot.market(call.text("symbol"))

    def _asked(self, call: Call) -> list[Market]:
        if "symbol" in call:
            if "symbols" in call:
                raise Refusal(-1128, "Combination of optional parameters invalid.")
            return [self._market(call)]
        if "symbols" in call:
            return [self._spot.market(symbol) for symbol in call.names("symbols")]
        return [market for market in self._spot.markets.values() if market.spec.listed]

    def _each(self, call: Call, tell: Callable[[Market], Json]) -> Json | list[Json]:
        found = [tell(market) for market in self._asked(call)]
        return found[0] if "symbol" in call else found

    def _recent(self, call: Call) -> list[Trade]:
        tape = self._spot.tapes[self._market(call).spec.symbol]
        return list(tape.trades)[-call.integer("limit", 500, least=1, most=1_000) :]


def symbol_json(spec: Spec) -> Json:
    """Return a market as exchangeInfo tells it."""
    return {
        "symbol": spec.symbol,
        "status": spec.status,
        "baseAsset": spec.base,
        "baseAssetPrecision": 8,
        "quoteAsset": spec.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(TYPES),
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(spec),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": spec.self_trade,
        "allowedSelfTradePreventionModes": list(spec.self_trade_modes),
    }


def _filters(spec: Spec) -> list[Json]:
    def made(kind: str, **values: Any) -> Json:
        return {"filterType": kind, **values}

    def lot(kind: str, *values: Any) -> Json:
        return made(kind, **dict(zip(("minQty", "maxQty", "stepSize"), map(eight, values), strict=True)))

    sides = {
        "bidMultiplierUp": f"{spec.bid_up}",
        "bidMultiplierDown": f"{spec.bid_down}",
        "askMultiplierUp": f"{spec.ask_up}",
        "askMultiplierDown": f"{spec.ask_down}",
    }
    prices = {"minPrice": eight(spec.min_price), "maxPrice": eight(spec.max_price), "tickSize": eight(spec.tick)}
    notional = {"minNotional": eight(spec.min_notional), "applyMinToMarket": True}
    notional |= {"maxNotional": eight(spec.max_notional), "applyMaxToMarket": False}
    return [
        made("PRICE_FILTER", **prices),
        lot("LOT_SIZE", spec.min_quantity, spec.max_quantity, spec.step),
        made("ICEBERG_PARTS", limit=10),
        lot("MARKET_LOT_SIZE", spec.market_min_quantity, spec.market_max_quantity, spec.market_step),
        made("PERCENT_PRICE_BY_SIDE", **sides, avgPriceMins=5),
        made("NOTIONAL", **notional, avgPriceMins=5),
        made("MAX_NUM_ORDERS", maxNumOrders=spec.max_orders),
        made("MAX_NUM_ALGO_ORDERS", maxNumAlgoOrders=spec.max_algo_orders),
    ]


def best_json(market: Market) -> Json:
    """Return the best prices as bookTicker tells them."""
    (bid, bid_size), (ask, ask_size) = market.top("BUY"), market.top("SELL")
    prices = {"bidPrice": eight(bid), "bidQty": eight(bid_size), "askPrice": eight(ask), "askQty": eight(ask_size)}
    return {"symbol": market.spec.symbol, **prices}


def depth_json(market: Market, limit: int) -> Json:
    """Return the book as depth tells it."""
    bids, asks = market.depth("BUY", limit), market.depth("SELL", limit)
    return {
        "lastUpdateId": market.update_id,
        "bids": [[eight(price), eight(size)] for price, size in bids],
        "asks": [[eight(price), eight(size)] for price, size in asks],
    }


def aggregate_json(trade: Trade) -> Json:
    """Return a trade as aggTrades tells it."""
    ids = {"a": trade.id, "p": eight(trade.price), "q": eight(trade.quantity), "f": trade.id, "l": trade.id}
    return {**ids, "T": trade.time, "m": trade.buyer_is_maker, "M": True}


def _weigh_depth(params: dict[str, str]) -> int:
    limit = params.get("limit", "100")
    size = int(limit) if limit.isdigit() else 100
    return next(weight for most, weight in ((100, 5), (500, 25), (1_000, 50), (1 << 62, 250)) if size <= most)


def _weigh_day(params: dict[str, str]) -> int:
    if "symbols" not in params:
        return 2 if "symbol" in params else 80
    asked = params["symbols"].count(",") + 1
    return next(weight for most, weight in ((20, 2), (100, 40), (1 << 62, 80)) if asked <= most)


def _weigh_price(params: dict[str, str]) -> int:
    return 2 if "symbol" in params else 4
