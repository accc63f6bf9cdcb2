"""The desk over a running engine: pictures of its state, markets of its exchange, controls into its inbox."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from data.advice import Advice, OrdersAdvised
from data.decisions import Decision
from data.equity import EquityPoint, EquityStore
from data.events import AdvicePosted, Control, Reconciled, StartBot
from data.grids import GridSpec
from data.market import Candle, Market, Ticker
from data.orders import Fill
from data.values import HUNDRED, ONE, ZERO, Millis, Mode, plain
from engine.desk import AssetView, EngineView
from engine.exchanges.base import ExchangeUnavailable
from engine.grid.levels import plan_grid
from engine.grid.plan import GridPlan, Problem
from engine.outcome import Outcome
from engine.pictures import bot_view, bot_views
from engine.reconcile import reconcile
from engine.runner import Runner
from engine.views import BotStatus, BotView

NUDGE_LIFETIME: Millis = 60_000
CHART_POINTS = 2000
"""Most equity samples handed out for one chart."""


class FrontDesk:
    """Implements ``Desk``. Keeps nothing of its own but when it last reconciled."""

    def __init__(self, runner: Runner, equity: EquityStore, *, version: str, mode: Mode, max_bots: int) -> None:
        """Serve the engine of ``runner``; ``max_bots`` limits how many may be at work at once."""
        self._runner, self._equity = runner, equity
        self._version, self._mode, self._max_bots = version, mode, max_bots
        self._started_at = runner.clock.now()
        self._reconciled_at: Millis | None = None
        self._connected = False

    async def ask(self, control: Control) -> Outcome:
        """Post a control and return what the committed step made of it."""
        if isinstance(control, StartBot):
            refusal = self._too_many()
            if refusal:
                return Outcome(sequence=0, event=control, problem=f"{refusal.field}: {refusal.problem}")
            # The step judges the grid by the price it finds; make sure that there is one and that it stays fresh.
            await self._runner.watch(control.spec.symbol)
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
            connected=self._connected,
            inbox=runner.waiting,
            last_reconciled_at=self._reconciled_at,
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
        ticker = self._runner.engine.state.tickers[market.symbol]
        plan = plan_grid(spec, market, ticker)
        further = [problem for problem in (self._too_many(), *self._over_limits(plan)) if problem]
        further += await self._underfunded(spec, market)
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

    # -- what jobs do

    def sample_equity(self) -> None:
        """Add a point to the equity curve of every bot at work."""
        now = self._runner.clock.now()
        views = (view for view in self.bots() if view.status.active and view.profit is not None)
        self._equity.append(
            EquityPoint(at=now, bot=view.id, equity=view.profit.equity, price=view.profit.mark)
            for view in views
            if view.profit is not None
        )

    async def reconcile(self) -> tuple[Reconciled, ...]:
        """Compare the books of every traded market with the exchange. Raises ``ExchangeUnavailable``."""
        symbols = sorted({bot.market.symbol for bot in self._runner.engine.state.active_bots()})
        try:
            await self._runner.resubscribe()
            await self._runner.refresh(symbols)
            reports = tuple([await reconcile(self._runner, symbol) for symbol in symbols])
            if not symbols:
                await self._runner.exchange.balances()
        except ExchangeUnavailable:
            self._connected = False
            raise
        self._connected, self._reconciled_at = True, self._runner.clock.now()
        self._nudge_stopping()
        return reports

    def _nudge_stopping(self) -> None:
        # A closing sale that was refused or rejected would wait for ever: nobody else asks for a bot that is stopping.
        now = self._runner.clock.now()
        for bot in self._runner.engine.state.active_bots():
            if bot.status is BotStatus.STOPPING and not bot.live:
                advice = Advice(
                    agent="reconcile",
                    what=OrdersAdvised(bot=bot.id),
                    confidence=ONE,
                    reason="the bot is stopping and nothing rests",
                    evidence={},
                    expires_at=now + NUDGE_LIFETIME,
                )
                self._runner.post(AdvicePosted(at=now, advice=advice))

    # -- problems only the whole engine can see

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

    async def _underfunded(self, spec: GridSpec, market: Market) -> list[Problem]:
        """Refuse to promise money twice: what bots hold in cash is theirs, whether it rests in orders or not."""
        assets = {asset.asset: asset for asset in await self.assets()}
        quote = assets.get(market.quote)
        total = quote.free + quote.locked - quote.in_bots if quote else ZERO
        if spec.investment <= total:
            return []
        return [
            Problem(
                field="investment",
                value=plain(spec.investment),
                problem=f"only {plain(max(total, ZERO))} {market.quote} are not in use by bots",
                accepted=f"at most {plain(max(total, ZERO))}",
            )
        ]
