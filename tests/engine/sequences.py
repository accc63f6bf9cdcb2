"""A small hostile world for one engine: it turns drawn numbers into events and checks the engine after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import msgspec

from data.advice import Advice, MarketProposed, OrdersAdvised, TradingState, TradingStateAdvised, What
from data.events import (
    AdvicePosted,
    EngineStarted,
    Event,
    GridControl,
    MarketChanged,
    OrderAbsent,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderUnknown,
    PauseBot,
    Reconciled,
    ResumeBot,
    SetOutOfRange,
    SetStopLoss,
    SetTakeProfit,
    SetTradingState,
    StartBot,
    StopBot,
    TickerMoved,
)
from data.grids import GridSpec, OutOfRange, Spacing, Trigger, TriggerKind
from data.journal import Journal
from data.market import FeeAsset, Market, Ticker
from data.orders import Draft, Fill, Order, OrderStatus, OrderType, Purpose
from data.values import ONE, ZERO, Mode, Side, floor_to
from engine.core import Engine
from engine.grid.slots import Slot, violations
from engine.outcome import Outcome
from engine.recording import entry_of, rebuild
from engine.risk import RiskLimits
from engine.state import Bot, EngineState, freeze, thaw
from tests.engine.flows import MARKETS, Flow, cost_of
from tests.engine.reshapes import changed, moving, reshaping, watched
from tests.engine.retries import Retries, rejection

D = Decimal
LIMITS = RiskLimits(
    max_order_notional=D(260), max_total_exposure=D(6_000), stale_millis=60_000, price_band_percent=D(12)
)


class World:
    """Feed it ``(move, a, b)``; it makes an event of each and raises AssertionError at the first broken promise."""

    def __init__(self, limits: RiskLimits = LIMITS) -> None:
        self.limits = limits
        self.engine = Engine(limits)
        self.journal = Journal.in_memory()
        self.now = 1_700_000_000_000
        self.prices = {market.symbol: 1000 for market in MARKETS}
        self.flows: dict[int, Flow] = {}
        self.trades = 0
        self.delivered: list[Fill] = []
        self.issued: set[str] = set()
        self.sent: set[str] = set()
        """Client ids the exchange may know, from its first word on."""
        self.plans = 0
        self.retries = Retries()
        self.refusals: Counter[str] = Counter()
        self.checkpoints: list[bytes] = []
        self.moves: tuple[Callable[[int, int], None], ...] = (
            self.tick, self.tick, self.tick, self.fill, self.fill, self.fill, self.fill, self.accept, self.accept,
            self.repeat, self.late, self.reject, self.unknown, self.absent, self.cancelled, self.control, self.start,
            self.advise, self.trading, self.reconciled, self.wait, self.reshape, self.change_market, self.run_away,
        )  # fmt: skip

    @property
    def state(self) -> EngineState:
        """Return the engine's state."""
        return self.engine.state

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
            assert (outcome.approved, outcome.cancels, outcome.decisions) == ((), (), ())
        for bot in self.state.bots.values():
            self.flows.setdefault(bot.id, Flow(bot.market, bot.spec.investment))
            if isinstance(event, OrderFilled) and bot.books.fills > booked.get(bot.id, 0):
                self.flows[bot.id].book(event.fill)
            self._check_bot(bot)
        for refused in outcome.refused:
            self.refusals[refused.code] += 1
        self._check_approved(outcome)
        self.retries.watch(self.state, event, outcome, self.limits.stale_millis)
        return outcome

    def _check_bot(self, bot: Bot) -> None:
        books, flow = bot.books, self.flows[bot.id]
        assert (books.cash, books.base, books.identity_error(D("97.3"))) == (flow.cash, flow.base, ZERO)
        assert watched(self.engine, bot), "a tick could change something and would not be looked at"
        assert books.lot_quantity == books.base == sum((slot.held for slot in bot.slots), ZERO)
        assert violations(self._wanted_slots(bot)) == []
        live = [self.state.orders[client_id] for client_id in bot.live]
        for slot in bot.slots:
            for side in Side:
                resting = [o.remaining for o in live if o.draft.slot == slot.index and o.draft.side is side]
                assert slot.resting(side) == sum(resting, ZERO)
        assert all(order.remaining > ZERO and order.status.live for order in live)

    def _wanted_slots(self, bot: Bot) -> list[Slot]:
        """Return the slots without the orders that are being taken off: what remains must be sound."""
        slots = [msgspec.structs.replace(slot) for slot in bot.slots]
        for order in self.state.live_orders(bot):
            if order.status is OrderStatus.CANCELLING and order.draft.slot >= 0:
                slot = next(slot for slot in slots if slot.index == order.draft.slot)
                slot.rest(order.draft.side, -order.remaining)
        return slots

    def _check_approved(self, outcome: Outcome) -> None:
        resent = isinstance(outcome.event, OrderAbsent)
        for approved in outcome.approved:
            draft = approved.draft
            known = draft.client_id in self.issued
            assert known is (resent and outcome.event == OrderAbsent(at=outcome.event.at, client_id=draft.client_id))
            self.issued.add(draft.client_id)
            assert draft.mode in self.limits.armed
            trading = self.state.trading_state
            if draft.purpose is not Purpose.CLOSE:
                assert trading is not TradingState.HALTED
                assert trading is TradingState.ACTIVE or draft.side is Side.SELL
            if not known:
                self._check_limits(draft, outcome)
        for request in outcome.cancels:
            assert self.state.orders[request.client_id].status is OrderStatus.CANCELLING

    def _check_limits(self, draft: Draft, outcome: Outcome) -> None:
        bot, ticker = self.state.bots[draft.bot], self.state.tickers[draft.symbol]
        filters, limits = bot.market.filters, self.limits
        assert outcome.event.at - ticker.at <= limits.stale_millis
        assert draft.quantity % filters.quantity_step == ZERO
        assert max(filters.min_quantity, D("1e-9")) <= draft.quantity <= (filters.max_quantity or draft.quantity)
        assert draft.price * draft.quantity >= filters.min_notional
        if draft.type is not OrderType.MARKET:
            assert draft.price % filters.price_tick == ZERO
            assert abs(draft.price / ticker.last - 1) * 100 <= limits.price_band_percent
        live = list(self.state.orders.values())
        # Bots that began before and after a change of the rules may count to different numbers.
        there = [each.market for each in self.state.active_bots(draft.symbol)]
        most = max(market.filters.max_orders for market in there)
        assert len([order for order in live if order.draft.symbol == draft.symbol]) <= most
        mine = [order for order in live if order.draft.bot == bot.id and order.draft.side is draft.side]
        if draft.side is Side.SELL:
            assert sum((order.remaining for order in mine), ZERO) <= bot.books.base
            return
        assert cost_of(mine, bot) <= bot.books.cash
        if limits.max_order_notional is not None and draft.purpose is Purpose.GRID:
            assert draft.price * draft.quantity <= limits.max_order_notional
        if limits.max_total_exposure is not None:
            assert self._exposure() <= limits.max_total_exposure

    def _exposure(self) -> Decimal:
        total = ZERO
        for bot in self.state.active_bots():
            ticker = self.state.tickers.get(bot.market.symbol)
            total += bot.books.base * ticker.last if ticker else bot.books.lot_cost
            bids = [o for o in self.state.orders.values() if o.draft.bot == bot.id and o.draft.side is Side.BUY]
            total += sum((o.remaining * o.draft.price for o in bids), ZERO)
        return total

    def check_replay(self) -> None:
        """Rebuild from the whole journal, and from every checkpoint and its tail; all must end in this very state."""
        expected = freeze(self.state)
        whole = Engine(self.limits)
        rebuild(whole, self.journal.read())
        assert freeze(whole.state) == expected
        for checkpoint in self.checkpoints:
            tail = Engine(self.limits, thaw(checkpoint))
            rebuild(tail, self.journal.read(after=tail.state.sequence))
            assert freeze(tail.state) == expected
        assert self.journal.verify() == self.state.sequence

    # -- events

    def tick(self, a: int, b: int) -> None:
        """Move one market, mostly a little."""
        market = MARKETS[b % 2]
        far = 120 if b % 11 == 0 else 12
        self.prices[market.symbol] = max(300, self.prices[market.symbol] + a % (2 * far + 1) - far)
        self.step(TickerMoved(at=self.now, ticker=self._ticker(market, b)))

    def _ticker(self, market: Market, b: int = 0) -> Ticker:
        last = D(self.prices[market.symbol]) / 10
        return Ticker(market.symbol, last - D(b % 3) / 10, last + D(b % 2) / 10, last, self.now)

    def start(self, a: int, b: int) -> None:
        """Start a bot, mostly around the price."""
        market = MARKETS[a % 2]
        self.step(TickerMoved(at=self.now, ticker=self._ticker(market)))
        middle = D(self.prices[market.symbol]) / 10 + D(b % 31 - 15) / 3
        spec = GridSpec(
            symbol=market.symbol,
            lower=(middle * D("0.94")).quantize(D("0.1")),
            upper=(middle * D("1.06")).quantize(D("0.1")),
            levels=2 + a % (12 if b % 3 else 30),
            spacing=Spacing.GEOMETRIC if b % 2 else Spacing.ARITHMETIC,
            investment=D((300, 900, 1500, 2600)[b % 4]),
            mode=Mode.PRODUCTION if b % 29 == 0 else Mode.SHADOW,
            out_of_range=list(OutOfRange)[b % 4],
            stop_loss=Trigger(TriggerKind.PERCENT, D(4)) if a % 3 == 0 else None,
            take_profit=Trigger(TriggerKind.PERCENT, D(3)) if a % 5 == 0 else None,
        )
        spec = moving(spec, middle, a, b)
        self._controlled(StartBot(at=self.now, by="t", plan=self._plan(), spec=spec, market=market))

    def _plan(self) -> str:
        self.plans += 1
        return f"plan-{self.plans}"

    def _controlled(self, control: StartBot | StopBot | PauseBot | ResumeBot | SetTradingState | GridControl) -> None:
        done = self.step(control)
        again = self.step(control)
        if done.sequence:
            assert again.sequence == 0
            assert again.problem

    def control(self, a: int, b: int) -> None:
        """Ask something of a bot, twice under one plan."""
        bot, at = 1 + a % (len(self.state.bots) + 1), self.now
        exit_at = Trigger(TriggerKind.PRICE, D(700 + b % 600) / 10) if b % 2 else Trigger(TriggerKind.PERCENT, D(2))
        match b % 9:
            case 0:
                self._controlled(StopBot(at=at, by="t", plan=self._plan(), bot=bot, sell=a % 3 != 0))
            case 1 | 2:
                self._controlled(PauseBot(at=at, by="t", plan=self._plan(), bot=bot))
            case 3 | 4 | 5:
                self._controlled(ResumeBot(at=at, by="t", plan=self._plan(), bot=bot))
            case 6:
                self.step(SetTakeProfit(at=at, by="t", bot=bot, trigger=exit_at if a % 3 else None))
            case 7:
                self.step(SetStopLoss(at=at, by="t", bot=bot, trigger=exit_at if a % 3 else None))
            case _:
                self.step(SetOutOfRange(at=at, by="t", bot=bot, policy=list(OutOfRange)[a % 4]))

    def reshape(self, a: int, b: int) -> None:
        """Ask a bot's grid to follow, to grow, or to lie somewhere else."""
        bot, at = 1 + a % (len(self.state.bots) + 1), self.now
        price = D(self.prices[MARKETS[a % 2].symbol]) / 10
        self._controlled(reshaping(b, a, at=at, bot=bot, price=price, plan=self._plan()))

    def change_market(self, a: int, b: int) -> None:
        """Change the rules of a market for some time."""
        market = changed(MARKETS[a % 2], b)
        self.step(MarketChanged(at=self.now, symbol=market.symbol, mode=Mode.SHADOW, market=market))

    def run_away(self, a: int, b: int) -> None:
        """Move one market a long way in small steps, as a trend does."""
        market = MARKETS[b % 2]
        for _ in range(3 + a % 12):
            self.now, step = self.now + 100, (4 + a % 9) * (1 if a % 2 else -1)
            self.prices[market.symbol] = max(300, self.prices[market.symbol] + step)
            self.step(TickerMoved(at=self.now, ticker=self._ticker(market, b)))

    def trading(self, a: int, b: int) -> None:
        """Change the trading state by hand; more often than not to free it."""
        states = (TradingState.ACTIVE, TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)
        self._controlled(SetTradingState(at=self.now, by="t", plan=self._plan(), state=states[a % 4]))

    def advise(self, a: int, b: int) -> None:
        """Let an agent speak, sometimes too late."""
        proposed = MarketProposed(symbol="C/USDT", lower=D(1), upper=D(2 + a), levels=2 + b % 9, investment=D(b))
        what: What = proposed if b % 4 == 1 else OrdersAdvised(bot=1 + a % (len(self.state.bots) + 1))
        if b % 4 == 0:
            wanted = (TradingState.ACTIVE, TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)[a % 4]
            what = TradingStateAdvised(state=wanted, peak_equity=D(a), day_start_equity=D(b), day=19_000)
        until = self.now + 5 - b % 7
        advice = Advice(agent="t", what=what, confidence=ONE, reason="t", evidence={"a": "b"}, expires_at=until)
        self.step(AdvicePosted(at=self.now, advice=advice))

    def wait(self, a: int, b: int) -> None:
        """Let time pass, keep a checkpoint, perhaps restart the engine from it."""
        self.now += (1_000, 40_000, 90_000)[a % 3]
        if self.state.sequence and len(self.checkpoints) < 3:
            self.checkpoints.append(freeze(self.state))
        if b % 3 == 0 and self.state.sequence:
            tickers = self.state.tickers
            self.engine = Engine(self.limits, thaw(freeze(self.state)))
            if b % 2:
                self.state.tickers.update(tickers)
            self.step(EngineStarted(at=self.now, version="t"))

    def reconciled(self, a: int, b: int) -> None:
        """Report a comparison of the books; a gap pauses."""
        gap = {"asset": "AAA", "expected": "2", "found": "1", "short": "1"} if b % 4 == 0 else {}
        symbol = MARKETS[a % 2].symbol
        told = Reconciled(at=self.now, symbol=symbol, recovered_fills=0, resolved_orders=0, foreign_orders=(), gap=gap)
        self.step(told)

    def _pick(self, a: int) -> Order | None:
        live = list(self.state.orders.values())
        # Young orders matter more than old ones.
        return live[-1 - a % len(live)] if live else None

    def accept(self, a: int, b: int) -> None:
        """Confirm an order, perhaps again."""
        order = self._pick(a)
        if order is not None:
            self.sent.add(order.draft.client_id)
            self.step(OrderAccepted(at=self.now, client_id=order.draft.client_id, exchange_id="e" + str(a)))

    def fill(self, a: int, b: int) -> None:
        """Execute part or all of an order."""
        order = self._pick(a)
        if order is not None:
            part = order.remaining if b % 3 else floor_to(order.remaining * (1 + b % 7) / 8, D("0.01"))
            self._execute(order, part or order.remaining, b)

    def _execute(self, order: Order, quantity: Decimal, b: int) -> None:
        draft, market = order.draft, self.state.bots[order.draft.bot].market
        if draft.side is Side.SELL and quantity > self.state.bots[draft.bot].books.base:
            return  # the account holds nothing but what the bots hold: no exchange would have taken the order
        self.sent.add(draft.client_id)
        self.trades += 1
        price = draft.price
        if draft.type is OrderType.MARKET:
            price = self._ticker(market).last
        rate = market.fees.taker if draft.type is OrderType.MARKET else market.fees.maker
        in_base = market.fees.asset is FeeAsset.RECEIVED and draft.side is Side.BUY
        fill = Fill(
            trade_id=f"t{self.trades}",
            client_id=draft.client_id,
            symbol=draft.symbol,
            side=draft.side,
            price=price,
            quantity=quantity,
            fee=quantity * rate * (ONE if in_base else price),
            fee_asset=market.base if in_base else market.quote,
            fee_quote=quantity * rate * price,
            maker=True,
            at=self.now - b % 50,
        )
        self.delivered.append(fill)
        count = self.state.bots[draft.bot].books.fills
        self.step(OrderFilled(at=self.now, fill=fill))
        assert self.state.bots[draft.bot].books.fills == count + 1, "a fill was forgotten"

    def repeat(self, a: int, b: int) -> None:
        """Tell an old fill again."""
        if self.delivered:
            fill = self.delivered[-1 - a % len(self.delivered)]
            assert self.step(OrderFilled(at=self.now, fill=fill)).sequence == 0, "a fill was booked twice"

    def late(self, a: int, b: int) -> None:
        """Tell a fill of an order whose cancel was told first."""
        gone = [done.order for done in self.state.finished.values() if done.order.status is OrderStatus.CANCELLED]
        gone = [order for order in gone if order.draft.client_id in self.sent and order.remaining > ZERO]
        if gone:
            order = gone[-1 - a % len(gone)]
            part = order.remaining if b % 2 else floor_to(order.remaining / 2, D("0.01")) or order.remaining
            self._execute(order, part, b)

    def reject(self, a: int, b: int) -> None:
        """Reject an order the exchange has never confirmed."""
        order = self._pick(a)
        if order is not None and order.draft.client_id not in self.sent:
            self.step(rejection(order, self.now, b, a))

    def unknown(self, a: int, b: int) -> None:
        """Leave a submit without an answer."""
        order = self._pick(a)
        if order is not None:
            self.step(OrderUnknown(at=self.now, client_id=order.draft.client_id))

    def absent(self, a: int, b: int) -> None:
        """Deny an order that never arrived, or that the exchange has forgotten."""
        order = self._pick(a)
        if order is not None and (order.draft.client_id not in self.sent or b % 5 == 0):
            self.step(OrderAbsent(at=self.now, client_id=order.draft.client_id))

    def cancelled(self, a: int, b: int) -> None:
        """Take an order off, one that we want off where there is one."""
        wanted = [o for o in self.state.orders.values() if o.status is OrderStatus.CANCELLING]
        order = wanted[a % len(wanted)] if wanted else self._pick(a) if b % 3 == 0 else None
        if order is not None:
            self.step(OrderCancelled(at=self.now, client_id=order.draft.client_id))
