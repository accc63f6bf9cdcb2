"""A real account on a real exchange through ccxt: spot and perpetual markets, the test environment or real money."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from random import Random

from data.events import FundingPaid, RejectReason
from data.grids import MarginMode
from data.market import Candle, Market, MarketKind, Ticker
from data.orders import Fill
from data.values import Millis, Mode
from engine.clock import Clock
from engine.exchanges import live_account
from engine.exchanges.base import (
    Balance,
    Emit,
    ExchangeUnavailable,
    MarketUnknown,
    NotPossible,
    OrderReport,
    Position,
    Rejected,
    Rights,
    Submitted,
    timeframe_millis,
)
from engine.exchanges.habits import Habits
from engine.exchanges.live_branch import Branch
from engine.exchanges.public_data import LiveData, PublicData
from engine.exchanges.tasks import end, persist, spawn
from engine.risk import Approved

_NEAR = 5
_CLOCK_SECONDS = 1800.0
_KINDS = frozenset({MarketKind.SPOT, MarketKind.PERPETUAL})


class _Account:
    """The account behind the orders, and which branch of it trades a market."""

    name: str
    mode: Mode

    def __init__(self) -> None:
        self._branches: dict[MarketKind, Branch] = {}

    async def balances(self) -> Sequence[Balance]:
        """Return all assets held, one entry per wallet; a wallet that pays for everything is told once."""
        clients = [branch.account for branch in self._branches.values()]
        asked = clients[:1] if self._any().account.quirks.one_account else clients
        wallets = await asyncio.gather(*(live_account.balances(client) for client in asked))
        return [balance for wallet in wallets for balance in wallet]

    async def positions(self) -> Sequence[Position]:
        """Return every open position."""
        branch = self._branches.get(MarketKind.PERPETUAL)
        return await live_account.positions(branch.account) if branch is not None else ()

    async def funding(self, symbols: Collection[str], since: Millis) -> Sequence[FundingPaid]:
        """Return funding settled on some markets at or after ``since``, oldest first."""
        branch = self._branches.get(MarketKind.PERPETUAL)
        return await live_account.funding(branch.account, self.mode, symbols, since) if branch is not None else ()

    async def prepare(self, symbol: str, leverage: int, margin: MarginMode) -> None:
        """Set position mode, margin mode and leverage, and verify each by asking. Raises ``NotPossible``."""
        branch = self._of(symbol)
        if branch.kind is MarketKind.SPOT:
            raise NotPossible(f"{symbol} is a spot market")
        await live_account.prepare(branch.account, symbol, leverage, margin)

    async def shares_margin(self) -> bool:
        """Return whether other assets than the one a perpetual is settled in stand for its losses."""
        branch = self._branches.get(MarketKind.PERPETUAL)
        return branch is not None and await live_account.shares_margin(branch.account)

    async def hold_alive(self, symbol: str, seconds: int) -> None:
        """Have the exchange cancel all orders of a market unless told again within ``seconds``; 0 ends it."""
        branch = self._of(symbol)
        if branch.kind is MarketKind.PERPETUAL:
            await live_account.hold_alive(branch.account, symbol, seconds)

    async def transfer(self, asset: str, amount: Decimal, source: MarketKind, target: MarketKind, key: str) -> str:
        """Move money between wallets and return the exchange's id of it. Raises ``NotPossible``."""
        return await live_account.transfer(self._any().account, asset, amount, source, target)

    async def rights(self) -> Rights | None:
        """Return what the key may do."""
        return await live_account.rights(self._any().account, self.mode)

    def _any(self) -> Branch:
        branch = self._branches.get(MarketKind.SPOT) or next(iter(self._branches.values()), None)
        if branch is None:
            raise ExchangeUnavailable(f"{self.name} is not open")
        return branch

    def _of(self, symbol: str) -> Branch:
        self._any()
        for branch in self._branches.values():
            if branch.lists(symbol):
                return branch
        listed = [name for branch in self._branches.values() for name in branch.markets]
        raise MarketUnknown(symbol, difflib.get_close_matches(symbol.upper(), listed, _NEAR, 0.4))


class CcxtExchange(_Account, LiveData):
    """One account in one mode. What differs between exchanges stands in ``quirks``, in ccxt's tables, and nowhere else.

    Nothing here remembers across restarts: the exchange does, and is asked.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        mode: Mode,
        key: str,
        secret: str,
        exchange: str = "binance",
        kinds: frozenset[MarketKind] = _KINDS,
        urls: Mapping[str, str] | None = None,
        passphrase: str = "",
        timeout_seconds: int = 10,
        habits: Habits | None = None,
        random: Random | None = None,
        order_socket: bool = True,
    ) -> None:
        """Prepare to trade with a key, which some exchanges give a passphrase; ``urls`` are as in ``Client``.

        With ``order_socket`` orders go over a connection that stays open, where the exchange has one.
        """
        if mode is Mode.SHADOW:
            raise ValueError("mode: shadow trades nothing for real")
        if not key or not secret:
            raise ValueError(f"exchange: {mode.value} needs a key and its secret")
        super().__init__()
        self.name, self.mode = exchange, mode
        self._clock, self._kinds, self._keys = clock, kinds, (key, secret, passphrase)
        self._source = (urls or {}, timeout_seconds, random)
        self._habits, self._order_socket = habits or Habits(), order_socket
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, emit: Emit) -> None:
        """Load the markets, set the clock, and hear of the account's orders from here on.

        Raises ValueError where no grid can run on this exchange.
        """
        await self.close()
        urls, timeout, random = self._source
        try:
            for kind in sorted(self._kinds, reverse=True):
                self._branches[kind] = Branch(
                    self.name,
                    kind,
                    self.mode,
                    self._keys,
                    clock=self._clock,
                    urls=urls,
                    timeout_seconds=timeout,
                    random=random,
                    habits=self._habits,
                    order_socket=self._order_socket,
                )
            await asyncio.gather(*(branch.open(emit) for branch in self._branches.values()))
            self._tasks.append(spawn(persist(self._keep_time, self._clock), f"{self.name} clock"))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop all tasks and connections."""
        tasks, self._tasks = self._tasks, []
        await end(tasks)
        branches, self._branches = self._branches, {}
        await asyncio.gather(*(branch.close() for branch in branches.values()))

    async def clock_skew(self) -> int:
        """Return exchange time minus local time in milliseconds."""
        return await self._any().account.measure_skew()

    # -- markets

    async def markets(self) -> Sequence[Market]:
        """Return all markets of all kinds that are traded now."""
        branches = self._branches.values()
        return [market for branch in branches for name, market in branch.markets.items() if branch.trades(name)]

    async def market(self, symbol: str) -> Market:
        """Return one market with the account's own fees and, for a perpetual, its leverage tiers."""
        if not any(branch.lists(symbol) for branch in self._branches.values()):
            # It may have been listed a moment ago.
            await asyncio.gather(*(branch.look_again() for branch in self._branches.values()))
        return await self._of(symbol).market(symbol)

    async def ticker(self, symbol: str) -> Ticker:
        """Return the best prices, asked for unless they are fresh."""
        return await self._of(symbol).prices.ticker(symbol)

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return the newest ``limit`` bars, oldest first, the unfinished one included."""
        feed = self._of(symbol).feed
        timeframe_millis(timeframe)
        return (await feed.candles(symbol, timeframe, limit))[-limit:]

    async def subscribe(self, symbols: frozenset[str]) -> None:
        """Emit tickers of exactly these symbols; those that are not listed are passed over."""
        for branch in self._branches.values():
            await branch.prices.follow(frozenset(filter(branch.lists, symbols)))

    # -- orders

    async def submit(self, order: Approved) -> Submitted:
        """Place an order; the same client id never makes two."""
        draft = order.draft
        try:
            branch = self._of(draft.symbol)
        except MarketUnknown:
            refusal = f"{draft.symbol} is not listed"
            return Rejected(client_id=draft.client_id, reason=RejectReason.MARKET_CLOSED, message=refusal)
        if not branch.trades(draft.symbol):
            refusal = f"{draft.symbol} is not traded now"
            return Rejected(client_id=draft.client_id, reason=RejectReason.MARKET_CLOSED, message=refusal)
        return await branch.orders.submit(draft)

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Take an order off the book; unknown ids change nothing."""
        branch = self._of(symbol)
        told = await branch.orders.cancel(client_id, symbol)
        if told is not None:
            branch.stream.answered(told)

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return what the exchange knows of an order, or None when it proves absent."""
        return await self._of(symbol).orders.order(client_id, symbol)

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Return all resting orders of the account on a market, foreign and conditional ones included."""
        return await self._of(symbol).orders.open_orders(symbol)

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        """Return own executions at or after ``since``, oldest first."""
        return await self._of(symbol).fills.since(symbol, since)

    def _all_data(self) -> Mapping[MarketKind, PublicData]:
        self._any()
        return {kind: branch.data for kind, branch in self._branches.items()}

    def _data(self, symbol: str) -> PublicData:
        return self._of(symbol).data

    async def _keep_time(self) -> None:
        await self._clock.sleep(_CLOCK_SECONDS)
        for branch in self._branches.values():
            with suppress(ExchangeUnavailable):  # a call that is refused for its time measures again
                await branch.account.measure_skew()
