"""The matching of the loopback Binance: price-time priority, limited outside liquidity, stops, self-trades."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest

from tests.servers.binance.market import Market
from tests.servers.binance.orders import Fill, Order, Trade
from tests.servers.binance.spot import Spot
from tests.servers.binance.symbols import Spec
from tests.servers.binance.walk import Walk
from tests.servers.binance.words import Refusal, Side

D = Decimal


class Record:
    """Writes down what the market tells."""

    def __init__(self) -> None:
        self.fills: list[tuple[int, str, str, bool]] = []
        self.ends: list[tuple[int, str]] = []
        self.trades: list[Trade] = []

    def filled(self, market: Market, fill: Fill) -> None:
        self.fills.append((fill.order.id, f"{fill.price}", f"{fill.quantity}", fill.maker))

    def ended(self, market: Market, order: Order) -> None:
        self.ends.append((order.id, order.status))

    def triggered(self, market: Market, order: Order) -> None:
        pass

    def traded(self, market: Market, trade: Trade) -> None:
        self.trades.append(trade)

    def quoted(self, market: Market) -> None:
        pass


class Bench:
    """One market at 100.00 to 100.01 with 10 units on every outside level."""

    def __init__(self) -> None:
        self.record = Record()
        self.market = Market(Spec("BTCUSDT", "BTC", "USDT"), self.record, lambda: 1_700_000_000_000)
        self.market.move("100", "100.01")
        self._number = 0

    def order(self, side: Side, quantity: str, price: str = "0", account: str = "a", **more: object) -> Order:
        self._number += 1
        kind = "LIMIT" if D(price) else "MARKET"
        order = Order(self._number, f"c{self._number}", account, "BTCUSDT", side, kind, D(quantity), D(price))
        for name, value in more.items():
            setattr(order, name, value)
        self.market.place(order)
        return order


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_taker_walks_the_levels_as_far_as_its_price_goes(bench: Bench) -> None:
    order = bench.order("BUY", "25", "100.02")
    assert bench.record.fills == [(1, "100.01", "10", False), (1, "100.02", "10", False)]
    assert (order.status, order.remaining, bench.market.bid) == ("PARTIALLY_FILLED", D(5), D("100.02"))


def test_a_market_order_takes_what_there_is_and_expires(bench: Bench) -> None:
    bench.market.drain()
    bench.order("SELL", "3", "101", account="b")
    order = bench.order("BUY", "4")
    assert (order.executed, order.status, bench.record.ends) == (D(3), "EXPIRED", [(2, "EXPIRED")])


def test_own_orders_trade_in_price_time_order_with_one_trade_for_both(bench: Bench) -> None:
    bench.market.drain()
    for price in ("101", "100.5", "100.5"):
        bench.order("SELL", "1", price, account="b")
    bench.order("BUY", "2.5", "102")
    makers = [(number, price, quantity) for number, price, quantity, maker in bench.record.fills if maker]
    assert makers == [(2, "100.5", "1"), (3, "100.5", "1"), (1, "101", "0.5")]
    assert len(bench.record.trades) == 3


def test_a_move_fills_what_it_crosses_and_only_its_size_at_its_price(bench: Bench) -> None:
    for price in ("99", "98", "97"):
        bench.order("BUY", "4", price)
    bench.market.move("97.99", "98", ask_size="3")
    assert bench.record.fills == [(1, "99", "4", True), (2, "98", "3", True)]
    assert bench.market.bid == 98


def test_trades_at_the_price_wait_for_the_queue_ahead(bench: Bench) -> None:
    first, second = bench.order("BUY", "2", "100"), bench.order("BUY", "2", "100")
    bench.market.trade("100", "9", "SELL")
    assert (first.executed, second.executed) == (D(0), D(0))
    bench.market.trade("100", "2", "SELL")
    assert (first.executed, second.executed) == (D(1), D(0))
    bench.market.trade("100", "2", "SELL")
    assert (first.executed, second.executed) == (D(2), D(1))
    assert sum(trade.quantity for trade in bench.record.trades) == 13


def test_a_trade_below_fills_better_orders_wholly(bench: Bench) -> None:
    order = bench.order("BUY", "2", "99.50")
    bench.market.trade("99.40", "0.1", "SELL")
    assert order.status == "FILLED"


def test_time_in_force(bench: Bench) -> None:
    immediate = bench.order("BUY", "15", "100.01", time_in_force="IOC")
    assert (immediate.executed, immediate.status) == (D(10), "EXPIRED")
    bench.market.move("100", "100.01")
    assert bench.order("BUY", "15", "100.01", time_in_force="FOK").executed == 0
    assert bench.order("BUY", "20", "100.02", time_in_force="FOK").status == "FILLED"
    bench.market.move("100", "100.01")
    assert bench.order("BUY", "1", "100.01", time_in_force="GTX").status == "EXPIRED"


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        ("NONE", "FILLED", "FILLED"),
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "NEW"),
        ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
    ],
)
def test_self_trades_are_prevented_as_the_taker_asks(bench: Bench, mode: str, maker: str, taker: str) -> None:
    bench.market.drain()
    resting = bench.order("SELL", "1", "101")
    crossing = bench.order("BUY", "1", "101", self_trade=mode)
    assert (resting.status, crossing.status) == (maker, taker)


def test_a_stop_waits_for_the_last_price(bench: Bench) -> None:
    stop = bench.order("SELL", "1", type="STOP_LOSS", stop_price=D(95), working=False)
    bench.market.move("94", "94.01")
    assert stop.executed == 0
    bench.market.trade("94", "0.1")
    assert (stop.status, stop.turnover) == ("FILLED", D(94))


def test_a_quote_quantity_is_spent_in_whole_steps(bench: Bench) -> None:
    order = bench.order("BUY", "0", budget=D("250.07"))
    assert order.status == "FILLED"
    assert D("250.06") < order.turnover <= D("250.07")


class Books:
    """A spot exchange with a few accounts, checked to the last unit."""

    def __init__(self) -> None:
        self.spot = Spot(lambda: 1_700_000_000_000)
        self.events: list[str] = []
        self.spot.on_user = lambda account, event: self.events.append(event["e"])
        self.spot.list(Spec("BTCUSDT", "BTC", "USDT"), "100", "100.01")
        self.spot.list(Spec("BNBUSDT", "BNB", "USDT"), "10", "10.01")
        for account in ("main", "other"):
            self.spot.deposit("USDT", "10000", account)
            self.spot.deposit("BTC", "100", account)

    def check(self) -> None:
        for account in self.spot.accounts.values():
            traded, locked = account.traded(), dict.fromkeys(account.ledger.balances, D(0))
            for order in account.open():
                locked[order.symbol.removesuffix("USDT") if order.side == "SELL" else "USDT"] += order.remaining * (
                    1 if order.side == "SELL" else order.price
                )
            for asset, balance in account.ledger.balances.items():
                assert balance.total == account.ledger.deposited[asset] + traded.get(asset, 0), (account.name, asset)
                assert balance.locked == locked[asset], (account.name, asset)


def test_books_are_exact_through_a_long_walk() -> None:
    books = Books()
    spot, walk = books.spot, Walk(books.spot.markets, seed=7, volatility=0.005)
    for number in range(400):
        market = spot.market("BTCUSDT")
        side: Side = "BUY" if number % 2 else "SELL"
        price = market.bid + market.spec.tick * (number % 37 - 18) * 5
        quantity, owner = f"{1 + number % 9}.{number % 10}", "main" if number % 3 else "other"
        with suppress(Refusal):
            spot.place_foreign("BTCUSDT", side, quantity, price, owner)
        walk.step()
        if number % 5 == 0:
            for order in spot.account("main").open()[:3]:
                spot.cancel(order, "")
        books.check()
    account = spot.account()
    assert len(account.trades) > 100
    assert any(order.status == "PARTIALLY_FILLED" or order.executed for order in account.orders.values())


@pytest.mark.parametrize(("bnb", "asset", "commission"), [("5", "BNB", "0.00750075"), ("0.001", "BTC", "0.001")])
def test_fees_come_from_bnb_while_there_is_some(bnb: str, asset: str, commission: str) -> None:
    books = Books()
    books.spot.account().burns_bnb = True
    books.spot.deposit("BNB", bnb)
    books.spot.markets["BNBUSDT"].last = D("10")
    books.spot.place_foreign("BTCUSDT", "BUY", "1", "100.01")
    booked = books.spot.account().trades[-1]
    assert (booked.asset, booked.commission) == (asset, D(commission))
    books.check()


def test_a_delisted_market_gives_everything_back() -> None:
    books = Books()
    order = books.spot.place_foreign("BTCUSDT", "BUY", "1", "90")
    books.spot.delist("BTCUSDT")
    assert order.status == "EXPIRED"
    books.check()
    with pytest.raises(Refusal, match="Market is closed"):
        books.spot.place_foreign("BTCUSDT", "BUY", "1", "90")
