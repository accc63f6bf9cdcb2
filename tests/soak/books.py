"""What the disk of an engine says against what the exchange knows, to the last unit, when nothing moves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from chatbot.folders import Folders
from data.database import Database
from data.journal import Journal
from data.orders import installation_of
from data.values import ZERO, Mode
from engine.grid.slots import violations
from engine.risk import RiskLimits
from engine.runner import load_engine
from engine.state import Bot, EngineState
from engine.views import BotStatus
from tests.soak.exchange import Exchange

Amounts = defaultdict[str, Decimal]


def differences(home: Path, exchange: Exchange) -> tuple[list[str], int]:
    """Return whatever does not agree, in words, and how many trades do."""
    database = Database(Folders(home).books(Mode.TESTNET))
    try:
        journal = Journal(database)
        state = load_engine(journal, RiskLimits()).state
        if journal.verify() != state.sequence:
            return ["the journal ends before the state"], 0
        trades = Counter((fill.symbol, fill.trade_id, fill.client_id) for fill in journal.fills(None, 1 << 30))
        burnt = [fill for fill in journal.fills(None, 1 << 30) if fill.fee_asset == "BNB" and fill.fee]
        elsewhere = sum((fill.fee for fill in burnt if not fill.symbol.startswith("BNB/")), ZERO)
        found = [*_trades(trades, exchange), *_orders(state, exchange), *_money(state, exchange, elsewhere)]
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
        real[f"{_base(order.symbol)}/USDT:USDT", str(deal.fill.trade_id), order.client_id] += 1
    for what, found in (("lost", real - known), ("doubled or invented", known - real)):
        if found:
            yield f"{found.total()} trades {what}: {sorted(found)[:4]}"


def _base(symbol: str) -> str:
    return symbol.removesuffix("USDT")


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


def _money(state: EngineState, exchange: Exchange, burnt: Decimal) -> Iterator[str]:
    """Compare spot balances, positions and the wallet of perpetuals."""
    server, spot, wallet = exchange.server, defaultdict[str, Decimal](Decimal), ZERO
    spot["BNB"] -= burnt
    positions = dict.fromkeys(server.usdm.markets, ZERO)
    funding = dict.fromkeys(server.usdm.markets, ZERO)
    for bot in state.bots.values():
        books, market = bot.books, bot.market
        moved = books.cash + books.fees_elsewhere - books.invested
        if market.perpetual:
            positions[f"{market.base}USDT"] += books.base
            funding[f"{market.base}USDT"] += books.funding
            # What a position cost is in no wallet until it is closed.
            position = server.usdm.member().account.positions[f"{market.base}USDT"]
            wallet += moved + position.quantity * position.entry
        else:
            spot[market.base] += books.base
            spot[market.quote] += moved
    ledger = server.spot.account().ledger
    yield from _unequal("spot", spot, {name: ledger.total(name) - ledger.deposited[name] for name in ledger.balances})
    account = server.usdm.member().account
    yield from _unequal("position", positions, {name: each.quantity for name, each in account.positions.items()})
    paid = defaultdict[str, Decimal](Decimal)
    for income in account.incomes:
        if income.kind == "FUNDING_FEE":
            paid[income.symbol] += income.amount
    yield from _unequal("funding", funding, paid)
    deposits = sum((each.amount for each in account.incomes if each.kind == "TRANSFER"), ZERO)
    if account.wallet - deposits != wallet:
        yield f"the books moved {wallet} USDT of the wallet of perpetuals, the exchange {account.wallet - deposits}"


def _unequal(what: str, ours: dict[str, Decimal], theirs: dict[str, Decimal]) -> Iterator[str]:
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
