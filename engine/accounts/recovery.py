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

FUNDING_OVERLAP: Millis = 7_200_000
"""The same for funding, which is settled on all markets at full hours but may be told of each in its own time."""

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
    """Ask for funding that may be unknown on some markets and post it; one told twice is booked once, by its id."""
    state, since = runner.engine.state, _funding_since(runner, account, symbols)
    if not since:
        return
    told = await account.exchange.funding(since.keys(), min(since.values()))
    for paid in told:
        # All markets are asked from the earliest instant of any.
        unasked = paid.at < since[paid.symbol]
        if not unasked and not state.knows_funding(market_key(account.mode, paid.symbol), paid.id, paid.at):
            runner.post(paid)
    if told:
        newest = max(paid.at for paid in told)
        # What was settled on one market by then was settled on all: one without funding is not asked from its start on.
        account.funded_at.update({symbol: max(newest, account.funded_at.get(symbol, newest)) for symbol in since})


def _funding_since(runner: Runner, account: Account, symbols: Collection[str]) -> dict[str, Millis]:
    """Return from when on funding may be unknown, by perpetual market that a bot is, or was lately, at work on."""
    state, now, since = runner.engine.state, runner.clock.now(), dict[str, Millis]()
    for bot in state.bots.values():
        symbol = bot.market.symbol
        ours = bot.spec.mode is account.mode and bot.market.perpetual and symbol in symbols
        if ours and lately_at_work(bot, now):
            # What was settled before the bot began was settled for somebody else's position.
            since[symbol] = min(bot.started_at, since.get(symbol, bot.started_at))
    for symbol, began in since.items():
        # A stream that tells of a payment says nothing about those before it; an answer tells them all.
        answered = account.funded_at.get(symbol)
        kept = state.funded_until.get(market_key(account.mode, symbol), began)
        since[symbol] = max(began, kept if answered is None else answered - FUNDING_OVERLAP)
    return since


def _last_seen(state: EngineState, account: Account, symbol: str) -> Millis:
    """Return from when on fills may be unknown: a fill that the stream told of says nothing about those before it."""
    began = min((bot.started_at for bot in traders(state, account.mode, symbol)), default=0)
    last = state.last_fill_at.get(market_key(account.mode, symbol), began)
    return max(began, min(last, account.looked_at.get(symbol, last)))


def _booked(state: EngineState, fill: Fill) -> bool:
    done = state.finished.get(fill.client_id)
    return fill.trade_id in (done.trades if done else state.trades.get(fill.client_id, ()))
