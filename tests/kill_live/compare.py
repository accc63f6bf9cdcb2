"""The books on the disk against the exchange, at an instant when nothing moves and nobody trades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from data.journal import Journal
from data.orders import OrderStatus, OrderType, Purpose
from data.values import ZERO, Side
from engine.grid.slots import Slot, missing, violations
from engine.risk import Approved, check
from engine.rules.protection import liquidations, protection
from engine.state import Bot, EngineState, freeze, market_key, thaw
from engine.views import BotStatus
from tests.kill_live.child import plan_of
from tests.kill_live.exchange import TOKEN, Exchange
from tests.kill_live.truth import Trade, Truth, truths
from tests.kill_live.witness import Place, Witness


def differences(state: EngineState, journal: Journal, exchange: Exchange, generation: int) -> Iterator[str]:
    """Yield whatever does not agree, in words; bots of earlier generations must have been closed."""
    told = truths(exchange)
    for truth in told:
        yield from (f"{client_id} made {times} orders" for client_id, times in truth.accepted.items() if times > 1)
        yield from _trades(truth, journal)
        bots = [bot for bot in state.bots.values() if bot.market.symbol == truth.symbol]
        yield from _money(bots, truth)
        for bot in bots:
            current = bot.id == state.plans.get(plan_of(truth.symbol, generation))
            found = [*_books(bot, truth), *_doubled(bot, exchange.witness)]
            found += _running(state, bot, truth) if current else _stopped(bot)
            yield from (f"bot {bot.id} on {truth.symbol}: {each}" for each in found)
        if len(bots) != generation:
            yield f"{len(bots)} bots were started on {truth.symbol}"
    resting = {client_id for truth in told for client_id in [*truth.resting, *truth.stops]}
    if resting != state.orders.keys():
        yield f"rests and is not known: {sorted(resting - state.orders.keys())}"
        yield f"is known and does not rest: {sorted(state.orders.keys() - resting)}"
    for order in exchange.foreign:
        if order.status != "NEW" or order.executed:
            yield f"somebody else's order {order.client_id} is {order.status}, {order.executed} of it executed"


def _trades(truth: Truth, journal: Journal) -> Iterator[str]:
    known = Counter(
        Trade(each.client_id, each.trade_id, each.side, each.price, each.quantity, each.fee, each.fee_asset)
        for each in journal.fills(None, 1_000_000)
        if each.symbol == truth.symbol
    )
    real = Counter(truth.trades)
    for what, found in (("lost", real - known), ("doubled or invented", known - real)):
        if found:
            yield f"{truth.symbol}: trades {what}: {sorted(found)[:4]}"


def _doubled(bot: Bot, witness: Witness) -> Iterator[str]:
    for slot in bot.slots:
        for side in Side:
            most = witness.most[Place(bot.id, bot.version, slot.index, side)]
            if most.quantity > slot.capacity:
                yield f"{most.quantity} rested at once in {' and '.join(most.orders)}, for a slot of {slot.capacity}"


def _running(state: EngineState, bot: Bot, truth: Truth) -> Iterator[str]:
    yield from _orders(state, bot, truth)
    if bot.status is not BotStatus.RUNNING:
        yield f"is {bot.status}"
    amiss = state.reconciled.get(market_key(bot.spec.mode, truth.symbol), ())
    if any("short" in each for each in amiss):
        yield f"reconciling found {amiss}"
    state.tickers[truth.symbol] = truth.ticker
    for slot in bot.slots:
        for side in Side:
            yield from _lacking(state, bot, slot, side, truth)
    if bot.market.perpetual:
        yield from _protected(state, bot)


def _stopped(bot: Bot) -> Iterator[str]:
    if bot.status is not BotStatus.STOPPED or bot.live:
        yield f"is {bot.status} with {bot.live}"
    if bot.closable(bot.stop_price or ZERO):
        yield f"still holds {bot.books.base}"


def _money(bots: list[Bot], truth: Truth) -> Iterator[str]:
    base = sum((bot.books.base for bot in bots), ZERO)
    cash = sum((bot.books.cash + bot.books.fees_elsewhere - bot.books.invested for bot in bots), ZERO)
    funding = sum((bot.books.funding for bot in bots), ZERO)
    token = -sum((each.fee for each in truth.trades if each.fee_asset == TOKEN), ZERO)
    for what, booked, real in (
        ("base", base, truth.base),
        ("quote", cash, truth.quote),
        ("funding", funding, truth.funding),
        (TOKEN, token, truth.token),
    ):
        if booked != real:
            yield f"{truth.symbol}: the books moved {booked} of {what}, the exchange {real}"


def _books(bot: Bot, truth: Truth) -> Iterator[str]:
    books = bot.books
    yield from violations(bot.slots)
    if books.identity_error(truth.ticker.last) != ZERO:
        yield f"the identity is off by {books.identity_error(truth.ticker.last)}"
    if books.base != sum((slot.held for slot in bot.slots), ZERO) - books.baseline:
        yield "the slots do not hold what the books do"


def _orders(state: EngineState, bot: Bot, truth: Truth) -> Iterator[str]:
    live = state.live_orders(bot)
    for order in live:
        name = order.draft.client_id
        if order.status is not OrderStatus.OPEN:
            yield f"{name} is {order.status}"
        if order.draft.purpose is not Purpose.PROTECT and order.remaining != truth.resting.get(name):
            yield f"{name} has {order.remaining} left, at the exchange {truth.resting.get(name)}"
    for slot in bot.slots:
        for side in Side:
            rests = (each.remaining for each in live if (each.draft.slot, each.draft.side) == (slot.index, side))
            if slot.resting(side) != sum(rests, ZERO):
                yield f"slot {slot.index} miscounts its {side} orders"


def _lacking(state: EngineState, bot: Bot, slot: Slot, side: Side, truth: Truth) -> Iterator[str]:
    quantity, ticker = missing(slot, side, bot.market.filters), truth.ticker
    crosses = slot.lower >= ticker.ask if side is Side.BUY else slot.upper <= ticker.bid
    if quantity > ZERO and not crosses and _allowed(state, bot, slot, side):
        yield f"slot {slot.index} lacks a {side} of {quantity} at bid {ticker.bid} and ask {ticker.ask}: {slot}"


def _allowed(state: EngineState, bot: Bot, slot: Slot, side: Side) -> bool:
    """Return whether risk would let the order through: what it refuses is rightly missing."""
    copy = thaw(freeze(state))
    copy.tickers = dict(state.tickers)
    own, limits = copy.bots[bot.id], state.limits_in_force
    twin = next(each for each in own.slots if each.index == slot.index)
    quantity = missing(slot, side, bot.market.filters)
    return isinstance(check(copy, limits, own.slot_draft(twin, side, OrderType.LIMIT_MAKER, quantity), 0), Approved)


def _protected(state: EngineState, bot: Bot) -> Iterator[str]:
    off, on = protection(state, bot)
    if off or on:
        yield f"the protective stop should change: {off} off, {on} on"
    endangered = bot.books.base != ZERO and any(price is not None for price in liquidations(bot))
    stops = [each for each in state.live_orders(bot) if each.draft.purpose is Purpose.PROTECT]
    if len(stops) != endangered:
        yield f"{len(stops)} protective stops with a position of {bot.books.base}"
