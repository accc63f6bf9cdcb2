"""The identity: two records of the same fills, kept apart, that never differ by the smallest unit."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from data.market import FeeAsset, Fees, Filters, Market, MarketKind
from data.orders import Fill, Purpose
from data.values import ZERO, Side
from engine.grid.accounting import Books, book_bought, book_sold, open_books, share, take_across
from engine.grid.slots import Slot

D = Decimal


def market(asset: FeeAsset) -> Market:
    filters = Filters(price_tick=D("0.00001"), quantity_step=D("0.001"))
    fees = Fees(maker=D("0.00075"), taker=D("0.00123"), asset=asset)
    return Market(exchange="x", symbol="AAA/USDT", base="AAA", quote="USDT", filters=filters, fees=fees)


def fill(traded: Market, side: Side, price: Decimal, quantity: Decimal) -> Fill:
    rate = traded.fees.maker
    in_base = traded.fees.asset is FeeAsset.RECEIVED and side is Side.BUY
    return Fill(
        trade_id="1",
        client_id="bt-1-1-0b1",
        symbol=traded.symbol,
        side=side,
        price=price,
        quantity=quantity,
        fee=quantity * rate * (1 if in_base else price),
        fee_asset="AAA" if in_base else "USDT",
        fee_quote=quantity * price * rate,
        maker=True,
        at=0,
    )


def slots(count: int) -> list[Slot]:
    return [Slot(index=i, lower=D(100 + i), upper=D(101 + i), capacity=D(1000)) for i in range(count)]


def check(books: Books, held: list[Slot], *marks: Decimal) -> None:
    for mark in marks:
        assert books.identity_error(mark) == ZERO
    assert books.lot_quantity == books.base == sum((slot.held for slot in held), ZERO)
    assert books.lot_cost == sum((lot.quantity * lot.price for slot in held for lot in slot.lots), ZERO)


trades = st.tuples(
    st.integers(0, 3), st.booleans(), st.integers(1, 10**9).map(lambda n: D(n) / 10**5), st.integers(1, 10**6)
)


@given(st.sampled_from(FeeAsset), st.lists(trades, max_size=40), st.integers(1, 10**9))
def test_the_identity_is_exact_for_any_fills(
    asset: FeeAsset, moves: list[tuple[int, bool, Decimal, int]], mark: int
) -> None:
    traded, held = market(asset), slots(4)
    books = open_books(D(10_000), D(100))
    for index, buy, price, thousandths in moves:
        slot, quantity = held[index], D(thousandths) / 1000
        if buy:
            purpose = Purpose.INITIAL if thousandths % 7 == 0 else Purpose.GRID
            arrived = book_bought(books, traded, fill(traded, Side.BUY, price, quantity), purpose)
            if purpose is Purpose.INITIAL:
                for each in held:
                    each.awaiting = D("0.5")
                share(arrived, held, price)
                for each in held:
                    each.awaiting = ZERO
            else:
                slot.add(arrived, price, initial=False)
        elif thousandths % 5 == 0:
            quantity = min(quantity, books.base)
            book_sold(books, traded, fill(traded, Side.SELL, price, quantity), take_across(held, quantity), pairs=False)
        else:
            quantity = min(quantity, slot.held)
            book_sold(books, traded, fill(traded, Side.SELL, price, quantity), slot.take(quantity), pairs=True)
        check(books, held, price, D(mark) / 10**5)
    assert books.fills == len(moves)


def test_a_cycle_earns_the_line_distance_less_fees() -> None:
    traded, (slot, *_) = market(FeeAsset.QUOTE), slots(1)
    books = open_books(D(1_000), D(100))
    slot.add(book_bought(books, traded, fill(traded, Side.BUY, D(100), D(2)), Purpose.GRID), D(100), initial=False)
    closed = book_sold(books, traded, fill(traded, Side.SELL, D(101), D(2)), slot.take(D(2)), pairs=True)
    assert (closed, books.grid_profit, books.realised) == (D(2), D(2), ZERO)
    assert books.fees == D("0.00075") * (200 + 202)
    assert books.equity(D(55)) == 1_002 - books.fees


def test_a_fee_in_base_that_no_purchase_paid_leaves_the_books_what_they_hold() -> None:
    # Seen where BNB is traded and fees are taken in BNB: the account had more quote than the books.
    spot, held = market(FeeAsset.QUOTE), slots(1)
    perpetual = msgspec.structs.replace(spot, kind=MarketKind.PERPETUAL)
    books = open_books(D(10_000), D(100))
    held[0].add(book_bought(books, spot, fill(spot, Side.BUY, D(100), D(2)), Purpose.GRID), D(100), initial=False)
    in_base = {"fee": D("0.001"), "fee_asset": "AAA", "fee_quote": D("0.1")}

    sale = msgspec.structs.replace(fill(spot, Side.SELL, D(100), D(1)), **in_base)
    book_sold(books, spot, sale, held[0].take(D(1)), pairs=True)
    assert (books.base, books.fees_elsewhere) == (D(1), D("0.1"))
    assert books.cash + books.fees_elsewhere == D(10_000) - D(100) - D("0.15")

    purchase = msgspec.structs.replace(fill(spot, Side.BUY, D(100), D(1)), **in_base)
    assert book_bought(books, perpetual, purchase, Purpose.GRID) == D(1)
    assert (books.base, books.fees_elsewhere) == (D(2), D("0.2"))
    assert books.identity_error(D(100)) == ZERO


def test_initial_inventory_sold_is_no_grid_profit() -> None:
    traded, held = market(FeeAsset.QUOTE), slots(2)
    books = open_books(D(1_000), D(100))
    for slot in held:
        slot.awaiting = D(1)
    share(book_bought(books, traded, fill(traded, Side.BUY, D(100), D(2)), Purpose.INITIAL), held, D(100))
    book_sold(books, traded, fill(traded, Side.SELL, D(101), D(1)), held[0].take(D(1)), pairs=True)
    assert (books.grid_profit, books.realised, books.unpaired(D(100))) == (ZERO, D(1), D(1))
    assert books.hold_initial_mix(D(110)) == 1_000 - 200 + 220
    assert books.buy_and_hold(D(110)) == 1_100


def test_a_surplus_from_rounding_stays_with_the_highest_slot() -> None:
    held = slots(3)
    for slot in held[1:]:
        slot.awaiting = slot.capacity = D(1)
    share(D("2.003"), held, D(100))
    assert [slot.held for slot in held] == [ZERO, D(1), D("1.003")]
    assert [slot.capacity for slot in held[1:]] == [D(1), D("1.003")]
    assert all(slot.awaiting == ZERO for slot in held)


def test_taking_across_goes_from_the_lowest_line_up() -> None:
    held = slots(3)
    for slot in held:
        slot.add(D(1), slot.lower, initial=False)
    taken = take_across(held, D("1.5"))
    assert [(lot.quantity, lot.price) for lot in taken] == [(D(1), D(100)), (D("0.5"), D(101))]
    assert [slot.held for slot in held] == [ZERO, D("0.5"), D(1)]
