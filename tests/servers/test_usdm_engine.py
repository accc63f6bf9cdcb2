"""The futures exchange without its wires: whatever is ordered and wherever prices go, its books add up."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.servers.binance.orders import Order
from tests.servers.binance.usdm_conditionals import accept
from tests.servers.binance.usdm_contracts import perpetuals
from tests.servers.binance.usdm_engine import Futures
from tests.servers.binance.usdm_member import Conditional
from tests.servers.binance.words import Json, Refusal, Side

D = Decimal
OPENING = {"BTCUSDT": D(50_000), "ETHUSDT": D(2_500), "SOLUSDT": D(100)}


def exchange(balance: str = "10000") -> Futures:
    clock = count(1_700_000_000_000)
    futures = Futures(lambda: next(clock))
    for contract in perpetuals():
        bid = OPENING[contract.symbol]
        futures.list(contract, bid, bid + contract.spec.tick)
    futures.deposit(balance)
    return futures


def stop(side: Side, trigger: str, quantity: str = "0", symbol: str = "BTCUSDT") -> Conditional:
    return Conditional(
        id=0,
        client_id=f"stop-{side}-{trigger}",
        symbol=symbol,
        side=side,
        type="STOP_MARKET",
        trigger=D(trigger),
        quantity=D(quantity),
        working_type="MARK_PRICE",
        close=D(quantity) == 0,
    )


def test_a_position_beyond_its_bracket_is_refused() -> None:
    futures = exchange("100000000")
    futures.member().account.positions["BTCUSDT"].leverage = 125
    futures.place_foreign("BTCUSDT", "BUY", "5")
    with pytest.raises(Refusal, match="maximum allowable position"):
        futures.place_foreign("BTCUSDT", "BUY", "2", "49000")


def test_margin_is_asked_for_what_rests() -> None:
    futures = exchange("1000")
    futures.place_foreign("BTCUSDT", "BUY", "0.2", "50000")
    futures.place_foreign("BTCUSDT", "SELL", "0.19", "51000")
    with pytest.raises(Refusal, match="insufficient"):
        futures.place_foreign("BTCUSDT", "BUY", "0.3", "49000")
    assert futures.member().account.available == 1000 - D("0.2") * 50000 / 20


def test_a_delisted_contract_lets_orders_go() -> None:
    futures = exchange()
    order = futures.place_foreign("BTCUSDT", "BUY", "0.01", "49000")
    futures.delist("BTCUSDT", gone=True)
    assert order.status == "EXPIRED"
    with pytest.raises(Refusal, match="Invalid symbol"):
        futures.market("BTCUSDT")


def test_two_accounts_trade_with_each_other() -> None:
    futures = exchange()
    futures.deposit("10000", "stranger")
    futures.markets["BTCUSDT"].drain()
    futures.place_foreign("BTCUSDT", "SELL", "0.1", "50000", "stranger")
    bought = futures.place_foreign("BTCUSDT", "BUY", "0.1", "50000")
    assert bought.status == "FILLED"
    one, two = (futures.member(name).account.positions["BTCUSDT"].quantity for name in ("main", "stranger"))
    assert (one, two) == (D("0.1"), D("-0.1"))


def test_stops_save_what_liquidation_would_take() -> None:
    for protected in (True, False):
        futures = exchange("1000")
        futures.member().account.positions["BTCUSDT"].leverage = 50
        futures.place_foreign("BTCUSDT", "BUY", "0.5")
        if protected:
            accept(futures, futures.member(), stop("SELL", "49500"))
        for bid in ("49600", "49400", "48500", "48000"):
            futures.move("BTCUSDT", bid, D(bid) + 1)
        names = [order.client_id for order in futures.member().orders.values()]
        assert any(name.startswith("autoclose-") for name in names) is not protected
        assert futures.member().account.positions["BTCUSDT"].quantity == 0


def test_a_trigger_may_hand_its_order_another_name_or_stick() -> None:
    futures = exchange()
    futures.triggered_keep_client_id = False
    futures.place_foreign("BTCUSDT", "BUY", "0.1")
    first = accept(futures, futures.member(), stop("SELL", "49500", "0.05"))
    second = accept(futures, futures.member(), stop("SELL", "49000"))
    futures.set_mark("BTCUSDT", "49500")
    assert first.order is not None
    assert first.order.client_id != first.client_id
    futures.triggers_stick = True
    futures.set_mark("BTCUSDT", "49000")
    assert second.status == "TRIGGERING"
    assert futures.member().account.positions["BTCUSDT"].quantity == D("0.05")


def test_cross_positions_fall_together() -> None:
    futures = exchange("1500")
    account = futures.member().account
    for symbol, quantity in (("BTCUSDT", "0.3"), ("ETHUSDT", "4")):
        account.positions[symbol].leverage = 50
        futures.place_foreign(symbol, "BUY", quantity)
    lonely = account.liquidation_price("BTCUSDT")
    futures.set_mark("ETHUSDT", "2350")
    price = account.liquidation_price("BTCUSDT")
    assert lonely is not None
    assert price is not None
    assert price > lonely, "a loss elsewhere brings liquidation nearer"
    futures.set_mark("BTCUSDT", price - 1)
    assert account.positions["BTCUSDT"].quantity == 0
    assert account.wallet >= 0


ORDERS = ("buy", "sell", "market buy", "market sell", "reduce buy", "reduce sell")
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["buy", "sell", "market buy", "market sell", "reduce buy", "reduce sell", "stop", "move", "fund"]
        ),
        st.sampled_from(sorted(OPENING)),
        st.integers(1, 40),
        st.integers(-40, 40),
    ),
    max_size=40,
)


def play(futures: Futures, action: str, symbol: str, size: int, drift: int) -> None:
    market, quantity = futures.markets[symbol], size * D(500) / OPENING[symbol]
    price = (OPENING[symbol] * (1000 + drift * (2 if action == "move" else 1)) / 1000).quantize(market.spec.tick)
    match action.split():
        case ["move"]:
            futures.move(symbol, price, price + market.spec.tick)
            market.trade(price, "0.5")
        case ["fund"]:
            futures.apply_funding(symbol, D(drift) / 10_000)
        case ["stop"]:
            side: Side = "SELL" if price < market.mid else "BUY"
            accept(futures, futures.member(), stop(side, f"{price}", "0" if size % 2 else f"{quantity}", symbol))
        case ["market", word]:
            futures.place_foreign(symbol, _side(word), quantity)
        case ["reduce", word]:
            futures.place_foreign(symbol, _side(word), quantity, price, reduce_only=True)
        case _:
            futures.place_foreign(symbol, _side(action), quantity, price)


def _side(word: str) -> Side:
    return "BUY" if word == "buy" else "SELL"


def check(futures: Futures, events: list[Json]) -> None:
    member = futures.member()
    account = member.account
    assert account.wallet == sum(income.amount for income in account.incomes)
    assert account.doomed() is None
    signed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for deal in member.deals:
        order = deal.fill.order
        signed[order.symbol] += deal.fill.quantity if order.side == "BUY" else -deal.fill.quantity
    for symbol, position in account.positions.items():
        assert position.quantity == signed[symbol]
        assert not [
            order
            for order in member.open_orders(symbol)
            if order.reduce_only and not _reduces(order, position.quantity)
        ]
    told: defaultdict[str, Decimal] = defaultdict(Decimal)
    for event in events:
        if event["e"] == "ORDER_TRADE_UPDATE":
            told[event["o"]["s"]] += D(event["o"]["l"]) * (1 if event["o"]["S"] == "BUY" else -1)
    assert all(told[symbol] == signed[symbol] for symbol in account.positions)
    wallets = [event["a"]["B"][0]["wb"] for event in events if event["e"] == "ACCOUNT_UPDATE"]
    assert not wallets or D(wallets[-1]) == account.wallet


def _reduces(order: Order, quantity: Decimal) -> bool:
    held = quantity if order.side == "SELL" else -quantity
    return 0 < order.remaining <= held


@settings(deadline=None, max_examples=150)
@given(steps)
def test_whatever_happens_the_books_add_up(story: list[tuple[str, str, int, int]]) -> None:
    futures = exchange("3000")
    for position in futures.member().account.positions.values():
        position.leverage = 50
    events: list[Json] = []
    futures.on_user = lambda account, event: events.append(event)
    for step in story:
        with suppress(Refusal):
            play(futures, *step)
        check(futures, events)
