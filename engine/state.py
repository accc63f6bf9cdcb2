"""The engine's durable state: bots, orders, marks. Rebuilt from the journal, changed by ``engine.apply`` alone."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from data.advice import TradingState
from data.events import StopReason
from data.grids import GridSpec
from data.limits import RiskLimits
from data.market import FeeAsset, Market, Ticker
from data.orders import Draft, Order, OrderKey, OrderStatus, OrderType, Purpose, client_id
from data.values import ONE, ZERO, Millis, Side
from engine.grid.accounting import Books
from engine.grid.slots import Slot
from engine.views import BotStatus, RangePosition

KEEP_FINISHED = 4096
"""Finished orders kept to recognise late and repeated fills; far more than any reconcile overlap returns."""


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
    status: BotStatus = BotStatus.STARTING
    position: RangePosition = RangePosition.INSIDE
    live: list[str] = []
    offered: Decimal = ZERO
    """Base in live sells."""
    bid: Decimal = ZERO
    """Quote that live buys will take, fees included."""
    whole_cycle: dict[Side, int] = {}
    """Number of orders of the whole bot (initial, close), per side."""
    sell_on_stop: bool = False
    close_blocked: bool = False
    """The closing sale was refused or rejected: try again when asked to decide."""
    waiting: bool = False
    """An order of the whole bot lacked a price: try again at the next tick."""
    stopped_at: Millis | None = None
    stop_price: Decimal | None = None
    stop_reason: StopReason | None = None

    @property
    def awaiting(self) -> Decimal:
        """Return the initial inventory still to arrive, in base."""
        return sum((slot.awaiting for slot in self.slots), ZERO)

    def rest(self, draft: Draft, quantity: Decimal) -> None:
        """Add ``quantity`` (negative: take away) to what rests of ``draft``."""
        if draft.side is Side.SELL:
            self.offered += quantity
        else:
            self.bid += quantity * draft.price * self.with_fee(draft)
        if draft.slot >= 0:
            self.slots[draft.slot].rest(draft.side, quantity)

    def with_fee(self, draft: Draft) -> Decimal:
        """Return the quote a buy takes per quote of its notional; a fee taken from what it brings in costs no quote."""
        fees = self.market.fees
        if fees.asset is FeeAsset.RECEIVED:
            return ONE
        return ONE + (fees.maker if draft.type is OrderType.LIMIT_MAKER else fees.taker)

    def next_key(self, side: Side) -> OrderKey:
        """Return the key of the next order of the whole bot, and count it."""
        cycle = self.whole_cycle[side] = self.whole_cycle.get(side, 0) + 1
        return OrderKey(self.id, self.version, -1, side, cycle)

    def whole_draft(self, side: Side, purpose: Purpose, price: Decimal, quantity: Decimal) -> Draft:
        """Return a market order of the whole bot."""
        return self._draft(self.next_key(side), OrderType.MARKET, purpose, price, quantity)

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
    plans: dict[str, int] = {}
    """Applied plan ids and the bot they concerned."""
    last_fill_at: dict[str, Millis] = {}
    """Instant of the newest booked fill, by symbol: where reconciling starts to look."""
    person_state: TradingState = TradingState.ACTIVE
    risk_state: TradingState = TradingState.ACTIVE
    state_reason: str = ""
    peak_equity: Decimal = ZERO
    day_start_equity: Decimal = ZERO
    day: int = 0
    reconciled: dict[str, tuple[str, ...]] = {}
    """What the last comparison with the exchange found amiss, by symbol: foreign orders, and base that is missing."""
    limits: RiskLimits | None = None
    """What risk judges by, as the last start told; None before the first."""
    tag: str = ""
    """Of this installation; new bots put it into their client order ids."""
    tickers: dict[str, Ticker] = {}

    @property
    def trading_state(self) -> TradingState:
        """Return the stricter of what risk and the person want."""
        return max(self.person_state, self.risk_state, key=lambda state: state.strictness)

    def active_bots(self, symbol: str | None = None) -> Iterator[Bot]:
        """Yield the bots that are not stopped, of one market or all."""
        for bot in self.bots.values():
            if bot.status is not BotStatus.STOPPED and (symbol is None or bot.market.symbol == symbol):
                yield bot

    def live_orders(self, bot: Bot) -> list[Order]:
        """Return a bot's orders that may still fill."""
        return [self.orders[client_id] for client_id in bot.live]

    def finish(self, order: Order, status: OrderStatus) -> None:
        """Move an order out of the live ones."""
        order.status = status
        identity = order.draft.client_id
        del self.orders[identity]
        self.finished[identity] = Finished(order, self.trades.pop(identity, []))
        self.bots[order.draft.bot].live.remove(identity)
        if len(self.finished) > KEEP_FINISHED:
            del self.finished[next(iter(self.finished))]


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
    """Take an order off: what had not filled no longer rests."""
    state.bots[order.draft.bot].rest(order.draft, -order.remaining)
    state.finish(order, status)


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
