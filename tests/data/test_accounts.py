"""Books of a simulated exchange: what is saved comes back, in order and once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from data import accounts
from data.accounts import AccountStore
from data.database import Database, StorageError
from data.orders import Draft, Fill, Order, OrderStatus, OrderType, Purpose
from data.values import Mode, Side


def order(number: int, status: OrderStatus = OrderStatus.OPEN, filled: str = "0") -> Order:
    draft = Draft(
        client_id=f"bt-1-1-{number}b1",
        bot=1,
        slot=number,
        symbol="BTC/USDT",
        mode=Mode.SHADOW,
        side=Side.BUY,
        type=OrderType.LIMIT_MAKER,
        purpose=Purpose.GRID,
        price=Decimal("65000.10"),
        quantity=Decimal("0.00100"),
    )
    return Order(draft=draft, at=number, status=status, exchange_id=f"sim-{number}", filled=Decimal(filled))


def fill(number: int) -> Fill:
    return Fill(
        trade_id=f"{number}-x",
        client_id="bt-1-1-1b1",
        symbol="BTC/USDT",
        side=Side.BUY,
        price=Decimal("65000.10"),
        quantity=Decimal("0.001"),
        fee=Decimal("0.0000010"),
        fee_asset="BTC",
        fee_quote=Decimal("0.065"),
        maker=True,
        at=number,
    )


def test_a_new_account_is_empty() -> None:
    assert AccountStore(Database.in_memory()).load() is None


def test_books_survive_a_restart(tmp_path: Path) -> None:
    database = Database(tmp_path / "shadow.db")
    AccountStore(database).save([order(1), order(2)], [fill(1)], {"USDT": Decimal("100.10")}, trades=1)
    database.close()
    database = Database(tmp_path / "shadow.db")
    books = AccountStore(database).load()
    database.close()
    assert books is not None
    assert books.orders == (order(1), order(2))
    assert books.fills == (fill(1),)
    assert (books.balances, str(books.balances["USDT"])) == ({"USDT": Decimal("100.10")}, "100.10")
    assert books.known == {"bt-1-1-1b1", "bt-1-1-2b1"}
    assert books.trades == 1


def test_saving_again_replaces_orders_and_balances_and_adds_fills_once() -> None:
    store = AccountStore(Database.in_memory())
    store.save([order(1), order(2)], [fill(1)], {"USDT": Decimal(100), "BTC": Decimal(0)}, trades=1)
    store.save([order(1, OrderStatus.FILLED, "0.001")], [fill(1), fill(2)], {"BTC": Decimal("0.001")}, trades=2)
    store.save()
    books = store.load()
    assert books is not None
    assert books.orders == (order(1, OrderStatus.FILLED, "0.001"), order(2))
    assert books.fills == (fill(1), fill(2))
    assert books.balances == {"USDT": Decimal(100), "BTC": Decimal("0.001")}
    assert books.trades == 2


def test_old_finished_orders_are_known_by_id_alone() -> None:
    store = AccountStore(Database.in_memory())
    count = accounts.REMEMBERED + 2
    store.save([order(0), *(order(n, OrderStatus.CANCELLED) for n in range(1, count + 1))])
    books = store.load()
    assert books is not None
    assert [o.draft.slot for o in books.orders] == [0, *range(3, count + 1)]
    assert len(books.known) == count + 1


def test_a_failed_save_changes_nothing() -> None:
    database = Database.in_memory()
    store = AccountStore(database)
    store.save(balances={"USDT": Decimal(1)})
    database.run("CREATE TRIGGER fail BEFORE INSERT ON account_fill BEGIN SELECT raise(ABORT, 'no'); END")
    with pytest.raises(StorageError):
        store.save([order(1)], [fill(1)], {"USDT": Decimal(2)})
    books = store.load()
    assert books is not None
    assert (books.orders, books.balances) == ((), {"USDT": Decimal(1)})
