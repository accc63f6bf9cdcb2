"""The public side of futures REST: contracts, prices, marks and funding, books, candles."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.servers.binance.limits import Limits
from tests.servers.binance.market import Market
from tests.servers.binance.parameters import Call
from tests.servers.binance.rest import Rest
from tests.servers.binance.tape import INTERVALS
from tests.servers.binance.usdm_checks import CONDITIONAL
from tests.servers.binance.usdm_contracts import Contract
from tests.servers.binance.usdm_engine import Futures
from tests.servers.binance.usdm_words import digits
from tests.servers.binance.words import ZERO, Json, Refusal

Weight = int | Callable[[dict[str, str]], int]
EIGHT_HOURS = 28_800_000
_DEPTHS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1_000: 20}
"""How many levels may be asked for, and what that weighs."""
_DAY = 86_400_000


class UsdmPublic:
    """The calls below ``/fapi/v1`` that need no key."""

    def __init__(self, futures: Futures, rest: Rest, limits: Limits) -> None:
        self._futures = futures
        self._limits = limits
        one = {"symbol"}

        def add(path: str, answer: Callable[[Call], Any], weight: Weight = 1, **names: Any) -> None:
            rest.add("GET", f"/fapi/v1/{path}", answer, limits, weight=weight, **names)

        add("ping", lambda call: {})
        add("time", lambda call: {"serverTime": futures.now()})
        add("exchangeInfo", self.information)
        add("depth", self.depth, _weigh_depth, needs=one, may={"limit"})
        add("trades", self.trades, 5, needs=one, may={"limit"})
        candles = {"startTime", "endTime", "limit"}
        add("klines", self.klines, _weigh_klines, needs={"symbol", "interval"}, may=candles)
        add("ticker/24hr", self.day, _weigh_day, may=one)
        add("ticker/price", self.price, may=one)
        add("ticker/bookTicker", self.best, 2, may=one)
        add("premiumIndex", self.premium, may=one)
        add("openInterest", self.interest, needs=one)
        add("fundingRate", self.rates, may={"symbol", "startTime", "endTime", "limit"})
        add("fundingInfo", lambda call: [])

    def information(self, call: Call) -> Json:
        """Tell the contracts and their rules."""
        listed = [contract for contract in self._futures.contracts.values() if contract.spec.listed]
        return {
            "timezone": "UTC",
            "serverTime": self._futures.now(),
            "futuresType": "U_MARGINED",
            "rateLimits": self._limits.rules(),
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
            "symbols": [contract_json(contract) for contract in listed],
        }

    def depth(self, call: Call) -> Json:
        """Tell the book."""
        market = self._futures.market(call.text("symbol"))
        limit = call.integer("limit", 500)
        if limit not in _DEPTHS:
            raise Refusal(-4021, f"'{limit}' is not valid depth limit.")
        now = self._futures.now()
        return {"lastUpdateId": market.update_id, "E": now, "T": now} | levels_json(market, limit)

    def trades(self, call: Call) -> list[Json]:
        """Tell the last public trades."""
        market = self._futures.market(call.text("symbol"))
        tape = self._futures.tapes[market.spec.symbol]
        return [
            {
                "id": trade.id,
                "price": money(trade.price, market),
                "qty": amount(trade.quantity, market),
                "quoteQty": money(trade.price * trade.quantity, market),
                "time": trade.time,
                "isBuyerMaker": trade.buyer_is_maker,
            }
            for trade in list(tape.trades)[-call.integer("limit", 500, least=1, most=1_000) :]
        ]

    def klines(self, call: Call) -> list[Any]:
        """Tell candles."""
        market = self._futures.market(call.text("symbol"))
        interval = call.choice("interval", INTERVALS)
        since = call.integer("startTime") if "startTime" in call else None
        until = call.integer("endTime") if "endTime" in call else None
        limit = call.integer("limit", 500, least=1, most=1_500)
        return self._futures.tapes[market.spec.symbol].klines(interval, market.last, since, until, limit)

    def day(self, call: Call) -> Json | list[Json]:
        """Tell the last 24 hours."""
        return self._each(call, self._day)

    def price(self, call: Call) -> Json | list[Json]:
        """Tell the last price."""

        def tell(market: Market) -> Json:
            return {"symbol": market.spec.symbol, "price": money(market.last, market), "time": self._futures.now()}

        return self._each(call, tell)

    def best(self, call: Call) -> Json | list[Json]:
        """Tell the best prices."""
        return self._each(call, lambda market: best_json(market) | {"time": self._futures.now()})

    def premium(self, call: Call) -> Json | list[Json]:
        """Tell mark price and funding."""
        return self._each(call, lambda market: premium_json(self._futures, market.spec.symbol))

    def interest(self, call: Call) -> Json:
        """Tell the size of all open positions."""
        market = self._futures.market(call.text("symbol"))
        held = amount(self._futures.open_interest(market.spec.symbol), market)
        return {"openInterest": held, "symbol": market.spec.symbol, "time": self._futures.now()}

    def rates(self, call: Call) -> list[Json]:
        """Tell what funding was settled at."""
        since, until = call.integer("startTime", 0), call.integer("endTime", 1 << 62)
        symbols = [self._futures.market(call.text("symbol")).spec.symbol] if "symbol" in call else self._futures.funding
        rows = [row for symbol in symbols for row in self._futures.funding[symbol]]
        found = [row for row in rows if since <= row["fundingTime"] <= until]
        limit = call.integer("limit", 100, least=1, most=1_000)
        return found[:limit] if "startTime" in call else found[-limit:]

    def _day(self, market: Market) -> Json:
        bar = self._futures.tapes[market.spec.symbol].day(market.last)
        now, change = self._futures.now(), bar.last - bar.first
        return {
            "symbol": market.spec.symbol,
            "priceChange": money(change, market),
            "priceChangePercent": f"{change / bar.first * 100:.3f}",
            "weightedAvgPrice": money(bar.turnover / bar.volume if bar.volume else bar.last, market),
            "lastPrice": money(bar.last, market),
            "lastQty": amount(ZERO, market),
            "openPrice": money(bar.first, market),
            "highPrice": money(bar.high, market),
            "lowPrice": money(bar.low, market),
            "volume": amount(bar.volume, market),
            "quoteVolume": money(bar.turnover, market),
            "openTime": now - _DAY,
            "closeTime": now,
            "firstId": bar.first_id,
            "lastId": bar.last_id,
            "count": bar.trades,
        }

    def _each(self, call: Call, tell: Callable[[Market], Json]) -> Json | list[Json]:
        if "symbol" in call:
            return tell(self._futures.market(call.text("symbol")))
        return [tell(market) for market in self._futures.markets.values() if market.spec.listed]


def money(value: Decimal, market: Market) -> str:
    """Write a price."""
    return f"{value:.{digits(market.spec.tick)}f}"


def amount(value: Decimal, market: Market) -> str:
    """Write a quantity."""
    return f"{value:.{digits(market.spec.step)}f}"


def best_json(market: Market) -> Json:
    """Return the best prices as bookTicker tells them."""
    (bid, bid_size), (ask, ask_size) = (next(iter(market.depth(s, 1)), (ZERO, ZERO)) for s in ("BUY", "SELL"))
    prices = {"bidPrice": money(bid, market), "askPrice": money(ask, market)}
    return {
        "symbol": market.spec.symbol,
        "bidQty": amount(bid_size, market),
        "askQty": amount(ask_size, market),
    } | prices


def levels_json(market: Market, limit: int) -> Json:
    """Return both sides of the book."""
    sides = (("bids", market.depth("BUY", limit)), ("asks", market.depth("SELL", limit)))
    return {name: [[money(price, market), amount(size, market)] for price, size in levels] for name, levels in sides}


def premium_json(futures: Futures, symbol: str) -> Json:
    """Return mark price and funding of a market."""
    now, mark, settled = futures.now(), f"{futures.marks[symbol]:.8f}", futures.funding[symbol]
    return {
        "symbol": symbol,
        "markPrice": mark,
        "indexPrice": mark,
        "estimatedSettlePrice": mark,
        "lastFundingRate": settled[-1]["fundingRate"] if settled else "0.00010000",
        "interestRate": "0.00010000",
        "nextFundingTime": now - now % EIGHT_HOURS + EIGHT_HOURS,
        "time": now,
    }


def contract_json(contract: Contract) -> Json:
    """Return a contract as exchangeInfo tells it."""
    spec = contract.spec
    return {
        "symbol": spec.symbol,
        "pair": spec.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": spec.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": spec.base,
        "quoteAsset": spec.quote,
        "marginAsset": spec.quote,
        "pricePrecision": digits(spec.tick),
        "quantityPrecision": digits(spec.step),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": f"{contract.liquidation_fee:.6f}",
        "marketTakeBound": "0.05",
        "filters": _filters(contract),
        "orderTypes": ["LIMIT", "MARKET", *CONDITIONAL],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def _filters(contract: Contract) -> list[Json]:
    spec = contract.spec

    def lot(kind: str, least: Decimal, most: Decimal) -> Json:
        return {"filterType": kind, "minQty": f"{least:f}", "maxQty": f"{most:f}", "stepSize": f"{spec.step:f}"}

    prices = {"minPrice": f"{spec.min_price:f}", "maxPrice": f"{spec.max_price:f}", "tickSize": f"{spec.tick:f}"}
    return [
        {"filterType": "PRICE_FILTER"} | prices,
        lot("LOT_SIZE", spec.min_quantity, spec.max_quantity),
        lot("MARKET_LOT_SIZE", spec.min_quantity, min(spec.max_quantity, spec.market_max_quantity)),
        {"filterType": "MAX_NUM_ORDERS", "limit": spec.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": spec.max_algo_orders},
        {"filterType": "MIN_NOTIONAL", "notional": f"{spec.min_notional:f}"},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{spec.bid_up:.4f}",
            "multiplierDown": f"{spec.ask_down:.4f}",
            "multiplierDecimal": "4",
        },
    ]


def _limit(params: dict[str, str]) -> int:
    limit = params.get("limit", "500")
    return int(limit) if limit.isdigit() else 500


def _weigh_depth(params: dict[str, str]) -> int:
    return _DEPTHS.get(_limit(params), 1)


def _weigh_klines(params: dict[str, str]) -> int:
    return next(weight for most, weight in ((99, 1), (499, 2), (1_000, 5), (1 << 62, 10)) if _limit(params) <= most)


def _weigh_day(params: dict[str, str]) -> int:
    return 1 if "symbol" in params else 40
