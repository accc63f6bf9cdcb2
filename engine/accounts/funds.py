"""What the accounts hold in assets and positions, how much of it bots account for, and how much is left for more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import TypeVar

import structlog

from data.grids import GridSpec
from data.market import Market, MarketKind
from data.values import ZERO, Mode, plain
from engine.accounts.account import Account
from engine.accounts.allocation import Allocation, allocation_problems, survey, taken_problem
from engine.accounts.recovery import traders
from engine.desk import AssetView, PositionView
from engine.exchanges.base import Balance, ExchangeUnavailable, Position, Rights
from engine.grid.plan import GridPlan, Problem
from engine.runner import Runner
from engine.state import EngineState, mark_price

log = structlog.get_logger(__name__)

T = TypeVar("T")


class AccountFrontDesk:
    """Implements ``AccountDesk``. Keeps nothing of its own."""

    def __init__(self, runner: Runner) -> None:
        """Serve the accounts of ``runner``."""
        self._runner = runner

    async def assets(self) -> Sequence[AssetView]:
        """Return the balances of all accounts that answer. Raises ``ExchangeUnavailable`` when the first does not."""
        return await asset_views(self._runner)

    async def positions(self) -> Sequence[PositionView]:
        """Return open positions of all accounts that answer. Raises ``ExchangeUnavailable`` when the first does not."""
        return await position_views(self._runner)

    async def transfer(
        self, mode: Mode, asset: str, amount: Decimal, source: MarketKind, target: MarketKind, key: str
    ) -> str:
        """Move money between the wallets of an account, once per ``key``, and return the exchange's id of it."""
        return await self._runner.account(mode).exchange.transfer(asset, amount, source, target, key)

    async def rights(self, mode: Mode) -> Rights | None:
        """Return what the key of an account may do; None without a key."""
        return await self._runner.account(mode).exchange.rights()


async def asset_views(runner: Runner) -> list[AssetView]:
    """Return the balances of all accounts that answer. Raises ``ExchangeUnavailable`` when the first does not."""
    found: list[AssetView] = []
    for account, balances in await _of_all(runner, lambda account: account.statement.balances()):
        held = in_bots(runner.engine.state, account.mode)
        found += [_view(account.mode, balance, held) for balance in balances]
    return found


async def _of_all(
    runner: Runner, ask: Callable[[Account], Awaitable[Sequence[T]]]
) -> list[tuple[Account, Sequence[T]]]:
    found: list[tuple[Account, Sequence[T]]] = []
    for account in runner.accounts.values():
        try:
            found.append((account, await ask(account)))
        except ExchangeUnavailable as error:
            if account.exchange is runner.exchange:
                raise
            log.warning("account_unavailable", account=account.name, reason=str(error))
    return found


def _view(mode: Mode, balance: Balance, held: dict[tuple[MarketKind, str], Decimal]) -> AssetView:
    return AssetView(
        asset=balance.asset,
        free=balance.free,
        locked=balance.locked,
        in_bots=held.get((balance.wallet, balance.asset), ZERO),
        wallet=balance.wallet,
        mode=mode,
    )


def in_bots(state: EngineState, mode: Mode) -> dict[tuple[MarketKind, str], Decimal]:
    """Return what the bots of a mode account for, by wallet and asset; of perpetuals what they are worth in quote."""
    held: defaultdict[tuple[MarketKind, str], Decimal] = defaultdict(lambda: ZERO)
    for bot in state.active_bots():
        market, books = bot.market, bot.books
        if bot.spec.mode is not mode:
            continue
        if market.perpetual:
            mark = mark_price(state, bot)
            held[market.kind, market.quote] += books.equity(mark) if mark is not None else books.invested
        else:
            held[market.kind, market.base] += books.base
            held[market.kind, market.quote] += books.cash
        # Fees paid in a third asset are in the books in quote, and the quote is still there.
        held[market.kind, market.quote] += books.fees_elsewhere
    return dict(held)


async def position_views(runner: Runner) -> list[PositionView]:
    """Return open positions of all accounts that answer. Raises ``ExchangeUnavailable`` when the first does not."""
    state = runner.engine.state
    return [
        PositionView(mode=account.mode, position=position, in_bots=_positions_of_bots(state, account, position))
        for account, positions in await _of_all(runner, lambda account: account.statement.positions())
        for position in positions
    ]


def _positions_of_bots(state: EngineState, account: Account, position: Position) -> Decimal:
    return sum((bot.books.base for bot in traders(state, account.mode, position.symbol)), ZERO)


async def money_problems(
    runner: Runner, account: Account, plan: GridPlan, allocation: Allocation, since: int
) -> list[Problem]:
    """Refuse to promise money twice: what bots hold in cash is theirs, whether it rests in orders or not.

    ``since`` is a mark of the account's statement.
    """
    spec, market = plan.spec, plan.market
    held = [each for each in await account.statement.balances(since) if each.wallet is market.kind]
    if market.perpetual:
        room = _uncommitted(runner, account, market, held, await account.statement.positions(since))
        return [] if spec.investment <= room else [_too_little(spec, market, room)]
    totals = {balance.asset: balance.total for balance in held}
    found = survey(runner.engine.state, totals, market, plan.ticker.last, spec.mode)
    if spec.investment > found.uncommitted:
        return [_too_little(spec, market, found.uncommitted)]
    return allocation_problems(spec, market, found, allocation)


def _uncommitted(
    runner: Runner, account: Account, market: Market, held: list[Balance], positions: Sequence[Position]
) -> Decimal:
    """Return the quote in the wallet of perpetuals that neither bots nor anybody else's positions use."""
    quote = [balance for balance in held if balance.asset == market.quote]
    wallet = sum((balance.total for balance in quote), ZERO)
    free = sum((balance.free for balance in quote), ZERO)
    for position in positions:
        # Bots are worth what they won and lost so far; the wallet does not show it before it is realised.
        wallet += position.unrealised
    promised = in_bots(runner.engine.state, account.mode).get((market.kind, market.quote), ZERO)
    return min(free, wallet - promised)


def _too_little(spec: GridSpec, market: Market, room: Decimal) -> Problem:
    where = " in the wallet of perpetuals" if market.perpetual else ""
    return Problem(
        field="investment",
        value=plain(spec.investment),
        problem=f"only {plain(max(room, ZERO))} {market.quote} are not in use by bots{where}",
        accepted=f"at most {plain(max(room, ZERO))}",
    )


async def position_problems(
    runner: Runner, account: Account, spec: GridSpec, market: Market, since: int
) -> list[Problem]:
    """Refuse a perpetual that already has a bot, or a position that is no bot's: one market has one position.

    ``since`` is a mark of the account's statement.
    """
    taken = taken_problem(runner.engine.state, spec, market)
    if taken is not None:
        return [taken]
    for position in await account.statement.positions(since):
        if position.symbol == market.symbol and position.quantity != ZERO:
            text = f"a position of {plain(position.quantity)} {market.base} that is not mine is open there"
            return [Problem(field="symbol", value=market.symbol, problem=text, accepted="close it on the exchange")]
    return []
