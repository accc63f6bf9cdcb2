"""What the bots' books say the account holds, against what it does hold: assets on spot, positions on perpetuals.

A gap is told as asset, expected, found and short, and pauses the bots of the market.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import NamedTuple

from data.market import Market, MarketKind
from data.values import ZERO, plain
from engine.accounts.account import Account
from engine.accounts.recovery import recover_fills, traders
from engine.exchanges.base import MarketUnknown, NotPossible, Position
from engine.runner import Runner
from engine.state import Bot

LOOKS = 5
"""Times to compare what is held with the books while fills keep coming; a later round compares again."""

LITTLE = Decimal("0.01")
"""The part of the money of perpetual bots that may be missing: it moves no liquidation by more than that."""

Gap = dict[str, str]


class Holding(NamedTuple):
    """What bots say that an account holds of an asset, and what it does; less than ``least`` counts for nothing."""

    asset: str
    expected: Decimal
    found: Decimal
    least: Decimal

    @property
    def short(self) -> Decimal:
        """Return what the account lacks; negative where it holds more."""
        return self.expected - self.found


async def find_gap(runner: Runner, account: Account, symbol: str, since: int | None = None) -> Gap:
    """Return what the account is short of on a market; empty when books and exchange agree.

    ``since`` is a mark of the account's statement: what was asked for after it may show that they agree.
    """
    bots = traders(runner.engine.state, account.mode, symbol)
    if not bots:
        return {}
    market = bots[0].market
    if market.perpetual:
        return (
            await _position_gap(runner, account, market, since)
            or await _wallet_gap(runner, account, market, since)
            or await _drift(account, bots[0], since)
        )
    return await _balance_gap(runner, account, market, since)


async def _balance_gap(runner: Runner, account: Account, market: Market, since: int | None) -> Gap:
    def holders() -> list[Bot]:
        active = [bot for bot in runner.engine.state.active_bots() if bot.spec.mode is account.mode]
        return [bot for bot in active if bot.market.base == market.base and not bot.market.perpetual]

    async def look(since: int) -> Holding:
        held = [each for each in await account.statement.balances(since) if each.wallet is MarketKind.SPOT]
        await runner.settled()
        found = sum((balance.total for balance in held if balance.asset == market.base), ZERO)
        return Holding(market.base, _base_of(holders()), found, market.filters.quantity_step)

    # More than the bots hold is the person's own.
    return await _compare(runner, account, holders, look, since, surplus=False)


async def _position_gap(runner: Runner, account: Account, market: Market, since: int | None) -> Gap:
    def holders() -> list[Bot]:
        return traders(runner.engine.state, account.mode, market.symbol)

    async def look(since: int) -> Holding:
        position = await _position(account, market.symbol, since)
        await runner.settled()
        found = position.quantity if position else ZERO
        return Holding(market.symbol, _base_of(holders()), found, market.filters.quantity_step)

    return await _compare(runner, account, holders, look, since, surplus=True)


async def _wallet_gap(runner: Runner, account: Account, market: Market, since: int | None) -> Gap:
    """Return whether the wallet of perpetuals lacks money that bots count on: the less there is, the nearer are their
    liquidations to what they believe.
    """

    def holders() -> list[Bot]:
        active = [bot for bot in runner.engine.state.active_bots() if bot.spec.mode is account.mode]
        return [bot for bot in active if bot.market.perpetual and bot.market.quote == market.quote]

    async def look(since: int) -> Holding:
        positions = {each.symbol: each for each in await account.statement.positions(since)}
        balances = [each for each in await account.statement.balances(since) if each.wallet is market.kind]
        await runner.settled()
        expected = ZERO
        for bot in holders():
            # The wallet shows a position by what was paid for it, and fees in a third asset not at all.
            position, books = positions.get(bot.market.symbol), bot.books
            entry = position.entry_price if position is not None else ZERO
            expected += books.cash + books.base * entry + books.fees_elsewhere
        found = sum((each.total for each in balances if each.asset == market.quote), ZERO)
        return Holding(market.quote, expected, found, max(expected, ZERO) * LITTLE)

    return await _compare(runner, account, holders, look, since, surplus=False)


def _base_of(bots: Sequence[Bot]) -> Decimal:
    return sum((bot.books.base for bot in bots), ZERO)


async def _compare(
    runner: Runner,
    account: Account,
    holders: Callable[[], Sequence[Bot]],
    look: Callable[[int], Awaitable[Holding]],
    since: int | None,
    *,
    surplus: bool,
) -> Gap:
    """Return by how much the books differ from what ``look`` finds; a ``surplus`` of the account counts too if asked.

    Fills go on while the exchange is asked, and may be told of later than its balances show them. What differs counts
    only when no fill came to light from before the question until after it: an answer from before is looked at first,
    and good for nothing but to agree.
    """
    for earlier in [since, *[None] * LOOKS] if since is not None else [None] * LOOKS:
        bots = holders()
        fills = sum(bot.books.fills for bot in bots)
        holding = await look(account.statement.mark() if earlier is None else earlier)
        short = holding.short
        # Less than one step cannot be traded anyway.
        if (abs(short) if surplus else short) < holding.least or not short:
            return {}
        if earlier is not None:
            continue
        for symbol in sorted({bot.market.symbol for bot in bots}):
            with suppress(MarketUnknown):  # one that is gone must not keep the others of its asset from a comparison
                await recover_fills(runner, account, symbol)
        await runner.settled()
        if fills == sum(bot.books.fills for bot in bots):
            told = {"expected": holding.expected, "found": holding.found, "short": short}
            return {"asset": holding.asset, **{name: plain(value) for name, value in told.items()}}
    return {}


async def _drift(account: Account, bot: Bot, since: int | None) -> Gap:
    """Return how leverage or margin mode differ from what the bot was planned with; set once after every start."""
    symbol, spec = bot.market.symbol, bot.spec
    wanted = f"{spec.leverage}x {spec.margin}"
    if symbol not in account.prepared:
        try:
            await account.exchange.prepare(symbol, spec.leverage, spec.margin)
        except NotPossible as error:
            return {"asset": f"leverage of {symbol}", "expected": wanted, "found": str(error)}
        account.prepared.add(symbol)
        since = None
    position = await _position(account, symbol, account.statement.mark() if since is None else since)
    if position is None or (position.leverage, position.margin) == (spec.leverage, spec.margin):
        return {}
    return {"asset": f"leverage of {symbol}", "expected": wanted, "found": f"{position.leverage}x {position.margin}"}


async def _position(account: Account, symbol: str, since: int) -> Position | None:
    return next((each for each in await account.statement.positions(since) if each.symbol == symbol), None)
