"""A small hostile world for one engine with grids on a perpetual; it checks the engine after every step."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from data.advice import TradingState
from data.events import (
    EngineStarted,
    Event,
    FundingPaid,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PauseBot,
    RejectReason,
    ResumeBot,
    SetStopLoss,
    SetTakeProfit,
    SetTradingState,
    StartBot,
    StopBot,
    TickerMoved,
)
from data.grids import Direction, MarginMode, OutOfRange, Trigger, TriggerKind
from data.journal import Journal
from data.orders import Draft, Fill, Order, OrderStatus, OrderType, Purpose
from data.values import ZERO, Mode, Side, floor_to
from engine.core import Engine
from engine.grid.slots import Slot, violations
from engine.outcome import Outcome
from engine.recording import entry_of, rebuild
from engine.risk import RiskLimits
from engine.rules.protection import liquidations
from engine.state import Bot, EngineState, freeze, thaw
from engine.views import BotStatus, Danger
from tests.engine.futures import GRID, MARKET, SYMBOL, Flow, quote
from tests.engine.retries import Retries

D = Decimal
LIMITS = RiskLimits(stale_millis=1 << 50)


class PerpetualWorld:
    """Feed it ``(move, a, b)``; it makes an event of each and raises AssertionError at the first broken promise."""

    def __init__(self, direction: Direction, leverage: int = 3, margin: MarginMode = MarginMode.CROSS) -> None:
        self.engine = Engine(LIMITS)
        self.journal = Journal.in_memory()
        self.now, self.price, self.trades, self.paid = 1_700_000_000_000, 1000, 0, 0
        self.spec = msgspec.structs.replace(GRID, direction=direction, leverage=leverage, margin=margin)
        self.flows: dict[int, Flow] = {}
        self.sent: set[str] = set()
        self.delivered: list[Fill] = []
        self.refused: set[tuple[int, Side]] = set()
        """Bots, and the side, whose stop the exchange refused while it was wanted; until another one leaves."""
        self.retries = Retries()
        self.seen: set[str] = set()
        """What has happened at all, so that a test can tell that it was put to the test."""
        self.moves: tuple[Callable[[int, int], None], ...] = (
            self.tick, self.tick, self.tick, self.fill, self.fill, self.fill, self.fill, self.accept, self.repeat,
            self.late, self.reject, self.unknown, self.absent, self.cancelled, self.cancelled, self.control,
            self.funding, self.trading, self.fire, self.restart, self.start,
        )  # fmt: skip
        self.step(EngineStarted(at=self.now, version="t", limits=LIMITS))
        self.tick(12, 0)
        self.start(0, 0)

    @property
    def state(self) -> EngineState:
        """Return the engine's state."""
        return self.engine.state

    @property
    def bot(self) -> Bot:
        """Return the newest bot."""
        return self.state.bots[max(self.state.bots)]

    def move(self, kind: int, a: int, b: int) -> None:
        """Make the next event and take it."""
        self.now += 1 + b % 900
        self.moves[kind % len(self.moves)](a, b)

    # -- stepping and checking

    def step(self, event: Event) -> Outcome:
        """Take one event, journal it, and hold the engine to its promises."""
        before, booked = freeze(self.state), {id: bot.books.fills for id, bot in self.state.bots.items()}
        outcome = self.engine.step(event)
        if outcome.sequence:
            self.journal.append(entry_of(outcome, self.state))
            self.journal.commit()
        else:
            assert freeze(self.state) == before, "a step without a number changed the state"
        for bot in self.state.bots.values():
            flow = self.flows.setdefault(bot.id, Flow(bot.spec.investment))
            if isinstance(event, OrderFilled) and bot.books.fills > booked.get(bot.id, 0):
                flow.book(event.fill)
            self._check_books(bot, flow)
        for approved in outcome.approved:
            self._check_approved(approved.draft, outcome)
        if outcome.decisions:
            self._check_stops()
        self.retries.watch(self.state, event, outcome, LIMITS.stale_millis)
        return outcome

    def _check_books(self, bot: Bot, flow: Flow) -> None:
        books = bot.books
        assert (books.cash, books.base) == (flow.cash + flow.funding, flow.position)
        assert (books.fees, books.fees_elsewhere, books.funding) == (flow.fees, flow.elsewhere, flow.funding)
        assert books.identity_error(D("97.3")) == books.identity_error(D("0.01")) == ZERO
        assert books.base == books.lot_quantity - books.baseline
        assert books.lot_quantity == sum((slot.held for slot in bot.slots), ZERO)
        assert violations(self._wanted_slots(bot)) == []
        live = self.state.live_orders(bot)
        grid = [order for order in live if order.draft.purpose is not Purpose.PROTECT]
        for side, quantity, notional in ((Side.BUY, bot.bidding, bot.bid), (Side.SELL, bot.offered, bot.asked)):
            mine = [order for order in grid if order.draft.side is side]
            assert sum((order.remaining for order in mine), ZERO) == quantity
            assert sum((order.remaining * order.draft.price for order in mine), ZERO) == notional
        if bot.status is BotStatus.STOPPED:
            assert not live
            assert books.base == ZERO or not bot.sell_on_stop
        self.seen.add(f"{bot.status} {bot.danger}")

    def _wanted_slots(self, bot: Bot) -> list[Slot]:
        slots = [msgspec.structs.replace(slot) for slot in bot.slots]
        for order in self.state.live_orders(bot):
            if order.status is OrderStatus.CANCELLING and order.draft.slot >= 0:
                slots[order.draft.slot].rest(order.draft.side, -order.remaining)
        return slots

    def _check_approved(self, draft: Draft, outcome: Outcome) -> None:
        bot = self.state.bots[draft.bot]
        base, closing = bot.books.base, draft.purpose in (Purpose.CLOSE, Purpose.PROTECT)
        assert draft.reduce_only is closing
        if draft.purpose is Purpose.PROTECT:
            self.refused.discard((bot.id, draft.side))
        resting = bot.offered if draft.side is Side.SELL else bot.bidding
        shrinks = draft.side.sign * base < ZERO and resting <= abs(base)
        self.seen.add(f"approved {draft.purpose} {'shrinks' if shrinks else 'grows'}")
        again = isinstance(outcome.event, OrderAbsent)
        if closing:
            # One that is sent again may be late: the exchange lets it close no more than is open.
            assert again or (draft.side.sign * base < ZERO and draft.quantity <= abs(base))
            return
        assert self.state.trading_state is not TradingState.HALTED
        if self.state.trading_state is TradingState.REDUCING or bot.danger is Danger.REDUCING:
            assert shrinks
        if not shrinks and not again:
            self._check_margin(bot)

    def _check_margin(self, bot: Bot) -> None:
        mark, flow = self.state.tickers[SYMBOL].fair, self.flows[bot.id]
        live = [order for order in self.state.live_orders(bot) if order.draft.purpose is not Purpose.PROTECT]
        worth = {side: sum((o.remaining * o.draft.price for o in live if o.draft.side is side), ZERO) for side in Side}
        held = flow.position * mark
        demand = max(held + worth[Side.BUY], worth[Side.SELL] - held)
        assert demand / bot.spec.leverage <= flow.equity(mark) + flow.funding, "no margin is left for this"

    def _check_stops(self) -> None:
        for bot in self.state.bots.values():
            stops = [order for order in self.state.live_orders(bot) if order.draft.purpose is Purpose.PROTECT]
            laid = [order for order in stops if order.status is not OrderStatus.CANCELLING]
            sides = [order.draft.side for order in stops]
            # Sent beside one that still rests, a second one of its side is refused.
            assert len(sides) == len(set(sides)), "two stops of one side are under way"
            assert len(laid) <= 1
            if bot.status not in (BotStatus.STARTING, BotStatus.RUNNING, BotStatus.PAUSED):
                continue
            base = bot.books.base
            assert all(order.draft.side.sign * base < ZERO for order in laid)
            assert all(order.draft.type is OrderType.STOP_MARKET for order in laid)
            side = Side.SELL if base > ZERO else Side.BUY
            missing = base != ZERO and side not in sides and len(stops) < MARKET.filters.max_stops
            if missing and not bot.waiting and not (bot.protect_blocked and (bot.id, side) in self.refused):
                found = liquidations(bot)
                assert (found.low if base > ZERO else found.high) is None, "nothing guards the position"

    def check_replay(self) -> None:
        """Rebuild from the journal and from a checkpoint; both must end in this very state."""
        whole = Engine(LIMITS)
        rebuild(whole, self.journal.read())
        assert freeze(whole.state) == freeze(self.state) == freeze(thaw(freeze(self.state)))

    # -- events

    def tick(self, a: int, b: int) -> None:
        """Move the market, mostly a little; the mark price stays near."""
        far = 90 if b % 17 == 0 else 12
        self.price = max(400, self.price + a % (2 * far + 1) - far)
        mark = D(self.price + b % 5 - 2) / 10 if b % 2 else None
        self.step(TickerMoved(at=self.now, ticker=quote(D(self.price) / 10, self.now, mark)))

    def start(self, a: int, b: int) -> None:
        """Start a bot around the price; while one is at work it must be refused."""
        at_work = any(True for _ in self.state.active_bots())
        middle = D(self.price) / 10
        spec = msgspec.structs.replace(
            self.spec,
            lower=(middle * D("0.9")).quantize(D("0.01")),
            upper=(middle * D("1.1")).quantize(D("0.01")),
            out_of_range=list(OutOfRange)[b % 3],
            stop_loss=Trigger(TriggerKind.PERCENT, D(30)) if a % 3 == 1 else None,
        )
        outcome = self.step(StartBot(at=self.now, by="t", spec=spec, market=MARKET))
        if at_work:
            assert outcome.problem, "two bots on one perpetual"

    def _pick(self, a: int) -> Order | None:
        live = [each for each in self.state.orders.values() if each.draft.purpose is not Purpose.PROTECT]
        return live[a % len(live)] if live else None

    def fill(self, a: int, b: int) -> None:
        """Execute part or all of an order."""
        order = self._pick(a)
        if order is not None:
            part = order.remaining if b % 3 else floor_to(order.remaining * (1 + b % 7) / 8, D("0.001"))
            self._execute(order, part or order.remaining, b)

    def _execute(self, order: Order, quantity: Decimal, b: int, price: Decimal | None = None) -> None:
        draft = order.draft
        if draft.reduce_only:
            base = self.state.bots[draft.bot].books.base
            quantity = min(quantity, max(-draft.side.sign * base, ZERO))
            if quantity == ZERO:
                return
        self.sent.add(draft.client_id)
        self.trades += 1
        at = price or (D(self.price) / 10 if draft.type is OrderType.MARKET else draft.price)
        fee = quantity * at * D("0.00045")
        coin = b % 4 == 0
        fill = Fill(
            trade_id=f"t{self.trades}",
            client_id=draft.client_id,
            symbol=SYMBOL,
            side=draft.side,
            price=at,
            quantity=quantity,
            fee=fee / 512 if coin else fee,
            fee_asset="BNB" if coin else "USDT",
            fee_quote=fee,
            maker=True,
            at=self.now,
        )
        self.delivered.append(fill)
        count = self.state.bots[draft.bot].books.fills
        self.step(OrderFilled(at=self.now, fill=fill))
        assert self.state.bots[draft.bot].books.fills == count + 1, "a fill was forgotten"

    def accept(self, a: int, b: int) -> None:
        """Confirm an order."""
        order = self._pick(a)
        if order is not None:
            self.sent.add(order.draft.client_id)
            self.step(OrderAccepted(at=self.now, client_id=order.draft.client_id, exchange_id="1"))

    def repeat(self, a: int, b: int) -> None:
        """Tell an old fill again."""
        if self.delivered:
            fill = self.delivered[-1 - a % len(self.delivered)]
            assert self.step(OrderFilled(at=self.now, fill=fill)).sequence == 0, "a fill was booked twice"

    def late(self, a: int, b: int) -> None:
        """Tell a fill of an order whose cancel was told first."""
        gone = [done.order for done in self.state.finished.values() if done.order.status is OrderStatus.CANCELLED]
        gone = [each for each in gone if each.draft.client_id in self.sent and each.remaining > ZERO]
        gone = [each for each in gone if each.draft.purpose is not Purpose.PROTECT]
        if gone:
            order = gone[-1 - a % len(gone)]
            self._execute(order, order.remaining, b)

    def reject(self, a: int, b: int) -> None:
        """Reject an order the exchange has never confirmed; now and then a protective stop."""
        live = [each for each in self.state.orders.values() if each.draft.client_id not in self.sent]
        if live:
            reason = list(RejectReason)[b % len(RejectReason)]
            order = live[a % len(live)]
            if order.draft.type is OrderType.MARKET and reason is RejectReason.WOULD_TAKE:
                reason = RejectReason.REDUCE_ONLY
            if order.draft.purpose is Purpose.PROTECT and order.status is not OrderStatus.CANCELLING:
                self.refused.add((order.draft.bot, order.draft.side))
            self.step(OrderRejected(at=self.now, client_id=order.draft.client_id, reason=reason, message="no"))

    def unknown(self, a: int, b: int) -> None:
        """Leave a submit without an answer."""
        order = self._pick(a)
        if order is not None:
            self.step(OrderUnknown(at=self.now, client_id=order.draft.client_id))

    def absent(self, a: int, b: int) -> None:
        """Deny an order that never arrived."""
        live = [each for each in self.state.orders.values() if each.draft.client_id not in self.sent]
        if live:
            self.step(OrderAbsent(at=self.now, client_id=live[a % len(live)].draft.client_id))

    def cancelled(self, a: int, b: int) -> None:
        """Take an order off, one that we want off where there is one."""
        wanted = [each for each in self.state.orders.values() if each.status is OrderStatus.CANCELLING]
        order = wanted[a % len(wanted)] if wanted else self._pick(a) if b % 5 == 0 else None
        if order is not None:
            self.step(OrderCancelled(at=self.now, client_id=order.draft.client_id))

    def control(self, a: int, b: int) -> None:
        """Ask something of a bot."""
        bot, at = self.bot.id, self.now
        match b % 9:
            case 0:
                self.step(StopBot(at=at, by="t", bot=bot, sell=a % 4 != 0))
            case 1:
                self.step(PauseBot(at=at, by="t", bot=bot))
            case 2 | 3 | 4 | 5:
                self.step(ResumeBot(at=at, by="t", bot=bot))
            case 6:
                self.step(SetTakeProfit(at=at, by="t", bot=bot, trigger=Trigger(TriggerKind.PERCENT, D(1 + a % 30))))
            case _:
                price = Trigger(TriggerKind.PRICE, D(700 + a % 600) / 10)
                self.step(SetStopLoss(at=at, by="t", bot=bot, trigger=price if a % 2 else None))

    def funding(self, a: int, b: int) -> None:
        """Settle funding, and tell it twice."""
        self.paid += 1
        amount = D(a % 41 - 20) / 7 if b % 6 else D(-a % 300)
        event = FundingPaid(
            at=self.now, id=f"f{self.paid}", symbol=SYMBOL, mode=Mode.SHADOW, amount=amount.quantize(D("1e-8"))
        )
        held = [bot for bot in self.state.bots.values() if bot.stopped_at is None or bot.stopped_at >= self.now]
        if held:
            self.flows[held[-1].id].funding += event.amount
        assert bool(self.step(event).sequence) is bool(held)
        assert self.step(event).sequence == 0, "funding was booked twice"

    def trading(self, a: int, b: int) -> None:
        """Change the trading state by hand; more often than not to free it."""
        states = (TradingState.ACTIVE, TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)
        self.step(SetTradingState(at=self.now, by="t", state=states[a % 4]))

    def fire(self, a: int, b: int) -> None:
        """Let the protective stop close the position, in one or two executions."""
        stops = [each for each in self.state.orders.values() if each.draft.purpose is Purpose.PROTECT]
        if not stops or b % 3:
            return
        order = stops[0]
        open_now = abs(self.state.bots[order.draft.bot].books.base)
        part = floor_to(open_now / 2, D("0.001")) if a % 2 else open_now
        self._execute(order, part or open_now, b, order.draft.price)
        self.seen.add("fired")
        if order.draft.client_id in self.state.orders:
            self._execute(order, open_now, b, order.draft.price)

    def restart(self, a: int, b: int) -> None:
        """Go on from a checkpoint."""
        tickers = self.state.tickers
        self.engine = Engine(LIMITS, thaw(freeze(self.state)))
        if b % 2:
            self.state.tickers.update(tickers)
        self.step(EngineStarted(at=self.now, version="t", limits=LIMITS))
        self.tick(12, 0)
