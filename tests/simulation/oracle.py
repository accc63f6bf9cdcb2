"""What must hold whatever happens, judged from what the exchange really did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from data.journal import Journal
from data.limits import RiskLimits
from data.market import FeeAsset, Market
from data.orders import Draft, Fill, OrderType, Purpose
from data.values import ONE, ZERO, Side
from engine.grid.slots import Slot, missing, violations
from engine.risk import Approved, check
from engine.rules.protection import protection
from engine.runner import load_engine
from engine.state import Bot, EngineState, freeze, thaw
from engine.views import BotStatus
from tests.simulation.money import OURS, holding, money
from tests.simulation.truth import TOKEN, Record, Truth

Resting = tuple[Draft, Decimal]
RESTING = (OrderType.LIMIT, OrderType.LIMIT_MAKER)
SLACK = Decimal("1.25")
"""How much more margin a perpetual bot may seem to need, because prices move while its orders are on their way."""
DRIFT = Decimal("1.05")
"""How much more may be at risk: an order may be accepted minutes after it was approved."""
ROOM = 5
"""Orders that may be lacking where their number is limited: what was refused is tried again when somebody asks to."""


def _closes(draft: Draft) -> bool:
    return draft.purpose in (Purpose.CLOSE, Purpose.PROTECT)


class Flow:
    """What one bot's executions did to its money, and what was bought at another price than it was planned at."""

    def __init__(self) -> None:
        self.base = self.quote = self.slipped = ZERO

    def book(self, fill: Fill, draft: Draft, market: Market) -> None:
        """Enter one execution."""
        self.base += fill.side.sign * fill.quantity
        self.quote -= fill.side.sign * fill.notional
        if fill.fee_asset == market.base:
            self.base -= fill.fee
        elif fill.fee_asset == market.quote:
            self.quote -= fill.fee
        if draft.type is OrderType.MARKET and fill.side is Side.BUY:
            self.slipped += max(ZERO, fill.price - draft.price) * fill.quantity + fill.fee_quote


class Oracle:
    """Collects every broken promise in ``problems``."""

    def __init__(self, truth: Truth, limits: RiskLimits) -> None:
        self.truth, self.limits = truth, limits
        self.problems: list[str] = []
        self.state = EngineState()
        """Of the engine that lives, or lived last."""
        self.flows: defaultdict[int, Flow] = defaultdict(Flow)
        self.lowest: dict[str, Decimal] = {}
        """The lowest price of each market of late: what a bot holds is worth at least that."""
        self.accepted = 0

    # -- while it goes on

    def judge(self, record: Record) -> None:
        """Look at an order of ours at the moment it is accepted."""
        draft = record.draft
        self.accepted += 1
        times = len(self.truth.records[draft.client_id])
        if times > 1:
            self.problems.append(f"{draft.client_id} was accepted {times} times")
        bot = self.state.bots.get(draft.bot)
        if bot is None:
            self.problems.append(f"{draft.client_id} was accepted before its bot was durable")
            return
        live = [(each.draft, each.order.remaining) for each in self.truth.live(OURS) if each.draft.bot == bot.id]
        self._judge_slot(bot, draft, live)
        if bot.market.perpetual:
            self._judge_position(bot, draft, live)
        else:
            self._judge_side(bot, draft, [each for each in live if each[0].side is draft.side])
        self._judge_limits(draft)

    def _judge_slot(self, bot: Bot, draft: Draft, live: Sequence[Resting]) -> None:
        slot = bot.slot(draft.slot)
        if slot is not None and draft.side is Side.BUY:
            bids = (quantity for each, quantity in live if (each.slot, each.side) == (draft.slot, draft.side))
            wanted = sum(bids, ZERO)
            if wanted > slot.capacity:
                self.problems.append(f"{draft.client_id}: slot {draft.slot} bids for {wanted}, above its capacity")

    def _judge_side(self, bot: Bot, draft: Draft, live: Sequence[Resting]) -> None:
        flow, name = self.flows[bot.id], draft.client_id
        if draft.side is Side.SELL:
            offered = sum((quantity for _, quantity in live), ZERO)
            if offered > flow.base:
                self.problems.append(f"{name}: bot {bot.id} offers {offered} and holds {flow.base}")
            return
        bid = sum((each.price * quantity * self._with_fee(bot, each) for each, quantity in live), ZERO)
        cash = bot.books.invested + flow.quote + flow.slipped
        if bid > cash:
            self.problems.append(f"{name}: bot {bot.id} bids {bid} and has {cash}")

    def _judge_position(self, bot: Bot, draft: Draft, live: Sequence[Resting]) -> None:
        """Look at what a perpetual bot could come to hold; prices move while an order is on its way."""
        if _closes(draft):
            return
        flow, known = self.flows[bot.id], self.state.tickers.get(draft.symbol)
        grown = {
            side: sum((q * each.price for each, q in live if each.side is side and not _closes(each)), ZERO)
            for side in Side
        }
        same = sum((q for each, q in live if each.side is draft.side and not _closes(each)), ZERO)
        if same <= -draft.side.sign * flow.base:
            # All that rests on its side only makes the position smaller: that is always allowed.
            return
        short = []
        # It was approved at the price the engine knew, which may have moved on since.
        for mark in {self.truth.books[draft.symbol].last, *([known.fair] if known else [])}:
            worth = flow.base * mark
            most = max(worth + grown[Side.BUY], grown[Side.SELL] - worth) / bot.spec.leverage
            equity = bot.books.invested + flow.quote + worth
            if most > equity * SLACK:
                short.append(f"{draft.client_id}: bot {bot.id} needs {most} of margin and has {equity}")
            else:
                return
        self.problems += short

    def _with_fee(self, bot: Bot, draft: Draft) -> Decimal:
        fees = bot.market.fees
        return ONE + (ZERO if fees.asset is not FeeAsset.QUOTE else fees.maker)

    def _judge_limits(self, draft: Draft) -> None:
        limits, name = self.limits, draft.client_id
        live = list(self.truth.live(OURS))
        most = limits.max_order_notional
        if most is not None and draft.purpose is Purpose.GRID and self._grows(draft) and draft.notional > most:
            self.problems.append(f"{name}: worth {draft.notional}, more than {most}")
        if limits.max_open_orders is not None and draft.type in RESTING:
            resting = sum(each.draft.type in RESTING for each in live)
            if resting > limits.max_open_orders:
                self.problems.append(f"{name}: {resting} orders rest, more than {limits.max_open_orders}")
        perpetual = any(market.perpetual for market in self.truth.markets.values())
        if limits.max_total_exposure is not None and draft.side is Side.BUY and not perpetual:
            total = sum((each.order.remaining * each.draft.price for each in live if each.draft.side is Side.BUY), ZERO)
            for bot in self.state.active_bots():
                total += self.flows[bot.id].base * self.lowest.get(bot.market.symbol, ZERO)
            if total > limits.max_total_exposure * DRIFT:
                self.problems.append(f"{name}: {total} at risk, more than {limits.max_total_exposure}")

    def _grows(self, draft: Draft) -> bool:
        """Return whether an order adds to what its bot holds."""
        if self.truth.markets[draft.symbol].perpetual:
            known = self.state.bots[draft.bot].books.base
            return min(self.flows[draft.bot].base * draft.side.sign, known * draft.side.sign) >= ZERO
        return draft.side is Side.BUY

    # -- when all is quiet

    def examine(self, state: EngineState, journal: Journal) -> None:
        """Hold what the engine believes against what the exchange knows, at an instant when nothing moves."""
        self.problems += self._fills(journal)
        self.problems += self._money(state)
        self.problems += self._orders(state)
        self.problems += [problem for bot in state.bots.values() for problem in self._bot(state, bot)]
        self.problems += [f"foreign order {client_id} was cancelled by us" for client_id in self.truth.touched]
        self.problems += [f"a stop was sent {where}" for where in self.truth.beside]

    def replay(self, state: EngineState, journal: Journal) -> None:
        """Hold the state against what the journal alone gives."""
        if journal.verify() != state.sequence:
            self.problems.append("the journal has another length than the state")
        whole = load_engine(_WithoutCheckpoints(journal), self.limits)
        if freeze(whole.state) != freeze(state):
            self.problems.append("replaying the journal gives another state")

    def _fills(self, journal: Journal) -> Iterator[str]:
        told = Counter((fill.client_id, fill.trade_id) for fill in journal.fills(None, 1_000_000))
        real = Counter((each.fill.client_id, each.fill.trade_id) for each in self.truth.executed if each.owner == OURS)
        for what, found in (("lost", real - told), ("doubled or invented", told - real)):
            if found:
                yield f"fills {what}: {sorted(found)[:5]}"

    def _money(self, state: EngineState) -> Iterator[str]:
        believed: defaultdict[str, Decimal] = defaultdict(Decimal)
        for bot in state.bots.values():
            books = bot.books
            believed[holding(bot.market)] += books.base
            believed[money(bot.market)] += books.cash + books.fees_elsewhere - books.invested
        moved = defaultdict(Decimal, self.truth.money.moved[OURS])
        for paid in self.truth.money.paid:
            bots = [bot for bot in state.bots.values() if bot.market.symbol == paid.symbol]
            if not any(bot.started_at <= paid.at and (bot.stopped_at or paid.at) >= paid.at for bot in bots):
                # What a bot leaves behind because it is too little to be sold is the person's.
                moved[money(self.truth.markets[paid.symbol])] -= paid.amount
        for asset in sorted((believed.keys() | moved.keys()) - {TOKEN}):
            if believed[asset] != moved[asset]:
                yield f"the books moved {believed[asset]} {asset}, the exchange {moved[asset]}"

    def _orders(self, state: EngineState) -> Iterator[str]:
        resting = {each.draft.client_id: each for each in self.truth.live(OURS)}
        if resting.keys() != state.orders.keys():
            yield f"resting and unknown {sorted(resting.keys() - state.orders.keys())}"
            yield f"believed and not there {sorted(state.orders.keys() - resting.keys())}"
        for client_id in sorted(resting.keys() & state.orders.keys()):
            left, believed = resting[client_id].order.remaining, state.orders[client_id].remaining
            if left != believed:
                yield f"{client_id} has {left} left, not {believed}"

    def _bot(self, state: EngineState, bot: Bot) -> Iterator[str]:
        name, books = f"bot {bot.id}", bot.books
        if books.identity_error(self.truth.ticker(bot.market.symbol).last) != ZERO:
            yield f"{name}: the identity does not hold"
        if books.base != sum((slot.held for slot in bot.slots), ZERO) - books.baseline:
            yield f"{name}: the slots do not hold what the books do"
        yield from (f"{name}: {broken}" for broken in violations(bot.slots))
        live = state.live_orders(bot)
        for slot in bot.slots:
            for side in Side:
                rests = (
                    order.remaining for order in live if order.draft.slot == slot.index and order.draft.side is side
                )
                if slot.resting(side) != sum(rests, ZERO):
                    yield f"{name}: slot {slot.index} miscounts its {side.value} orders"
        if bot.status not in (BotStatus.RUNNING, BotStatus.STOPPED):
            yield f"{name} is {bot.status.value} in the end"
        if bot.status is BotStatus.RUNNING:
            yield from (f"{name}: {lack}" for lack in self._lacking(state, bot))
            yield from (f"{name}: {bare}" for bare in _unguarded(state, bot))

    def _lacking(self, state: EngineState, bot: Bot) -> Iterator[str]:
        ticker, filters = self.truth.ticker(bot.market.symbol), bot.market.filters
        if bot.window and len(bot.live) >= bot.window - ROOM:
            return
        most = self.limits.max_open_orders
        if most is not None and len(state.orders) >= most - ROOM:
            return
        if sum(1 for _ in self.truth.books[bot.market.symbol].resting()) >= filters.max_orders - ROOM:
            return
        for slot in bot.slots:
            if slot.blocked and self.limits.max_total_exposure is not None:
                continue
            crossing = {Side.BUY: slot.lower >= ticker.ask, Side.SELL: slot.upper <= ticker.bid}
            for side in Side:
                lacking = missing(slot, side, filters)
                if lacking > ZERO and not crossing[side] and self._allowed(state, bot, slot, side, lacking):
                    yield f"slot {slot.index} lacks a {side.value} of {lacking}: {slot}"

    def _allowed(self, state: EngineState, bot: Bot, slot: Slot, side: Side, quantity: Decimal) -> bool:
        """Return whether risk would let the order through: what it refuses is rightly missing."""
        copy = thaw(freeze(state))
        copy.tickers = dict(state.tickers)
        own = copy.bots[bot.id]
        draft = own.slot_draft(own.slot(slot.index) or slot, side, OrderType.LIMIT_MAKER, quantity)
        now = state.tickers[bot.market.symbol].at
        return isinstance(check(copy, self.limits, draft, now), Approved)


def _unguarded(state: EngineState, bot: Bot) -> Iterator[str]:
    """Yield how the protective stop differs from the one that a bot without any would lay now."""
    copy = thaw(freeze(state))
    own = copy.bots[bot.id]
    laid = [copy.orders[each].draft for each in own.live if copy.orders[each].draft.purpose is Purpose.PROTECT]
    own.protect_blocked = own.waiting = False
    off, on = protection(copy, own)
    own.live = [each for each in own.live if copy.orders[each].draft.purpose is not Purpose.PROTECT]
    _, wanted = protection(copy, own)
    if off or on or len(laid) != len(wanted):
        yield f"stops {laid} guard a position of {bot.books.base} that wants {wanted}"


class _WithoutCheckpoints(Journal):
    """The journal alone."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal._database)

    def latest_checkpoint(self) -> None:
        """Return none."""
        return None
