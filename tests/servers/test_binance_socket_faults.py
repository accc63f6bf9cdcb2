"""Every fault of a request strikes a call of the WebSocket API as well, of both products."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.servers.binance import BinanceServer
from tests.servers.binance.faults import Kind
from tests.servers.calling import Caller, Product, caller, place, until
from tests.servers.clients import ccxt_client

ANSWERED: list[tuple[Kind, dict[str, Any], int, int, bool]] = [
    ("error", {"status": 500}, 500, -1000, False),
    ("error", {"status": 503, "code": -1008}, 503, -1008, False),
    ("error_after", {"status": 500, "code": -1006}, 500, -1006, True),
    ("timeout_before", {}, 408, -1007, False),
    ("timeout_after", {}, 408, -1007, True),
    ("throttle", {"status": 429, "seconds": 7}, 429, -1003, False),
    ("throttle", {"status": 418, "seconds": 90}, 418, -1003, False),
    ("clock", {}, 400, -1021, False),
]


@pytest.mark.parametrize(("kind", "details", "status", "code", "done"), ANSWERED)
async def test_a_fault_is_answered_with_its_error(
    server: BinanceServer,
    product: Product,
    wire: Caller,
    kind: Kind,
    details: dict[str, Any],
    status: int,
    code: int,
    done: bool,
) -> None:
    server.faults.add(kind, f"POST {product.route}", **details)
    answer = await place(wire, product)
    assert (answer["status"], answer["error"]["code"]) == (status, code)
    assert product.stands(server, "bt-1") == int(done)
    assert server.faults.struck == [(kind, f"POST {product.route}")]
    if kind == "throttle":
        told = answer["error"]["data"]
        assert told["retryAfter"] - told["serverTime"] == pytest.approx(details["seconds"] * 1_000, abs=100)
    assert (await place(wire, product, "regular"))["status"] == 200


@pytest.mark.parametrize(
    ("kind", "details", "code", "done"),
    [
        ("drop_before", {}, 1006, False),
        ("drop_after", {}, 1006, True),
        ("html", {"status": 502}, 1014, False),
        ("html", {"status": 503}, 1012, False),
        ("html_after", {"status": 504}, 1012, True),
    ],
)
async def test_a_fault_ends_the_connection(
    server: BinanceServer,
    product: Product,
    wire: Caller,
    kind: Kind,
    details: dict[str, Any],
    code: int,
    done: bool,
) -> None:
    server.faults.add(kind, f"POST {product.route}", **details)
    await wire.send("order.place", **product.order, newClientOrderId="bt-1")
    assert await wire.hear() == ""
    assert wire.socket.close_code == code
    assert product.stands(server, "bt-1") == int(done)
    assert server.orders_sent() == 1


@pytest.mark.parametrize("kind", ["truncate", "sever"])
async def test_half_an_answer_comes_to_an_order_that_stands(
    server: BinanceServer, product: Product, wire: Caller, kind: Kind
) -> None:
    server.faults.add(kind, f"POST {product.route}")
    await wire.send("order.place", **product.order, newClientOrderId="bt-1")
    half = await wire.hear()
    assert half.startswith('{"id":1,"status":200,')
    with pytest.raises(ValueError):
        json.loads(half)
    assert product.stands(server, "bt-1") == 1
    if kind == "sever":
        assert await wire.hear() == ""
    else:
        assert (await place(wire, product, "next"))["status"] == 200


@pytest.mark.parametrize("kind", ["delay", "delay_before"])
async def test_a_late_answer_holds_up_no_other(
    server: BinanceServer, product: Product, wire: Caller, kind: Kind
) -> None:
    server.faults.add(kind, f"POST {product.route}", seconds=0.3)
    late = await wire.send("order.place", **product.order, newClientOrderId="late")
    assert (await place(wire, product, "other"))["status"] == 200
    assert product.stands(server, "late") == int(kind == "delay")
    answer = json.loads(await wire.hear())
    assert (answer["id"], answer["status"], product.stands(server, "late")) == (late, 200, 1)


async def test_what_is_done_late_is_done_although_the_client_has_gone(server: BinanceServer, product: Product) -> None:
    server.faults.add("delay_before", f"POST {product.route}", seconds=0.3)
    async with caller(server, product.address) as wire:
        await wire.send("order.place", **product.order, newClientOrderId="bt-1")
        await until(lambda: bool(server.faults.struck))
    assert not product.stands(server, "bt-1")
    await until(lambda: product.stands(server, "bt-1") == 1)


async def test_a_server_that_stops_forgets_what_it_would_have_done_late(
    server: BinanceServer, product: Product
) -> None:
    for kind in ("delay", "delay_before"):
        server.faults.add(kind, f"POST {product.route}", seconds=3_600)
    async with caller(server, product.address) as wire:
        for name in ("delay", "delay_before"):
            await wire.send("order.place", **product.order, newClientOrderId=name)
        await until(lambda: len(server.faults.struck) == 2)
        await server.stop()
        assert await wire.hear() == ""
    await server.start()
    assert (product.stands(server, "delay"), product.stands(server, "delay_before")) == (1, 0)


async def test_a_rule_may_strike_the_socket_alone(server: BinanceServer, product: Product, wire: Caller) -> None:
    server.faults.add("error", "WS order.place", code=-1008)
    async with ccxt_client(server, types=(product.types,)) as client:
        await client.create_order(product.symbol, "limit", "buy", 0.01, 49_000)
    assert not server.faults.struck
    assert (await place(wire, product))["error"]["code"] == -1008
    assert server.faults.struck == [("error", "WS order.place")]
    assert server.orders_sent() == 2


async def test_a_rule_that_matches_both_names_counts_a_call_once(
    server: BinanceServer, product: Product, wire: Caller
) -> None:
    server.faults.add("timeout_before", "*", skip=1)
    assert [(await place(wire, product, f"bt-{number}"))["status"] for number in range(3)] == [200, 408, 200]
