"""The wallet of perpetuals of a simulated account: the same as an independent futures account, and its own rules."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.events import OrderCancelled, OrderFilled, RejectReason
from data.grids import MarginMode
from data.market import Market, MarketKind, Ticker, Tier
from data.orders import Draft, OrderStatus, OrderType
from data.values import ZERO, Side, round_to
from engine.exchanges.base import Accepted, Rejected
from engine.exchanges.margin_matching import MarginMatching
from tests.engine.exchanges.orders import draft, market
from tests.servers.binance.usdm_account import CROSSED, ISOLATED, Account
from tests.servers.binance.usdm_contracts import Contract, bitcoin, ether

D = Decimal
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
CONTRACTS = {BTC: bitcoin(), ETH: ether()}
MARKS = {BTC: D(60_000), ETH: D(3_000)}
MONEY = D(10_000)


def tiers_of(contract: Contract) -> tuple[Tier, ...]:
    brackets = contract.brackets
    return tuple(
        Tier(
            floor=each.floor,
            cap=None if each is brackets[-1] else each.cap,
            maintenance=each.rate,
            deduction=each.deducted,
            max_leverage=each.leverage,
        )
        for each in brackets
    )


def perpetual(symbol: str) -> Market:
    return msgspec.structs.replace(
        market(), symbol=symbol, base=symbol[:3], kind=MarketKind.PERPETUAL, tiers=tiers_of(CONTRACTS[symbol])
    )


def quoted(symbol: str, price: Decimal, at: int = 0) -> Ticker:
    return Ticker(symbol, price, price, price, at, price)


def opened(leverage: int = 10, margin: MarginMode = MarginMode.CROSS) -> MarginMatching:
    matching = MarginMatching({symbol: perpetual(symbol) for symbol in CONTRACTS}, {"USDT": MONEY}, {"USDT": MONEY})
    for symbol, price in MARKS.items():
        assert matching.margin.configure(symbol, leverage, margin) == ""
        matching.move(quoted(symbol, price))
    return matching


def wallet(matching: MarginMatching) -> Decimal:
    return sum((each.total for each in matching.balances() if each.wallet is MarketKind.PERPETUAL), ZERO)


def trade(matching: MarginMatching, name: str, side: Side, quantity: str, symbol: str = BTC) -> None:
    order = draft(name, side, MARKS[symbol], quantity, OrderType.MARKET, symbol)
    assert isinstance(matching.submit(order, 1), Accepted)


def stop(name: str, side: Side, price: str) -> Draft:
    return draft(name, side, price, "1", OrderType.STOP_MARKET, BTC)


# -- the same account, told by somebody else

_symbols = st.sampled_from([BTC, ETH])
_orders = st.tuples(st.just("order"), _symbols, st.sampled_from(list(Side)), st.integers(1, 60))
_moves = st.tuples(st.just("move"), _symbols, st.integers(-120, 120))
_funding = st.tuples(st.just("funding"), _symbols, st.integers(-30, 30))
_stories = st.lists(_orders | _moves | _funding, min_size=5, max_size=40)


class Model:
    """The account of the loopback exchange, beside ours."""

    def __init__(self, leverage: int, margin: MarginMode) -> None:
        self.account = Account(now=lambda: 0)
        for symbol, contract in CONTRACTS.items():
            self.account.add(contract)
            position = self.account.positions[contract.symbol]
            position.leverage = leverage
            position.margin = ISOLATED if margin is MarginMode.ISOLATED else CROSSED
            self.account.set_mark(contract.symbol, MARKS[symbol])
        self.account.deposit(MONEY)
        self.closings = 0

    def book(self, events: list[OrderFilled]) -> None:
        for event in events:
            fill = event.fill
            name, quantity = CONTRACTS[fill.symbol].symbol, fill.side.sign * fill.quantity
            if fill.client_id.startswith("autoclose"):
                assert self.account.doomed() == name
                self.account.liquidate(name, fill.price, fill.fee)
            else:
                self.account.trade(name, quantity, fill.price, fill.fee)
            self.closings += 1

    def agrees(self, matching: MarginMatching) -> None:
        # A wallet of Binance rounds every booking to eight decimals; ours rounds the cost of what a close takes along.
        slack = D("0.00000002") * (1 + self.closings)
        assert abs(wallet(matching) - self.account.wallet) <= slack
        found = {each.symbol: each for each in matching.margin.positions()}
        for symbol, contract in CONTRACTS.items():
            theirs = self.account.positions[contract.symbol]
            assert (found[symbol].quantity if symbol in found else ZERO) == theirs.quantity
            if symbol not in found:
                continue
            assert abs(found[symbol].entry_price - theirs.entry) < D("0.00001")
            price, told = self.account.liquidation_price(contract.symbol), found[symbol].liquidation_price
            if price is not None:
                assert told is not None
                assert abs(price - told) <= D("0.06")  # half a tick, and what rounding the wallet does


@given(story=_stories, leverage=st.sampled_from([1, 5, 20, 50]), margin=st.sampled_from(list(MarginMode)))
@settings(deadline=None)
def test_the_account_is_what_an_independent_one_is(
    story: list[tuple[str, str, object, object]], leverage: int, margin: MarginMode
) -> None:
    matching, model, marks = opened(leverage, margin), Model(leverage, margin), dict(MARKS)
    for number, (what, symbol, first, *rest) in enumerate(story, start=1):
        name = CONTRACTS[symbol].symbol
        match (what, first, *rest):
            case ("order", Side() as side, int(size)):
                quantity = D(size) / (100 if symbol == BTC else 10)
                matching.submit(draft(f"o{number}", side, marks[symbol], quantity, OrderType.MARKET, symbol), number)
            case ("move", int(permille)):
                price = (marks[symbol] * (1000 + permille) / 1000).quantize(D("0.1"))
                marks[symbol] = price
                model.account.set_mark(name, price)
                matching.move(quoted(symbol, price, number))
            case ("funding", int(points)):
                rate = D(points) / 10_000
                matching.fund(symbol, rate, number)
                model.account.apply_funding(name, rate)
            case _:
                raise AssertionError(what)
        matching.margin.drain()
        model.book([event for event in matching.drain() if isinstance(event, OrderFilled)])
        assert model.account.doomed() is None
        model.agrees(matching)
        again = opened()
        again.restore(matching.dump())
        assert again.dump() == matching.dump()


# -- its own rules


def test_a_known_long_is_liquidated_where_the_formula_says() -> None:
    matching = opened(10, MarginMode.ISOLATED)
    trade(matching, "long", Side.BUY, "0.1")
    (position,) = matching.margin.positions()
    # (Q·E - M) / (Q·(1 - rate)) with 600 set aside
    assert position.liquidation_price == round_to(D(6000 - 600) / (D("0.1") * D("0.996")), D("0.1"))
    before = wallet(matching)
    matching.drain()
    matching.move(quoted(BTC, D(54_300)))
    assert matching.margin.positions()
    matching.move(quoted(BTC, D(53_000)))
    assert matching.margin.positions() == []
    (event,) = matching.drain()
    assert isinstance(event, OrderFilled)
    assert event.fill.client_id.startswith("autoclose-")
    assert event.fill.price == position.liquidation_price
    assert abs(before - wallet(matching) - 600) < D("3")


def test_an_order_beyond_the_margin_is_refused() -> None:
    matching = opened(10)
    answer = matching.submit(draft("big", Side.BUY, "59000", "2", symbol=BTC), 0)
    assert isinstance(answer, Rejected)
    assert answer.reason is RejectReason.INSUFFICIENT_BALANCE
    assert isinstance(matching.submit(draft("fits", Side.BUY, "59000", "1", symbol=BTC), 0), Accepted)
    # Resting orders of the other side ask for nothing as long as they are the smaller side.
    assert isinstance(matching.submit(draft("other", Side.SELL, "60100", "0.9", symbol=BTC), 0), Accepted)


def test_orders_that_may_only_reduce_open_nothing() -> None:
    matching = opened()
    closing = msgspec.structs.replace(draft("none", Side.SELL, "60000", "0.2", OrderType.MARKET, BTC), reduce_only=True)
    answer = matching.submit(closing, 0)
    assert isinstance(answer, Rejected)
    assert answer.reason is RejectReason.REDUCE_ONLY
    trade(matching, "long", Side.BUY, "0.1")
    assert isinstance(matching.submit(msgspec.structs.replace(closing, client_id="close"), 2), Accepted)
    assert matching.margin.positions() == []
    report = matching.order("close")
    assert report is not None
    assert (report.filled, report.status) == (D("0.1"), OrderStatus.CANCELLED)


def test_a_stop_closes_what_is_open_when_the_mark_is_there() -> None:
    matching = opened()
    trade(matching, "long", Side.BUY, "0.1")
    assert isinstance(matching.submit(stop("p", Side.SELL, "58000"), 2), Accepted)
    assert [each.client_id for each in matching.orders(BTC)] == ["p"]
    trade(matching, "more", Side.BUY, "0.05")
    matching.drain()
    matching.move(quoted(BTC, D(57_900), 3))
    (event,) = matching.drain()
    assert isinstance(event, OrderFilled)
    assert (event.fill.client_id, event.fill.quantity, event.fill.price) == ("p", D("0.15"), D(57_900))
    assert matching.margin.positions() == []
    assert matching.orders(BTC) == []


@pytest.mark.parametrize(("side", "price"), [(Side.SELL, "60000"), (Side.BUY, "59000")])
def test_a_stop_that_would_be_triggered_at_once_is_refused(side: Side, price: str) -> None:
    assert isinstance(opened().submit(stop("p", side, price), 0), Rejected)


def test_a_stop_without_a_position_expires_and_a_second_one_of_its_side_is_refused() -> None:
    matching = opened()
    assert isinstance(matching.submit(stop("p", Side.SELL, "58000"), 2), Accepted)
    assert isinstance(matching.submit(stop("q", Side.SELL, "57000"), 2), Rejected)
    assert isinstance(matching.submit(stop("r", Side.BUY, "63000"), 2), Accepted)
    assert matching.cancel("r", 3)
    matching.move(quoted(BTC, D(57_900), 3))
    assert matching.drain() == [
        OrderCancelled(client_id="r", at=3, filled=D(0)),
        OrderCancelled(client_id="p", at=3, filled=D(0)),
    ]


def test_leverage_and_margin_are_changed_only_where_that_is_safe() -> None:
    matching = opened(10)
    assert "not between 1 and 125" in matching.margin.configure(BTC, 126, MarginMode.CROSS)
    trade(matching, "long", Side.BUY, "0.5")
    assert "stays cross" in matching.margin.configure(BTC, 10, MarginMode.ISOLATED)
    assert "not enough margin" in matching.margin.configure(BTC, 2, MarginMode.CROSS)
    assert matching.margin.configure(BTC, 20, MarginMode.CROSS) == ""
    assert matching.margin.positions()[0].leverage == 20


def test_money_moves_between_the_wallets_once_for_each_key() -> None:
    matching = opened(10)
    trade(matching, "long", Side.BUY, "0.5")
    matching.move(quoted(BTC, D(61_000)))
    assert "cannot be moved" in matching.margin.transfer(
        matching.spot, "USDT", D(9_000), MarketKind.PERPETUAL, MarketKind.SPOT, "a"
    )
    for _ in range(2):
        assert (
            matching.margin.transfer(matching.spot, "USDT", D(1_000), MarketKind.PERPETUAL, MarketKind.SPOT, "b") == ""
        )
    assert matching.spot.balances()[0].total == 11_000
    assert "not moved" in matching.margin.transfer(
        matching.spot, "BTC", D(1), MarketKind.SPOT, MarketKind.PERPETUAL, "c"
    )


def test_funding_is_paid_once_for_what_was_open_then() -> None:
    matching = opened(10)
    trade(matching, "long", Side.BUY, "0.5")
    for _ in range(2):
        matching.fund(BTC, D("0.0001"), 100)
    matching.fund(BTC, D("0.0001"), 0)
    (paid,) = matching.margin.drain()
    assert paid.amount == -3
    assert matching.margin.funding([BTC], 0) == [paid]
