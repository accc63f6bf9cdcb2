"""The composition root: everything is made here, once, and handed to whoever needs it."""

from __future__ import annotations

import asyncio
import secrets as randomness
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import version

import structlog

from chatbot.charts.renderer import Renderer
from chatbot.folders import Folders
from chatbot.heartbeat import Heartbeat
from chatbot.logbook import LogBook
from chatbot.platform import Audience, Platform
from chatbot.push import Pusher
from chatbot.surroundings import Surroundings
from chatbot.trade_log import TradeLog
from chatbot.venues import market_kinds
from commands.bulletins import error_notice, reach_notice, restart_report
from commands.digest import digest
from commands.dispatch import Dispatcher, Services
from commands.notice import Notice, notices
from commands.pairing import LIFETIME, Pairing
from commands.people import StoredPeople
from commands.proposals import illustrated
from commands.registry import Registry, Role, discover
from commands.reply import Reply
from config.language import _
from config.schema import Settings
from data.cache.words import Record
from data.database import Database
from data.equity import EquityStore
from data.events import DisarmMode, Reconciled
from data.installation import installation_tag
from data.journal import Journal
from data.outbox import Outbox
from data.people import PeopleStore
from data.values import HUNDRED, Millis, Mode
from engine.accounts.allocation import Allocation
from engine.accounts.checkup import Checkup
from engine.accounts.connection import attend, reach_first
from engine.accounts.upkeep import hold_alive, reconcile_all, sample_equity
from engine.agents.base import discover as discover_agents
from engine.agents.base import makers
from engine.clock import Clock
from engine.exchanges.base import Exchange, ExchangeUnavailable
from engine.explain.model import OllamaExplainer
from engine.front_desk import FrontDesk
from engine.markets.service import MarketService
from engine.outcome import Outcome
from engine.risk import RiskLimits
from engine.runner import Runner, load_engine, save_checkpoint
from engine.supervisor import Supervisor
from scheduler.registry import AgentTick, JobContext, collect
from scheduler.runner import Scheduler

ARMED = {
    Mode.SHADOW: (Mode.SHADOW,),
    Mode.TESTNET: (Mode.TESTNET,),
    Mode.PRODUCTION: (Mode.PRODUCTION, Mode.SHADOW),
}
"""Modes whose orders may leave, by the mode the engine runs in; real money also needs a person's word."""

LAST_WORDS_SECONDS = 5.0
KEPT_DELIVERED_DAY: Millis = 86_400_000
log = structlog.get_logger(__name__)


def limits_of(settings: Settings) -> RiskLimits:
    """Return the risk gate's limits as configured."""
    risk = settings.risk_management
    return RiskLimits(
        max_order_notional=risk.max_order_notional,
        max_total_exposure=risk.max_total_exposure,
        max_open_orders=risk.max_open_orders,
        stale_millis=int(risk.stale_data_seconds * 1000),
        price_band_percent=min(risk.price_band_perc, HUNDRED),
        max_leverage=risk.futures_risk.max_leverage,
        liquidation_buffer_percent=risk.futures_risk.liquidation_buffer_perc,
        armed=ARMED[Mode(settings.operation_mode)],
    )


def allocation_of(settings: Settings) -> Allocation:
    """Return how the account may be divided, as configured."""
    spot = settings.risk_management.spot_risk
    return Allocation(max_asset_percent=spot.max_asset_allocation_perc, min_stable_percent=spot.min_stable_balance_perc)


class App:
    """A whole Batuta: engine, agents, jobs, chat. ``start`` and ``stop`` it within one event loop."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        exchanges: Sequence[Exchange],
        clock: Clock,
        *,
        announce: Callable[[str], None],
        speed: float = 1.0,
    ) -> None:
        """Put everything together. Raises ``StorageError`` when another engine has this home, or its files are bad.

        ``exchanges`` is one per mode that is traded; people see the markets and prices of the first.
        ``announce`` prints one-time codes where only the operator reads; ``speed`` is simulated seconds per real one.
        """
        self.settings, self.folders, self.clock, self._announce = settings, folders, clock, announce
        self.database = Database(folders.books(Mode(settings.operation_mode)))
        self.heartbeat = Heartbeat(folders.heartbeat)
        self._was_alive_at = self.heartbeat.last()
        self.journal = Journal(self.database)
        self._was_sequence = self.journal.last_sequence
        self.runner = self._make_runner(exchanges)
        self.equity = EquityStore(self.database)
        self.data = self._make_data()
        self.desk = self._make_desk()
        trades = folders.home / settings.logging.trade_log_file
        self._trade_log = TradeLog(trades, lambda bot: self.runner.engine.state.bots[bot].spec.mode)
        self.people = StoredPeople(PeopleStore(self.database), clock)
        # A person types in real time, whatever the clock does.
        self.pairing = Pairing(clock, self.people, lifetime=int(LIFETIME * speed))
        self.audience = Audience(self.people, settings.chat)
        self.renderer = Renderer()
        self.outbox = Outbox(self.database)
        self.pusher = Pusher(self.outbox, self.audience, clock, partial(illustrated, self.desk))
        self.checkup = Checkup(
            self.runner,
            Surroundings(self.outbox, folders, self._ring),
            kinds=market_kinds(settings),
            most_skew=settings.risk_management.max_clock_skew_milliseconds,
        )
        self.supervisor = Supervisor(makers(discover_agents(), settings), self.desk, self.runner.post, clock)
        self.scheduler = Scheduler(
            collect(self._job_context()),
            clock,
            speed=speed,
            grace_seconds=settings.scheduler.shutdown_grace_seconds,
        )
        self.registry: Registry = discover()
        self._explainer = self._make_explainer()
        self.dispatcher = Dispatcher(self._services())
        self.platforms: list[Platform] = []
        self.ready = asyncio.Event()
        self._connections: list[asyncio.Task[None]] = []

    # -- life

    async def start(self, platforms: Sequence[Platform]) -> None:
        """Start everything; trading begins once the exchange is reached and the books are compared."""
        self.platforms = list(platforms)
        # What people must hear of is written with the step that caused it: no kill comes between the two.
        self.runner.witnesses.append(self._observe)
        self.runner.observers.append(self._trade_log)
        await self.runner.start(version("batuta"))
        await self.pusher.start(self.platforms)
        for platform in self.platforms:
            await platform.start(self.dispatcher)
        self.dispatcher.offer_first_code()
        self._connections.append(asyncio.create_task(self._connect(), name="connect"))

    async def stop(self) -> None:
        """Let jobs and answers finish, keep the state, and close everything. Orders stay where they are."""
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        # Side by side: whoever waits for the end of the process waits for the longest of these, not for their sum.
        await asyncio.gather(self.scheduler.stop(), *(self._quietly(platform.stop()) for platform in self.platforms))
        await self.dispatcher.stop()
        if self._explainer is not None:
            await self._explainer.close()
        await self.pusher.stop()
        await self.data.stop()
        await self.runner.stop()
        save_checkpoint(self.runner)
        await self.renderer.close()
        with suppress(OSError):
            self.heartbeat.end(self.clock.now())
        self.database.close()

    async def _quietly(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception:
            log.exception("stop_failed")

    async def _connect(self) -> None:
        reports = await reach_first(self.runner)
        for account in self.runner.accounts.values():
            self._connections.append(asyncio.create_task(attend(self.runner, account), name=f"attend {account.name}"))
        await self._guard_keys()
        try:
            await self._heartbeat()
        except OSError as error:
            # Whoever looks at it from outside will miss it; trading does not.
            log.warning("no_sign_of_life", reason=str(error))
        self.data.start()
        await self.scheduler.start()
        self._report_restart(reports)
        self.ready.set()
        log.info("ready", bots=len(self.desk.bots()), sequence=self.desk.engine().sequence)

    async def _guard_keys(self) -> None:
        # Rights are changed at the exchange, which may have been out of reach when the program looked at its start.
        real = Mode.PRODUCTION
        if real in self.runner.engine.state.armed and await self.checkup.withdrawable(real):
            await self.runner.ask(DisarmMode(at=self.clock.now(), by="engine", mode=real))
            what = _("the exchange key may withdraw money; {mode} is disarmed").format(mode=real.value)
            self._tell(error_notice(what, randomness.token_hex(4), self.clock.now()))

    def _report_restart(self, reports: Sequence[Reconciled]) -> None:
        if self._was_sequence:
            self._push((restart_report(self.desk, self.clock.now(), reports, self._was_alive_at),))

    # -- what happened, told to people

    def _observe(self, outcome: Outcome) -> None:
        self._push(notices(outcome, self.desk))

    def _tell(self, notice: Notice) -> None:
        self._push((notice,), Role.OWNER)

    def _ring(self) -> None:
        self._tell(reach_notice(self.clock.now()))

    def _push(self, found: Sequence[Notice], role: Role = Role.VIEWER) -> None:
        if found and self.settings.alerts.enabled:
            self.pusher.push(found, role)

    async def say_last_words(self, error: BaseException) -> None:
        """Tell the owners that the engine has ended by itself; past the outbox, for the disk may be what ended it."""
        notice = error_notice(_("the engine has ended: {why}").format(why=error), "engine_failed", self.clock.now())
        for platform in self.platforms:
            for person in self.audience.of(platform.name, Role.OWNER):
                with suppress(Exception):
                    async with asyncio.timeout(LAST_WORDS_SECONDS):
                        await platform.send(person.id, notice.card, silent=False)

    async def _deliver(self, recipient: str, reply: Reply) -> None:
        name = recipient.partition(":")[0]
        for platform in self.platforms:
            if platform.name == name:
                await platform.send(recipient, reply, silent=True)

    # -- wiring

    def _make_runner(self, exchanges: Sequence[Exchange]) -> Runner:
        return Runner(
            load_engine(self.journal, limits_of(self.settings)),
            self.journal,
            exchanges,
            self.clock,
            tag=installation_tag(self.database),
            per_minute=self.settings.risk_management.max_orders_per_minute,
        )

    def _make_data(self, record: Record | None = None) -> MarketService:
        memory = self.settings.cache.memory(self.settings.data_agent)
        return MarketService(
            self.runner.exchange,
            self.clock,
            streamed=lambda symbol: self.runner.engine.state.tickers.get(symbol),
            most_bytes=memory.most_bytes,
            longest=memory.longest_millis,
            prefetch=memory.prefetch,
            compress=memory.compress,
            record=record,
        )

    def _make_desk(self) -> FrontDesk:
        settings = self.settings
        return FrontDesk(
            self.runner,
            self.equity,
            self.data,
            version=version("batuta"),
            mode=Mode(settings.operation_mode),
            max_bots=settings.risk_management.max_bots,
            min_order=settings.grid.spot.min_order_size_usd,
            allocation=allocation_of(settings),
        )

    def _make_explainer(self) -> OllamaExplainer | None:
        ai = self.settings.ai_agent
        if not (ai.enabled and ai.features.decision_explanation):
            return None
        model = ai.model
        return OllamaExplainer(
            base_url=str(ai.base_url),
            model=model.model_name or "",
            timeout_seconds=float(model.timeout_seconds or 30),
            temperature=float(model.temperature or 0),
            max_tokens=int(model.max_tokens or 500),
        )

    def _services(self) -> Services:
        settings = self.settings
        return Services(
            registry=self.registry,
            desk=self.desk,
            clock=self.clock,
            settings=settings,
            people=self.people,
            jobs=self.scheduler,
            agents=self.supervisor,
            pairing=self.pairing,
            announce=self._announce,
            tell=self._tell,
            deliver=self._deliver,
            explainer=self._explainer,
            checkup=self.checkup,
            logs=LogBook(self.folders.home / settings.logging.log_file),
        )

    def _job_context(self) -> JobContext:
        supervisor = self.supervisor
        views = {view.name: view for view in supervisor.agents()}
        return JobContext(
            settings=self.settings,
            agents=tuple(
                AgentTick(name=name, what=views[name].what, interval_seconds=supervisor.interval_seconds(name))
                for name in supervisor.names()
            ),
            tick_agent=supervisor.tick,
            reconcile=self._reconcile,
            hold_alive=self._hold_alive,
            snapshot_equity=self._snapshot_equity,
            send_digest=self._send_digest,
            save_state=self._save_state,
            prune=self._prune,
            checkpoint=self._checkpoint,
            heartbeat=self._heartbeat,
            back_up=self._back_up,
        )

    async def _reconcile(self) -> None:
        try:
            await reconcile_all(self.runner)
            await self._guard_keys()
        except ExchangeUnavailable:
            self._tell(error_notice("the exchange does not answer", randomness.token_hex(4), self.clock.now()))
            raise

    async def _hold_alive(self) -> None:
        await hold_alive(self.runner, self.settings.exchange.dead_man_seconds)

    async def _snapshot_equity(self) -> None:
        sample_equity(self.runner, self.equity)

    async def _send_digest(self) -> None:
        notice = digest(self.desk, self.clock.now())
        if notice is not None:
            self._push((notice,))

    async def _save_state(self) -> None:
        save_checkpoint(self.runner)

    async def _prune(self) -> None:
        now = self.clock.now()
        self.equity.prune(now)
        self.outbox.prune(now - self.settings.storage.keep_delivered_messages_days * KEPT_DELIVERED_DAY)

    async def _checkpoint(self) -> None:
        self.database.checkpoint()

    async def _heartbeat(self) -> None:
        self.heartbeat.beat(self.clock.now())

    async def _back_up(self) -> None:
        keep = self.settings.storage.backups_to_keep
        if keep:
            await asyncio.to_thread(self.database.rotate, self.folders.backups, keep, self.clock.now())
