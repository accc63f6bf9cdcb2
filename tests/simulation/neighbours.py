"""Somebody else who trades the same account by hand, and an exchange that changes its rules under everybody."""

from __future__ import annotations

import random
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from data.grids import GridSpec
from data.orders import Draft, OrderType, Purpose
from data.values import Mode, Side
from tests.simulation.money import FOREIGN, OURS, money
from tests.simulation.scenario import TICK
from tests.simulation.truth import Truth
from tests.simulation.virtual import Time

D = Decimal
OPENING_BASE, OPENING_QUOTE = D("321.0123"), D(200_000)
NAMES = ("web_{}", "btother-1-1-0b{}", "bt-77-1-2s{}", "x-{}")
"""Ids of foreign orders: some look much like ours."""


class Neighbours:
    """Foreign orders, fills and transfers; never so much that the bots' own money would be missing."""

    def __init__(self, truth: Truth, time: Time, chance: random.Random) -> None:
        self._truth, self._time, self._chance = truth, time, chance
        self._rules = dict(truth.markets)
        self._count = 0

    def settle_in(self, specs: Iterable[GridSpec]) -> None:
        """Open the account, with an order far from everything; perpetuals get what their grids take, no more."""
        for market in self._truth.markets.values():
            if market.perpetual:
                self._truth.money.entries[market.symbol] = self._truth.books[market.symbol].last
                taken = sum((spec.investment for spec in specs if spec.symbol == market.symbol), D(0))
                self._truth.transfer(money(market), taken)
            else:
                self._truth.transfer(market.base, OPENING_BASE)
                self._truth.transfer(market.quote, OPENING_QUOTE)
            self._place(market.symbol, Side.BUY, OrderType.LIMIT, D("12.34"), D(1))

    def act(self) -> None:
        """Do one thing."""
        chance, truth = self._chance, self._truth
        symbol = chance.choice(sorted(truth.markets))
        if truth.markets[symbol].perpetual:
            # A position is one: nobody else may trade where a bot does.
            chance.choice((self._change_rules, self._interfere))(symbol)
            return
        side = chance.choice(list(Side))
        price = truth.books[symbol].bid * D(chance.choice(("0.97", "0.995", "1.005", "1.03")))
        match chance.randrange(6):
            case 0:
                self._place(symbol, side, OrderType.LIMIT, price // TICK * TICK, D(chance.randint(1, 200)) / 100)
            case 1:
                self._place(symbol, side, OrderType.MARKET, price, D(chance.randint(10, 200)) / 100)
            case 2:
                live = [record.draft.client_id for record in truth.live(FOREIGN)]
                truth.cancel(chance.choice(live), FOREIGN) if live else None
            case 3:
                asset = chance.choice((truth.markets[symbol].base, "USDT"))
                truth.transfer(asset, D(chance.randint(-500, 500)) / 100)
            case 4:
                self._interfere(symbol)
            case _:
                self._change_rules(symbol)

    def _interfere(self, symbol: str) -> None:
        """Take one of our orders off by hand, just after a part of it has filled."""
        truth, book = self._truth, self._truth.books[symbol]
        near = [record for record in truth.live(OURS) if record.draft.symbol == symbol and record.order.working]
        if not near:
            return
        record = min(near, key=lambda each: (abs(each.order.price - book.last), each.order.id))
        step = truth.markets[symbol].filters.quantity_step
        part = (record.order.remaining / 3) // step * step
        if part and self._chance.random() < 0.7:
            last = book.last
            book.trade(record.order.price, part, "SELL" if record.draft.side is Side.BUY else "BUY")
            book.last = last
        truth.cancel(record.draft.client_id)

    def tidy_up(self) -> None:
        """Put the rules back."""
        self._truth.markets.update(self._rules)

    def _change_rules(self, symbol: str) -> None:
        truth, chance = self._truth, self._chance
        market = self._rules[symbol]
        if truth.markets[symbol] is market:
            name, value = chance.choice((("min_notional", D(90)), ("max_orders", 6), ("min_quantity", D(1))))
            filters = msgspec.structs.replace(market.filters, **{name: value})
            truth.markets[symbol] = msgspec.structs.replace(market, filters=filters)
        else:
            truth.markets[symbol] = market

    def _place(self, symbol: str, side: Side, kind: OrderType, price: Decimal, quantity: Decimal) -> None:
        self._count += 1
        draft = Draft(
            client_id=NAMES[self._count % len(NAMES)].format(self._count),
            bot=0,
            slot=-1,
            symbol=symbol,
            mode=Mode.SHADOW,
            side=side,
            type=kind,
            purpose=Purpose.GRID,
            price=price,
            quantity=quantity,
        )
        self._truth.place(draft, FOREIGN)
