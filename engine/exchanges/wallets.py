"""Who pays for simulated orders: what each reserves while it rests, and what its fills do to the account."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple, Protocol

from data.market import FeeAsset, Market
from data.orders import Draft
from data.values import ZERO, Side, plain
from engine.exchanges.base import Balance
from engine.exchanges.book import Resting, reserve_of


class Charge(NamedTuple):
    """The fee of one execution, in its asset and valued in quote."""

    fee: Decimal
    asset: str
    quote: Decimal


class Wallet(Protocol):
    """Pays for the orders of one or more markets."""

    def short_of(self, draft: Draft, price: Decimal, quantity: Decimal, market: Market, *, maker: bool) -> str:
        """Return what is missing for an order that would fill at ``price`` or better, or an empty text."""

    def reserve(self, resting: Resting, quantity: Decimal) -> None:
        """Hold back what ``quantity`` of a resting order needs."""

    def release(self, resting: Resting, quantity: Decimal) -> None:
        """Give back what was held for ``quantity`` of a resting order."""

    def settle(self, side: Side, price: Decimal, quantity: Decimal, market: Market, *, maker: bool) -> Charge:
        """Book an execution and its fee."""


class SpotWallet:
    """Assets, free or locked by resting orders."""

    def __init__(self, balances: Mapping[str, Decimal]) -> None:
        """Hold free ``balances`` by asset."""
        self.free = dict(balances)
        self.locked: dict[str, Decimal] = {}

    def short_of(self, draft: Draft, price: Decimal, quantity: Decimal, market: Market, *, maker: bool) -> str:
        """Return what is missing for an order, or an empty text."""
        asset, unit = reserve_of(draft.side, price, market, maker)
        needed, free = unit * quantity, self.free.get(asset, ZERO)
        return f"{plain(needed)} {asset} needed, {plain(free)} {asset} free" if free < needed else ""

    def reserve(self, resting: Resting, quantity: Decimal) -> None:
        """Lock what ``quantity`` of a resting order may spend."""
        asset, amount = resting.asset, resting.unit * quantity
        self.free[asset] -= amount
        self.locked[asset] = self.locked.get(asset, ZERO) + amount

    def release(self, resting: Resting, quantity: Decimal) -> None:
        """Unlock what was locked for ``quantity`` of a resting order."""
        amount = resting.unit * quantity
        self.locked[resting.asset] -= amount
        self.free[resting.asset] += amount

    def settle(self, side: Side, price: Decimal, quantity: Decimal, market: Market, *, maker: bool) -> Charge:
        """Exchange base for quote, or the other way round, and pay the fee."""
        free, rate, sign = self.free, market.fees.maker if maker else market.fees.taker, side.sign
        notional = price * quantity
        free[market.base] = free.get(market.base, ZERO) + sign * quantity
        free[market.quote] = free.get(market.quote, ZERO) - sign * notional
        if market.fees.asset is FeeAsset.RECEIVED and sign > 0:
            charge = Charge(quantity * rate, market.base, notional * rate)
        else:
            charge = Charge(notional * rate, market.quote, notional * rate)
        free[charge.asset] -= charge.fee
        return charge

    def balances(self) -> list[Balance]:
        """Return every asset ever held, by name."""
        assets = sorted(self.free.keys() | self.locked.keys())
        return [Balance(asset, self.free.get(asset, ZERO), self.locked.get(asset, ZERO)) for asset in assets]
