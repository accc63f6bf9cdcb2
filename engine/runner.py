"""The one consumer of the inbox: step, commit, then let go. Nothing leaves before its journal entry is durable."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial

import msgspec
import structlog

from data.events import Control, EngineStarted, Event, OrderRejected, RejectReason, TickerMoved
from data.journal import Journal
from data.market import Ticker
from data.orders import Draft
from data.values import ONE, ZERO, Millis, Mode
from engine.accounts.account import Account, NoAccount
from engine.clock import Clock
from engine.core import Engine
from engine.exchanges.base import Exchange, ExchangeUnavailable, MarketUnknown, StreamRestored, Told
from engine.outcome import Outcome
from engine.recording import entry_of, rebuild
from engine.risk import RiskLimits
from engine.state import EngineState, freeze, thaw

BATCH = 256
"""Most events stepped between two commits."""

log = structlog.get_logger(__name__)

Observer = Callable[[Outcome], None]
"""Told of every durable outcome and every refused control after the commit. Must not block; its errors are logged."""

_Item = tuple[Event, "asyncio.Future[Outcome] | None"]


class Runner:
    """Owns the engine while it runs: inbox in, journal and execution out."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        exchanges: Sequence[Exchange],
        clock: Clock,
        *,
        tag: str = "",
        per_minute: int | None = None,
    ) -> None:
        """Run ``engine``, rebuilt from ``journal``, against one account per mode.

        The first of ``exchanges`` is the one whose markets, tickers and candles people see. ``tag`` names this
        installation, ``per_minute`` is how many grid orders may leave for one account.
        """
        self.engine, self.journal, self.clock = engine, journal, clock
        self.exchange = exchanges[0]
        self.accounts = {exchange.mode: Account(exchange, self.post, clock, per_minute) for exchange in exchanges}
        self.first = self.accounts[self.exchange.mode]
        self._tag = tag
        self.witnesses: list[Observer] = []
        """Told of every durable outcome within the transaction that commits it: no kill comes between the two, and what
        they write about a step that cannot be committed is taken back with it."""
        self.observers: list[Observer] = []
        self.failure: Exception | None = None
        self._inbox: deque[_Item] = deque()
        self._batch: list[_Item] = []
        self._ticks: dict[str, TickerMoved] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._watched: dict[str, Millis] = {}

    # -- life

    async def start(self, version: str) -> None:
        """Begin to consume. Connecting and reconciling are the caller's next steps."""
        for account in self.accounts.values():
            account.looked_at = self.engine.state.last_fills(account.mode)
            account.execution.start()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="engine")
        self.post(EngineStarted(at=self.clock.now(), version=version, limits=self.engine.limits, tag=self._tag))
        await self.settled()

    async def connect(self, mode: Mode | None = None) -> None:
        """Connect one account or all; order updates flow from here on. Raises ``ExchangeUnavailable``, may be repeated.

        What the exchange reports at once (fills from while we were away) waits for current prices: a decision about it
        without a price would be refused.
        """
        for account in self.accounts.values() if mode is None else [self.account(mode)]:
            await self._connect(account)

    async def _connect(self, account: Account) -> None:
        early: list[Told] = []
        arrive = early.append

        def emit(event: Told) -> None:
            if type(event) is not TickerMoved:
                account.statement.outdate()
            elif not self._quotes(account):
                return
            arrive(event)

        await account.exchange.open(emit)
        try:
            listed = await self.listed(self.watched(account.mode), account.mode)
            await account.exchange.subscribe(frozenset(listed))
            await self.refresh(listed, account.mode)
        finally:
            arrive = self.post
            for event in early:
                self.post(event)
        account.opened = True
        await self.settled()

    async def stop(self) -> None:
        """Work off the inbox, then stop. Orders stay on the exchange."""
        await self.settled()
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        for account in self.accounts.values():
            await account.execution.stop()
            await account.exchange.close()

    async def wait(self) -> None:
        """Wait until the engine ends. Raises what ended it, if it was not ``stop``."""
        if self._task is not None:
            await asyncio.shield(self._task)

    # -- accounts

    def account(self, mode: Mode) -> Account:
        """Return the account that serves the bots of ``mode``. Raises ``NoAccount``."""
        account = self.accounts.get(mode)
        if account is None:
            raise NoAccount(mode)
        return account

    def _same_market(self, account: Account) -> bool:
        """Return whether an account's exchange shows the prices people see: a test environment has its own."""
        return account.mode is self.exchange.mode or Mode.TESTNET not in (account.mode, self.exchange.mode)

    def _quotes(self, account: Account) -> bool:
        """Return whether ticks of an account are wanted: those of the first, and of a stand-in while it is away."""
        return account.exchange is self.exchange or (not self.first.connected and self._same_market(account))

    # -- inbox

    @property
    def waiting(self) -> int:
        """Return the number of events not yet stepped."""
        return len(self._inbox) + len(self._ticks)

    def post(self, event: Event | StreamRestored) -> None:
        """Put an event into the inbox. A newer tick of a market replaces one that still waits."""
        if isinstance(event, StreamRestored):
            self.account(event.mode).interrupted.set()
            return
        if type(event) is TickerMoved:
            if not _sound(event.ticker):
                log.warning("price_unusable", ticker=repr(event.ticker))
                return
            self._ticks[event.ticker.symbol] = event
        else:
            self._inbox.append((event, None))
        self._idle.clear()
        self._wake.set()

    async def ask(self, control: Control) -> Outcome:
        """Post a control and return its outcome once it is committed. Raises what ended the engine, if it has ended."""
        if self.failure is not None:
            raise self.failure
        if self._task is not None and self._task.done():
            raise RuntimeError("the engine has stopped")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._inbox.append((control, future))
        self._idle.clear()
        self._wake.set()
        return await future

    async def settled(self) -> None:
        """Wait until everything posted so far has been stepped and committed."""
        if self.waiting and self.failure is None:
            await self._idle.wait()

    # -- markets

    def watched(self, mode: Mode | None = None) -> frozenset[str]:
        """Return the symbols whose tickers are wanted: those of active bots, and those asked for of late.

        The first account streams them for all; another one those of its own bots.
        """
        now = self.clock.now()
        recent = {symbol for symbol, until in self._watched.items() if until > now}
        everyone = mode is None or mode is self.exchange.mode
        traded = {bot.market.symbol for bot in self.engine.state.active_bots() if everyone or bot.spec.mode is mode}
        return frozenset(recent | traded)

    async def watch(self, symbol: str, seconds: int = 600) -> None:
        """Stream a market for a while and take its price over. Raises ``ExchangeUnavailable``, ``MarketUnknown``."""
        await self.exchange.market(symbol)
        before = self.watched()
        self._watched[symbol] = self.clock.now() + seconds * 1000
        if symbol not in before:
            await self.exchange.subscribe(self.watched())
        await self.refresh([symbol])

    async def refresh(self, symbols: Iterable[str], mode: Mode | None = None) -> None:
        """Post current tickers. Raises ``ExchangeUnavailable``, unless asked for the sake of another than the first.

        Without prices an account cannot place orders, but its books can be kept.
        """
        try:
            for symbol in symbols:
                with suppress(MarketUnknown):  # gone since it was last looked for; it must not keep the others waiting
                    self.post(TickerMoved(at=self.clock.now(), ticker=await self._ticker(symbol)))
        except ExchangeUnavailable as error:
            if mode is None or mode is self.exchange.mode:
                raise
            log.warning("prices_unavailable", mode=mode, reason=str(error))
        await self.settled()

    async def _ticker(self, symbol: str) -> Ticker:
        try:
            return await self.exchange.ticker(symbol)
        except ExchangeUnavailable:
            for account in self.accounts.values():
                if account.exchange is not self.exchange and self._same_market(account):
                    return await account.exchange.ticker(symbol)
            raise

    async def listed(self, symbols: Iterable[str], mode: Mode | None = None) -> list[str]:
        """Return those of ``symbols`` that the exchange (of ``mode``) lists. Raises ``ExchangeUnavailable``.

        A market that is gone, or that another exchange was configured for, must not keep the others from their work.
        """
        exchange = self.exchange if mode is None else self.account(mode).exchange
        found = []
        for symbol in sorted(symbols):
            try:
                await exchange.market(symbol)
            except MarketUnknown:
                log.error("market_not_listed", symbol=symbol, exchange=exchange.name)
            else:
                found.append(symbol)
        return found

    async def resubscribe(self, mode: Mode) -> None:
        """Have an account stream exactly the markets it should."""
        try:
            wanted = frozenset(await self.listed(self.watched(mode), mode))
            await self.account(mode).exchange.subscribe(wanted)
        except ExchangeUnavailable as error:
            log.warning("subscribe_failed", reason=str(error))

    # -- the loop

    async def _run(self) -> None:
        try:
            while not (self._stopping and not self.waiting):
                if not self.waiting:
                    self._idle.set()
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                self._round()
                # Let adapters and chats breathe between rounds.
                await asyncio.sleep(0)
        except Exception as error:
            # A step that cannot be made durable must not be followed by another: the state in memory is ahead of the
            # journal. Ending is safe, because starting is recovering.
            self.failure = error
            log.critical("engine_failed", error=str(error))
            self._fail_waiting(error)
            raise
        finally:
            self._idle.set()

    def _round(self) -> None:
        self._batch = batch = [self._inbox.popleft() for _ in range(min(BATCH, len(self._inbox)))]
        if self._ticks:
            # However many events come in, stops keep watching the price: every round ends with the newest ticks.
            ticks, self._ticks = self._ticks, {}
            batch += [(tick, None) for tick in ticks.values()]
        done: list[tuple[Outcome, asyncio.Future[Outcome] | None]] = []
        for event, future in batch:
            outcome = self.engine.step(event)
            if outcome.sequence:
                self.journal.append(entry_of(outcome, self.engine.state))
            if outcome.sequence or outcome.problem or future:
                done.append((outcome, future))
        if self.journal.pending:
            durable = [outcome for outcome, _ in done if outcome.durable] if self.witnesses else []
            self.journal.commit(*(partial(_tell, self.witnesses, outcome) for outcome in durable))
        for outcome, future in done:
            self._release(outcome, future)

    def _release(self, outcome: Outcome, future: asyncio.Future[Outcome] | None) -> None:
        for request in outcome.cancels:
            if (account := self.accounts.get(request.mode)) is not None:
                account.execution.cancel(request)
        for approved in outcome.approved:
            draft = approved.draft
            if (account := self.accounts.get(draft.mode)) is not None:
                account.execution.place(approved, self._distance(draft))
            else:
                self._reject(draft)
        if future is not None and not future.done():
            future.set_result(outcome)
        _tell(self.observers, outcome)

    def _reject(self, draft: Draft) -> None:
        why = str(NoAccount(draft.mode))
        self.post(
            OrderRejected(at=self.clock.now(), client_id=draft.client_id, reason=RejectReason.UNAUTHORISED, message=why)
        )

    def _distance(self, draft: Draft) -> Decimal:
        ticker = self.engine.state.tickers.get(draft.symbol)
        return abs(draft.price / ticker.last - ONE) if ticker else ZERO

    def _fail_waiting(self, error: Exception) -> None:
        for _, future in (*self._batch, *self._inbox):
            if future is not None and not future.done():
                future.set_exception(error)


def _tell(observers: Iterable[Observer], outcome: Outcome) -> None:
    for observer in observers:
        try:
            observer(outcome)
        except Exception:
            log.exception("observer_failed", observer=repr(observer))


def _sound(ticker: Ticker) -> bool:
    return all(price.is_finite() and price > ZERO for price in (ticker.bid, ticker.ask, ticker.last))


def load_engine(journal: Journal, limits: RiskLimits) -> Engine:
    """Return the engine as the journal left it: newest checkpoint plus the entries after it."""
    checkpoint = journal.latest_checkpoint()
    state: EngineState | None = None
    if checkpoint is not None:
        state = _thawed(*checkpoint)
    engine = Engine(limits, state)
    rebuild(engine, journal.read(after=engine.state.sequence))
    return engine


def _thawed(sequence: int, frozen: bytes) -> EngineState | None:
    try:
        return thaw(frozen)
    except msgspec.ValidationError:
        # Written by a version with another shape of state; the journal itself gives the same, only slower.
        log.warning("checkpoint_unreadable", sequence=sequence)
        return None


def save_checkpoint(runner: Runner) -> int:
    """Keep the state of the last committed step, so that the next start reads only what follows; return its number."""
    sequence = runner.engine.state.sequence
    # What a step left behind that broke off half way is the state of no step.
    if sequence and runner.failure is None and not runner.journal.pending:
        runner.journal.checkpoint(sequence, freeze(runner.engine.state))
    return sequence
