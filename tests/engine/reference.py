"""A second, slower reading of the candle rules, written from their wording alone, to compare the engine with.

It shares with the engine nothing but the words of ``data``: no slot ledger, no bands, no matching, no events. Every bar
looks at every order. The rules it follows:

- a grid of N lines has N - 1 slots; a slot buys at its lower line and sells at its upper one; slots whose upper line
  lies above the price at the start begin full, with base bought at market there; an equal quantity for every slot is
  what the investment pays for, the buy at the start rounded up to the step and budgeted 0.2 % dearer;
- a bar goes open, nearer extreme, other extreme, close; it makes its low first when it closes at or above its open;
- only orders that rested before the bar can fill in it; a buy when the low is below it, a sell when the high is above,
  always at their own price; what the bar opens beyond fills first;
- exits are judged at the open and at every price on the path, fills and the close included: at their level, rounded to
  the tick it is reached on, or at the open when that lies beyond; a level is reached by touch, so before a fill;
- what is too small to rest stays in its slot (post-only orders that would match at once are none of its business).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from itertools import pairwise

from data.candles import CandleColumns
from data.grids import GridSpec, OutOfRange, Spacing, Trigger, TriggerKind
from data.market import FeeAsset, Market

NOTHING = Decimal(0)


@dataclass(slots=True)
class Resting:
    """An order of the reference; ``slot`` counts from 0."""

    slot: int
    buy: bool
    price: Decimal
    quantity: Decimal


@dataclass(slots=True)
class Interval:
    """What one slot holds and what it is meant to hold."""

    lower: Decimal
    upper: Decimal
    capacity: Decimal
    held: Decimal = NOTHING


Traded = tuple[int, int, str, Decimal, Decimal]
"""Bar index, slot (-1: the whole bot), side, price, quantity."""


@dataclass
class Reference:
    """One run: make it, call ``run``, then look at ``fills``, ``cash`` and ``base``."""

    spec: GridSpec
    market: Market
    fills: list[Traded] = field(default_factory=list)
    cash: Decimal = NOTHING
    base: Decimal = NOTHING
    stopped: bool = False
    slots: list[Interval] = field(default_factory=list)
    orders: list[Resting] = field(default_factory=list)
    bar: int = 0
    here: Decimal = NOTHING

    def run(self, columns: CandleColumns) -> None:
        """Trade all bars."""
        self.cash = self.spec.investment
        self._start(columns.open[0])
        for index, (first, high, low, close) in enumerate(
            zip(columns.open, columns.high, columns.low, columns.close, strict=True)
        ):
            if self.stopped:
                return
            self.bar = index
            self._bar(first, high, low, close)

    # -- start

    def _start(self, price: Decimal) -> None:
        lines = self._lines()
        full = [upper for upper in lines[1:] if upper > price]
        empty = lines[: len(lines) - 1 - len(full)]
        fees, step = self.market.fees, self.market.filters.quantity_step
        later = 1 + fees.maker if fees.asset is FeeAsset.QUOTE else Decimal(1)
        now = 1 + fees.taker if fees.asset is FeeAsset.QUOTE else Decimal(1)
        quantity = _down(self.spec.investment / (sum(empty) + len(full) * price * Decimal("0.9")), step)
        while True:
            budget = self._to_buy(quantity * len(full)) * price * now * Decimal("1.002")
            if budget + sum((lower * quantity * later for lower in empty), NOTHING) <= self.spec.investment:
                break
            quantity -= step
        self.slots = [Interval(lower, upper, quantity) for lower, upper in pairwise(lines)]
        self.here = price
        if full:
            self._fill_up([slot for slot in self.slots if slot.upper > price], quantity, price)
        for index in range(len(self.slots)):
            self._want(index)

    def _lines(self) -> list[Decimal]:
        spec, count = self.spec, Decimal(self.spec.levels - 1)
        tick = self.market.filters.price_tick
        lines = []
        for i in range(spec.levels):
            if spec.spacing is Spacing.ARITHMETIC:
                price = spec.lower + (spec.upper - spec.lower) * i / count
            else:
                price = spec.lower * (spec.upper / spec.lower) ** (Decimal(i) / count)
            lines.append((price / tick).quantize(Decimal(1), ROUND_HALF_EVEN) * tick)
        return lines

    def _fill_up(self, full: list[Interval], quantity: Decimal, price: Decimal) -> None:
        arrived = self._buy(-1, price, self._to_buy(quantity * len(full)), self.market.fees.taker)
        for slot in full:
            slot.held = min(quantity, arrived)
            arrived -= slot.held
        full[-1].held += arrived
        full[-1].capacity += arrived

    def _to_buy(self, wanted: Decimal) -> Decimal:
        """Return what to order so that ``wanted`` arrives."""
        if self.market.fees.asset is FeeAsset.QUOTE:
            return wanted
        step = self.market.filters.quantity_step
        return (wanted / (1 - self.market.fees.taker) / step).quantize(Decimal(1), ROUND_CEILING) * step

    # -- bars

    def _bar(self, first: Decimal, high: Decimal, low: Decimal, close: Decimal) -> None:
        due = [order for order in self.orders if (low < order.price if order.buy else high > order.price)]
        if not due and not any(low <= level if below else high >= level for below, level in self._exits()):
            self.here = close
            return
        # What the bar opens beyond fills first, on the side the gap went to before the other.
        gap_down = first < self.here
        for buy in (gap_down, not gap_down):
            beyond = [o for o in due if o.buy is buy and (o.price > first if buy else o.price < first)]
            for order in sorted(beyond, key=lambda o: -o.price if buy else o.price):
                self._trade(order)
                due.remove(order)
        self.here = first
        self._see(first)
        nearer, other = (low, high) if close >= first else (high, low)
        for target in (nearer, other, close):
            self._go(target, due)
        self._see(close)

    def _go(self, target: Decimal, due: list[Resting]) -> None:
        """Follow the path to ``target``; the nearest thing on it happens first."""
        falling = target < self.here
        while not self.stopped:
            on_way = [o for o in due if o.buy is falling and (o.price > target if falling else o.price < target)]
            order = (max if falling else min)(on_way, key=lambda o: o.price, default=None)
            level = self._next_level(target, falling=falling)
            touched = level is not None and (
                order is None or (level >= order.price if falling else level <= order.price)
            )
            if touched and level is not None:
                self.here = level
                self._see(level)
                if not self.stopped:
                    raise AssertionError(f"bar {self.bar}: nothing happened at {level}")
            elif order is not None:
                due.remove(order)
                self.here = order.price
                self._trade(order)
                self._see(order.price)
            else:
                self.here = target
                return

    # -- exits

    def _exits(self) -> list[tuple[bool, Decimal]]:
        """Return every price at which the bot would stop, holding what it holds now, on the tick that reaches it."""
        tick, lines = self.market.filters.price_tick, (self.slots[0].lower, self.slots[-1].upper)
        found = []
        for below, trigger in ((True, self.spec.stop_loss), (False, self.spec.take_profit)):
            exact = self._exact(trigger, below) if trigger else None
            if exact is not None:
                rounding = ROUND_FLOOR if below else ROUND_CEILING
                found.append((below, (exact / tick).quantize(Decimal(1), rounding) * tick))
        if self.spec.out_of_range is not OutOfRange.HOLD:
            found += [(True, lines[0] - tick), (False, lines[1] + tick)]
        return found

    def _exact(self, trigger: Trigger, below: bool) -> Decimal | None:
        if trigger.kind is TriggerKind.PRICE:
            return trigger.value
        if self.base == 0:
            # Without base no price changes anything: the exit is reached at every price or at none.
            change, limit = self.cash - self.spec.investment, self.spec.investment * trigger.value / 100
            if below:
                return Decimal(10**9) if change <= -limit else None
            return Decimal(0) if change >= limit else None
        aim = self.spec.investment * (100 - trigger.value if below else 100 + trigger.value) / 100
        return (aim - self.cash) / self.base

    def _next_level(self, target: Decimal, *, falling: bool) -> Decimal | None:
        on_way = [
            level
            for below, level in self._exits()
            if below is falling and (target <= level <= self.here if falling else self.here <= level <= target)
        ]
        return (max if falling else min)(on_way, default=None)

    def _see(self, price: Decimal) -> None:
        """Judge the exits at a price the market was seen at."""
        if self.stopped or not any(price <= level if below else price >= level for below, level in self._exits()):
            return
        self.stopped = True
        self.orders.clear()
        keep = self.spec.out_of_range is OutOfRange.STOP_KEEP
        if keep and not self._money_exit(price):
            return
        filters = self.market.filters
        quantity = _down(self.base, filters.quantity_step)
        if quantity > 0 and quantity >= filters.min_quantity and quantity * price >= filters.min_notional:
            self._sell(-1, price, quantity, self.market.fees.taker)

    def _money_exit(self, price: Decimal) -> bool:
        change = self.cash + self.base * price - self.spec.investment
        for below, trigger in ((True, self.spec.stop_loss), (False, self.spec.take_profit)):
            if trigger is None:
                continue
            if trigger.kind is TriggerKind.PRICE:
                hit = price <= trigger.value if below else price >= trigger.value
            else:
                limit = self.spec.investment * trigger.value / 100
                hit = change <= -limit if below else change >= limit
            if hit:
                return True
        return False

    # -- trades

    def _trade(self, order: Resting) -> None:
        self.orders.remove(order)
        slot, fee = self.slots[order.slot], self.market.fees.maker
        if order.buy:
            slot.held += self._buy(order.slot, order.price, order.quantity, fee)
        else:
            self._sell(order.slot, order.price, order.quantity, fee)
            slot.held -= order.quantity
        self._want(order.slot)

    def _want(self, index: int) -> None:
        """Rest what the slot still lacks and what it has to offer, on the step and above the minimums."""
        slot, filters = self.slots[index], self.market.filters
        for buy in (True, False):
            resting = sum((o.quantity for o in self.orders if o.slot == index and o.buy is buy), NOTHING)
            wanted = slot.capacity - slot.held - resting if buy else slot.held - resting
            quantity = _down(wanted, filters.quantity_step)
            price = slot.lower if buy else slot.upper
            if quantity > 0 and quantity >= filters.min_quantity and quantity * price >= filters.min_notional:
                self.orders.append(Resting(index, buy, price, quantity))

    def _buy(self, slot: int, price: Decimal, quantity: Decimal, rate: Decimal) -> Decimal:
        in_base = self.market.fees.asset is FeeAsset.RECEIVED
        arrived = quantity * (1 - rate) if in_base else quantity
        self.cash -= price * quantity * (1 if in_base else 1 + rate)
        self.base += arrived
        self.fills.append((self.bar, slot, "buy", price, quantity))
        return arrived

    def _sell(self, slot: int, price: Decimal, quantity: Decimal, rate: Decimal) -> None:
        self.cash += price * quantity * (1 - rate)
        self.base -= quantity
        self.fills.append((self.bar, slot, "sell", price, quantity))


def _down(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).quantize(Decimal(1), ROUND_FLOOR) * step
