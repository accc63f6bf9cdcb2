"""Matching: exact books for any sequence of orders and market moves, and the rules of what fills."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.accounts import AccountBooks
from data.events import OrderCancelled, OrderFilled, RejectReason
from data.market import FeeAsset
from data.orders import Draft, Fill, OrderStatus, OrderType
from data.values import ONE, ZERO, Side
from engine.exchanges.base import Accepted, Rejected
from engine.exchanges.matching import Matching
from tests.engine.exchanges.orders import SYMBOL, draft, market, quote

T = TypeVar("T")
START = {"USDT": Decimal(1000), "BTC": Decimal(10)}


def present(value: T | None) -> T:
    assert value is not None
    return value


def account(
    fee_asset: FeeAsset = FeeAsset.QUOTE,
    *,
    maker: str = "0.001",
    haircut: str = "0",
    slippage: str = "0",
    max_orders: int = 200,
) -> Matching:
    matching = Matching(
        {SYMBOL: market(fee_asset, maker, max_orders=max_orders)}, START, Decimal(haircut), Decimal(slippage)
    )
    matching.move(quote("100.0", "100.2"))
    return matching


def filled(matching: Matching) -> list[tuple[str, Decimal, Decimal]]:
    fills = (event.fill for event in matching.drain() if isinstance(event, OrderFilled))
    return [(fill.client_id, fill.price, fill.quantity) for fill in fills]


def free(matching: Matching, asset: str) -> Decimal:
    return next(balance.free for balance in matching.balances() if balance.asset == asset)


def reason(matching: Matching, order: Draft) -> RejectReason:
    answer = matching.submit(order, 0)
    assert isinstance(answer, Rejected)
    return answer.reason


# -- any sequence of events

# Few prices, so that orders, quotes and trades meet.
_prices = st.integers(993, 1007).map(lambda ticks: ticks * Decimal("0.1"))
_quantities = st.integers(6, 300).map(lambda steps: steps * Decimal("0.01"))
_submits = st.tuples(
    st.just("submit"),
    st.integers(0, 30),
    st.sampled_from(list(Side)),
    st.sampled_from(list(OrderType)),
    _prices,
    _quantities,
)
_moves = st.tuples(st.just("move"), _prices, st.integers(1, 4))
_trades = st.tuples(st.just("trade"), _prices, _quantities)
_cancels = st.tuples(st.just("cancel"), st.integers(0, 30))
_restarts = st.tuples(st.just("restart"))
_stories = st.lists(_submits | _moves | _trades | _cancels | _restarts, min_size=10, max_size=60)


class Book:
    """A second, naive set of books: what the answers and events alone say."""

    def __init__(self) -> None:
        self.totals = dict(START)
        self.drafts: dict[str, Draft] = {}
        self.filled: dict[str, Decimal] = {}
        self.gone: set[str] = set()
        self.trade_ids: set[str] = set()

    def fill(self, fill: Fill) -> None:
        assert fill.trade_id not in self.trade_ids
        self.trade_ids.add(fill.trade_id)
        self.totals["BTC"] += fill.side.sign * fill.quantity
        self.totals["USDT"] -= fill.side.sign * fill.price * fill.quantity
        self.totals[fill.fee_asset] -= fill.fee
        self.filled[fill.client_id] = self.filled.get(fill.client_id, ZERO) + fill.quantity
        own = self.drafts[fill.client_id]
        assert self.filled[fill.client_id] <= own.quantity
        assert not fill.quantity % Decimal("0.01")
        assert fill.side is own.side
        if own.type is not OrderType.MARKET:
            assert (fill.price - own.price) * own.side.sign <= 0

    def locked(self, asset: FeeAsset) -> dict[str, Decimal]:
        sums = {"BTC": ZERO, "USDT": ZERO}
        rate = Decimal("0.001") if asset is FeeAsset.QUOTE else ZERO
        for client_id, own in self.drafts.items():
            left = own.quantity - self.filled.get(client_id, ZERO)
            if client_id in self.gone or left == 0:
                continue
            if own.side is Side.BUY:
                sums["USDT"] += left * own.price * (ONE + rate)
            else:
                sums["BTC"] += left
        return sums


def tell(matching: Matching, book: Book, step: tuple[object, ...], at: int) -> None:
    match step:
        case ("submit", int(number), Side() as side, OrderType() as type_, Decimal() as price, Decimal() as quantity):
            order = draft(f"o{number}", side, price, quantity, type_)
            if isinstance(matching.submit(order, at), Accepted):
                book.drafts.setdefault(order.client_id, order)
        case ("move", Decimal() as bid, int(spread)):
            matching.move(quote(f"{bid}", f"{bid + spread * Decimal('0.1')}", at))
        case ("trade", Decimal() as price, Decimal() as quantity):
            matching.trade(SYMBOL, price, quantity, at)
        case ("cancel", int(number)):
            matching.cancel(f"o{number}", at)
        case _:
            assert step == ("restart",)
    for event in matching.drain():
        match event:
            case OrderFilled(fill=fill):
                book.fill(fill)
            case OrderCancelled(client_id=client_id):
                assert client_id not in book.gone
                book.gone.add(client_id)
            case _:
                raise AssertionError(f"a simulated account does not say {event}")


def check(matching: Matching, book: Book, fee_asset: FeeAsset) -> None:
    balances = {balance.asset: balance for balance in matching.balances()}
    assert all(balance.free >= 0 and balance.locked >= 0 for balance in balances.values())
    assert {asset: balance.total for asset, balance in balances.items()} == book.totals
    locked = book.locked(fee_asset)
    assert {asset: balance.locked for asset, balance in balances.items()} == locked
    open_ids = {
        client_id
        for client_id, own in book.drafts.items()
        if client_id not in book.gone and book.filled.get(client_id, ZERO) < own.quantity
    }
    assert {report.client_id for report in matching.orders()} == open_ids


@given(story=_stories, fee_asset=st.sampled_from(list(FeeAsset)), haircut=st.sampled_from(["0", "0.5", "1"]))
@settings(deadline=None)
def test_books_are_exact_whatever_happens(story: list[tuple[object, ...]], fee_asset: FeeAsset, haircut: str) -> None:
    def fresh() -> Matching:
        return Matching({SYMBOL: market(fee_asset)}, START, Decimal(haircut), Decimal("0.0003"))

    matching, book = fresh(), Book()
    for at, step in enumerate(story):
        if step == ("restart",):
            books = matching.dump()
            matching = fresh()
            matching.restore(books)
            assert matching.dump() == books
        tell(matching, book, step, at)
        check(matching, book, fee_asset)


@given(story=_stories)
@settings(deadline=None, max_examples=30)
def test_the_same_story_gives_the_same_account(story: list[tuple[object, ...]]) -> None:
    accounts = []
    for _ in range(2):
        matching, book = account(), Book()
        for at, step in enumerate(story):
            tell(matching, book, step, at)
        accounts.append(matching.dump())
    assert accounts[0] == accounts[1]


# -- what fills


def test_a_quote_at_the_price_fills_nothing_and_one_beyond_fills_all() -> None:
    matching = account()
    matching.submit(draft("buy", Side.BUY, "99.0"), 0)
    matching.submit(draft("sell", Side.SELL, "101.0"), 0)
    matching.move(quote("98.9", "99.0"))
    matching.move(quote("101.0", "101.1"))
    assert filled(matching) == []
    matching.move(quote("98.8", "98.9", at=7))
    assert filled(matching) == [("buy", Decimal("99.0"), ONE)]
    matching.move(quote("101.1", "101.2", at=8))
    assert filled(matching) == [("sell", Decimal("101.0"), ONE)]
    assert [fill.at for fill in matching.fills(SYMBOL, 0)] == [7, 8]


def test_orders_fill_best_price_first_then_oldest_first() -> None:
    matching = account()
    for client_id, price in (("low", "98.0"), ("old", "99.0"), ("young", "99.0"), ("deep", "90.0")):
        matching.submit(draft(client_id, Side.BUY, price), 0)
    matching.move(quote("97.0", "97.1"))
    assert [client_id for client_id, _, _ in filled(matching)] == ["old", "young", "low"]
    assert matching.book(SYMBOL).best_buy == Decimal("90.0")


@pytest.mark.parametrize(("haircut", "expected"), [("0", "0.50"), ("0.5", "0.25"), ("1", "0")])
def test_a_trade_at_the_price_fills_what_the_queue_leaves(haircut: str, expected: str) -> None:
    matching = account(haircut=haircut)
    matching.submit(draft("buy", Side.BUY, "99.0"), 0)
    matching.trade(SYMBOL, Decimal("99.0"), Decimal("0.5"), 1)
    assert sum(quantity for _, _, quantity in filled(matching)) == Decimal(expected)


def test_volume_at_the_price_adds_up_over_trades_and_passes_to_the_next_order() -> None:
    matching = account(haircut="0.5")
    matching.submit(draft("first", Side.SELL, "101.0", "0.06"), 0)
    matching.submit(draft("second", Side.SELL, "101.0", "0.5"), 0)
    for _ in range(3):
        matching.trade(SYMBOL, Decimal("101.0"), Decimal("0.03"), 1)
    assert [(client_id, quantity) for client_id, _, quantity in filled(matching)] == [
        ("first", Decimal("0.01")),
        ("first", Decimal("0.02")),
        ("first", Decimal("0.01")),
    ]
    matching.trade(SYMBOL, Decimal("101.0"), Decimal("0.10"), 2)
    assert [(client_id, quantity) for client_id, _, quantity in filled(matching)] == [
        ("first", Decimal("0.02")),
        ("second", Decimal("0.03")),
    ]


def test_a_trade_through_the_price_fills_all_however_small() -> None:
    matching = account(haircut="1")
    matching.submit(draft("buy", Side.BUY, "99.0", "5"), 0)
    matching.trade(SYMBOL, Decimal("98.9"), Decimal("0.01"), 1)
    assert filled(matching) == [("buy", Decimal("99.0"), Decimal(5))]


def test_a_market_order_pays_slippage_rounded_to_the_worse_tick_and_the_taker_fee() -> None:
    matching = account(slippage="0.0001")
    matching.submit(draft("buy", Side.BUY, "100.2", "2", OrderType.MARKET), 0)
    matching.submit(draft("sell", Side.SELL, "100.0", "2", OrderType.MARKET), 0)
    assert filled(matching) == [("buy", Decimal("100.3"), Decimal(2)), ("sell", Decimal("99.9"), Decimal(2))]
    assert free(matching, "USDT") == 1000 - (Decimal("100.3") + Decimal("99.9")) * 2 * Decimal("0.002") - Decimal("0.8")


def test_a_crossing_limit_takes_the_better_price_and_never_a_worse_one_than_its_own() -> None:
    matching = account()
    matching.submit(draft("better", Side.BUY, "105.0", type=OrderType.LIMIT), 0)
    assert filled(matching) == [("better", Decimal("100.2"), ONE)]
    matching = account(slippage="0.01")
    matching.submit(draft("capped", Side.SELL, "99.9", type=OrderType.LIMIT), 0)
    matching.submit(draft("too", Side.BUY, "100.5", type=OrderType.LIMIT), 0)
    assert filled(matching) == [("capped", Decimal("99.9"), ONE), ("too", Decimal("100.5"), ONE)]


def test_a_limit_that_does_not_cross_rests() -> None:
    matching = account()
    matching.submit(draft("rests", Side.BUY, "100.1", type=OrderType.LIMIT), 0)
    assert [report.client_id for report in matching.orders(SYMBOL)] == ["rests"]


def test_a_walker_may_fill_at_a_better_price_but_not_at_a_worse_one() -> None:
    matching = account()
    matching.submit(draft("buy", Side.BUY, "99.0"), 0)
    with pytest.raises(ValueError, match="worse than the limit"):
        matching.fill("buy", 1, Decimal("99.1"))
    matching.fill("buy", 1, Decimal("98.5"))
    assert filled(matching) == [("buy", Decimal("98.5"), ONE)]
    assert free(matching, "USDT") == 1000 - Decimal("98.5") * Decimal("1.001")
    assert matching.balances()[1].locked == 0


def test_a_fee_in_the_asset_received_is_taken_from_it() -> None:
    matching = account(FeeAsset.RECEIVED)
    matching.submit(draft("buy", Side.BUY, "99.0"), 0)
    matching.submit(draft("sell", Side.SELL, "101.0"), 0)
    matching.trade(SYMBOL, Decimal("98.0"), ONE, 1)
    matching.trade(SYMBOL, Decimal("102.0"), ONE, 1)
    buy, sell = matching.fills(SYMBOL, 0)
    assert (buy.fee, buy.fee_asset, buy.fee_quote) == (Decimal("0.001"), "BTC", Decimal("0.0990"))
    assert (sell.fee, sell.fee_asset, sell.fee_quote) == (Decimal("0.1010"), "USDT", Decimal("0.1010"))
    assert free(matching, "BTC") == 10 - Decimal("0.001")


def test_a_rebate_is_paid_out_and_not_counted_on() -> None:
    matching = account(maker="-0.0001")
    matching.submit(draft("buy", Side.BUY, "99.0"), 0)
    assert matching.balances()[1].locked == 99
    matching.trade(SYMBOL, Decimal("98.0"), ONE, 1)
    assert free(matching, "USDT") == 1000 - 99 + Decimal("0.0099")


# -- what is rejected


@pytest.mark.parametrize(
    ("price", "quantity", "word"),
    [
        ("99.05", "1", "price"),
        ("-99.0", "1", "price"),
        ("99.0", "1.005", "quantity"),
        ("99.0", "0", "quantity"),
        ("99.0", "100.01", "quantity"),
        ("99.0", "0.05", "notional"),
    ],
)
def test_filters_name_the_field(price: str, quantity: str, word: str) -> None:
    answer = account().submit(draft("buy", Side.BUY, price, quantity), 0)
    assert isinstance(answer, Rejected)
    assert answer.reason is RejectReason.FILTER
    assert answer.message.startswith(word)


def test_too_many_orders_are_a_filter_and_a_market_order_is_not_one_of_them() -> None:
    matching = account(max_orders=1)
    matching.submit(draft("one", Side.BUY, "90.0", "0.1"), 0)
    assert reason(matching, draft("two", Side.BUY, "90.0", "0.1")) is RejectReason.FILTER
    assert isinstance(matching.submit(draft("now", Side.BUY, "90.0", "0.1", OrderType.MARKET), 0), Accepted)


def test_the_fee_is_part_of_what_an_order_needs() -> None:
    exactly = draft("all", Side.BUY, "99.9", "10")
    assert account(FeeAsset.RECEIVED).submit(exactly, 0) == Accepted(client_id="all", exchange_id="sim-all")
    assert reason(account(FeeAsset.QUOTE), draft("all", Side.BUY, "100.0", "10")) is RejectReason.INSUFFICIENT_BALANCE


def test_no_market_and_no_price_are_told_apart_from_a_bad_order() -> None:
    nowhere = draft("x", Side.BUY, "1", symbol="ETH/USDT")
    assert reason(account(), nowhere) is RejectReason.MARKET_CLOSED
    unpriced = Matching({SYMBOL: market()}, START)
    assert reason(unpriced, draft("x", Side.BUY, "100", type=OrderType.MARKET)) is RejectReason.MARKET_CLOSED


def test_a_rejected_client_id_may_be_sent_again() -> None:
    matching = account()
    assert reason(matching, draft("x", Side.BUY, "100.2")) is RejectReason.WOULD_TAKE
    assert isinstance(matching.submit(draft("x", Side.BUY, "100.1"), 0), Accepted)


@pytest.mark.parametrize(("haircut", "slippage"), [("1.1", "0"), ("-0.1", "0"), ("0", "1"), ("0", "-0.1")])
def test_settings_outside_their_range_are_refused(haircut: str, slippage: str) -> None:
    with pytest.raises(ValueError, match="is not a fraction"):
        account(haircut=haircut, slippage=slippage)


# -- memory and restarts


def test_details_of_old_orders_are_forgotten_but_never_their_ids() -> None:
    matching = account()
    for number in range(10_001):
        matching.submit(draft(f"o{number}", Side.BUY, "99.0", "0.06"), number)
        matching.cancel(f"o{number}", number)
    assert matching.order("o0") is None
    assert matching.order("o1") is not None
    assert matching.submit(draft("o0", Side.BUY, "99.0", "0.06"), 0) == Accepted(client_id="o0", exchange_id="sim-o0")
    assert matching.orders() == []


def test_a_restored_order_that_cannot_rest_any_more_is_cancelled() -> None:
    matching = account()
    matching.submit(draft("kept", Side.SELL, "101.0"), 5)
    matching.submit(draft("unpaid", Side.BUY, "99.0", "10"), 6)
    books = matching.dump()
    dearer = Matching({SYMBOL: market(maker="0.02")}, {})
    dearer.restore(books)
    assert [report.client_id for report in dearer.orders()] == ["kept"]
    assert dearer.drain() == [OrderCancelled(client_id="unpaid", at=6, filled=Decimal(0))]
    assert present(dearer.order("unpaid")).status is OrderStatus.CANCELLED
    elsewhere = Matching({}, {})
    elsewhere.restore(books)
    assert elsewhere.orders() == []
    assert all(balance.locked == 0 for balance in elsewhere.balances())


def test_a_dump_is_a_copy() -> None:
    matching = account()
    matching.submit(draft("buy", Side.BUY, "99.0"), 0)
    books = matching.dump()
    matching.trade(SYMBOL, Decimal("98.0"), ONE, 1)
    assert isinstance(books, AccountBooks)
    assert books.orders[0].status is OrderStatus.OPEN
    assert books.fills == ()
