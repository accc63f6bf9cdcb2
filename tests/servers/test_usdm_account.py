"""The futures account of the loopback exchange: its wallet adds up and it is liquidated where it says."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.binance.usdm_account import CROSSED, ISOLATED, Account
from tests.servers.binance.usdm_contracts import Contract, bitcoin, captured, ether, perpetuals

D = Decimal
MARKS = {"BTCUSDT": D(60000), "ETHUSDT": D(3000), "SOLUSDT": D(150)}
TIERS = Path(__file__).parents[3] / "shared" / "data" / "api" / "binance" / "usdm-leverage-tiers.json"


def account(balance: str = "10000") -> Account:
    fresh = Account(now=lambda: 1)
    for contract in perpetuals():
        fresh.add(contract)
    fresh.deposit(D(balance))
    for symbol, mark in MARKS.items():
        fresh.set_mark(symbol, mark)
    return fresh


def margin_left(books: Account, symbol: str, price: Decimal) -> Decimal:
    """Return equity less maintenance margin of what answers for a position, were the mark price ``price``."""
    position = books.positions[symbol]
    before = position.mark
    books.set_mark(symbol, price)
    if position.isolated:
        left = position.wallet + position.profit - position.maintenance
    else:
        left = books.cross + books.cross_profit - books.cross_maintenance
    books.set_mark(symbol, before)
    return left


def bisected(books: Account, symbol: str) -> Decimal | None:
    """Search the price at which nothing is left, from zero to far above."""
    low, high = D(0), D(10) ** 12  # a tiny short under a full wallet is liquidated far up
    rising = books.positions[symbol].quantity > 0
    if (margin_left(books, symbol, low) < 0) == (margin_left(books, symbol, high) < 0):
        return None
    for _ in range(160):
        middle = (low + high) / 2
        if (margin_left(books, symbol, middle) < 0) == rising:
            low = middle
        else:
            high = middle
    return low


def agree(books: Account, symbol: str) -> None:
    told, found = books.liquidation_price(symbol), bisected(books, symbol)
    if told is None:
        assert found is None or found < D("0.000001")
    else:
        assert found is not None
        assert abs(told - found) < D("0.000001") * max(told, D(1))


def test_a_known_long_is_liquidated_where_the_formula_says() -> None:
    books = account("1000")
    books.positions["BTCUSDT"].margin = ISOLATED
    books.positions["BTCUSDT"].leverage = 10
    books.trade("BTCUSDT", D("0.1"), D(60000), D(0))
    assert books.positions["BTCUSDT"].wallet == 600
    assert books.liquidation_price("BTCUSDT") == (D(6000) - 600) / (D("0.1") * D("0.996"))


def test_an_isolated_loss_stays_in_its_wallet() -> None:
    books = account("1000")
    books.positions["BTCUSDT"].margin = ISOLATED
    books.positions["BTCUSDT"].leverage = 10
    books.trade("BTCUSDT", D("0.1"), D(60000), D(0))
    books.set_mark("BTCUSDT", D(50000))
    assert books.doomed() == "BTCUSDT"
    books.liquidate("BTCUSDT", D(50000))
    assert books.wallet == books.cross == 400
    assert books.doomed() is None


def test_a_cross_account_answers_as_a_whole() -> None:
    books = account("2000")
    books.trade("BTCUSDT", D("0.2"), D(60000), D(0))
    alone = books.liquidation_price("BTCUSDT")
    books.trade("ETHUSDT", D(-4), D(3000), D(0))
    books.set_mark("ETHUSDT", D(3300))
    together = books.liquidation_price("BTCUSDT")
    assert alone is not None
    assert together is not None
    assert together > alone
    books.set_mark("BTCUSDT", together + 1)
    assert books.doomed() is None
    books.set_mark("BTCUSDT", together - D("0.01"))
    assert books.doomed() is not None


def test_liquidation_ends_when_the_account_is_safe_or_empty() -> None:
    books = account("2000")
    books.trade("BTCUSDT", D("0.3"), D(60000), D(0))
    books.trade("ETHUSDT", D("0.1"), D(3000), D(0))
    books.set_mark("BTCUSDT", D(53400))
    assert books.doomed() == "BTCUSDT"
    books.liquidate("BTCUSDT", D(53400))
    assert books.positions["ETHUSDT"].quantity == 0 or books.doomed() in {None, "ETHUSDT"}
    while symbol := books.doomed():
        books.liquidate(symbol, books.positions[symbol].mark)
    assert books.wallet >= 0


def test_a_gap_beyond_bankruptcy_is_paid_by_the_insurance_fund() -> None:
    books = account("2000")
    books.trade("BTCUSDT", D("0.3"), D(60000), D(0))
    books.set_mark("BTCUSDT", D(40000))
    books.liquidate("BTCUSDT", D(40000))
    assert books.wallet == 0
    assert books.incomes[-1].kind == "INSURANCE_CLEAR"
    assert books.incomes[-1].amount == 4000


def test_turning_a_position_realises_the_old_one_only() -> None:
    books = account()
    books.trade("ETHUSDT", D(1), D(3000), D(1))
    realised = books.trade("ETHUSDT", D(-3), D(3100), D(2))
    position = books.positions["ETHUSDT"]
    assert (realised, position.quantity, position.entry) == (D(100), D(-2), D(3100))
    assert books.wallet == 10000 + 100 - 3


def test_funding_is_paid_by_longs_and_received_by_shorts() -> None:
    books = account()
    books.trade("ETHUSDT", D(2), D(3000), D(0))
    books.positions["BTCUSDT"].margin = ISOLATED
    books.trade("BTCUSDT", D("-0.1"), D(60000), D(0))
    own = books.positions["BTCUSDT"].wallet
    assert books.apply_funding("ETHUSDT", D("0.0001")) == D("-0.6")
    assert books.apply_funding("BTCUSDT", D("0.0001")) == D("0.6")
    assert books.positions["BTCUSDT"].wallet == own + D("0.6")
    assert books.apply_funding("SOLUSDT", D("0.0001")) == 0
    assert books.wallet == 10000


def test_resting_orders_are_margined_on_the_more_demanding_side() -> None:
    books = account("1000")
    eth = books.positions["ETHUSDT"]
    eth.leverage = 10
    books.trade("ETHUSDT", D(1), D(3000), D(0))
    assert books.available == 700
    eth.asks = D(3000)  # would only close
    assert books.available == 700
    eth.asks = D(9000)  # would turn it into a short of twice the size
    assert books.available == 400
    assert books.affords("ETHUSDT", D(0), D(13000))
    assert not books.affords("ETHUSDT", D(0), D(13001))
    assert books.affords("ETHUSDT", D(10), D(9000), loss=D(5000)), "an order that asks for no margin needs none"


def test_isolated_margin_can_be_added_and_only_the_spare_taken() -> None:
    books = account("1000")
    eth = books.positions["ETHUSDT"]
    assert not books.move_margin("ETHUSDT", D(1))
    eth.margin, eth.leverage = ISOLATED, 10
    books.trade("ETHUSDT", D(1), D(3000), D(0))
    before = books.liquidation_price("ETHUSDT")
    assert books.move_margin("ETHUSDT", D(100))
    after = books.liquidation_price("ETHUSDT")
    assert before is not None
    assert after is not None
    assert after < before
    assert not books.move_margin("ETHUSDT", D(-101))
    assert books.move_margin("ETHUSDT", D(-100))
    assert books.liquidation_price("ETHUSDT") == before


trades = st.lists(
    st.tuples(
        st.sampled_from(sorted(MARKS)),
        st.integers(-400, 400).filter(bool),
        st.integers(-300, 300),
        st.integers(0, 20),
    ),
    max_size=12,
)
modes = st.dictionaries(st.sampled_from(sorted(MARKS)), st.sampled_from([CROSSED, ISOLATED]))


def traded(steps: list[tuple[str, int, int, int]], margins: dict[str, str]) -> Account:
    books = account("30000")
    for symbol, margin in margins.items():
        books.positions[symbol].margin = margin
    for symbol, units, thousandths, fee in steps:
        price = MARKS[symbol] * (1000 + thousandths) / 1000
        books.trade(symbol, units * D(50) / MARKS[symbol], price, D(fee) / 10)
        books.set_mark(symbol, price)
    return books


@given(trades, modes)
def test_the_wallet_is_the_sum_of_its_incomes(steps: list[tuple[str, int, int, int]], margins: dict[str, str]) -> None:
    books = traded(steps, margins)
    for symbol in MARKS:
        books.apply_funding(symbol, D("0.0003"))
    while symbol_or_none := books.doomed():
        books.liquidate(symbol_or_none, books.positions[symbol_or_none].mark)
    assert books.wallet == sum(income.amount for income in books.incomes)
    assert all(position.wallet == 0 for position in books.positions.values() if not position.quantity)


@given(trades, modes)
def test_profit_is_what_the_trades_made(steps: list[tuple[str, int, int, int]], margins: dict[str, str]) -> None:
    books = traded(steps, margins)
    cash = sum(
        -(units * D(50) / MARKS[symbol]) * MARKS[symbol] * (1000 + thousandths) / 1000 - D(fee) / 10
        for symbol, units, thousandths, fee in steps
    )
    worth = sum((position.notional for position in books.positions.values()), D(0))
    assert abs(books.wallet + books.profit - (30000 + cash + worth)) < D("1e-6")


@given(trades, modes)
def test_every_liquidation_price_is_where_margin_and_equity_meet(
    steps: list[tuple[str, int, int, int]], margins: dict[str, str]
) -> None:
    books = traded(steps, margins)
    for symbol in MARKS:
        if books.positions[symbol].quantity:
            agree(books, symbol)


@pytest.mark.parametrize("margin", [CROSSED, ISOLATED])
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("size", ["1000", "299999", "300001", "2900000", "11000000", "60000000", "400000000"])
def test_liquidation_prices_of_every_bracket(margin: str, direction: int, size: str) -> None:
    leverage = bitcoin().bracket(D(size)).leverage
    books = account(str(D(size) / leverage * 2))
    position = books.positions["BTCUSDT"]
    position.margin, position.leverage = margin, leverage
    books.trade("BTCUSDT", direction * D(size) / MARKS["BTCUSDT"], MARKS["BTCUSDT"], D(0))
    agree(books, "BTCUSDT")


def test_built_in_brackets_meet() -> None:
    for contract in perpetuals():
        for lower, upper in zip(contract.brackets, contract.brackets[1:], strict=False):
            assert lower.cap == upper.floor
            assert lower.maintenance(lower.cap) == upper.maintenance(upper.floor)


@pytest.mark.skipif(not TIERS.exists(), reason="needs the captured tiers")
def test_captured_brackets_agree_with_the_bisection() -> None:
    tiers = json.loads(TIERS.read_bytes())
    for market in ("BTC/USDT:USDT", "ETH/USDT:USDT", "1000BONK/USDT:USDT"):
        brackets = captured(tiers[market])
        contract = Contract(ether().spec, brackets)
        for bracket in brackets[:-1]:
            for direction in (1, -1):
                books = Account(now=lambda: 1)
                books.add(contract)
                books.deposit(bracket.cap / bracket.leverage * 2)
                books.set_mark("ETHUSDT", D(3000))
                books.trade("ETHUSDT", direction * bracket.cap / 3000, D(3000), D(0))
                agree(books, "ETHUSDT")
