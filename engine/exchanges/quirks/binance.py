"""Binance, spot and USD-M perpetuals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from data.events import RejectReason
from data.market import Candle
from data.values import ZERO, Millis
from engine.exchanges.faults import (
    AlreadyThere,
    AnswerLost,
    ClockSkewed,
    Fault,
    NotThere,
    Rule,
    Throttled,
    Unauthorised,
    Unavailable,
)
from engine.exchanges.pacing import Counted, Limit
from engine.exchanges.quirks.base import Best, KeyRights, Maker, Moved, OrderWords, Part, Quirks, Reply, Terms, Told
from engine.exchanges.tiers import BY_BASE


def _said(means: RejectReason | type[Fault], *texts: str) -> tuple[Rule, ...]:
    return tuple(Rule(means, text=text) for text in texts)


def _coded(means: RejectReason | type[Fault], *codes: int) -> Rule:
    return Rule(means, codes=frozenset(map(str, codes)))


# Words before codes: one code such as -2010 covers everything a matching engine refuses, and -2021, -2022, -2026 and
# -4046 say different things on spot and on futures.
_RULES = (
    *_said(
        AnswerLost,
        "execution status unknown",
        "Unknown error, please check your request",
        "An unknown error occur",
        "Internal error; unable to process",
    ),
    *_said(AlreadyThere, "Duplicate order sent", "is duplicated", "No need to change", "No need to modify"),
    *_said(NotThere, "Unknown order sent", "UNKNOWN_ORDER", "Order does not exist", "has been archived"),
    *_said(RejectReason.WOULD_TAKE, "would immediately match and take", "could not be executed as maker"),
    # A stop whose price is passed already: like a post-only order, it can not rest.
    *_said(RejectReason.WOULD_TAKE, "would immediately trigger", "would trigger immediately"),
    *_said(RejectReason.INSUFFICIENT_BALANCE, "insufficient balance", "Margin is insufficient", "insufficient margin"),
    *_said(RejectReason.REDUCE_ONLY, "ReduceOnly Order is rejected", "ReduceOnly Order Failed"),
    *_said(RejectReason.MARKET_CLOSED, "Market is closed", "Symbol is closed", "under settlement", "delivering"),
    *_said(
        RejectReason.UNAUTHORISED,
        "not permitted for this account",
        "restricted for this account",
        "may not place or cancel orders",
        "disabled on this account",
        "only place reduce",
        "only reduceOnly order is allowed",
        "not available in your region",
    ),
    # One order too many is no wrong price or quantity.
    *_said(RejectReason.OTHER, "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS", "MAX_NUM_ORDER_AMENDS", "not canceled due to"),
    *_said(RejectReason.FILTER, "Filter failure", "Price * QTY is zero or less", "PERCENT_PRICE", "notional must be"),
    *_said(Unavailable, "maintenance", "System abnormality", "currently overloaded", "system-level protection"),
    *_said(Throttled, "banned until", "Too many requests", "Too much request weight", "Too many new orders"),
    _coded(AnswerLost, -1000, -1001, -1006, -1007),
    _coded(Unavailable, -1004, -1008, -1016),
    _coded(Throttled, -1003, -1015, -1034, -5041),
    _coded(ClockSkewed, -1021, -4188, -5028),
    _coded(Unauthorised, -1002, -1022, -1099, -2008, -2014, -2015, -4192, -4400, -4401, -4402),
    _coded(NotThere, -2011, -2013),
    _coded(AlreadyThere, -4046, -4059, -4115, -4116, -20132),
    _coded(RejectReason.INSUFFICIENT_BALANCE, -2018, -2019, -2024, -2028, -4050, -4051),
    _coded(RejectReason.REDUCE_ONLY, -2022, -4112, -4118),
    _coded(RejectReason.WOULD_TAKE, -2021, -5022),  # spot has another -2021, for a call that is never made
    _coded(RejectReason.MARKET_CLOSED, -1121, -1122, -4108, -4140, -4141),
    _coded(RejectReason.FILTER, -1013, -1111, -4001, -4002, -4003, -4004, -4005, -4013, -4014, -4016, -4023, -4024),
    _coded(RejectReason.FILTER, -4029, -4030, -4113, -4131, -4164, -4178, -4183, -4184),
    *_said(RejectReason.FILTER, "must be greater than minimum"),
)


async def _key_rights(exchange: Any) -> KeyRights:
    told = await exchange.sapi_get_account_apirestrictions()
    return KeyRights(
        spot=told.get("enableSpotAndMarginTrading"),
        perpetual=told.get("enableFutures"),
        withdraw=told.get("enableWithdrawals"),
        transfer=told.get("permitsUniversalTransfer"),
        address_bound=told.get("ipRestrict"),
    )


async def _shared_margin(exchange: Any) -> bool:
    return bool((await exchange.fapiprivate_get_multiassetsmargin())["multiAssetsMargin"])


async def _count_down(exchange: Any, symbol: str, millis: Millis) -> None:
    market = exchange.market(symbol)["id"]
    await exchange.fapiprivate_post_countdowncancelall({"symbol": market, "countdownTime": millis})


async def _spot_rates(exchange: Any, symbol: str) -> tuple[Decimal, Decimal]:
    told = await exchange.private_get_account_commission({"symbol": exchange.market_id(symbol)})
    kinds = ("standardCommission", "specialCommission", "taxCommission")
    maker, taker = (sum((Decimal(told.get(kind, {}).get(side, "0")) for kind in kinds), ZERO) for side in _SIDES)
    return maker, taker


_SIDES = ("maker", "taker")


def _filters(market: Mapping[str, Any]) -> dict[str, Any]:
    named = {each["filterType"]: each for each in market["info"].get("filters", ())}
    orders, stops = named.get("MAX_NUM_ORDERS", {}), named.get("MAX_NUM_ALGO_ORDERS", {})
    percent = named.get("PERCENT_PRICE_BY_SIDE") or named.get("PERCENT_PRICE") or {}
    ups = [percent[name] for name in ("multiplierUp", "bidMultiplierUp", "askMultiplierUp") if name in percent]
    downs = [percent[name] for name in ("multiplierDown", "bidMultiplierDown", "askMultiplierDown") if name in percent]
    found: dict[str, Any] = {}
    if most := orders.get("maxNumOrders") or orders.get("limit"):
        found["max_orders"] = int(most)
    if most := stops.get("maxNumAlgoOrders") or stops.get("limit"):
        found["max_stops"] = int(most)
    if ups and downs:
        found["highest"], found["lowest"] = min(map(Decimal, ups)), max(map(Decimal, downs))
    return found


def _wallet_balances(told: Any) -> dict[str, str]:
    return {each["asset"]: each["walletBalance"] for each in told.get("assets", ()) if "walletBalance" in each}


_BY_PEOPLE = frozenset(
    {
        "DEPOSIT",
        "WITHDRAW",
        "WITHDRAW_REJECT",
        "ADMIN_DEPOSIT",
        "ADMIN_WITHDRAW",
        "ASSET_TRANSFER",
        "COIN_SWAP_DEPOSIT",
        "COIN_SWAP_WITHDRAW",
    }
)


def _money_moved(event: Mapping[str, Any]) -> list[Moved]:
    match event:
        case {"e": "balanceUpdate", "a": asset, "d": amount, "T": at}:
            return [Moved(asset, Decimal(amount), int(at))]
        case {"e": "ACCOUNT_UPDATE", "T": at, "a": {"m": reason, "B": changes}} if reason in _BY_PEOPLE:
            moved = [Moved(each["a"], Decimal(each.get("bc", "0")), int(at)) for each in changes]
            return [each for each in moved if each.amount]
        case _:
            return []


_OF_THE_EXCHANGE = ("autoclose-", "adl_autoclose", "settlement_autoclose-")
_LIQUIDATED = "5"


def _forced(event: Mapping[str, Any]) -> bool:
    match event:
        case {"e": "ORDER_TRADE_UPDATE", "o": {"c": name, "x": execution} as order}:
            ours_ended = order.get("er") == _LIQUIDATED
            return execution == "CALCULATED" or ours_ended or str(name).startswith(_OF_THE_EXCHANGE)
        case _:
            return False


def _best(message: Mapping[str, Any]) -> Best | None:
    # Spot sends them without a name of the event.
    if message.get("e", "bookTicker") == "bookTicker" and "b" in message and "a" in message and "u" in message:
        return Best(message["s"], message["b"], message["a"])
    return None


def _bar(message: Mapping[str, Any]) -> Told | None:
    if message.get("e") != "kline":
        return None
    bar = message["k"]
    prices = (Decimal(bar[name]) for name in ("o", "h", "l", "c", "v"))
    return Told(bar["s"], bar["i"], Candle(int(bar["t"]), *prices), closed=bool(bar["x"]))


_OWN_ORDERS_STAY = {"selfTradePreventionMode": "EXPIRE_TAKER"}
_OWN_ORDERS_YIELD = {"selfTradePreventionMode": "EXPIRE_MAKER"}


def _maker(kind: Mapping[str, str]) -> Callable[[Terms], dict[str, str]]:
    def request(terms: Terms) -> dict[str, str]:
        return {
            "symbol": terms.market,
            "side": terms.side.value.upper(),
            "quantity": terms.amount,
            "price": terms.price,
            "newClientOrderId": terms.client_id,
            **kind,
            **_OWN_ORDERS_STAY,
        }

    return request


def _placed(exchange: Any, told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": told["orderId"],
        "status": exchange.parse_order_status(told.get("status")),
        "filled": told.get("executedQty"),
    }


_COUNTED = {"REQUEST_WEIGHT": "x-mbx-used-weight", "ORDERS": "x-mbx-order-count"}


def _order_words(kind: str, weight: int) -> OrderWords:
    return OrderWords(
        address=lambda exchange: str(exchange.urls["api"]["ws"]["ws-api"][kind]),
        weight=weight,
        place=lambda exchange, number, request: {
            "id": number,
            "method": "order.place",
            "params": exchange.sign_params(dict(request)),
        },
        read=_reply,
    )


def _reply(message: Any) -> Reply | None:
    if "status" not in message:
        return None  # an event, such as the end of the service
    error = message.get("error") or {}
    data = error.get("data") or {}
    headers = {}
    for rule in message.get("rateLimits", ()):
        if name := _COUNTED.get(rule["rateLimitType"]):
            headers[f"{name}-{rule['intervalNum']}{rule['interval'][0].lower()}"] = str(rule["count"])
    if "retryAfter" in data:
        headers["retry-after"] = str(max(0, -((data["serverTime"] - data["retryAfter"]) // 1000)))
    return Reply(message["id"], message["status"], headers, message.get("result"), error)


def _by_limit(default: int, *steps: tuple[int, int]) -> Callable[[int | None], int]:
    """Return the weight of a call whose limit is at most the first number of a step; beyond all, of the last one."""

    def weigh(limit: int | None) -> int:
        asked = default if limit is None else limit
        return next((weight for most, weight in steps if asked <= most), steps[-1][1])

    return weigh


_SPOT_DEPTH = _by_limit(100, (100, 5), (500, 25), (1000, 50), (5000, 250))
_USDM_DEPTH = _by_limit(500, (50, 2), (100, 5), (500, 10), (1000, 20))
_USDM_BARS = _by_limit(500, (99, 1), (499, 2), (1000, 5), (1500, 10))

_DAY: Millis = 86_400_000
_QUIET = {
    "fetchCurrencies": False,
    "fetchMargins": False,
    "warnOnFetchOpenOrdersWithoutSymbol": False,
    # ccxt's ten seconds would let an order arrive that was already taken for lost.
    "recvWindow": 5_000,
    # Compressed streams would cost a quarter of a megabyte each, for messages of a few hundred bytes.
    "ws": {"options": {"compress": 0}},
    # Ten connections an address instead of fifty: an address may open three hundred in five minutes, and all that a
    # client holds are opened anew when one of them is. Of a thousand streams each can bear ccxt never counts one off.
    "streamLimits": {"spot": 10, "linear": 10},
    "subscriptionLimitByStream": {"spot": 1000, "linear": 1000},
    # As many levels as a streamed book may ever hold: those that ccxt cuts off would be missed when others go.
    "watchOrderBookLimit": 5_000,
}
_SNAPSHOT = 1000
QUIRKS = Quirks(
    rules=_RULES,
    longest_client_id=36,
    best=_best,
    bar=_bar,
    trades_numbered=True,
    money_moved=_money_moved,
    forced=_forced,
    stream_ends=frozenset({"eventStreamTerminated", "listenKeyExpired"}),
    key_rights=_key_rights,
    shared_margin=_shared_margin,
    count_down=_count_down,
    spot=Part(
        limits=(
            Limit(counts=Counted.WEIGHT, most=6000, seconds=60, header="x-mbx-used-weight-1m"),
            Limit(counts=Counted.ORDERS, most=100, seconds=10, header="x-mbx-order-count-10s"),
            Limit(counts=Counted.ORDERS, most=200_000, seconds=86_400, header="x-mbx-order-count-1d"),
            Limit(counts=Counted.REQUESTS, most=61_000, seconds=300),
        ),
        weights={
            "fetch_markets": 20,
            "fetch_balance": 20,
            "fetch_order": 4,
            "fetch_open_orders": 6,
            "fetch_orders": 20,
            "fetch_my_trades": 20,
            "watch_orders": 4,
            "fetch_trading_fee": 20,
            "fetch_ohlcv": 2,
            "fetch_ticker": 2,
            "fetch_tickers": 80,
            "fetch_trades": 25,
            "fetch_bids_asks": 4,
            "fetch_order_book": lambda symbol, limit=None, *_: _SPOT_DEPTH(limit),
        },
        messages_per_second=4,
        tickers="public_get_ticker_24hr",
        snapshot=_SNAPSHOT,
        options={
            **_QUIET,
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchTradesMethod": "publicGetTrades",
        },
        wallet="spot",
        maker=Maker(
            call="private_post_order",
            request=_maker({"type": "LIMIT_MAKER", "newOrderRespType": "FULL"}),
            read=_placed,
            words=_order_words("spot", 2),
        ),
        self_trade=_OWN_ORDERS_STAY,
        self_trade_closing=_OWN_ORDERS_YIELD,
        filters=_filters,
        rates=_spot_rates,
        trades_from="fromId",
    ),
    perpetual=Part(
        limits=(
            Limit(counts=Counted.WEIGHT, most=2400, seconds=60, header="x-mbx-used-weight-1m"),
            Limit(counts=Counted.ORDERS, most=300, seconds=10, header="x-mbx-order-count-10s"),
            Limit(counts=Counted.ORDERS, most=1200, seconds=60, header="x-mbx-order-count-1m"),
        ),
        weights={
            "create_order": 0,
            "fetch_balance": 5,
            "fetch_orders": 5,
            "fetch_my_trades": 5,
            "fetch_ohlcv": lambda symbol, timeframe, since=None, limit=None, *_: _USDM_BARS(limit),
            "fetch_tickers": 40,
            "fetch_trades": 5,
            "fetch_bids_asks": 5,
            "fetch_order_book": lambda symbol, limit=None, *_: _USDM_DEPTH(limit),
            "fetch_positions": 5,
            "fetch_position_mode": 30,
            "fetch_funding_history": 30,
            "fetch_trading_fee": 20,
            "shared_margin": 30,
            "count_down": 10,
        },
        messages_per_second=8,
        tickers="fapipublic_get_ticker_24hr",
        depths=(5, 10, 20, 50, 100, 500, 1000),
        snapshot=_SNAPSHOT,
        options={
            **_QUIET,
            "defaultType": "swap",
            "fetchMarkets": {"types": ["linear"]},
            "fetchTradesMethod": "fapiPublicGetTrades",
            "watchPositions": {"fetchPositionsSnapshot": False, "awaitPositionsSnapshot": False},
            # ccxt renews the key of a user stream only once, and past our budget. No connection lasts longer than this.
            "listenKeyRefreshRate": _DAY,
        },
        renewal=("fapiprivate_put_listenkey", 1_500),
        # The sandbox of the futures is closed; demo trading took its place.
        testnet="enable_demo_trading",
        wallet="linear",
        maker=Maker(
            call="fapiprivate_post_order",
            request=_maker({"type": "LIMIT", "timeInForce": "GTX", "newOrderRespType": "RESULT"}),
            read=_placed,
            words=_order_words("linear", 5),
        ),
        reduce_only={"reduceOnly": True},
        self_trade=_OWN_ORDERS_STAY,
        self_trade_closing=_OWN_ORDERS_YIELD,
        mark_trigger={"workingType": "MARK_PRICE"},
        close_position={"closePosition": True},
        conditional={"trigger": True},
        triggered_ids=("actualOrderId", "ai"),
        filters=_filters,
        wallet_balances=_wallet_balances,
        funding_of_all=True,
        trades_from="fromId",
        tiers=BY_BASE,
        trades_window=7 * _DAY,
        trades_kept=180 * _DAY,
    ),
)
