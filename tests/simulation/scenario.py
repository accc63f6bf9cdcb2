"""What a seed is about: markets, bots, prices, limits, what people do, and when the engine dies."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from data.grids import Direction, GridSpec, MarginMode, OutOfRange, Spacing, Trigger, TriggerKind
from data.limits import RiskLimits
from data.market import FeeAsset, Fees, Filters, Market, MarketKind, Tier
from data.values import ZERO

D = Decimal
TICK = D("0.01")
MIDDLE = 10_000
"""Where prices start, in ticks."""


@dataclass
class Death:
    """How one life of the engine ends: after so many steps of its loop, or at an instant of its n-th commit."""

    steps: int | None
    commits: int | None
    instant: str
    pause: float
    """Seconds until the next life."""


@dataclass
class Scenario:
    """Everything of a seed that does not depend on what the engine does."""

    seed: int
    chance: random.Random
    markets: tuple[Market, ...]
    specs: tuple[GridSpec, ...]
    limits: RiskLimits
    seconds: float
    """How long the faults go on."""
    beat: float
    """Seconds between two price moves."""
    stride: int
    """Most ticks the price moves at once."""
    reconcile_seconds: float
    deaths: list[Death]
    expires_crossing: bool
    jumps: bool
    """Whether the computer's clock jumps."""
    token_fees: bool

    @property
    def perpetual(self) -> bool:
        """Whether there is a perpetual market."""
        return any(market.perpetual for market in self.markets)

    @property
    def symbols(self) -> list[str]:
        """The markets that bots trade on."""
        return sorted({spec.symbol for spec in self.specs})


def drawn(seed: int) -> Scenario:
    """Return the scenario of a seed."""
    chance = random.Random(seed)
    kinds = chance.choice(("s", "s", "s", "p", "p", "ss", "sp", "pp"))
    markets = tuple(_market(chance, base, kind == "p") for base, kind in zip(("AAA", "BBB"), kinds, strict=False))
    specs = tuple(_spec(chance, chance.choice(markets)) for _ in range(chance.choice((1, 1, 2, 3))))
    total = sum((spec.investment for spec in specs), ZERO)
    return Scenario(
        seed=seed,
        chance=chance,
        markets=markets,
        specs=specs,
        limits=RiskLimits(
            max_order_notional=chance.choice((None, D(400))),
            max_total_exposure=chance.choice((None, None, total * 2, total * D("0.7"))),
            max_open_orders=chance.choice((None, None, 60, 12)),
            stale_millis=60_000,
        ),
        seconds=chance.choice((300, 600, 1200)),
        beat=chance.choice((1.0, 3.0, 5.0)),
        stride=chance.choice((20, 60, 150)),
        reconcile_seconds=chance.choice((30.0, 60.0, 300.0)),
        deaths=[_death(chance) for _ in range(chance.choice((0, 1, 1, 2, 3, 5)))],
        expires_crossing=chance.random() < 0.4,
        jumps=chance.random() < 0.3,
        token_fees=chance.random() < 0.2,
    )


def _market(chance: random.Random, base: str, perpetual: bool) -> Market:
    tiers = (
        Tier(floor=ZERO, cap=D(20_000), maintenance=D("0.01"), max_leverage=20),
        Tier(floor=D(20_000), cap=None, maintenance=D("0.02"), deduction=D(200), max_leverage=10),
    )
    return Market(
        exchange="simulation",
        symbol=f"{base}/USDT:USDT" if perpetual else f"{base}/USDT",
        base=base,
        quote="USDT",
        kind=MarketKind.PERPETUAL if perpetual else MarketKind.SPOT,
        filters=Filters(
            price_tick=TICK,
            quantity_step=chance.choice((D("0.0001"), D("0.01"))),
            min_quantity=D("0.01"),
            min_notional=D(5),
            max_quantity=chance.choice((None, D(30))),
            max_orders=chance.choice((25, 200)),
        ),
        fees=Fees(
            maker=D("0.001"),
            taker=D("0.0015"),
            asset=FeeAsset.QUOTE if perpetual else chance.choice((FeeAsset.QUOTE, FeeAsset.RECEIVED)),
        ),
        tiers=tiers if perpetual else (),
    )


def _spec(chance: random.Random, market: Market) -> GridSpec:
    half = D(chance.choice((2, 4, 8)))
    middle = D(100) + D(chance.randint(-200, 200)) / 100
    stop, gain = Trigger(TriggerKind.PERCENT, D(3)), Trigger(TriggerKind.PERCENT, D(2))
    spec = GridSpec(
        symbol=market.symbol,
        lower=middle - half,
        upper=middle + half,
        levels=chance.randint(3, 14),
        spacing=chance.choice(list(Spacing)),
        investment=D(chance.choice((500, 1000, 3000))),
        stop_loss=chance.choice((None, None, stop, Trigger(TriggerKind.PRICE, D(90)))),
        take_profit=chance.choice((None, None, gain, Trigger(TriggerKind.PRICE, D(110)))),
        out_of_range=chance.choice((OutOfRange.HOLD, OutOfRange.HOLD, OutOfRange.STOP_KEEP, OutOfRange.STOP_SELL)),
    )
    return _leveraged(chance, spec) if market.perpetual else spec


def _leveraged(chance: random.Random, spec: GridSpec) -> GridSpec:
    direction = chance.choice(list(Direction))
    exits = {Direction.LONG: (90, 110), Direction.SHORT: (110, 90), Direction.NEUTRAL: (None, None)}[direction]
    stop, gain = (None if price is None else Trigger(TriggerKind.PRICE, D(price)) for price in exits)
    return msgspec.structs.replace(
        spec,
        direction=direction,
        leverage=chance.choice((1, 2, 3, 5)),
        margin=chance.choice(list(MarginMode)),
        out_of_range=chance.choice((OutOfRange.HOLD, OutOfRange.STOP_SELL)),
        stop_loss=chance.choice((None, stop, Trigger(TriggerKind.PERCENT, D(3)))),
        take_profit=chance.choice((None, gain, Trigger(TriggerKind.PERCENT, D(2)))),
    )


def _death(chance: random.Random) -> Death:
    pause = chance.choice((0.0, 0.5, 2.0, 30.0, 200.0))
    if chance.random() < 0.5:
        few = chance.random() < 0.5
        return Death(chance.randint(1, 400) if few else chance.randint(400, 12_000), None, "", pause)
    return Death(None, chance.choice((1, 2, 3, chance.randint(1, 200))), chance.choice(INSTANTS), pause)


INSTANTS = ("before commit", "within commit", "after commit")
