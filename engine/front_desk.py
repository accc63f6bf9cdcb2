"""The desk over a running engine: pictures of its state, markets of its exchange, controls into its inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from data.decisions import Decision
from data.equity import EquityPoint, EquityStore
from data.events import Control, StartBot
from data.grids import GridSpec
from data.market import Candle, Market, Ticker
from data.orders import Fill
from data.values import HUNDRED, ZERO, Millis, Mode, plain
from engine.allocation import Allocation, allocation_problems, survey
from engine.desk import AssetView, EngineView
from engine.exchanges.base import ExchangeUnavailable
from engine.grid.levels import NOTIONAL_MARGIN, plan_grid
from engine.grid.plan import GridPlan, Problem
from engine.outcome import Outcome
from engine.pictures import bot_view, bot_views
from engine.runner import Runner
from engine.views import BotView

CHART_POINTS = 2000
"""Most equity samples handed out for one chart."""


class FrontDesk:
    """Implements ``Desk``. Keeps nothing of its own."""

    def __init__(
        self,
        runner: Runner,
        equity: EquityStore,
        *,
        version: str,
        mode: Mode,
        max_bots: int,
        min_order: Decimal = ZERO,
        allocation: Allocation | None = None,
    ) -> None:
        """Serve the engine of ``runner``.

        ``max_bots`` limits how many may be at work at once, ``min_order`` is the smallest order planned, in quote.
        """
        self._runner, self._equity = runner, equity
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
        problems = (await self.plan(control.spec)).problems
        if problems:
            return Outcome(sequence=0, event=control, problem=f"{problems[0].field}: {problems[0].problem}")
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
            connected=runner.reconciled_at is not None and runner.connected,
            inbox=runner.waiting,
            last_reconciled_at=runner.reconciled_at,
            peak_equity=state.peak_equity,
            day_start_equity=state.day_start_equity,
            day=state.day,
            risk_state=state.risk_state,
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
        """Return one market; ``symbol`` may be ``btcusdt`` or ``BTC/USDT``. Raises ``MarketUnknown``."""
        wanted = "".join(character for character in symbol.upper() if character.isalnum())
        for market in await self._runner.exchange.markets():
            if f"{market.base}{market.quote}".upper() == wanted:
                return market
        return await self._runner.exchange.market(symbol)

    async def ticker(self, symbol: str) -> Ticker:
        """Return current best prices. Raises ``ExchangeUnavailable``."""
        return await self._runner.exchange.ticker(symbol)

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return the newest bars, oldest first. Raises ``ExchangeUnavailable``."""
        return await self._runner.exchange.candles(symbol, timeframe, limit)

    async def plan(self, spec: GridSpec) -> GridPlan:
        """Return what starting this grid now would do, with every problem that forbids it."""
        market = await self.market(spec.symbol)
        spec = msgspec.structs.replace(spec, symbol=market.symbol)
        await self._runner.watch(market.symbol)
        ticker = self._runner.engine.state.tickers.get(market.symbol)
        if ticker is None:
            raise ExchangeUnavailable(f"there is no usable price of {market.symbol}")
        # Planned as if the market asked for the larger orders, and started on the market as it is.
        plan = msgspec.structs.replace(plan_grid(spec, self._stricter(market), ticker), market=market)
        further = [problem for problem in (self._too_many(), *self._over_limits(plan)) if problem]
        further += await self._underfunded(plan)
        return msgspec.structs.replace(plan, problems=(*plan.problems, *further))

    async def assets(self) -> Sequence[AssetView]:
        """Return the account's balances. Raises ``ExchangeUnavailable``."""
        totals: dict[str, Decimal] = {}
        for bot in self._runner.engine.state.active_bots():
            market, books = bot.market, bot.books
            totals[market.base] = totals.get(market.base, ZERO) + books.base
            totals[market.quote] = totals.get(market.quote, ZERO) + books.cash
        return [
            AssetView(
                asset=balance.asset,
                free=balance.free,
                locked=balance.locked,
                in_bots=totals.get(balance.asset, ZERO),
            )
            for balance in await self._runner.exchange.balances()
        ]

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

    def _stricter(self, market: Market) -> Market:
        filters = market.filters
        least = max(filters.min_notional, self._min_order / NOTIONAL_MARGIN)
        return msgspec.structs.replace(market, filters=msgspec.structs.replace(filters, min_notional=least))

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
        exposed = sum((bot.books.invested for bot in self._runner.engine.state.active_bots()), plan.spec.investment)
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
        if most is None or resting + len(plan.slots) <= most:
            return []
        return [
            Problem(
                field="levels",
                value=str(plan.spec.levels),
                problem=f"{resting + len(plan.slots)} orders would rest, over risk_management.max_open_orders",
                accepted=f"at most {most - resting + 1} lines" if most > resting else "stop a bot first",
            )
        ]

    async def _underfunded(self, plan: GridPlan) -> list[Problem]:
        """Refuse to promise money twice: what bots hold in cash is theirs, whether it rests in orders or not."""
        spec, market = plan.spec, plan.market
        totals = {balance.asset: balance.free + balance.locked for balance in await self._runner.exchange.balances()}
        account = survey(self._runner.engine.state, totals, market, plan.ticker.last)
        total = account.uncommitted
        if spec.investment <= total:
            return allocation_problems(spec, market, account, self._allocation)
        return [
            Problem(
                field="investment",
                value=plain(spec.investment),
                problem=f"only {plain(max(total, ZERO))} {market.quote} are not in use by bots",
                accepted=f"at most {plain(max(total, ZERO))}",
            )
        ]
