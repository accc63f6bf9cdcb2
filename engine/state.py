"""The engine's durable state: bots, orders, marks. Rebuilt from the journal, changed by ``engine.booking`` alone."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from data.advice import TradingState
from data.events import StopReason
from data.grids import GridSpec
from data.limits import RiskLimits
from data.market import FeeAsset, Market, Ticker
from data.orders import PROTECTION, WHOLE, Draft, Order, OrderKey, OrderStatus, OrderType, Purpose, client_id
from data.values import ONE, ZERO, Millis, Mode, Side, floor_to
from engine.grid.accounting import Books
from engine.grid.slots import Slot
from engine.views import BotStatus, Danger, RangePosition, Version

KEEP_FINISHED = 4096
"""Finished orders kept to recognise late and repeated fills; far more than any reconcile overlap returns."""

KEEP_FUNDING = 256
"""Payments of funding kept per market to recognise repeated ones: ten days of them where one comes by the hour."""

PAUSES: tuple[Millis, ...] = (0, 1_000, 2_000, 5_000, 10_000, 30_000)
"""Waits before an order of the whole bot that came to nothing is tried again; the last one repeats.

What an exchange refuses in a crash it takes seconds later, and the price does not wait. The first tick after it may do.
"""


class Recentre(msgspec.Struct, frozen=True, kw_only=True):
    """A grid that is about to take the place of the one a bot has."""

    spec: GridSpec
    sold: bool = False
    """What the new grid does not need was offered at market once; what is left rides on."""


class Bot(msgspec.Struct, kw_only=True):
    """One running grid. ``live`` holds the client ids of its orders that may still fill."""

    id: int
    tag: str = ""
    """Of the installation that started it, part of its client order ids."""
    version: int = 1
    spec: GridSpec
    market: Market
    lines: tuple[Decimal, ...]
    slots: list[Slot]
    books: Books
    started_at: Millis
    start_price: Decimal
    by: str = ""
    """Who started it, as its control said; empty where an older version wrote it down."""
    plan: str = ""
    """Id of the plan that it was started by."""
    status: BotStatus = BotStatus.STARTING
    position: RangePosition = RangePosition.INSIDE
    live: list[str] = []
    offered: Decimal = ZERO
    """Base in live sells, stops left out."""
    asked: Decimal = ZERO
    """Quote that live sells bring, before fees."""
    bidding: Decimal = ZERO
    """Base in live buys, stops left out."""
    bid: Decimal = ZERO
    """Quote that live buys will take; fees included on spot, where they are paid of the same money."""
    whole_cycle: dict[Side, int] = {}
    """Number of orders of the whole bot (initial, close), per side."""
    sell_on_stop: bool = False
    close_blocked: bool = False
    """An order of the whole bot was refused, rejected, or found nobody: try again when asked to decide."""
    retry_at: Millis | None = None
    """When the first tick from there on asks to decide; None when no tick does."""
    failures: int = 0
    """Orders of the whole bot in a row that came to nothing."""
    sellable: Decimal | None = None
    """Base that the account had left when it lacked what the closing sale was for; None when it lacks nothing known."""
    waiting: bool = False
    """An order of the whole bot lacked a price: try again at the next tick."""
    protect_cycle: dict[Side, int] = {}
    """Number of protective stops, per side."""
    protect_blocked: bool = False
    """The protective stop was refused or rejected: try again when asked to decide."""
    danger: Danger = Danger.SAFE
    next_slot: int = 0
    """Number of the next new slot, when above those of all slots: a number names one slot and is never used again."""
    offset: int = 0
    """Which of the lines that the spec's spacing lays is the lowest: 0 until the grid has trailed."""
    trail_ended: bool = False
    """The grid could follow the price no further; it tries again once price was back in the range."""
    cycles_before: int = 0
    """Cycles of slots that have left."""
    size: Decimal = ZERO
    """Base that a slot is made for from its next purchase on, where profit is reinvested."""
    window: int = 0
    """Most orders that may rest at once, those nearest to ``focus``; 0 when all slots have theirs."""
    focus: Decimal = ZERO
    versions: tuple[Version, ...] = ()
    """Closing figures of the grids before this one."""
    outside_since: Millis | None = None
    """When price left the range."""
    recentre: Recentre | None = None
    """The grid to come, once the book is clear of this one."""
    stopped_at: Millis | None = None
    stop_price: Decimal | None = None
    stop_reason: StopReason | None = None

    @property
    def moves(self) -> bool:
        """Return whether the grid follows the price."""
        spec = self.spec
        return spec.infinity or spec.trail_up is not None or spec.trail_down is not None

    @property
    def awaiting(self) -> Decimal:
        """Return the initial inventory still to arrive, in base."""
        return sum((slot.awaiting for slot in self.slots), ZERO)

    def rest(self, draft: Draft, quantity: Decimal) -> None:
        """Add ``quantity`` (negative: take away) to what rests of ``draft``."""
        if draft.purpose is Purpose.PROTECT:
            return
        if draft.side is Side.SELL:
            self.offered += quantity
            self.asked += quantity * draft.price
        else:
            self.bidding += quantity
            self.bid += quantity * draft.price * self.with_fee(draft)
        slot = self.slot(draft.slot)
        if slot is not None:
            slot.rest(draft.side, quantity)

    def slot(self, number: int) -> Slot | None:
        """Return the slot of a number; None for an order of the whole bot, and for a slot that has left the grid."""
        if number < 0:
            return None
        slots = self.slots
        place = number - slots[0].index if slots else 0
        if 0 <= place < len(slots) and slots[place].index == number:
            return slots[place]
        return next((slot for slot in slots if slot.index == number), None)

    def number_slot(self) -> int:
        """Return the number of a new slot, and count it."""
        number = max(self.next_slot, *(slot.index + 1 for slot in self.slots), 0)
        self.next_slot = number + 1
        return number

    def stop(self, reason: StopReason, *, sell: bool) -> None:
        """Begin to stop.

        A sale asked for once is not taken back by a later stop without one, unless it failed or waits for a price.
        """
        # A position that a failed start left behind could be liquidated with nobody watching.
        sell = sell or (self.market.perpetual and reason is StopReason.FAILED_START)
        self.status = BotStatus.STOPPING
        # The price of a market that is gone never comes: a person must be able to let the bot go.
        failed = (self.close_blocked or self.waiting) and reason is StopReason.PERSON
        self.sell_on_stop = sell if failed else self.sell_on_stop or sell
        self.close_blocked = self.protect_blocked = False
        self.retry_at, self.failures, self.sellable = None, 0, None
        self.stop_reason = self.stop_reason or reason
        for slot in self.slots:
            slot.awaiting = ZERO

    def unblock(self) -> None:
        """Let every slot be decided for again."""
        self.close_blocked = self.protect_blocked = False
        self.retry_at = None
        for slot in self.slots:
            slot.crossed, slot.waiting, slot.blocked = 0, False, False

    def retry_later(self, at: Millis) -> None:
        """Hold off an order of the whole bot that came to nothing at ``at``, each time longer."""
        self.close_blocked, self.retry_at = True, at + PAUSES[min(self.failures, len(PAUSES) - 1)]
        self.failures += 1

    def due(self, at: Millis) -> bool:
        """Return whether what was held off is to be tried again; by a clock that was set back it would never be."""
        return self.retry_at is not None and not 0 < self.retry_at - at <= PAUSES[-1]

    def with_fee(self, draft: Draft) -> Decimal:
        """Return the quote a buy takes per quote of its notional.

        A fee taken from what it brings in costs no quote; on a perpetual the margin's reserve pays it.
        """
        fees = self.market.fees
        if fees.asset is FeeAsset.RECEIVED or self.market.perpetual:
            return ONE
        return ONE + (fees.maker if draft.type is OrderType.LIMIT_MAKER else fees.taker)

    def closable(self, price: Decimal) -> Decimal:
        """Return the base that closing orders can sell or buy back; zero when it is under the market's minimum."""
        filters, perpetual = self.market.filters, self.market.perpetual
        quantity = floor_to(abs(self.books.base) if perpetual else self.books.base, filters.quantity_step)
        enough = quantity >= filters.min_quantity and (perpetual or quantity * price >= filters.min_notional)
        return max(quantity, ZERO) if enough else ZERO

    def whole_draft(self, side: Side, purpose: Purpose, price: Decimal, quantity: Decimal) -> Draft:
        """Return a market order of the whole bot, or a stop that protects it."""
        stop = purpose is Purpose.PROTECT
        counts = self.protect_cycle if stop else self.whole_cycle
        cycle = counts[side] = counts.get(side, 0) + 1
        key = OrderKey(self.id, self.version, PROTECTION if stop else WHOLE, side, cycle)
        return self._draft(key, OrderType.STOP_MARKET if stop else OrderType.MARKET, purpose, price, quantity)

    def slot_draft(self, slot: Slot, side: Side, order_type: OrderType, quantity: Decimal) -> Draft:
        """Return the next order of one side of a slot, at its line."""
        key = OrderKey(self.id, self.version, slot.index, side, slot.next_cycle(side))
        price = slot.lower if side is Side.BUY else slot.upper
        return self._draft(key, order_type, Purpose.GRID, price, quantity)

    def _draft(
        self, key: OrderKey, order_type: OrderType, purpose: Purpose, price: Decimal, quantity: Decimal
    ) -> Draft:
        return Draft(
            client_id=client_id(key, self.tag),
            bot=self.id,
            slot=key.slot,
            symbol=self.market.symbol,
            mode=self.spec.mode,
            side=key.side,
            type=order_type,
            purpose=purpose,
            price=price,
            quantity=quantity,
            reduce_only=self.market.perpetual and purpose in (Purpose.CLOSE, Purpose.PROTECT),
        )


class Finished(msgspec.Struct):
    """An order that is done, kept so that late and repeated fills are recognised."""

    order: Order
    trades: list[str]


class EngineState(msgspec.Struct, kw_only=True):
    """Everything the journal determines, plus the last tickers seen (transient, not part of the durable state)."""

    sequence: int = 0
    bots: dict[int, Bot] = {}
    orders: dict[str, Order] = {}
    """Live orders by client id."""
    trades: dict[str, list[str]] = {}
    """Trade ids already booked, by live client id."""
    finished: dict[str, Finished] = {}
    payments: dict[str, int] = {}
    """Transfers already booked, and funding that older versions booked, by id, and the bot they concerned."""
    funding: dict[str, dict[str, Millis]] = {}
    """When the newest booked payments of funding were settled, by ``market_key`` and id."""
    funded_until: dict[str, Millis] = {}
    """Up to when all funding counts as booked, by ``market_key``: which payments those were is no longer kept."""
    plans: dict[str, int] = {}
    """Applied plan ids and the bot they concerned."""
    last_fill_at: dict[str, Millis] = {}
    """Instant of the newest booked fill, by ``market_key``: where reconciling starts to look."""
    person_state: TradingState = TradingState.ACTIVE
    risk_state: TradingState = TradingState.ACTIVE
    state_reason: str = ""
    peak_equity: Decimal = ZERO
    day_start_equity: Decimal = ZERO
    day: int = 0
    transferred: Decimal = ZERO
    """Quote that came by other ways than trading, less what left, ever since."""
    reconciled: dict[str, tuple[str, ...]] = {}
    """What the last comparison with an exchange found amiss, by ``market_key``: foreign orders, and what is missing."""
    limits: RiskLimits | None = None
    """What risk judges by, as the last start told; None before the first."""
    tag: str = ""
    """Of this installation; new bots put it into their client order ids."""
    armed: dict[Mode, Decimal] = {}
    """Modes of real money that a person let trade, and the most (quote) that all bots of each may hold and bid for."""
    tickers: dict[str, Ticker] = {}

    @property
    def trading_state(self) -> TradingState:
        """Return the stricter of what risk and the person want."""
        person, risk = self.person_state, self.risk_state
        return person if person is risk or person.strictness > risk.strictness else risk

    @property
    def limits_in_force(self) -> RiskLimits:
        """Return what grids are planned and watched by."""
        return self.limits or _USUAL

    def may_trade(self, mode: Mode) -> bool:
        """Return whether a person lets bots of ``mode`` trade; simulated and test money need no leave."""
        return mode is not Mode.PRODUCTION or mode in self.armed

    def last_fills(self, mode: Mode) -> dict[str, Millis]:
        """Return the instant of the newest booked fill by symbol, of the bots of one mode."""
        keyed = ((key.partition(" "), at) for key, at in self.last_fill_at.items())
        return {symbol: at for (name, _, symbol), at in keyed if name == mode}

    def active_bots(self, symbol: str | None = None) -> Iterator[Bot]:
        """Yield the bots that are not stopped, of one market or all."""
        for bot in self.bots.values():
            if bot.status is not BotStatus.STOPPED and (symbol is None or bot.market.symbol == symbol):
                yield bot

    def live_orders(self, bot: Bot) -> list[Order]:
        """Return a bot's orders that may still fill."""
        return [self.orders[client_id] for client_id in bot.live]

    def first_told(self, identity: str, bot: int) -> bool:
        """Remember a payment; return whether it is told for the first time."""
        if identity in self.payments:
            return False
        self.payments[identity] = bot
        if len(self.payments) > KEEP_FINISHED:
            del self.payments[next(iter(self.payments))]
        return True

    def knows_funding(self, market: str, identity: str, at: Millis) -> bool:
        """Return whether a payment of funding on a market (``market_key``) is booked, or too old to tell."""
        told = identity in self.payments or identity in self.funding.get(market, ())
        return told or at <= self.funded_until.get(market, -1)

    def keep_funding(self, market: str, identity: str, at: Millis) -> None:
        """Remember a payment of funding, and up to when the oldest ones are known without their ids."""
        kept = self.funding.setdefault(market, {})
        kept[identity] = at
        if len(kept) > KEEP_FUNDING:
            self.funded_until[market] = kept.pop(min(kept, key=lambda each: kept[each]))

    def finish(self, order: Order, status: OrderStatus) -> None:
        """Move an order out of the live ones."""
        order.status = status
        identity = order.draft.client_id
        del self.orders[identity]
        self.finished[identity] = Finished(order, self.trades.pop(identity, []))
        self.bots[order.draft.bot].live.remove(identity)
        if len(self.finished) > KEEP_FINISHED:
            del self.finished[next(iter(self.finished))]


_USUAL = RiskLimits()


def market_key(mode: Mode, symbol: str) -> str:
    """Return what names one market of one account."""
    return f"{mode} {symbol}"


def mark_price(state: EngineState, bot: Bot) -> Decimal | None:
    """Return the price a bot is valued at: where it stopped, or the last one seen."""
    if bot.stop_price is not None:
        return bot.stop_price
    ticker = state.tickers.get(bot.market.symbol)
    return ticker.last if ticker else None


def register(state: EngineState, draft: Draft, at: Millis) -> None:
    """Enter an approved draft as a live order."""
    bot = state.bots[draft.bot]
    state.orders[draft.client_id] = Order(draft=draft, at=at)
    bot.live.append(draft.client_id)
    bot.rest(draft, draft.quantity)


def release(state: EngineState, order: Order, status: OrderStatus) -> None:
    """Take an order off: what had not filled no longer rests. One that was asked off ends so, though it was refused."""
    asked = order.status is OrderStatus.CANCELLING
    state.bots[order.draft.bot].rest(order.draft, -order.remaining)
    state.finish(order, OrderStatus.CANCELLED if asked else status)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(EngineState)


def freeze(state: EngineState) -> bytes:
    """Return the durable state as bytes: equal states give equal bytes."""
    tickers, state.tickers = state.tickers, {}
    try:
        return _ENCODER.encode(state)
    finally:
        state.tickers = tickers


def thaw(frozen: bytes) -> EngineState:
    """Return the state that ``freeze`` wrote. Raises ``msgspec.ValidationError`` when another version wrote it."""
    return _DECODER.decode(frozen)
