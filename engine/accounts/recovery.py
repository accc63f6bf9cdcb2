"""What the stream did not tell: fills and funding that the exchange has on record and the books have not."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from data.events import OrderFilled
from data.orders import Fill
from data.values import Millis, Mode
from engine.accounts.account import Account
from engine.runner import Runner
from engine.state import Bot, EngineState, market_key
from engine.views import BotStatus

OVERLAP: Millis = 600_000
"""How far before the last known fill to look again: exchanges may report trades late or out of order."""


AFTERMATH: Millis = 86_400_000
"""How long after its end a bot's trades and funding are still looked for: nothing tells that all were heard of."""


def lately_at_work(bot: Bot, now: Millis) -> bool:
    """Return whether a bot is at work, or was until so short a time ago that not all of it may be known."""
    return bot.status is not BotStatus.STOPPED or bot.stopped_at is None or now - bot.stopped_at < AFTERMATH


def traders(state: EngineState, mode: Mode, symbol: str) -> list[Bot]:
    """Return the bots at work on one market of one account."""
    return [bot for bot in state.active_bots(symbol) if bot.spec.mode is mode]


async def recover_fills(runner: Runner, account: Account, symbol: str, since: Millis | None = None) -> int:
    """Ask for fills since the last one known, or since an instant; post those not booked and return how many."""
    now = runner.clock.now()
    if since is not None:
        return post_lost(runner, await account.exchange.fills(symbol, since))
    fills = await account.exchange.fills(symbol, _last_seen(runner.engine.state, account, symbol) - OVERLAP)
    account.looked_at[symbol] = now
    return post_lost(runner, fills)


def post_lost(runner: Runner, fills: Iterable[Fill]) -> int:
    """Post the fills of our orders that are not booked, and return how many there were."""
    state, now = runner.engine.state, runner.clock.now()
    lost = [
        fill
        for fill in fills
        if (fill.client_id in state.orders or fill.client_id in state.finished) and not _booked(state, fill)
    ]
    for fill in lost:
        runner.post(OrderFilled(at=now, fill=fill))
    return len(lost)


async def recover_funding(runner: Runner, account: Account, symbols: Collection[str]) -> None:
    """Ask for funding settled since the last one seen and post it; one told twice is booked once, by its id."""
    now, began = runner.clock.now(), dict[str, Millis]()
    for bot in runner.engine.state.bots.values():
        symbol = bot.market.symbol
        ours = bot.spec.mode is account.mode and bot.market.perpetual and symbol in symbols
        if ours and lately_at_work(bot, now):
            began[symbol] = min(bot.started_at, began.get(symbol, bot.started_at))
    if not began:
        return
    since = min(max(started, account.funded_at.get(symbol, 0) - OVERLAP) for symbol, started in began.items())
    for paid in await account.exchange.funding(began.keys(), since):
        # What was settled before the bot began was settled for somebody else's position.
        if paid.at >= began[paid.symbol]:
            if paid.id not in runner.engine.state.payments:
                runner.post(paid)
            account.funded_at[paid.symbol] = max(paid.at, account.funded_at.get(paid.symbol, 0))


def _last_seen(state: EngineState, account: Account, symbol: str) -> Millis:
    """Return from when on fills may be unknown: a fill that the stream told of says nothing about those before it."""
    began = min((bot.started_at for bot in traders(state, account.mode, symbol)), default=0)
    last = state.last_fill_at.get(market_key(account.mode, symbol), began)
    return max(began, min(last, account.looked_at.get(symbol, last)))


def _booked(state: EngineState, fill: Fill) -> bool:
    done = state.finished.get(fill.client_id)
    return fill.trade_id in (done.trades if done else state.trades.get(fill.client_id, ()))
