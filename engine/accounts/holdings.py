"""What the bots' books say the account holds, against what it does hold: assets on spot, positions on perpetuals.

A gap is told as asset, expected, found and short, and pauses the bots of the market.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

from data.market import Market, MarketKind
from data.values import ZERO, plain
from engine.accounts.account import Account
from engine.accounts.recovery import recover_fills, traders
from engine.exchanges.base import NotPossible, Position
from engine.runner import Runner
from engine.state import Bot

LOOKS = 5
"""Times to compare what is held with the books while fills keep coming; a later round compares again."""

Gap = dict[str, str]


async def find_gap(runner: Runner, account: Account, symbol: str) -> Gap:
    """Return what the account is short of on a market; empty when books and exchange agree."""
    bots = traders(runner.engine.state, account.mode, symbol)
    if not bots:
        return {}
    market = bots[0].market
    if market.perpetual:
        return await _position_gap(runner, account, market) or await _drift(account, bots[0])
    return await _balance_gap(runner, account, market)


async def _balance_gap(runner: Runner, account: Account, market: Market) -> Gap:
    def holders() -> list[Bot]:
        active = [bot for bot in runner.engine.state.active_bots() if bot.spec.mode is account.mode]
        return [bot for bot in active if bot.market.base == market.base and not bot.market.perpetual]

    async def found() -> Decimal:
        held = [each for each in await account.exchange.balances() if each.wallet is MarketKind.SPOT]
        return sum((balance.total for balance in held if balance.asset == market.base), ZERO)

    # More than the bots hold is the person's own.
    return await _compare(runner, account, market, holders, found, surplus=False)


async def _position_gap(runner: Runner, account: Account, market: Market) -> Gap:
    def holders() -> list[Bot]:
        return traders(runner.engine.state, account.mode, market.symbol)

    async def found() -> Decimal:
        position = await _position(account, market.symbol)
        return position.quantity if position else ZERO

    return await _compare(runner, account, market, holders, found, surplus=True)


async def _compare(
    runner: Runner,
    account: Account,
    market: Market,
    holders: Callable[[], Sequence[Bot]],
    ask: Callable[[], Awaitable[Decimal]],
    *,
    surplus: bool,
) -> Gap:
    """Return by how much the books differ from what ``ask`` finds; a ``surplus`` of the account counts too if asked.

    Fills go on while the exchange is asked, and may be told of later than its balances show them. What differs counts
    only when no fill came to light from before the question until after it.
    """
    for _ in range(LOOKS):
        bots = holders()
        fills = sum(bot.books.fills for bot in bots)
        found = await ask()
        await runner.settled()
        held = sum((bot.books.base for bot in bots), ZERO)
        short = held - found
        # Less than one step cannot be traded anyway.
        if (abs(short) if surplus else short) < market.filters.quantity_step:
            return {}
        for symbol in sorted({bot.market.symbol for bot in bots}):
            await recover_fills(runner, account, symbol)
        await runner.settled()
        if fills == sum(bot.books.fills for bot in bots):
            asset = market.symbol if market.perpetual else market.base
            return {"asset": asset, "expected": plain(held), "found": plain(found), "short": plain(short)}
    return {}


async def _drift(account: Account, bot: Bot) -> Gap:
    """Return how leverage or margin mode differ from what the bot was planned with; set once after every start."""
    symbol, spec = bot.market.symbol, bot.spec
    wanted = f"{spec.leverage}x {spec.margin}"
    if symbol not in account.prepared:
        try:
            await account.exchange.prepare(symbol, spec.leverage, spec.margin)
        except NotPossible as error:
            return {"asset": f"leverage of {symbol}", "expected": wanted, "found": str(error)}
        account.prepared.add(symbol)
    position = await _position(account, symbol)
    if position is None or (position.leverage, position.margin) == (spec.leverage, spec.margin):
        return {}
    return {"asset": f"leverage of {symbol}", "expected": wanted, "found": f"{position.leverage}x {position.margin}"}


async def _position(account: Account, symbol: str) -> Position | None:
    return next((each for each in await account.exchange.positions() if each.symbol == symbol), None)
