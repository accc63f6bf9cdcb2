"""Unmodified ccxt on the loopback Binance, spot, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from tests.servers.binance import BinanceServer
from tests.servers.clients import KEY, ccxt_client

BTC = "BTC/USDT"


@pytest.fixture
async def client(server: BinanceServer) -> AsyncIterator[Any]:
    async with ccxt_client(server) as client:
        await client.load_markets()
        yield client
    assert not server.mistakes


def test_no_address_of_ccxt_leads_outside() -> None:
    server = BinanceServer()
    server._port = 1
    client = ccxt.pro.binance({"urls": server.ccxt_urls})
    text = json.dumps(client.urls["api"])
    assert text.count("://") == text.count("://127.0.0.1:1/")


async def test_a_quiet_start_up_is_one_call(server: BinanceServer, client: Any) -> None:
    assert server.calls == ["GET /api/v3/exchangeInfo"]
    market = client.market(BTC)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    assert market["limits"]["cost"]["min"] == 5


async def test_a_loud_start_up_finds_everything_it_asks_for(server: BinanceServer) -> None:
    async with ccxt_client(server, fetchMarkets={"types": ["spot"]}, fetchCurrencies=True) as client:
        client.options["fetchMargins"] = True
        await client.load_markets()
        assert client.currencies["BTC"]["active"]
    assert not server.mistakes


async def test_the_life_of_a_limit_order(server: BinanceServer, client: Any) -> None:
    placed = await client.create_order(BTC, "limit", "buy", 0.5, 49_000, {"clientOrderId": "bt-1"})
    assert (placed["status"], placed["clientOrderId"]) == ("open", "bt-1")
    server.market("BTCUSDT").trade("49000", "0.2", "SELL")
    by_client_id = await client.fetch_order(None, BTC, {"clientOrderId": "bt-1"})
    assert (by_client_id["id"], by_client_id["filled"]) == (placed["id"], 0.2)
    assert [order["id"] for order in await client.fetch_open_orders()] == [placed["id"]]
    assert (await client.cancel_order(placed["id"], BTC))["status"] == "canceled"
    assert (await client.fetch_order(placed["id"], BTC))["status"] == "canceled"
    assert await client.fetch_open_orders(BTC) == []
    balance = await client.fetch_balance()
    assert (balance["USDT"]["free"], balance["USDT"]["used"]) == (90_200, 0)
    assert balance["BTC"]["total"] == 2.1998
    [trade] = await client.fetch_my_trades(BTC)
    assert (trade["takerOrMaker"], trade["amount"], trade["fee"]) == ("maker", 0.2, {"currency": "BTC", "cost": 0.0002})
    assert server.spot.account().doubled == []


async def test_a_market_order_walks_and_tells_each_fill(server: BinanceServer, client: Any) -> None:
    server.market("BTCUSDT").move("50000", "50001", bid_size="0.4")
    order = await client.create_order(BTC, "market", "sell", 1)
    assert (order["status"], order["filled"], len(order["trades"])) == ("closed", 1, 2)
    assert order["average"] < 50_000


async def test_a_post_only_order_rests_or_is_refused(server: BinanceServer, client: Any) -> None:
    order = await client.create_order(BTC, "limit", "buy", 0.1, 49_000, {"postOnly": True})
    assert (order["status"], order["postOnly"]) == ("open", True)
    with pytest.raises(ccxt.OrderImmediatelyFillable, match="immediately match and take"):
        await client.create_order(BTC, "limit", "buy", 0.1, 50_001, {"postOnly": True})


async def test_a_stop_limit_order_works_once_it_triggers(server: BinanceServer, client: Any) -> None:
    stop = await client.create_order(BTC, "limit", "sell", 0.1, 47_900, {"stopLossPrice": 48_000})
    assert (await client.fetch_order(stop["id"], BTC))["triggerPrice"] == 48_000
    server.market("BTCUSDT").move("47950", "47951")
    server.market("BTCUSDT").trade("47950", "0.01")
    assert (await client.fetch_order(stop["id"], BTC))["status"] == "closed"


async def test_an_order_is_edited_by_cancel_and_replace(server: BinanceServer, client: Any) -> None:
    old = await client.create_order(BTC, "limit", "buy", 0.1, 49_000)
    new = await client.edit_order(old["id"], BTC, "limit", "buy", 0.2, 48_000)
    assert [(order["id"], order["amount"]) for order in await client.fetch_open_orders(BTC)] == [(new["id"], 0.2)]


# -- refusals


async def _again(client: Any) -> None:
    for _ in range(2):
        await client.create_order(BTC, "limit", "buy", 0.001, 40_000, {"clientOrderId": "same"})


def _raw(**changes: str | None) -> Callable[[Any], Awaitable[Any]]:
    regular = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    regular |= {"quantity": "0.001", "price": "40000", "newClientOrderId": "raw"}
    params = {name: value for name, value in (regular | changes).items() if value is not None}
    return lambda client: client.private_post_order(params)


REFUSALS: list[tuple[Callable[[Any], Awaitable[Any]], type[Exception], str]] = [
    (lambda c: c.fetch_order("77", BTC), ccxt.OrderNotFound, "-2013"),
    (lambda c: c.cancel_order("77", BTC), ccxt.OrderNotFound, "-2011"),
    (lambda c: c.create_order(BTC, "limit", "buy", 3, 49_000), ccxt.InsufficientFunds, "insufficient balance"),
    (_again, ccxt.InvalidOrder, "Duplicate order sent"),
    (_raw(price="40000.001"), ccxt.InvalidOrder, "price is invalid"),
    (_raw(quantity="0.0000011"), ccxt.InvalidOrder, "lot size"),
    (_raw(quantity="0.0001"), ccxt.BadRequest, "NOTIONAL"),
    (_raw(price="9000"), ccxt.InvalidOrder, "PERCENT_PRICE_BY_SIDE"),
    (
        _raw(type="MARKET", price=None, timeInForce=None, quantity="121"),
        ccxt.InvalidOrder,
        "lot size",
    ),
    (_raw(symbol="NOTHING"), ccxt.BadSymbol, "-1121"),
    (_raw(price=None), ccxt.BadRequest, "-1102.*'price'"),
    (_raw(stopPrice="1"), ccxt.BadRequest, "-1106.*'stopPrice'"),
    (_raw(side="UP"), ccxt.BadRequest, "-1117"),
    (_raw(type="GUESS"), ccxt.BadRequest, "-1116"),
    (_raw(timeInForce="NOW"), ccxt.BadRequest, "-1115"),
    (_raw(quantity="1e-3"), ccxt.BadRequest, "-1100.*'quantity'"),
    (_raw(quantity="0.123456789"), ccxt.BadRequest, "-1111.*'quantity'"),
    (_raw(newClientOrderId="with space"), ccxt.BadRequest, "-1100.*'newClientOrderId'"),
    (_raw(newClientOrderId="x" * 37), ccxt.BadRequest, "-1100.*'newClientOrderId'"),
    (_raw(invented="1"), ccxt.BadRequest, "-1104"),
]


async def test_refusals_reach_ccxt_as_the_errors_it_knows(server: BinanceServer) -> None:
    async with ccxt_client(server) as client:
        for ask, error, text in REFUSALS:
            with pytest.raises(error, match=text) as caught:
                await ask(client)
            assert type(caught.value) is error, text
    assert len(server.mistakes) == 10


async def test_orders_beyond_the_allowed_number_are_refused(server: BinanceServer, client: Any) -> None:
    spec = server.market("BTCUSDT").spec
    spec.max_orders = 3
    spec.max_algo_orders = 1
    stop = {"stopLossPrice": 45_000}
    await client.create_order(BTC, "limit", "sell", 0.001, 44_000, stop)
    with pytest.raises(ccxt.BadRequest, match="MAX_NUM_ALGO_ORDERS"):
        await client.create_order(BTC, "limit", "sell", 0.001, 44_000, stop)
    for _ in range(2):
        await client.create_order(BTC, "limit", "buy", 0.001, 40_000)
    with pytest.raises(ccxt.BadRequest, match="MAX_NUM_ORDERS"):
        await client.create_order(BTC, "limit", "buy", 0.001, 40_000)


async def test_keys_open_what_they_may(server: BinanceServer, client: Any) -> None:
    server.add_key("reader", "s", "read")
    async with ccxt_client(server, key="reader", secret="s") as reader:
        await reader.fetch_balance()
        reader.options["hasAlreadyAuthenticatedSuccessfully"] = False
        with pytest.raises(ccxt.AuthenticationError, match="-2015"):
            await reader.create_order(BTC, "limit", "buy", 0.001, 40_000)
    for key, secret, error, code in (
        ("stranger", "s", ccxt.AuthenticationError, "-2015"),
        (KEY, "wrong", ccxt.AuthenticationError, "-1022"),
    ):
        async with ccxt_client(server, key=key, secret=secret) as wrong:
            with pytest.raises(error, match=code):
                await wrong.fetch_balance()
    assert "-1022" in server.mistakes.pop()
    rights = await client.sapi_get_account_apirestrictions()
    assert (rights["enableSpotAndMarginTrading"], rights["enableWithdrawals"]) == (True, False)


async def test_the_clock_is_checked(server: BinanceServer, client: Any) -> None:
    for offset in (-5_000, 20_000):
        server.clock_offset = offset
        with pytest.raises(ccxt.InvalidNonce, match="-1021"):
            await client.fetch_balance()
    await client.load_time_difference()
    client.options["adjustForTimeDifference"] = True
    await client.fetch_balance()


async def test_money_moves_between_the_products(server: BinanceServer, client: Any) -> None:
    server.keyring.keys[KEY].rights.add("transfer")
    moved = await client.transfer("USDT", 500, "spot", "linear")
    assert server.spot.account().ledger.free("USDT") == 99_500
    told = await client.sapi_get_asset_transfer({"type": "MAIN_UMFUTURE"})
    assert [str(row["tranId"]) for row in told["rows"]] == [moved["id"]]
    with pytest.raises(ccxt.ExchangeError, match="-5013"):
        await client.transfer("USDT", 500_000, "spot", "linear")


async def test_fees_are_told_as_they_are_taken(server: BinanceServer, client: Any) -> None:
    server.spot.account().maker = Decimal("0.0002")
    assert (await client.fetch_trading_fee(BTC))["maker"] == 0.0002
    told = await client.private_get_account_commission({"symbol": "BTCUSDT"})
    assert told["standardCommission"]["maker"] == "0.00020000"


# -- limits


async def test_weight_and_orders_are_told_and_enforced(server: BinanceServer, client: Any) -> None:
    await client.create_order(BTC, "limit", "buy", 0.001, 40_000)
    told = client.last_response_headers
    assert (told["X-MBX-ORDER-COUNT-10S"], told["X-MBX-ORDER-COUNT-1D"]) == ("1", "1")
    server.spot_limits.orders["SECOND", 10] = 1
    with pytest.raises(ccxt.DDoSProtection, match="429.*-1015"):
        await client.create_order(BTC, "limit", "buy", 0.001, 40_000)
    server.spot_limits.weight = server.spot_limits.used + 20
    server.spot_limits.patience = 1
    await client.fetch_balance()
    with pytest.raises(ccxt.DDoSProtection, match="429.*-1003"):
        await client.fetch_balance()
    assert int(client.last_response_headers["Retry-After"]) <= 60
    with pytest.raises(ccxt.DDoSProtection, match="418.*banned until"):
        await client.fetch_balance()
    assert client.last_response_headers["Retry-After"] == "121"
    server.clock_offset = 200_000
    await client.fetch_time()


# -- streams


class Ears:
    """Everything a client hears on its streams."""

    def __init__(self, **streams: Callable[[], Awaitable[Any]]) -> None:
        self.heard: dict[str, list[Any]] = {name: [] for name in streams}
        self._changed = asyncio.Condition()
        self._tasks = [asyncio.create_task(self._listen(name, watch)) for name, watch in streams.items()]

    async def _listen(self, name: str, watch: Callable[[], Awaitable[Any]]) -> None:
        while True:
            found = await watch()
            async with self._changed:
                self.heard[name].append(json.loads(json.dumps(found)))
                self._changed.notify_all()

    async def until(self, wanted: Callable[[], Any]) -> None:
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(wanted)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_the_user_hears_of_orders_trades_and_balances(server: BinanceServer, client: Any) -> None:
    ears = Ears(orders=client.watch_orders, trades=client.watch_my_trades, balances=client.watch_balance)
    await server.users.heard()
    order = await client.create_order(BTC, "limit", "buy", 0.5, 49_000, {"clientOrderId": "bt-1"})
    for price in ("49000", "48999"):
        await ears.until(lambda: ears.heard["orders"])
        server.market("BTCUSDT").trade(price, "0.2", "SELL")
        await ears.until(lambda: ears.heard["orders"][-1][-1]["filled"])
    last = await client.create_order(BTC, "limit", "sell", 0.1, 60_000)
    await client.cancel_order(last["id"], BTC)

    def told() -> list[tuple[str, float]]:
        return [(each["status"], each["filled"]) for batch in ears.heard["orders"] for each in batch]

    await ears.until(lambda: ("canceled", 0) in told())
    assert told() == [("open", 0), ("open", 0.2), ("closed", 0.5), ("open", 0), ("canceled", 0)]
    amounts = [trade["amount"] for batch in ears.heard["trades"] for trade in batch]
    assert amounts == [0.2, 0.3]
    assert ears.heard["orders"][0][0]["id"] == order["id"]
    await ears.until(lambda: ears.heard["balances"][-1]["BTC"]["free"] == 2.4995)
    await ears.close()


async def test_everybody_hears_of_the_market(server: BinanceServer, client: Any) -> None:
    ears = Ears(
        book=lambda: client.watch_order_book(BTC),
        best=lambda: client.watch_bids_asks([BTC]),
        ticker=lambda: client.watch_tickers([BTC], {"name": "ticker"}),
        trades=lambda: client.watch_trades(BTC),
        bars=lambda: client.watch_ohlcv(BTC, "1m"),
    )
    names = ("depth@100ms", "bookTicker", "ticker", "trade", "kline_1m")
    await server.streams.subscribed(*(f"btcusdt@{name}" for name in names))
    market = server.market("BTCUSDT")

    def complete() -> bool:
        return all(ears.heard.values()) and ears.heard["book"][-1]["bids"][0][0] == 50_020

    async with asyncio.timeout(5):
        while not complete():
            market.move("50020", "50021")
            market.trade("50021", "0.25", "BUY")
            await asyncio.sleep(0.01)
    assert ears.heard["best"][-1][BTC]["ask"] == 50_021
    assert ears.heard["ticker"][-1][BTC]["last"] == 50_021
    assert ears.heard["trades"][-1][-1]["amount"] == 0.25
    assert ears.heard["bars"][-1][-1][4] == 50_021
    assert ears.heard["book"][-1]["asks"][0] == [50_021, 10]
    await ears.close()


async def test_orders_go_over_the_socket_as_well(server: BinanceServer, client: Any) -> None:
    order = await client.create_order_ws(BTC, "limit", "buy", 0.1, 49_000)
    assert server.spot.account().orders[int(order["id"])].open
    await client.cancel_order_ws(order["id"], BTC)
    assert not server.spot.account().open()
    with pytest.raises(ccxt.InsufficientFunds):
        await client.create_order_ws(BTC, "limit", "buy", 10, 49_000)
