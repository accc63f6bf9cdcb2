"""What is done for the engine from time to time: reconciling all markets, sampling equity, holding countdowns off."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from data.advice import Advice, OrdersAdvised
from data.equity import EquityPoint, EquityStore
from data.events import AdvicePosted, Reconciled
from data.values import ONE, Millis
from engine.accounts.account import Account
from engine.accounts.reconcile import differs_anew, reconcile
from engine.accounts.recovery import lately_at_work, recover_funding
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown
from engine.pictures import bot_view
from engine.runner import Runner
from engine.views import BotStatus

NUDGE_LIFETIME: Millis = 60_000

log = structlog.get_logger(__name__)


async def reconcile_all(runner: Runner) -> tuple[Reconciled, ...]:
    """Compare the books of every traded market with its account.

    Raises ``ExchangeUnavailable`` when an account does not answer, after all others were compared.
    """
    reports: list[Reconciled] = []
    silent: list[ExchangeUnavailable] = []
    for account in runner.accounts.values():
        try:
            reports += await reconcile_account(runner, account)
        except ExchangeUnavailable as error:
            silent.append(error)
    if silent:
        raise ExchangeUnavailable("; ".join(str(error) for error in silent))
    return tuple(reports)


async def reconcile_account(runner: Runner, account: Account) -> tuple[Reconciled, ...]:
    """Compare the books of every market traded on one account. Raises ``ExchangeUnavailable``."""
    state, mode = runner.engine.state, account.mode
    try:
        if not account.opened:
            raise ExchangeUnavailable(f"{account.name} is not connected yet")
        now, bots = runner.clock.now(), state.bots.values()
        traded = {bot.market.symbol for bot in bots if bot.spec.mode is mode and lately_at_work(bot, now)}
        symbols = await runner.listed(traded, mode)
        await runner.resubscribe(mode)
        reports = await _compare(runner, account, symbols)
        if not symbols:
            await account.exchange.balances()
    except ExchangeUnavailable:
        account.connected = False
        account.interrupted.set()
        raise
    account.connected, account.reconciled_at = True, runner.clock.now()
    if differs_anew(account, account.reconciled_at):
        # Whether that lasts must be known soon: until then a grid trades on what may not be there.
        account.interrupted.set()
    _nudge(runner, account)
    return reports


async def _compare(runner: Runner, account: Account, symbols: Sequence[str]) -> tuple[Reconciled, ...]:
    """Compare market by market: one that does not answer, as while it is taken off the list, holds up no other."""
    reports: list[Reconciled] = []
    silent: list[ExchangeUnavailable] = []
    since = account.statement.mark()
    try:
        await recover_funding(runner, account, symbols)
    except ExchangeUnavailable as error:
        log.warning("funding_not_compared", account=account.name, reason=str(error))
        silent.append(error)
    for symbol in symbols:
        await _price(runner, account, symbol)
        try:
            reports.append(await reconcile(runner, symbol, account.mode, since))
        except MarketUnknown:
            # It went since it was looked for.
            log.error("market_not_listed", symbol=symbol, account=account.name)
        except ExchangeUnavailable as error:
            log.warning("market_not_compared", symbol=symbol, account=account.name, reason=str(error))
            silent.append(error)
            # A difference that nobody looked at in between may be another one of the same size.
            account.differs_since.pop(symbol, None)
    account.unanswered = bool(silent)
    if silent:
        account.interrupted.set()
        if not reports:
            raise silent[0]
    return tuple(reports)


async def _price(runner: Runner, account: Account, symbol: str) -> None:
    try:
        await runner.refresh([symbol], account.mode)
    except ExchangeUnavailable as error:
        # Nothing may be placed without a price, as on a halted market that nobody bids on; its books are kept.
        log.warning("market_not_priced", symbol=symbol, account=account.name, reason=str(error))


def _nudge(runner: Runner, account: Account) -> None:
    # A closing order or a protective stop that was refused or rejected would wait for ever: nobody else asks for them.
    now = runner.clock.now()
    for bot in runner.engine.state.active_bots():
        # The stop that guards a position rests until the position is closed.
        stuck = bot.status is BotStatus.STOPPING and (bot.close_blocked or not bot.live)
        if bot.spec.mode is account.mode and (stuck or bot.protect_blocked):
            advice = Advice(
                agent="reconcile",
                what=OrdersAdvised(bot=bot.id),
                confidence=ONE,
                reason="the bot is stopping and nothing is under way" if stuck else "the protective stop is missing",
                evidence={},
                expires_at=now + NUDGE_LIFETIME,
            )
            runner.post(AdvicePosted(at=now, advice=advice))


async def hold_alive(runner: Runner, seconds: int) -> None:
    """Tell the exchanges to keep the orders on perpetuals for another ``seconds``, and end countdowns no longer needed.

    Raises ``ExchangeUnavailable``, after all others were told.
    """
    silent: list[ExchangeUnavailable] = []
    for account in runner.accounts.values():
        if not account.opened:
            continue
        bots = [bot for bot in runner.engine.state.active_bots() if bot.spec.mode is account.mode]
        wanted = {bot.market.symbol for bot in bots if bot.market.perpetual}
        for symbol in sorted(wanted | account.held_alive):
            try:
                await account.exchange.hold_alive(symbol, seconds if symbol in wanted else 0)
            except ExchangeUnavailable as error:
                silent.append(error)
            except MarketUnknown:
                account.held_alive.discard(symbol)  # its orders went with it
            else:
                (account.held_alive.add if symbol in wanted else account.held_alive.discard)(symbol)
    if silent:
        raise ExchangeUnavailable("; ".join(str(error) for error in silent))


def sample_equity(runner: Runner, store: EquityStore) -> None:
    """Add a point to the equity curve of every bot at work."""
    now, state = runner.clock.now(), runner.engine.state
    points = []
    for bot in state.active_bots():
        profit = bot_view(state, bot).profit
        if profit is not None:
            points.append(EquityPoint(at=now, bot=bot.id, equity=profit.equity, price=profit.mark))
    store.append(points)
