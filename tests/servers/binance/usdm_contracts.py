"""The perpetual contracts of the loopback exchange: what may be ordered, and how much margin a size asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.servers.binance.symbols import Spec

FUTURES: dict[str, Any] = {
    "bid_up": Decimal("1.05"),
    "bid_down": Decimal("0.95"),
    "ask_up": Decimal("1.05"),
    "ask_down": Decimal("0.95"),
    "max_algo_orders": 10,
}
"""What the perpetual contracts have in common: no limit stands further than this from the mark price."""


@dataclass(frozen=True)
class Bracket:
    """Sizes from ``floor`` to ``cap`` of notional value: how far they may be leveraged, and what they must keep."""

    number: int
    floor: Decimal
    cap: Decimal
    leverage: int
    rate: Decimal
    """Maintenance margin as a part of the notional value."""
    deducted: Decimal
    """What makes the maintenance margin continuous where brackets meet."""

    def maintenance(self, notional: Decimal) -> Decimal:
        """Return the margin that a position of this size must keep."""
        return notional * self.rate - self.deducted


def ladder(*steps: tuple[str, str, int, str]) -> tuple[Bracket, ...]:
    """Build brackets from (floor, cap, leverage, rate), the deducted amounts so that they meet."""
    brackets: list[Bracket] = []
    deducted, previous = Decimal(0), Decimal(0)
    for number, (floor, cap, leverage, rate) in enumerate(steps, start=1):
        if number > 1:
            deducted += Decimal(floor) * (Decimal(rate) - previous)
        previous = Decimal(rate)
        brackets.append(Bracket(number, Decimal(floor), Decimal(cap), leverage, previous, deducted))
    return tuple(brackets)


def captured(tiers: Iterable[Mapping[str, Any]]) -> tuple[Bracket, ...]:
    """Build brackets from leverage tiers as ccxt tells them."""
    infos = [tier["info"] for tier in tiers]
    return tuple(
        Bracket(
            int(info["bracket"]),
            Decimal(info["notionalFloor"]),
            Decimal(info["notionalCap"]),
            int(info["initialLeverage"]),
            Decimal(info["maintMarginRatio"]),
            Decimal(info["cum"]),
        )
        for info in infos
    )


@dataclass(frozen=True)
class Contract:
    """One perpetual contract, margined in its quote asset."""

    spec: Spec
    brackets: tuple[Bracket, ...]
    liquidation_fee: Decimal = Decimal("0.0125")

    @property
    def symbol(self) -> str:
        """Its name."""
        return self.spec.symbol

    def bracket(self, notional: Decimal) -> Bracket:
        """Return the bracket of a position of this size."""
        return next((bracket for bracket in self.brackets if notional < bracket.cap), self.brackets[-1])

    def allowed(self, leverage: int) -> Decimal:
        """Return the largest notional value a position may have at a leverage."""
        return max((bracket.cap for bracket in self.brackets if bracket.leverage >= leverage), default=Decimal(0))

    @property
    def most_leverage(self) -> int:
        """The highest leverage of the smallest sizes."""
        return self.brackets[0].leverage


def bitcoin() -> Contract:
    """Return BTCUSDT."""
    rules = Spec(
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        tick=Decimal("0.10"),
        min_price=Decimal("556.80"),
        max_price=Decimal(4_529_764),
        step=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        max_quantity=Decimal(1000),
        min_notional=Decimal(100),
        **FUTURES,
    )
    return Contract(
        rules,
        ladder(
            ("0", "300000", 125, "0.004"),
            ("300000", "800000", 100, "0.005"),
            ("800000", "3000000", 75, "0.0065"),
            ("3000000", "12000000", 50, "0.01"),
            ("12000000", "70000000", 25, "0.02"),
            ("70000000", "100000000", 20, "0.025"),
            ("100000000", "230000000", 10, "0.05"),
            ("230000000", "480000000", 5, "0.1"),
            ("480000000", "600000000", 4, "0.125"),
            ("600000000", "800000000", 3, "0.15"),
            ("800000000", "1200000000", 2, "0.25"),
            ("1200000000", "1800000000", 1, "0.5"),
        ),
    )


def ether() -> Contract:
    """Return ETHUSDT."""
    rules = Spec(
        symbol="ETHUSDT",
        base="ETH",
        quote="USDT",
        tick=Decimal("0.01"),
        min_price=Decimal("39.86"),
        max_price=Decimal(306_177),
        step=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        max_quantity=Decimal(10_000),
        market_max_quantity=Decimal(2_000),
        min_notional=Decimal(20),
        **FUTURES,
    )
    return Contract(
        rules,
        ladder(
            ("0", "50000", 125, "0.004"),
            ("50000", "600000", 100, "0.005"),
            ("600000", "3000000", 75, "0.0065"),
            ("3000000", "12000000", 50, "0.01"),
            ("12000000", "50000000", 25, "0.02"),
            ("50000000", "150000000", 10, "0.05"),
            ("150000000", "300000000", 5, "0.1"),
            ("300000000", "500000000", 1, "0.5"),
        ),
    )


def solana() -> Contract:
    """Return SOLUSDT."""
    rules = Spec(
        symbol="SOLUSDT",
        base="SOL",
        quote="USDT",
        tick=Decimal("0.01"),
        min_price=Decimal("0.42"),
        max_price=Decimal(6_857),
        step=Decimal("0.01"),
        min_quantity=Decimal("0.01"),
        max_quantity=Decimal(100_000),
        market_max_quantity=Decimal(5_000),
        min_notional=Decimal(5),
        **FUTURES,
    )
    return Contract(
        rules,
        ladder(
            ("0", "5000", 75, "0.01"),
            ("5000", "50000", 50, "0.015"),
            ("50000", "500000", 25, "0.02"),
            ("500000", "5000000", 10, "0.05"),
            ("5000000", "20000000", 5, "0.1"),
            ("20000000", "50000000", 1, "0.5"),
        ),
    )


def perpetuals() -> tuple[Contract, ...]:
    """Return the contracts the exchange lists, each with rules of its own that a test may change."""
    return bitcoin(), ether(), solana()
