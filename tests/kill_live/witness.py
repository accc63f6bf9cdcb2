"""Who looks on while orders arrive, and remembers how much of every slot rested at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from data.orders import key_of
from data.values import ZERO, Side
from tests.servers.binance.orders import Order


class Place(NamedTuple):
    """One side of one slot."""

    bot: int
    version: int
    slot: int
    side: Side


class Most(NamedTuple):
    """The most that ever rested there, and in which orders."""

    quantity: Decimal
    orders: tuple[str, ...]


class Witness:
    """Sees what no later comparison finds: an order placed twice and taken back in time."""

    def __init__(self) -> None:
        self.most: defaultdict[Place, Most] = defaultdict(lambda: Most(ZERO, ()))

    def look(self, resting: Iterable[Order]) -> None:
        """Look at the orders that rest on a market."""
        together: defaultdict[Place, list[Order]] = defaultdict(list)
        for order in resting:
            key = key_of(order.client_id)
            if key is not None:
                together[Place(key.bot, key.version, key.slot, key.side)].append(order)
        for place, orders in together.items():
            quantity = sum((order.remaining for order in orders), ZERO)
            if quantity > self.most[place].quantity:
                self.most[place] = Most(quantity, tuple(order.client_id for order in orders))
