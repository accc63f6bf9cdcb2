"""The one step: apply the event, decide, ask risk. Synchronous, no I/O, no clock of its own.

    state.apply → decision.decide → risk.check → Approved | Refused

A step that changes durable state gets the next sequence number; a tick that changes nothing returns ``QUIET`` at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from data.decisions import Alternative, Decision, Input, Rule
from data.events import EngineStarted, Event, StopReason, TickerMoved
from data.market import Ticker
from data.orders import Draft, Order, OrderStatus, Purpose, RefusalCode, Refused
from data.values import Millis
from engine import risk
from engine.booking.apply import apply
from engine.outcome import CancelRequest, Outcome
from engine.risk import Approved, RiskLimits
from engine.rules.change import Change
from engine.rules.decision import decide, judge
from engine.rules.exits import edges, quiet_band
from engine.rules.wish import Wish
from engine.state import Bot, EngineState, register, release
from engine.views import BotStatus

_Band = tuple[Decimal, Decimal]


class Engine:
    """The decision core. Feed it events one at a time; it owns ``state`` and nobody else changes it."""

    def __init__(self, limits: RiskLimits, state: EngineState | None = None) -> None:
        """Start from ``state`` (a checkpoint) or from nothing; ``limits`` count once ``EngineStarted`` tells them.

        What was journaled before is judged by the limits of its own time, and by ``limits`` where none were told.
        """
        self.limits = limits
        self.state = state if state is not None else EngineState()
        self._bands: dict[str, dict[int, _Band]] = {}
        for bot in self.state.active_bots():
            self._watch(bot)

    @property
    def limits_in_force(self) -> RiskLimits:
        """Return what risk judges by now."""
        return self.state.limits or self.limits

    def step(self, event: Event) -> Outcome:
        """Take one event and return what came of it."""
        if type(event) is TickerMoved:
            return self._tick(event)
        change = apply(self.state, event)
        if not change.durable:
            return Outcome(sequence=0, event=event, problem=change.problem)
        self.state.sequence += 1
        result = _Result(self, event)
        if change.resend and change.order is not None:
            result.resend(change.order, change)
        elif change.recancel and change.order is not None:
            draft = change.order.draft
            result.cancels.append(CancelRequest(draft.client_id, draft.symbol, draft.mode))
        elif change.bot is not None:
            result.conclude(change.bot, change, decide(self.state, change.bot, change, event.at))
        elif change.everyone:
            self._decide_all(result, change, event.at)
        elif change.revalued is not None:
            self._watch(change.revalued)
        elif isinstance(event, EngineStarted):
            for bot in self.state.active_bots():
                self._watch(bot)
        else:
            result.note(change)
        concerned = change.bot or change.revalued
        number = concerned.id if concerned else (change.order.draft.bot if change.order else 0)
        return result.outcome(number)

    def bands(self, symbol: str) -> Iterator[_Band]:
        """Yield, per bot, the open price interval in which ticks change nothing; if empty, also where its exits lie."""
        for identity, band in self._bands.get(symbol, {}).items():
            yield band
            if not band[1]:
                # Every tick counts, and still a price path must be told exactly where an exit lies.
                yield edges(self.state.bots[identity], self.state.limits_in_force)

    def _tick(self, event: TickerMoved) -> Outcome:
        ticker = event.ticker
        self.state.tickers[ticker.symbol] = ticker
        last = ticker.last
        bands = self._bands.get(ticker.symbol)
        if not bands:
            return QUIET
        loud = [bot for bot, (low, high) in bands.items() if not low < last < high]
        if ticker.mark is not None:
            loud = [bot for bot, (low, high) in bands.items() if bot in loud or not low < ticker.mark < high]
        return self._judge(event, loud, ticker) if loud else QUIET

    def _judge(self, event: TickerMoved, loud: list[int], ticker: Ticker) -> Outcome:
        if abs(event.at - ticker.at) > self.limits_in_force.stale_millis:
            # A price that is too old to trade on is too old to stop on; the next fresh one does both.
            return QUIET
        result: _Result | None = None
        first = 0
        for identity in loud:
            bot = self.state.bots[identity]
            verdict = judge(self.state, bot, ticker, event.at)
            if verdict is None:
                continue
            if result is None:
                self.state.sequence += 1
                result, first = _Result(self, event), identity
            change = Change(bot=bot, rule=verdict.rule, inputs=verdict.inputs)
            result.conclude(bot, change, verdict.wish)
        return result.outcome(first) if result else QUIET

    def _decide_all(self, result: _Result, change: Change, at: Millis) -> None:
        result.note(change)
        for bot in self.state.active_bots():
            wish = decide(self.state, bot, change, at)
            if wish.drafts or wish.cancels or wish.rule or bot.status is BotStatus.STOPPED:
                result.conclude(bot, change, wish)
            else:
                # The change itself may have moved the prices at which something happens to it.
                self._watch(bot)

    def _watch(self, bot: Bot) -> None:
        symbol = bot.market.symbol
        if bot.status is BotStatus.STOPPED:
            self._bands.get(symbol, {}).pop(bot.id, None)
        else:
            self._bands.setdefault(symbol, {})[bot.id] = quiet_band(bot, self.state.limits_in_force)


class _Result:
    """Collects what one durable step concludes."""

    def __init__(self, engine: Engine, event: Event) -> None:
        self._engine, self._event = engine, event
        self._sequence = engine.state.sequence
        self.cancels: list[CancelRequest] = []
        self.approved: list[Approved] = []
        self.refused: list[Refused] = []
        self.decisions: list[Decision] = []

    def conclude(self, bot: Bot, change: Change, wish: Wish) -> None:
        """Put a wish before risk, enter what passes, and record why."""
        state, at = self._engine.state, self._event.at
        for client_id in wish.cancels:
            order = state.orders[client_id]
            order.status = OrderStatus.CANCELLING
            self.cancels.append(CancelRequest(client_id, order.draft.symbol, order.draft.mode))
        approved: list[Draft] = []
        refused: list[Refused] = []
        for draft in wish.drafts:
            verdict = risk.check(state, self._engine.limits_in_force, draft, at)
            if isinstance(verdict, Approved):
                register(state, draft, at)
                approved.append(draft)
                self.approved.append(verdict)
            else:
                refused.append(verdict)
                _hold_off(bot, draft, verdict.code)
                if bot.status is BotStatus.STOPPING and draft.purpose is Purpose.INITIAL:
                    break
        self.refused += refused
        rule = wish.rule or change.rule
        if wish.completed and rule in _OF_ORDERS:
            rule = Rule.BOT_STOPPED
        if rule is not None:
            self._decide(bot, rule, [*change.inputs, *wish.inputs], wish.alternatives, approved, refused, wish.cancels)
        self._engine._watch(bot)
        if bot.status is BotStatus.STOPPING and any(each.draft.purpose is Purpose.INITIAL for each in refused):
            # A bot without its inventory would bid for ever and have no exit watched.
            why = [Input("refused", refused[0].code.value)]
            self.conclude(bot, Change(bot=bot, rule=Rule.STOP_BOT, inputs=why), decide(state, bot, change, at))

    def resend(self, order: Order, change: Change) -> None:
        """Send an order again that proved absent, under the same id."""
        bot = self._engine.state.bots[order.draft.bot]
        engine, draft, at = self._engine, order.draft, self._event.at
        verdict = risk.restore(engine.state, engine.limits_in_force, order, at)
        if isinstance(verdict, Approved):
            self.approved.append(verdict)
            self._decide(bot, Rule.RETRY_SAME_ID, change.inputs, [], [draft], [], [])
            return
        self.refused.append(verdict)
        release(engine.state, order, OrderStatus.CANCELLED)
        if verdict.code is RefusalCode.MODE_NOT_ARMED:
            _hold_off(bot, draft, verdict.code)
        self._decide(bot, Rule.RETRY_SAME_ID, change.inputs, [], [], [verdict], [])
        self.conclude(bot, Change(), decide(engine.state, bot, Change(), at))

    def note(self, change: Change) -> None:
        """Record a decision that concerns the whole engine."""
        if change.rule is not None:
            self._decide(None, change.rule, change.inputs, [], [], [], [])

    def _decide(
        self,
        bot: Bot | None,
        rule: Rule,
        inputs: list[Input],
        alternatives: list[Alternative],
        approved: list[Draft],
        refused: list[Refused],
        cancelled: list[str],
    ) -> None:
        ticker = self._engine.state.tickers.get(bot.market.symbol) if bot else None
        seen = (Input("market price", str(ticker.last), self._event.at - ticker.at),) if ticker else ()
        count = len(self.decisions)
        self.decisions.append(
            Decision(
                id=f"{self._sequence}.{count}" if count else str(self._sequence),
                at=self._event.at,
                bot=bot.id if bot else 0,
                rule=rule,
                event=type(self._event).__name__,
                inputs=(*inputs, *seen),
                alternatives=tuple(alternatives),
                approved=tuple(approved),
                refused=tuple(refused),
                cancelled=tuple(cancelled),
            )
        )

    def outcome(self, bot: int) -> Outcome:
        """Return everything concluded."""
        return Outcome(
            sequence=self._sequence,
            event=self._event,
            approved=tuple(self.approved),
            cancels=tuple(self.cancels),
            refused=tuple(self.refused),
            decisions=tuple(self.decisions),
            bot=bot,
        )


_OF_ORDERS = frozenset(
    {
        Rule.OPEN_GRID,
        Rule.PAIR_SLOT,
        Rule.REPLACE_ORDER,
        Rule.PRICE_CROSSED,
        Rule.ORDER_REJECTED,
        Rule.CLOSE_INVENTORY,
    }
)
"""Rules by which word of the last order ends a bot; that it has ended is then what matters."""


def _hold_off(bot: Bot, draft: Draft, code: RefusalCode) -> None:
    # A refused draft would be drafted and refused again at every event; it waits for a price if that is all it lacks,
    # otherwise until someone asks to decide again.
    unpriced = code in (RefusalCode.PRICE_MISSING, RefusalCode.PRICE_STALE)
    slot = bot.slot(draft.slot)
    if unpriced and slot is not None:
        slot.waiting = True
    elif unpriced:
        bot.waiting = True
    elif slot is not None:
        slot.blocked = True
    elif draft.purpose is Purpose.CLOSE:
        bot.close_blocked = True
    elif draft.purpose is Purpose.PROTECT:
        bot.protect_blocked = True
    else:
        bot.stop(StopReason.FAILED_START, sell=False)


QUIET = Outcome(sequence=0, event=TickerMoved(at=0, ticker=Ticker("", Decimal(0), Decimal(0), Decimal(0), 0)))
"""The outcome of every tick that changed nothing."""
