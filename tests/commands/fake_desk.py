"""A desk with a believable engine behind it: three markets, bots, fills, decisions, and controls that take effect."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import assert_never

import msgspec

from data.advice import TradingState
from data.decisions import Decision
from data.events import (
    ArmMode,
    Control,
    DisarmMode,
    GridControl,
    PauseBot,
    RecentreBot,
    ResumeBot,
    SetOutOfRange,
    SetReinvest,
    SetStopLoss,
    SetTakeProfit,
    SetTradingState,
    SetTrailing,
    StartBot,
    StopBot,
    StopReason,
)
from data.grids import GridSpec, Trigger
from data.market import Candle, Market, MarketKind, Ticker
from data.orders import Fill, Refused
from data.values import Millis, Mode
from engine.clock import ManualClock
from engine.desk import AssetView, EngineView, EquityPoint, PositionView
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown, Rights, timeframe_millis
from engine.grid.plan import GridPlan, Problem
from engine.outcome import Outcome
from engine.views import BotStatus, BotView
from tests.commands.fake_venue import FakeVenue, market_data
from tests.commands.worlds import (
    DAY,
    NOW,
    bot_view,
    market,
    plan_of,
    sample_decision,
    sample_fills,
    ticker,
    wave,
)


class FakeDesk:
    """A desk whose state tests set by assignment; ``asked`` holds every control it was handed."""

    def __init__(self, *bots: BotView) -> None:
        """Start with ``bots`` on a connected shadow engine."""
        self.now: Millis = NOW
        self.asked: list[Control] = []
        self.problem = ""
        self.available = True
        self.no_candles = False
        self.refused: tuple[Refused, ...] = ()
        self.plan_problems: tuple[Problem, ...] = ()
        self.largest_levels: int | None = None
        self.smallest_investment: Decimal | None = None
        self._bots = {bot.id: bot for bot in bots}
        self._markets = {each.symbol: each for each in (market("BTC"), market("ETH"), market("SOL"))}
        self.tickers: dict[str, Ticker] = {symbol: ticker(symbol) for symbol in self._markets}
        self.filled: dict[int, tuple[Fill, ...]] = {bot.id: sample_fills(bot) for bot in bots}
        self.decided: list[Decision] = [sample_decision(bot, 100 + bot.id) for bot in bots]
        clock = ManualClock(NOW)
        self.venue = FakeVenue(self.tickers, clock, self._reach)
        self.data = market_data(self.venue, clock)
        self.balances: tuple[AssetView, ...] = (
            AssetView(asset="USDT", free=Decimal("8500.25"), locked=Decimal("499.75"), in_bots=Decimal("1000")),
            AssetView(asset="BTC", free=Decimal("0.00410"), locked=Decimal("0.00820"), in_bots=Decimal("0.01230")),
        )
        self.open_positions: tuple[PositionView, ...] = ()
        self.transferred: list[tuple[Mode, str, Decimal, MarketKind, MarketKind, str]] = []
        self.key_rights: dict[Mode, Rights] = {}
        self.view = EngineView(
            version="0.1.0",
            exchange="binance",
            mode=Mode.SHADOW,
            trading_state=TradingState.ACTIVE,
            trading_state_reason="",
            started_at=NOW - 2 * DAY,
            sequence=4711,
            connected=True,
            inbox=0,
            last_reconciled_at=NOW - 65_000,
            peak_equity=Decimal("1012.40"),
            day_start_equity=Decimal("1003.10"),
        )

    async def ask(self, control: Control) -> Outcome:
        """Apply ``control`` to the pictures, unless ``problem`` says that the engine refuses."""
        self.asked.append(control)
        if self.problem:
            return Outcome(sequence=0, event=control, problem=self.problem)
        bot = self._apply(control)
        self.view = msgspec.structs.replace(self.view, sequence=self.view.sequence + 1)
        return Outcome(sequence=self.view.sequence, event=control, bot=bot, refused=self.refused)

    def engine(self) -> EngineView:
        """Return the engine as a whole."""
        return self.view

    def bots(self) -> Sequence[BotView]:
        """Return active bots by number, then stopped ones, newest first."""
        active = sorted((bot for bot in self._bots.values() if bot.status.active), key=lambda bot: bot.id)
        ended = sorted((bot for bot in self._bots.values() if not bot.status.active), key=lambda bot: -bot.id)
        return [*active, *ended]

    def bot(self, bot: int) -> BotView | None:
        """Return one bot, or None."""
        return self._bots.get(bot)

    async def markets(self) -> Sequence[Market]:
        """Return the three markets."""
        self._reach()
        return list(self._markets.values())

    async def market(self, symbol: str) -> Market:
        """Return one market, however its symbol is written."""
        self._reach()
        for each in self._markets.values():
            if each.symbol.replace("/", "") == symbol.upper().replace("/", ""):
                return each
        raise MarketUnknown(symbol, [name for name in self._markets if name[:2] == symbol.upper()[:2]])

    async def ticker(self, symbol: str) -> Ticker:
        """Return current best prices."""
        self._reach()
        return self.tickers[symbol]

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return bars of a slow wave around the last price."""
        self._reach()
        return [] if self.no_candles else wave(self.tickers[symbol].last, timeframe_millis(timeframe), limit, self.now)

    async def plan(self, spec: GridSpec) -> GridPlan:
        """Return a plan with the problems set on this desk."""
        self._reach()
        plan = plan_of(spec, self._markets[spec.symbol], self.tickers[spec.symbol])
        return msgspec.structs.replace(
            plan,
            problems=self.plan_problems,
            largest_levels=self.largest_levels,
            smallest_investment=self.smallest_investment,
        )

    async def assets(self) -> Sequence[AssetView]:
        """Return the account's balances."""
        self._reach()
        return self.balances

    async def positions(self) -> Sequence[PositionView]:
        """Return what was put there."""
        return self.open_positions

    async def transfer(
        self, mode: Mode, asset: str, amount: Decimal, source: MarketKind, target: MarketKind, key: str
    ) -> str:
        """Note what was asked for."""
        self.transferred.append((mode, asset, amount, source, target, key))
        return f"t{len(self.transferred)}"

    async def rights(self, mode: Mode) -> Rights | None:
        """Return what was put there."""
        return self.key_rights.get(mode)

    def fills(self, bot: int | None, limit: int) -> Sequence[Fill]:
        """Return the newest fills, newest first."""
        wanted = (
            self.filled.get(bot, ()) if bot is not None else [fill for each in self.filled.values() for fill in each]
        )
        return sorted(wanted, key=lambda fill: -fill.at)[:limit]

    def decisions(self, bot: int | None, limit: int) -> Sequence[Decision]:
        """Return the newest decisions, newest first."""
        wanted = [each for each in self.decided if bot is None or each.bot == bot]
        return sorted(wanted, key=lambda each: -each.at)[:limit]

    def decision(self, decision: str) -> Decision | None:
        """Return one decision by its id."""
        return next((each for each in self.decided if each.id == decision), None)

    def equity(self, bot: int, since: Millis) -> Sequence[EquityPoint]:
        """Return one sample every six hours since the bot started."""
        view = self._bots.get(bot)
        if view is None or view.profit is None:
            return []
        end, step = self.now, DAY // 4
        points = range(max(since, view.started_at), end + 1, step)
        return [
            EquityPoint(
                at=at,
                bot=bot,
                equity=view.spec.investment + Decimal((at - view.started_at) // step) / 2,
                price=view.start_price + Decimal((at // step) % 7 * 10),
            )
            for at in points
        ]

    def list_market(self, listed: Market, last: Decimal) -> None:
        """List a further market at a price."""
        self._markets[listed.symbol] = listed
        self.tickers[listed.symbol] = ticker(listed.symbol, last)

    def put(self, bot: BotView) -> None:
        """Add or replace a bot."""
        self._bots[bot.id] = bot

    def _reach(self) -> None:
        if not self.available:
            raise ExchangeUnavailable("binance did not answer in 10 s")

    def _reshape(self, control: GridControl) -> None:
        bot = self._bots[control.bot]
        match control:
            case SetTrailing(up=up, down=down):
                bot = msgspec.structs.replace(bot, spec=msgspec.structs.replace(bot.spec, trail_up=up, trail_down=down))
            case SetReinvest(on=on):
                bot = msgspec.structs.replace(bot, spec=msgspec.structs.replace(bot.spec, reinvest=on))
            case RecentreBot():
                bot = msgspec.structs.replace(bot, orders=())
        self.put(bot)

    def _apply(self, control: Control) -> int:
        match control:
            case StartBot(spec=spec, market=quoted):
                number = max(self._bots, default=0) + 1
                self.put(bot_view(number, spec, quoted, started_at=self.now))
                return number
            case StopBot(bot=bot):
                self._change(
                    bot, status=BotStatus.STOPPED, stopped_at=self.now, stop_reason=StopReason.PERSON, orders=()
                )
            case PauseBot(bot=bot):
                self._change(bot, status=BotStatus.PAUSED, orders=())
            case ResumeBot(bot=bot):
                self._change(bot, status=BotStatus.RUNNING)
            case SetTakeProfit(bot=bot, trigger=trigger):
                self._exit(bot, "take_profit", trigger)
            case SetStopLoss(bot=bot, trigger=trigger):
                self._exit(bot, "stop_loss", trigger)
            case SetOutOfRange(bot=bot, policy=policy):
                self._change(bot, spec=msgspec.structs.replace(self._bots[bot].spec, out_of_range=policy))
            case SetTrailing() | SetReinvest() | RecentreBot():
                self._reshape(control)
            case SetTradingState() | ArmMode() | DisarmMode():
                self._apply_to_all(control)
                return 0
            case _:
                assert_never(control)
        return control.bot

    def _apply_to_all(self, control: SetTradingState | ArmMode | DisarmMode) -> None:
        match control:
            case SetTradingState(state=state):
                self.view = msgspec.structs.replace(self.view, trading_state=state, trading_state_reason="person")
            case ArmMode(mode=mode, cap=cap):
                self.view = msgspec.structs.replace(self.view, caps={**self.view.caps, mode: cap})
            case DisarmMode(mode=mode):
                left = {each: cap for each, cap in self.view.caps.items() if each is not mode}
                self.view = msgspec.structs.replace(self.view, caps=left)
                for each in [bot for bot in self._bots.values() if bot.status.active and bot.spec.mode is mode]:
                    self._change(each.id, status=BotStatus.PAUSED, orders=())

    def _exit(self, bot: int, field: str, trigger: Trigger | None) -> None:
        self._change(bot, spec=msgspec.structs.replace(self._bots[bot].spec, **{field: trigger}))

    def _change(self, bot: int, **fields: object) -> None:
        self._bots[bot] = msgspec.structs.replace(self._bots[bot], **fields)
