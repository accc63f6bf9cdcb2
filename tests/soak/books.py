"""What the disk of an engine says against what the exchange knows, to the last unit, when nothing moves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from chatbot.folders import Folders
from data.database import Database
from data.journal import Journal
from data.orders import Fill, installation_of
from data.values import ZERO, Mode, Side
from engine.grid.slots import violations
from engine.risk import RiskLimits
from engine.runner import load_engine
from engine.state import Bot, EngineState
from engine.views import BotStatus
from tests.soak.exchange import Exchange

UNIT = Decimal("0.00000001")


def differences(home: Path, exchange: Exchange) -> tuple[list[str], int]:
    """Return whatever does not agree, in words, and how many trades do."""
    database = Database(Folders(home).books(Mode.TESTNET))
    try:
        journal = Journal(database)
        state = load_engine(journal, RiskLimits()).state
        if journal.verify() != state.sequence:
            return ["the journal ends before the state"], 0
        trades = Counter((fill.symbol, fill.trade_id, fill.client_id) for fill in journal.fills(None, 1 << 30))
        burnt = sum((fill.fee for fill in journal.fills(None, 1 << 30) if _burns(fill)), ZERO)
        found = [*_trades(trades, exchange), *_orders(state, exchange), *_spot(state, exchange, burnt)]
        found += _perpetual(state, exchange)
        return [*found, *(words for bot in state.bots.values() for words in _bot(state, bot))], trades.total()
    finally:
        database.close()


def doubled(exchange: Exchange) -> list[str]:
    """Return the client ids of ours that made more than one order."""
    accepted = exchange.server.spot.account().accepted.copy()
    member = exchange.server.usdm.member()
    for order in member.orders.values():
        if "conditional" not in order.details:
            accepted[f"{order.symbol} {order.client_id}"] += 1
    return [client_id for client_id, times in accepted.items() if times > 1]


def placed(exchange: Exchange) -> int:
    """Return how many orders were accepted."""
    return len(exchange.server.spot.account().orders) + len(exchange.server.usdm.member().orders)


def _trades(known: Counter[tuple[str, str, str]], exchange: Exchange) -> Iterator[str]:
    server, real = exchange.server, Counter[tuple[str, str, str]]()
    unified = {market.spec.symbol: f"{market.spec.base}/{market.spec.quote}" for market in server.spot.markets.values()}
    for booked in server.spot.account().trades:
        real[unified[booked.symbol], str(booked.fill.trade_id), booked.fill.order.client_id] += 1
    for deal in server.usdm.member().deals:
        order = deal.fill.order
        real[f"{order.symbol.removesuffix('USDT')}/USDT:USDT", str(deal.fill.trade_id), order.client_id] += 1
    for what, found in (("lost", real - known), ("doubled or invented", known - real)):
        if found:
            yield f"{found.total()} trades {what}: {sorted(found)[:4]}"


def _orders(state: EngineState, exchange: Exchange) -> Iterator[str]:
    member = exchange.server.usdm.member()
    resting = {each.client_id: each.remaining for each in exchange.server.spot.account().open()}
    resting |= {each.client_id: each.remaining for each in member.open_orders()}
    stops = {each.client_id: None for each in member.waiting()}
    there = {name for name in (*resting, *stops) if installation_of(name) is not None}
    if there != state.orders.keys():
        yield f"rests and is not known: {sorted(there - state.orders.keys())}"
        yield f"is known and does not rest: {sorted(state.orders.keys() - there)}"
    for name, order in state.orders.items():
        if name in resting and resting[name] != order.remaining:
            yield f"{name} has {order.remaining} left, at the exchange {resting[name]}"


def _burns(fill: Fill) -> bool:
    """Return whether a fee was paid of BNB that is in no book."""
    return fill.fee_asset == "BNB" and not (fill.symbol.startswith("BNB/") and fill.side is Side.BUY)


def _spot(state: EngineState, exchange: Exchange, burnt: Decimal) -> Iterator[str]:
    moved = defaultdict[str, Decimal](Decimal, BNB=-burnt)
    for bot in state.bots.values():
        if not bot.market.perpetual:
            moved[bot.market.base] += bot.books.base
            moved[bot.market.quote] += _cash(bot)
    ledger = exchange.server.spot.account().ledger
    yield from _unequal("spot", moved, {name: ledger.total(name) - ledger.deposited[name] for name in ledger.balances})


def _perpetual(state: EngineState, exchange: Exchange) -> Iterator[str]:
    """Compare positions, funding, and what trading did to the wallet."""
    member, bots = exchange.server.usdm.member(), [bot for bot in state.bots.values() if bot.market.perpetual]
    books = {f"{bot.market.base}USDT": bot.books for bot in bots}
    positions = member.account.positions
    yield from _unequal(
        "position",
        {name: each.base for name, each in books.items()},
        {name: each.quantity for name, each in positions.items()},
    )
    paid, cash = defaultdict[str, Decimal](Decimal), ZERO
    for income in member.account.incomes:
        if income.kind == "FUNDING_FEE":
            paid[income.symbol] += income.amount
    yield from _unequal("funding", {name: each.funding for name, each in books.items()}, paid)
    for deal in member.deals:
        signed = deal.fill.quantity if deal.fill.order.side == "BUY" else -deal.fill.quantity
        cash -= signed * deal.fill.price + deal.fee
    moved = sum((_cash(bot) for bot in bots), ZERO) - sum(paid.values(), ZERO)
    if moved != cash:
        yield f"trading perpetuals moved {moved} USDT in the books, {cash} at the exchange"
    yield from _wallet(moved + sum(paid.values(), ZERO), exchange)


def _wallet(moved: Decimal, exchange: Exchange) -> Iterator[str]:
    """Compare the wallet itself: each realised profit in it was rounded by the exchange."""
    member = exchange.server.usdm.member()
    open_ = sum((each.quantity * each.entry for each in member.account.positions.values()), ZERO)
    deposits = sum((each.amount for each in member.account.incomes if each.kind == "TRANSFER"), ZERO)
    changed = member.account.wallet - deposits
    if abs(changed - moved - open_) > len(member.deals) * UNIT:
        yield f"the wallet of perpetuals changed by {changed}, by the books by {moved + open_}"


def _cash(bot: Bot) -> Decimal:
    return bot.books.cash + bot.books.fees_elsewhere - bot.books.invested


def _unequal(what: str, ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]) -> Iterator[str]:
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name, ZERO) != theirs.get(name, ZERO):
            yield f"{what} {name}: {ours.get(name, ZERO)} in the books, {theirs.get(name, ZERO)} at the exchange"


def _bot(state: EngineState, bot: Bot) -> Iterator[str]:
    if bot.status is not BotStatus.RUNNING:
        yield f"bot {bot.id} on {bot.market.symbol} is {bot.status}: {bot.stop_reason}"
    if not bot.live:
        yield f"bot {bot.id} on {bot.market.symbol} has no orders"
    if any("short" in each for each in state.reconciled.get(f"{bot.spec.mode} {bot.market.symbol}", ())):
        yield f"{bot.market.symbol}: {state.reconciled}"
    yield from violations(bot.slots)
