"""The one consumer of the inbox: step, commit, then let go. Nothing leaves before its journal entry is durable."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial

import msgspec
import structlog

from data.events import Control, EngineStarted, Event, TickerMoved
from data.journal import Journal
from data.market import Ticker
from data.values import ZERO, Millis
from engine.clock import Clock
from engine.core import Engine
from engine.exchanges.base import Exchange, ExchangeUnavailable, MarketUnknown, StreamRestored, Told
from engine.execution import Execution
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

    def __init__(self, engine: Engine, journal: Journal, exchange: Exchange, clock: Clock) -> None:
        """Run ``engine``, rebuilt from ``journal``, against ``exchange``."""
        self.engine, self.journal, self.exchange, self.clock = engine, journal, exchange, clock
        self.execution = Execution(exchange, self.post, clock)
        self.witnesses: list[Observer] = []
        """Told of every durable outcome within the transaction that commits it: no kill comes between the two, and what
        they write about a step that cannot be committed is taken back with it."""
        self.observers: list[Observer] = []
        self.failure: Exception | None = None
        self.connected = False
        """Whether the last reconciling reached the exchange."""
        self.reconciled_at: Millis | None = None
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
        self.execution.start()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="engine")
        self.post(EngineStarted(at=self.clock.now(), version=version, limits=self.engine.limits))
        await self.settled()

    async def connect(self) -> None:
        """Connect to the exchange; order updates flow from here on. Raises ``ExchangeUnavailable``; may be repeated.

        What the exchange reports at once (fills from while we were away) waits for current prices: a decision about it
        without a price would be refused.
        """
        early: list[Told] = []
        arrive = early.append

        def emit(event: Told) -> None:
            arrive(event)

        await self.exchange.open(emit)
        try:
            listed = await self.listed(self.watched())
            await self.exchange.subscribe(frozenset(listed))
            await self.refresh(listed)
        finally:
            arrive = self.post
            for event in early:
                self.post(event)
        await self.settled()

    async def stop(self) -> None:
        """Work off the inbox, then stop. Orders stay on the exchange."""
        await self.settled()
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self.execution.stop()
        await self.exchange.close()

    async def wait(self) -> None:
        """Wait until the engine ends. Raises what ended it, if it was not ``stop``."""
        if self._task is not None:
            await asyncio.shield(self._task)

    # -- inbox

    @property
    def waiting(self) -> int:
        """Return the number of events not yet stepped."""
        return len(self._inbox) + len(self._ticks)

    def post(self, event: Event | StreamRestored) -> None:
        """Put an event into the inbox. A newer tick of a market replaces one that still waits."""
        if isinstance(event, StreamRestored):
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

    def watched(self) -> frozenset[str]:
        """Return the symbols whose tickers are wanted: those of active bots, and those asked for of late."""
        now = self.clock.now()
        recent = {symbol for symbol, until in self._watched.items() if until > now}
        return frozenset(recent | {bot.market.symbol for bot in self.engine.state.active_bots()})

    async def watch(self, symbol: str, seconds: int = 600) -> None:
        """Stream a market for a while and take its price over. Raises ``ExchangeUnavailable``, ``MarketUnknown``."""
        await self.exchange.market(symbol)
        before = self.watched()
        self._watched[symbol] = self.clock.now() + seconds * 1000
        if symbol not in before:
            await self.exchange.subscribe(self.watched())
        await self.refresh([symbol])

    async def refresh(self, symbols: Sequence[str]) -> None:
        """Post current tickers. Raises ``ExchangeUnavailable``."""
        for symbol in symbols:
            ticker = await self.exchange.ticker(symbol)
            self.post(TickerMoved(at=self.clock.now(), ticker=ticker))
        await self.settled()

    async def listed(self, symbols: Iterable[str]) -> list[str]:
        """Return those of ``symbols`` that the exchange lists. Raises ``ExchangeUnavailable``.

        A market that is gone, or that another exchange was configured for, must not keep the others from their work.
        """
        found = []
        for symbol in sorted(symbols):
            try:
                await self.exchange.market(symbol)
            except MarketUnknown:
                log.error("market_not_listed", symbol=symbol, exchange=self.exchange.name)
            else:
                found.append(symbol)
        return found

    async def resubscribe(self) -> None:
        """Stream exactly the watched markets."""
        try:
            await self.exchange.subscribe(frozenset(await self.listed(self.watched())))
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
        if outcome.approved or outcome.cancels:
            self.execution.carry_out(outcome, self._price(outcome))
        if future is not None and not future.done():
            future.set_result(outcome)
        _tell(self.observers, outcome)

    def _price(self, outcome: Outcome) -> Decimal | None:
        symbols = {approved.draft.symbol for approved in outcome.approved}
        ticker = self.engine.state.tickers.get(next(iter(symbols))) if len(symbols) == 1 else None
        return ticker.last if ticker else None

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
