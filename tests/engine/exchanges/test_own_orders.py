"""What the adapter remembers of orders: bounded, and never at the cost of one that still rests."""

from __future__ import annotations

from engine.exchanges.own_orders import _NAMED, _REMEMBERED, OwnOrders

SYMBOL = "AAA/USDT"


def test_orders_that_are_over_are_forgotten_and_one_that_rests_for_weeks_is_not() -> None:
    own = OwnOrders()
    own.learn("bt-1-1-0b1", SYMBOL, "old")
    many = _NAMED + 2 * _REMEMBERED
    for number in range(many):
        own.learn(f"bt-1-1-1b{number}", SYMBOL, str(number))
        own.end(f"bt-1-1-1b{number}")
    assert own.watched() == {"bt-1-1-0b1": SYMBOL}
    assert own.client_id(SYMBOL, "old") == "bt-1-1-0b1"
    assert own.exchange_id("bt-1-1-1b0") is None
    assert own.client_id(SYMBOL, "0") is None, "its name goes too, only later"
    assert own.client_id(SYMBOL, str(2 * _REMEMBERED)) == f"bt-1-1-1b{2 * _REMEMBERED}"
    assert own.exchange_id(f"bt-1-1-1b{2 * _REMEMBERED}") is None
    assert own.client_id(SYMBOL, str(many - 1)) is not None


def test_a_name_given_twice_is_no_news() -> None:
    own = OwnOrders()
    assert own.learn("bt-1-1-pb1", SYMBOL, "stop")
    assert not own.learn("bt-1-1-pb1", SYMBOL, "stop")
    assert own.alias("bt-1-1-pb1", SYMBOL, "placed by the stop")
    assert not own.alias("bt-1-1-pb1", SYMBOL, "placed by the stop")
    assert own.client_id(SYMBOL, "placed by the stop") == "bt-1-1-pb1"
