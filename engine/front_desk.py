"""The desk over a running engine: pictures of its state, markets of its exchange, controls into its inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from data.bars import candles_of
from data.decisions import Decision
from data.equity import EquityPoint, EquityStore
from data.events import Control, StartBot
from data.grids import GridSpec
from data.market import Candle, Market, Ticker
from data.orders import Fill
from data.values import HUNDRED, ZERO, Millis, Mode, plain
from engine.accounts.account import Account, NoAccount
from engine.accounts.allocation import Allocation
from engine.accounts.funds import AccountFrontDesk, money_problems, position_problems
from engine.booking.arming import arming_problems
from engine.desk import AccountView, EngineView
from engine.exchanges.base import ExchangeUnavailable, NotPossible
from engine.grid.levels import with_orders_of
from engine.grid.options import planned_at
from engine.grid.plan import GridPlan, Problem
from engine.grid.sizing import plan_grid
from engine.markets.service import MarketService
from engine.outcome import Outcome
from engine.pictures import bot_view, bot_views
from engine.rules.following import order_room
from engine.runner import Runner
from engine.views import BotView

CHART_POINTS = 2000
"""Most equity samples handed out for one chart."""


class FrontDesk(AccountFrontDesk):
    """Implements ``Desk``. Keeps nothing of its own."""

    def __init__(
        self,
        runner: Runner,
        equity: EquityStore,
        data: MarketService,
        *,
        version: str,
        mode: Mode,
        max_bots: int,
        min_order: Decimal = ZERO,
        allocation: Allocation | None = None,
    ) -> None:
        """Serve the engine of ``runner``, and what ``data`` knows of its markets.

        ``max_bots`` limits how many may be at work at once, ``min_order`` is the smallest order planned, in quote.
        """
        super().__init__(runner)
        self._equity, self.data = equity, data
        self._version, self._mode, self._max_bots = version, mode, max_bots
        self._min_order, self._allocation = min_order, allocation or Allocation()
        self._started_at = runner.clock.now()
        self._starting = asyncio.Lock()

    async def ask(self, control: Control) -> Outcome:
        """Post a control and return what the committed step made of it."""
        if isinstance(control, StartBot):
            # One after the other: two plans that were good when they were shown may not be good together.
            async with self._starting:
                return await self._start(control)
        return await self._runner.ask(control)

    async def _start(self, control: StartBot) -> Outcome:
        # Planning also makes sure that the step finds a fresh price to judge the grid by.
        plan = await self.plan(control.spec)
        if plan.problems:
            first = plan.problems[0]
            return Outcome(sequence=0, event=control, problem=f"{first.field}: {first.problem}")
        if plan.market.perpetual:
            symbol, account = plan.market.symbol, self._runner.account(plan.spec.mode)
            try:
                await account.exchange.prepare(symbol, plan.spec.leverage, plan.spec.margin)
            except NotPossible as error:
                return Outcome(sequence=0, event=control, problem=f"leverage: {error}")
            account.prepared.add(symbol)
        return await self._runner.ask(control)

    def engine(self) -> EngineView:
        """Return the engine as a whole."""
        state, runner = self._runner.engine.state, self._runner
        return EngineView(
            version=self._version,
            exchange=runner.exchange.name,
            mode=self._mode,
            trading_state=state.trading_state,
            trading_state_reason=state.state_reason,
            started_at=self._started_at,
            sequence=state.sequence,
            connected=runner.first.connected,
            inbox=runner.waiting,
            last_reconciled_at=runner.first.reconciled_at,
            peak_equity=state.peak_equity,
            day_start_equity=state.day_start_equity,
            day=state.day,
            transferred=state.transferred,
            accounts=tuple(_account_view(account) for account in runner.accounts.values()),
            caps=dict(state.armed),
            risk_state=state.risk_state,
            limits=runner.engine.limits_in_force,
        )

    def bots(self) -> Sequence[BotView]:
        """Return all bots, those at work first, then the newest stopped ones."""
        return bot_views(self._runner.engine.state)

    def bot(self, bot: int) -> BotView | None:
        """Return one bot, or None."""
        state = self._runner.engine.state
        found = state.bots.get(bot)
        return bot_view(state, found) if found else None

    async def markets(self) -> Sequence[Market]:
        """Return all tradable markets. Raises ``ExchangeUnavailable``."""
        return await self._runner.exchange.markets()

    async def market(self, symbol: str) -> Market:
        """Return one market, ``btcusdt`` or ``BTC/USDT``, perpetual ``btcusdt:usdt``. Raises ``MarketUnknown``."""
        wanted = _bare(symbol)
        for market in await self._runner.exchange.markets():
            if _bare(market.symbol) == wanted:
                return market
        return await self._runner.exchange.market(symbol)

    async def ticker(self, symbol: str) -> Ticker:
        """Return current best prices. Raises ``ExchangeUnavailable``."""
        return await self.data.ticker(symbol)

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return the newest bars, oldest first. Raises ``ExchangeUnavailable``."""
        return candles_of((await self.data.bars(symbol, timeframe, limit)).value)

    async def plan(self, spec: GridSpec) -> GridPlan:
        """Return what starting this grid now would do, with every problem that forbids it."""
        account = self._runner.accounts.get(spec.mode)
        market = await self.market(spec.symbol)
        if account is not None:
            # Filters and fees are those of the account that trades.
            market = await account.exchange.market(market.symbol)
        spec = msgspec.structs.replace(spec, symbol=market.symbol)
        await self._runner.watch(market.symbol)
        ticker = self._runner.engine.state.tickers.get(market.symbol)
        if ticker is None:
            raise ExchangeUnavailable(f"there is no usable price of {market.symbol}")
        # Planned as if the market asked for the larger orders, and started on the market as it is.
        engine = self._runner.engine
        room = order_room(engine.state, market, spec.mode)
        plan = plan_grid(
            spec, with_orders_of(market, self._min_order), planned_at(spec, ticker), engine.limits_in_force, room
        )
        plan = msgspec.structs.replace(plan, market=market)
        unarmed = arming_problems(self._runner.engine.state, spec)
        further = [problem for problem in (self._too_many(), *self._over_limits(plan), *unarmed) if problem]
        further += await self._of_account(account, plan)
        return msgspec.structs.replace(plan, problems=(*plan.problems, *further))

    def fills(self, bot: int | None, limit: int) -> Sequence[Fill]:
        """Return the newest fills, newest first."""
        return self._runner.journal.fills(bot, limit)

    def decisions(self, bot: int | None, limit: int) -> Sequence[Decision]:
        """Return the newest decisions, newest first."""
        return self._runner.journal.decisions(bot, limit)

    def decision(self, decision: str) -> Decision | None:
        """Return one decision by its id."""
        return self._runner.journal.decision(decision)

    def equity(self, bot: int, since: Millis) -> Sequence[EquityPoint]:
        """Return equity samples, oldest first, thinned for a chart."""
        return self._equity.range(bot, since, most=CHART_POINTS)

    # -- problems only the whole engine can see

    async def _of_account(self, account: Account | None, plan: GridPlan) -> list[Problem]:
        if account is None:
            mode, accepted = plan.spec.mode, ", ".join(self._runner.accounts)
            return [Problem(field="mode", value=mode, problem=str(NoAccount(mode)), accepted=accepted)]
        since = account.statement.mark()
        found = await money_problems(self._runner, account, plan, self._allocation, since)
        if plan.market.perpetual:
            found += await position_problems(self._runner, account, plan.spec, plan.market, since)
        return found

    def _too_many(self) -> Problem | None:
        at_work = sum(1 for _ in self._runner.engine.state.active_bots())
        if at_work < self._max_bots:
            return None
        text = f"{at_work} bots are at work, and risk_management.max_bots allows {self._max_bots}"
        return Problem(field="bots", value=str(at_work), problem=text, accepted="stop a bot first")

    def _over_limits(self, plan: GridPlan) -> list[Problem]:
        limits, found = self._runner.engine.limits, []
        if not plan.slots:
            return []
        found += self._over_orders(plan)
        dearest = max(slot.quantity * slot.upper for slot in plan.slots)
        if limits.max_order_notional is not None and dearest > limits.max_order_notional:
            found.append(
                Problem(
                    field="investment",
                    value=plain(plan.spec.investment),
                    problem=f"orders of {plain(dearest)} would exceed risk_management.max_order_notional",
                    accepted=f"orders up to {plain(limits.max_order_notional)}: invest less, or use more lines",
                )
            )
        for field, line in (("lower", plan.lines[0]), ("upper", plan.lines[-1])):
            off = abs(line - plan.ticker.last) / plan.ticker.last * HUNDRED
            if off > limits.price_band_percent:
                text = f"the line lies {off:.0f} % from the market, risk_management.price_band_perc allows less"
                accepted = f"a line within {plain(limits.price_band_percent)} % of {plain(plan.ticker.last)}"
                found.append(Problem(field=field, value=plain(line), problem=text, accepted=accepted))
        alike = [bot for bot in self._runner.engine.state.active_bots() if bot.spec.mode is plan.spec.mode]
        exposed = sum((bot.books.invested for bot in alike), plan.spec.investment)
        if limits.max_total_exposure is not None and exposed > limits.max_total_exposure:
            text = f"all bots together would invest {plain(exposed)}, over risk_management.max_total_exposure"
            room = max(ZERO, plan.spec.investment - (exposed - limits.max_total_exposure))
            found.append(
                Problem(
                    field="investment",
                    value=plain(plan.spec.investment),
                    problem=text,
                    accepted=f"at most {plain(room)}",
                )
            )
        return found

    def _over_orders(self, plan: GridPlan) -> list[Problem]:
        most, resting = self._runner.engine.limits.max_open_orders, len(self._runner.engine.state.orders)
        coming = plan.window or len(plan.slots)
        if most is None or resting + coming <= most:
            return []
        return [
            Problem(
                field="levels",
                value=str(plan.spec.levels),
                problem=f"{resting + coming} orders would rest, over risk_management.max_open_orders",
                accepted=f"at most {most - resting + 1} lines" if most > resting else "stop a bot first",
            )
        ]


def _account_view(account: Account) -> AccountView:
    return AccountView(
        mode=account.mode,
        exchange=account.exchange.name,
        connected=account.connected,
        last_reconciled_at=account.reconciled_at,
    )


def _bare(symbol: str) -> str:
    return "".join(character for character in symbol.upper() if character.isalnum())
