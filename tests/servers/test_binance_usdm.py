"""The futures half of the loopback exchange as ccxt finds it: orders, settings, prices; a second client agrees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import pytest

from tests.servers.binance import BinanceServer
from tests.servers.clients import KEY, SECRET, ccxt_client, second_client
from tests.servers.watching import refused

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
MARKET = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
LIMIT = MARKET | {"type": "LIMIT", "price": "49000", "timeInForce": "GTC"}
REFUSED: list[tuple[int, dict[str, str]]] = [
    (-1111, LIMIT | {"quantity": "0.0001"}),
    (-1111, LIMIT | {"price": "49000.001"}),
    (-4014, LIMIT | {"price": "49000.05"}),
    (-4003, LIMIT | {"quantity": "0"}),
    (-4005, MARKET | {"quantity": "121"}),
    (-4013, LIMIT | {"price": "500"}),
    (-4016, LIMIT | {"price": "53000"}),
    (-4024, LIMIT | {"price": "47000", "side": "SELL"}),
    (-4164, LIMIT | {"quantity": "0.002"}),
    (-2019, LIMIT | {"quantity": "10"}),
    (-2022, MARKET | {"reduceOnly": "true"}),
    (-5022, LIMIT | {"price": "50000.1", "timeInForce": "GTX"}),
    (-4061, MARKET | {"positionSide": "LONG"}),
    (-4015, MARKET | {"newClientOrderId": "x" * 37}),
    (-1116, MARKET | {"type": "LIMIT_MAKER"}),
    (-1121, MARKET | {"symbol": "NOPEUSDT"}),
    (-4120, MARKET | {"type": "STOP_MARKET"}),
]


@pytest.fixture
async def server() -> AsyncIterator[BinanceServer]:
    async with BinanceServer() as running:
        running.add_key(KEY, SECRET)
        running.usdm.deposit("10000")
        yield running
        assert not running.mistakes


@pytest.fixture
async def client(server: BinanceServer) -> AsyncIterator[Any]:
    async with ccxt_client(server, types=("linear",), defaultType="swap") as trader:
        trader.timeout_on_exit = 0
        await trader.load_markets()
        yield trader


# -- what is listed


async def test_contracts_are_read_as_perpetuals(client: Any) -> None:
    market = client.market(BTC)
    assert market["swap"] is True
    assert market["linear"] is True
    assert market["precision"] == {"amount": 0.001, "price": 0.1, "base": 1e-08, "quote": 1e-08}
    assert market["limits"]["cost"]["min"] == 100
    assert market["limits"]["market"] == {"min": 0.001, "max": 120.0}
    tiers = await client.fetch_leverage_tiers([BTC])
    assert tiers[BTC][0]["maxLeverage"] == 125
    assert tiers[BTC][1]["info"]["cum"] == 300


async def test_prices_are_told(server: BinanceServer, client: Any) -> None:
    server.usdm.markets["BTCUSDT"].trade("50000.1", "0.5")
    assert (await client.fetch_ticker(BTC))["last"] == 50000.1
    assert (await client.fetch_bids_asks([BTC]))[BTC]["ask"] == 50000.1
    book = await client.fetch_order_book(BTC, 5)
    assert book["bids"][0][0] == 50000.0
    assert (await client.fetch_ohlcv(BTC, "1m", limit=2))[-1][5] == 0.5
    rate = await client.fetch_funding_rate(BTC)
    assert (rate["markPrice"], rate["fundingRate"]) == (50000.05, 0.0001)
    assert await client.fetch_time() == pytest.approx(server.now(), abs=1_000)


async def test_market_streams_are_told(server: BinanceServer, client: Any) -> None:
    watches = {
        "btcusdt@bookTicker": client.watch_bids_asks([BTC]),
        "btcusdt@trade": client.watch_trades(BTC),
        "btcusdt@kline_1m": client.watch_ohlcv(BTC, "1m"),
        "btcusdt@ticker": client.watch_tickers([BTC], {"name": "ticker"}),
        "btcusdt@markPrice@1s": client.watch_mark_price(BTC),
    }
    tasks = [asyncio.create_task(watch) for watch in watches.values()]
    await server.usdm.streams.subscribed(*watches)
    server.usdm.move("BTCUSDT", "49990", "49990.1")
    server.usdm.markets["BTCUSDT"].trade("49990.1", "0.2")
    async with asyncio.timeout(3):
        best, trades, candles, tickers, mark = await asyncio.gather(*tasks)
    assert best[BTC]["bid"] == 49990
    assert trades[-1]["amount"] == 0.2
    assert candles[-1][4] == 49990.1
    assert tickers[BTC]["last"] == 49990.1
    assert mark["markPrice"] == 49990.05


async def test_a_book_is_watched(server: BinanceServer, client: Any) -> None:
    task = asyncio.create_task(client.watch_order_book(BTC))
    await server.usdm.streams.subscribed("btcusdt@depth@100ms")
    for bid in ("49990", "49980", "49970"):
        server.usdm.move("BTCUSDT", bid, "50000")
        await asyncio.sleep(0.02)
    async with asyncio.timeout(3):
        book = await task
        while book["bids"][0][0] != 49970:
            server.usdm.move("BTCUSDT", "49970", "50000")
            book = await client.watch_order_book(BTC)
    assert book["asks"][0][0] == 50000


# -- orders


async def test_an_order_from_its_birth_to_its_end(client: Any) -> None:
    made = await client.create_order(BTC, "limit", "buy", 0.01, 49000, {"clientOrderId": "bt-1", "postOnly": True})
    assert (made["status"], made["clientOrderId"], made["timeInForce"]) == ("open", "bt-1", "PO")
    assert (await client.fetch_order(made["id"], BTC))["price"] == 49000
    assert (await client.fetch_order(None, BTC, {"clientOrderId": "bt-1"}))["id"] == made["id"]
    assert [order["id"] for order in await client.fetch_open_orders(BTC)] == [made["id"]]
    assert [order["id"] for order in await client.fetch_open_orders(params={"type": "swap"})] == [made["id"]]
    with refused(-4116):
        await client.create_order(BTC, "limit", "buy", 0.01, 48000, {"clientOrderId": "bt-1"})
    cancelled = await client.cancel_order(None, BTC, {"clientOrderId": "bt-1"})
    assert cancelled["status"] == "canceled"
    with refused(-2011):
        await client.cancel_order(made["id"], BTC)
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order("1", BTC)
    assert [order["status"] for order in await client.fetch_orders(BTC)] == ["canceled"]


async def test_a_position_is_opened_and_closed(client: Any) -> None:
    bought = await client.create_order(BTC, "market", "buy", 0.02)
    assert (bought["status"], bought["average"]) == ("closed", 50000.1)
    [position] = await client.fetch_positions([BTC])
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("long", 0.02, 50000.1)
    assert position["marginMode"] == "cross"
    balance = (await client.fetch_balance())["USDT"]
    assert balance["total"] == pytest.approx(10000 - 0.500001 - 0.001)
    assert balance["used"] == pytest.approx(1000.001 / 20)
    await client.create_order(BTC, "market", "sell", 0.02, None, {"reduceOnly": True})
    assert await client.fetch_positions([BTC]) == []
    buy, sell = await client.fetch_my_trades(BTC)
    assert (buy["side"], sell["side"], buy["takerOrMaker"]) == ("buy", "sell", "taker")
    assert sell["info"]["realizedPnl"] == "-0.00200000"
    assert buy["fee"] == {"currency": "USDT", "cost": 0.500001}
    assert [trade["id"] for trade in await client.fetch_my_trades(BTC, params={"fromId": sell["id"]})] == [sell["id"]]
    kinds = [row["incomeType"] for row in await client.fapiPrivateGetIncome()]
    assert kinds == ["TRANSFER", "COMMISSION", "REALIZED_PNL", "COMMISSION"]


async def test_orders_are_refused_by_code(server: BinanceServer, client: Any) -> None:
    for code, order in REFUSED:
        with refused(code):
            await client.fapiPrivatePostOrder(order)
    server.mistakes.clear()


async def test_a_post_only_order_may_also_expire(server: BinanceServer, client: Any) -> None:
    server.usdm.post_only_expires = True
    order = await client.create_order(BTC, "limit", "buy", 0.01, 50000.1, {"postOnly": True})
    assert order["status"] == "expired"


async def test_all_orders_of_a_market_are_cancelled(client: Any) -> None:
    await client.create_order(BTC, "limit", "buy", 0.01, 49000)
    await client.create_order(ETH, "limit", "buy", 0.1, 2400)
    await client.cancel_all_orders(BTC)
    assert [order["symbol"] for order in await client.fetch_open_orders(params={"type": "swap"})] == [ETH]


async def test_a_reduce_only_order_never_turns_a_position(server: BinanceServer, client: Any) -> None:
    await client.create_order(BTC, "market", "buy", 0.02)
    resting = await client.create_order(BTC, "limit", "sell", 0.02, 50500, {"reduceOnly": True})
    other = await client.create_order(BTC, "limit", "sell", 0.01, 50600, {"reduceOnly": True})
    await client.create_order(BTC, "market", "sell", 0.005)
    server.usdm.move("BTCUSDT", "51000", "51000.1")
    assert await client.fetch_positions([BTC]) == []
    first, second = [await client.fetch_order(each["id"], BTC) for each in (resting, other)]
    assert (first["status"], first["filled"], first["amount"]) == ("expired", 0.015, 0.02)
    assert (second["status"], second["filled"]) == ("expired", 0)


# -- settings


async def test_a_market_is_set_up_once(client: Any) -> None:
    await client.set_leverage(10, BTC)
    await client.set_margin_mode("isolated", BTC)
    with refused(-4046):
        await client.set_margin_mode("isolated", BTC)
    with refused(-4059):
        await client.set_position_mode(False, BTC)
    with refused(-4028):
        await client.set_leverage(125, "SOL/USDT:USDT")
    assert (await client.fetch_leverages([BTC]))[BTC]["longLeverage"] == 10
    assert (await client.fetch_margin_mode(BTC))["marginMode"] == "isolated"
    assert (await client.fetch_position_mode(BTC))["hedged"] is False
    await client.create_order(BTC, "limit", "buy", 0.01, 49000)
    with refused(-4047):
        await client.set_margin_mode("cross", BTC)
    await client.create_order(BTC, "market", "buy", 0.01)
    await client.cancel_all_orders(BTC)
    with refused(-4048):
        await client.set_margin_mode("cross", BTC)
    with refused(-4068):
        await client.set_position_mode(True, BTC)


async def test_a_hedged_account_refuses_one_way_orders(server: BinanceServer, client: Any) -> None:
    server.usdm.member().hedged = True
    assert (await client.fetch_position_mode(BTC))["hedged"] is True
    with refused(-4061):
        await client.create_order(BTC, "market", "buy", 0.01)


async def test_an_account_of_several_assets_isolates_no_margin(server: BinanceServer, client: Any) -> None:
    assert await client.fapiprivate_get_multiassetsmargin() == {"multiAssetsMargin": False}
    with refused(-4171):
        await client.fapiprivate_post_multiassetsmargin({"multiAssetsMargin": "false"})
    await client.set_margin_mode("isolated", BTC)
    with refused(-4167):
        await client.fapiprivate_post_multiassetsmargin({"multiAssetsMargin": "true"})
    await client.set_margin_mode("cross", BTC)
    await client.fapiprivate_post_multiassetsmargin({"multiAssetsMargin": "true"})
    assert await client.fapiprivate_get_multiassetsmargin() == {"multiAssetsMargin": True}
    assert (await client.fapiprivatev2_get_account())["multiAssetsMargin"] is True
    with refused(-4168):
        await client.set_margin_mode("isolated", BTC)


async def test_isolated_margin_is_added_and_told(client: Any) -> None:
    await client.set_margin_mode("isolated", BTC)
    await client.set_leverage(10, BTC)
    await client.create_order(BTC, "market", "buy", 0.02)
    [before] = await client.fetch_positions([BTC])
    await client.add_margin(BTC, 50)
    [after] = await client.fetch_positions([BTC])
    assert before["marginMode"] == "isolated"
    assert after["collateral"] == pytest.approx(before["collateral"] + 50)
    assert after["liquidationPrice"] < before["liquidationPrice"]


async def test_money_comes_from_the_spot_wallet_and_goes_back(server: BinanceServer, client: Any) -> None:
    server.keyring.keys[KEY].rights.add("transfer")
    server.spot.deposit("USDT", "500")
    client.currencies["USDT"] = client.safe_currency_structure({"id": "USDT", "code": "USDT", "precision": 1e-8})
    await client.transfer("USDT", 200, "spot", "linear")
    assert (await client.fetch_balance())["USDT"]["free"] == 10200
    await client.transfer("USDT", 100, "linear", "spot")
    assert server.spot.account().ledger.free("USDT") == 400
    with refused(-5013):
        await client.transfer("USDT", 99999, "linear", "spot")


# -- who may ask


async def test_a_key_without_the_right_may_only_read(server: BinanceServer, client: Any) -> None:
    server.keyring.keys[KEY].rights.discard("futures")
    await client.fetch_balance()
    with refused(-2015):
        await client.create_order(BTC, "market", "buy", 0.01)


async def test_a_clock_gone_wrong_is_refused(server: BinanceServer, client: Any) -> None:
    server.clock_offset = 30_000
    with pytest.raises(ccxt.InvalidNonce):
        await client.fetch_balance()


# -- a second client, by other people


async def test_another_client_finds_the_same_account(server: BinanceServer, client: Any) -> None:
    async with second_client(server) as other:
        assert (await other.futures_exchange_info())["symbols"][0]["symbol"] == "BTCUSDT"
        await other.futures_change_leverage(symbol="BTCUSDT", leverage=10)
        await other.futures_change_margin_type(symbol="BTCUSDT", marginType="ISOLATED")
        made = await other.futures_create_order(**LIMIT, newClientOrderId="bt-9")
        assert (await client.fetch_order(made["orderId"], BTC))["clientOrderId"] == "bt-9"
        assert (await other.futures_get_open_orders(symbol="BTCUSDT"))[0]["clientOrderId"] == "bt-9"
        await other.futures_cancel_order(symbol="BTCUSDT", origClientOrderId="bt-9")
        await other.futures_create_order(**MARKET)
        [position] = [each for each in await other.futures_position_information(symbol="BTCUSDT")]
        assert (await client.fetch_positions([BTC]))[0]["liquidationPrice"] == float(position["liquidationPrice"])
        stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "closePosition": "true"}
        conditional = await other.futures_create_order(**stop, triggerPrice="45000", workingType="MARK_PRICE")
        [waiting] = await client.fetch_open_orders(BTC, params={"trigger": True})
        assert waiting["id"] == str(conditional["algoId"])
        assert len(await other.futures_account_trades(symbol="BTCUSDT")) == 1
        assert (await other.futures_account_balance())[0]["asset"] == "USDT"
        assert (await other.futures_account())["assets"][0]["asset"] == "USDT"
        assert (await other.futures_leverage_bracket(symbol="BTCUSDT"))[0]["brackets"][0]["initialLeverage"] == 125
        assert len(await other.futures_income_history()) == 2
        assert (await other.futures_mark_price(symbol="BTCUSDT"))["symbol"] == "BTCUSDT"
