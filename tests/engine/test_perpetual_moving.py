"""Grids on a perpetual that trail and are laid anew: books, ledger, margin and protection hold on the way."""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest

from data.decisions import Rule
from data.events import Event, RecentreBot, SetTrailing, TickerMoved
from data.grids import Direction, OutOfRange, Recentring
from data.orders import OrderStatus, Purpose
from data.values import ZERO, Side
from engine.grid.slots import Slot
from engine.outcome import Outcome
from engine.rules.protection import liquidations
from engine.state import Bot
from engine.views import BotStatus
from tests.engine.futures import quote
from tests.engine.perpetual_desk import NOW, Desk
from tests.engine.perpetual_world import PerpetualWorld

D = Decimal


class MovingWorld(PerpetualWorld):
    """The same world with grids that move."""

    def __init__(self, direction: Direction) -> None:
        self.rules: set[Rule] = set()
        super().__init__(direction, leverage=1)
        self.moves = (*self.moves, self.reshape, self.run_away, self.run_away, self.tidy, self.tidy)

    def step(self, event: Event) -> Outcome:
        """Take one event and remember which rules fired."""
        outcome = super().step(event)
        self.rules |= {decision.rule for decision in outcome.decisions}
        return outcome

    def _wanted_slots(self, bot: Bot) -> list[Slot]:
        slots = {slot.index: msgspec.structs.replace(slot) for slot in bot.slots}
        for order in self.state.live_orders(bot):
            if order.status is OrderStatus.CANCELLING and order.draft.slot >= 0:
                slots[order.draft.slot].rest(order.draft.side, -order.remaining)
        return list(slots.values())

    def start(self, a: int, b: int) -> None:
        """Start a bot that recentres at once or trails."""
        hasty = Recentring(distance_percent=ZERO, patience_millis=0, cooldown_millis=0, per_day=1_000, gate=False)
        price = D(self.price) / 10
        limits = (
            {"trail_up": price * 2, "trail_down": price / 2} if a % 2 == 0 else {"trail_up": None, "trail_down": None}
        )
        self.spec = msgspec.structs.replace(self.spec, recentring=hasty, **limits)
        super().start(a, b)

    def reshape(self, a: int, b: int) -> None:
        """Ask for another range, or for other limits of trailing."""
        price, bot = D(self.price) / 10, self.bot.id
        if a % 3:
            up, down = (price * 2 if a % 2 else None), (price / 2 if b % 2 else None)
            self.step(SetTrailing(at=self.now, by="t", bot=bot, up=up, down=down))
            return
        lower, upper = (price * D("0.92")).quantize(D("0.01")), (price * D("1.09")).quantize(D("0.01"))
        self.step(RecentreBot(at=self.now, by="t", bot=bot, lower=lower, upper=upper, levels=4 + b % 8))

    def run_away(self, a: int, b: int) -> None:
        """Move the market a long way in small steps."""
        for _ in range(3 + a % 10):
            self.now += 100
            self.price = max(400, self.price + (9 if b % 2 else -9))
            last = D(self.price) / 10
            self.step(TickerMoved(at=self.now, ticker=quote(last, self.now, None)))
            for order in [each for each in self.state.orders.values() if each.draft.purpose is Purpose.GRID]:
                if order.remaining > ZERO and (last - order.draft.price) * order.draft.side.sign < ZERO:
                    self._execute(order, order.remaining, b)

    def tidy(self, a: int, b: int) -> None:
        """Let every cancel come through."""
        for _ in range(len(self.state.orders)):
            if any(order.status is OrderStatus.CANCELLING for order in self.state.orders.values()):
                self.cancelled(a, b)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_books_and_ledger_hold(direction: Direction, seed: int) -> None:
    chance = random.Random(seed)
    world = MovingWorld(direction)
    for _ in range(200):
        world.move(chance.randrange(len(world.moves)), chance.randint(0, 1000), chance.randint(0, 1000))
    world.check_replay()


def test_what_is_tested_happens() -> None:
    rules: set[Rule] = set()
    for seed in range(12):
        chance = random.Random(seed)
        world = MovingWorld(list(Direction)[seed % 3])
        for _ in range(200):
            world.move(chance.randrange(len(world.moves)), chance.randint(0, 1000), chance.randint(0, 1000))
        rules |= world.rules
    assert rules >= {Rule.TRAIL_DOWN, Rule.RECENTRE, Rule.CHANGE_GRID}


@pytest.mark.parametrize("direction", Direction)
def test_a_position_is_closed_and_entered_again_when_the_grid_is_laid_anew(direction: Direction) -> None:
    desk = Desk(direction, leverage=1)
    held = desk.bot.books.base
    desk.engine.step(RecentreBot(at=NOW, by="t", bot=1, lower=D(95), upper=D(112)))
    desk.clear()
    for draft in desk.drafts(Purpose.CLOSE):
        assert (draft.quantity, draft.reduce_only) == (abs(held), True)
        desk.fill(draft)
    desk.clear()
    for draft in desk.drafts(Purpose.INITIAL):
        desk.fill(draft)
    books, slots = desk.bot.books, desk.bot.slots
    assert (desk.bot.version, desk.bot.status) == (2, BotStatus.RUNNING)
    assert books.base == books.lot_quantity - books.baseline
    assert books.lot_quantity == sum((slot.held for slot in slots), ZERO)
    assert (books.base > ZERO, books.base < ZERO) == (direction is Direction.LONG, direction is Direction.SHORT)


@pytest.mark.parametrize("direction", Direction)
def test_a_grid_follows_a_rising_price_with_the_position_it_has(direction: Direction) -> None:
    desk = Desk(direction, leverage=1, trail_up=D(200))
    for slot in [slot for slot in desk.bot.slots if slot.selling]:
        desk.fill(desk.order(slot.index, Side.SELL))
    before = desk.bot.books.base
    desk.tick(113)
    desk.clear()
    assert (desk.bot.offset, desk.bot.books.base) == (1, before)
    assert desk.bot.slots[-1].buying > ZERO


def test_it_follows_no_further_than_liquidation_allows() -> None:
    desk = Desk(Direction.SHORT, leverage=5, trail_up=D(10_000))
    for slot in [slot for slot in desk.bot.slots if slot.selling]:
        desk.fill(desk.order(slot.index, Side.SELL))
    for price in range(112, 200, 2):
        desk.tick(price)
        desk.clear()
        if desk.bot.trail_ended or desk.bot.status is not BotStatus.RUNNING:
            break
    found = liquidations(desk.bot).high
    assert found is not None
    assert found >= desk.bot.lines[-1] * D("1.15")


def test_a_short_grid_follows_a_falling_price_and_stays_as_short() -> None:
    desk = Desk(Direction.SHORT, leverage=1, trail_down=D(50))
    for slot in desk.bot.slots[:5]:
        desk.fill(desk.order(slot.index, Side.BUY))
    before = desk.bot.books.base
    desk.tick(87)
    desk.clear()
    assert desk.bot.books.base == before == ZERO
    assert desk.bot.offset < 0
    assert desk.bot.spec.out_of_range is OutOfRange.HOLD
