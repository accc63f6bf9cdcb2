"""What is done for the engine from time to time: reconciling all markets, sampling equity."""

from __future__ import annotations

from data.advice import Advice, OrdersAdvised
from data.equity import EquityPoint, EquityStore
from data.events import AdvicePosted, Reconciled
from data.values import ONE, Millis
from engine.exchanges.base import ExchangeUnavailable
from engine.pictures import bot_view
from engine.reconcile import reconcile
from engine.runner import Runner
from engine.views import BotStatus

NUDGE_LIFETIME: Millis = 60_000


async def reconcile_all(runner: Runner) -> tuple[Reconciled, ...]:
    """Compare the books of every traded market with the exchange. Raises ``ExchangeUnavailable``."""
    try:
        symbols = await runner.listed({bot.market.symbol for bot in runner.engine.state.active_bots()})
        await runner.resubscribe()
        await runner.refresh(symbols)
        reports = tuple([await reconcile(runner, symbol) for symbol in symbols])
        if not symbols:
            await runner.exchange.balances()
    except ExchangeUnavailable:
        runner.connected = False
        raise
    runner.connected, runner.reconciled_at = True, runner.clock.now()
    _nudge_stopping(runner)
    return reports


def _nudge_stopping(runner: Runner) -> None:
    # A closing sale that was refused or rejected would wait for ever: nobody else asks for a bot that is stopping.
    now = runner.clock.now()
    for bot in runner.engine.state.active_bots():
        if bot.status is BotStatus.STOPPING and not bot.live:
            advice = Advice(
                agent="reconcile",
                what=OrdersAdvised(bot=bot.id),
                confidence=ONE,
                reason="the bot is stopping and nothing rests",
                evidence={},
                expires_at=now + NUDGE_LIFETIME,
            )
            runner.post(AdvicePosted(at=now, advice=advice))


def sample_equity(runner: Runner, store: EquityStore) -> None:
    """Add a point to the equity curve of every bot at work."""
    now, state = runner.clock.now(), runner.engine.state
    points = []
    for bot in state.active_bots():
        profit = bot_view(state, bot).profit
        if profit is not None:
            points.append(EquityPoint(at=now, bot=bot.id, equity=profit.equity, price=profit.mark))
    store.append(points)
