"""The pair selector: proposes markets that suit a grid, with the grid, its money and every figure it was chosen by.

Every few hours it goes through the markets: a screen over the day of all of them, then a closer look at the few that
are left, one per look, because the exchange's budget is shared with trading. A person starts what it proposes; or,
where the settings allow it, ``engine.selection.opening`` does, within what they allow.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import structlog

from data.advice import Advice, MarketProposed, TradingState
from data.bars import Bars
from data.decisions import Rule
from data.market import Market, MarketKind
from data.observations import Day
from data.values import HUNDRED, ZERO, Millis, plain
from engine.desk import Desk, Note
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown, NotPossible
from engine.grid.levels import with_orders_of
from engine.markets.suitability import HOURS, banned, facts_of, judge
from engine.selection.opening import Opener
from engine.selection.proposals import SELECTOR
from engine.selection.scoring import ALIKE, FEWEST, Case, correlation, earning, evidence, score, shown
from engine.statistics.recommend import NoGrid, Recommendation, invested, recommend
from engine.statistics.series import TooFewBars
from engine.statistics.service import StatisticsUnavailable

if TYPE_CHECKING:
    from config.schema import Settings
    from config.trading import PairSelection

DAY: Millis = 86_400_000
LOOK_SECONDS = 30.0
"""Time between two looks; while a round lasts, each takes on one market."""
PATIENCE_SECONDS = 8.0
"""How long one look waits for what it asked. Statistics that take longer are picked up by the next one."""
TRIES = 4
"""Looks after which a market that there is no answer about is left out of the round."""
SCREENED = 12
"""Markets of the largest turnover that are looked at closely, besides preferred ones."""
MOST = 3
"""Proposals of one round."""
LEAST = Decimal("0.4")
"""Score below which a market is not worth a person's time."""

Sentiment = Callable[[str], Decimal | None]
"""What is felt about a market, -1 to 1, where 0 is an opinion too; None abstains."""
log = structlog.get_logger(__name__)


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    market: Market
    grid: Recommendation
    investment: Decimal
    score: Decimal
    bars: Bars
    reason: str
    evidence: dict[str, str]


class _Round(msgspec.Struct, kw_only=True):
    queue: list[Market]
    found: list[_Found] = []
    tries: int = 0
    task: asyncio.Task[_Found | str] | None = None


class PairsAgent:
    """Goes through the markets in rounds; ``considered`` says what became of each one looked at in the last."""

    name = SELECTOR
    what = "Proposes markets that suit a grid"
    interval_seconds = LOOK_SECONDS

    def __init__(
        self, wanted: PairSelection, *, kinds: Collection[MarketKind], quote: str, capital: Decimal, most_pairs: int,
        least_order: Decimal = ZERO, sentiment: Sentiment | None = None, least_sentiment: Decimal | None = None,
    ) -> None:  # fmt: skip
        """Look among the markets of ``kinds`` against ``quote`` for grids of at least ``capital`` (quote).

        Nothing is proposed while ``most_pairs`` markets are traded, nor with orders below ``least_order`` (quote).
        ``sentiment`` may have a say in the score, and keeps a market out that it puts below ``least_sentiment``.
        """
        self._wanted, self._kinds, self._quote = wanted, frozenset(kinds), quote
        self._capital, self._most_pairs, self._least_order = capital, most_pairs, least_order
        self._sentiment, self._least_sentiment = sentiment, least_sentiment
        self._opener = Opener(wanted.open)
        self._due: Millis = 0
        self._began: Millis = 0
        self._round: _Round | None = None
        self._said: dict[str, Millis] = {}
        self.considered: dict[str, str] = {}

    def notes(self) -> Sequence[Note]:
        """Return what became of each market of the last round, and of each proposal that might be started unasked."""
        markets = (
            Note(subject="market", name=name, said=said, at=self._began) for name, said in self.considered.items()
        )
        return (*markets, *self._opener.notes())

    async def advise(self, desk: Desk, now: Millis) -> Sequence[Advice]:
        """Take one step of a round, and return its proposals at its end; or start one of those there are."""
        if await self._opener.look(desk, now) or desk.engine().trading_state is not TradingState.ACTIVE:
            return ()
        if now >= self._due:
            # What is left of an old round rests on old figures. An exchange that is away is asked again next time.
            with contextlib.suppress(ExchangeUnavailable):
                await self._begin(desk, now)
            return ()
        at = self._round
        if at is not None and at.queue:
            await self._go_on(desk, at)
        if at is None or at.queue:
            return ()
        self._round = None
        return self._conclude(desk, at.found, now)

    async def _begin(self, desk: Desk, now: Millis) -> None:
        if self._round is not None and self._round.task is not None:
            self._round.task.cancel()
        self._round, self.considered, self._began = None, {}, now
        if self._room(desk) > 0:
            self._round = _Round(queue=await self._screen(desk, _traded(desk) | self._proposed(desk, now)))
        self._due = now + self._wanted.update_interval_hours * 3_600_000

    async def _screen(self, desk: Desk, out: Collection[str]) -> list[Market]:
        """Return the markets worth a closer look, by their day alone: those of most turnover, and preferred ones."""
        known = [each for each in await desk.markets() if each.kind in self._kinds and each.quote == self._quote]
        passed: list[tuple[Decimal, Market]] = []
        for kind in sorted({each.kind for each in known}):
            days = (await desk.data.days(kind)).value
            for market in known:
                day = days.get(market.symbol)
                if day is None or market.kind is not kind or market.symbol in out or banned(market, self._wanted):
                    continue
                if _tradable(day, self._wanted):
                    passed.append((day.turnover, market))
        ranked = [market for _turnover, market in sorted(passed, key=lambda each: (-each[0], each[1].symbol))]
        return ranked[:SCREENED] + [each for each in ranked[SCREENED:] if self._preferred(each)]

    async def _go_on(self, desk: Desk, at: _Round) -> None:
        market = at.queue[0]
        became = await self._await(desk, at, market)
        if became is None and at.tries < TRIES:
            return
        if at.task is not None:
            at.task.cancel()
        at.queue, at.tries, at.task = at.queue[1:], 0, None
        if isinstance(became, _Found):
            at.found.append(became)
        else:
            self.considered[market.symbol] = became or "there was no answer"

    async def _await(self, desk: Desk, at: _Round, market: Market) -> _Found | str | None:
        """Return what was found, or why the market drops out; None while neither is known."""
        at.tries += 1
        if at.task is None:
            at.task = asyncio.create_task(self._examine(desk, market), name="pairs")
            at.task.add_done_callback(_heard)
        try:
            await asyncio.wait({task := at.task}, timeout=PATIENCE_SECONDS)
        except asyncio.CancelledError:
            at.task.cancel()
            raise
        if not task.done():
            return None
        at.task = None
        if task.cancelled():
            return None
        try:
            return task.result()
        except (ExchangeUnavailable, StatisticsUnavailable):
            return None
        except (MarketUnknown, NotPossible, NoGrid, TooFewBars) as error:
            return str(error)

    async def _examine(self, desk: Desk, market: Market) -> _Found | str:
        felt = None if self._sentiment is None else self._sentiment(market.symbol)
        if felt is not None and self._least_sentiment is not None and felt < self._least_sentiment:
            return f"sentiment: {felt:.2f} (at least {plain(self._least_sentiment)})"
        hourly = (await desk.data.bars(market.symbol, "1h", HOURS)).value.part(stop=-1)
        if len(hourly) <= FEWEST:
            return f"{len(hourly)} hours of prices are too few"
        facts = await facts_of(desk.data, market)
        checks = judge(facts, market, self._wanted)
        failed = [f"{each.name}: {shown(each)}" for each in checks if each.passed is False]
        if failed:
            return "; ".join(failed)
        near, alike = await self._nearest(desk, market, hourly)
        if near is not None and near > ALIKE:
            return f"correlation: {near:.2f} with {alike} (at most {plain(ALIKE)})"
        grid, investment = await self._grid(desk, market)
        case = Case(
            facts=facts, perpetual=market.perpetual, earning=earning(grid), correlation=near,
            preferred=self._preferred(market), sentiment=felt,
        )  # fmt: skip
        known = sum(each.passed is True for each in checks)
        reason = f"{known} of {len(checks)} criteria are met, and a grid of {grid.levels} lines is expected to complete"
        return _Found(
            market=market, grid=grid, investment=investment, score=score(case, self._wanted), bars=hourly,
            reason=f"{reason} {grid.cycles:.1f} cycles a day", evidence=evidence(checks, case, grid, alike),
        )  # fmt: skip

    async def _grid(self, desk: Desk, market: Market) -> tuple[Recommendation, Decimal]:
        """Return the grid for a market and the money for it, both within the limits of risk. Raises ``NoGrid``."""
        told = (await desk.data.statistics(market.symbol)).value
        ticker, limits = await desk.ticker(market.symbol), desk.engine().limits
        # A grid is planned as if the market asked for the larger orders, so it must be recommended that way.
        market = with_orders_of(market, self._least_order)
        grid = recommend(told, market, ticker, limits)
        return grid, invested(grid, self._capital, market, ticker, limits)

    async def _nearest(self, desk: Desk, market: Market, hourly: Bars) -> tuple[Decimal | None, str]:
        """Return the highest correlation with a market traded now, and with which; unknown when one of them is."""
        highest, name = ZERO, ""
        for symbol in sorted(_traded(desk)):
            other = (await desk.data.bars(symbol, "1h", HOURS)).value.part(stop=-1)
            found = correlation(hourly, other)
            if found is None:
                return None, symbol
            if not name or found > highest:
                highest, name = found, symbol
        return highest, name

    def _conclude(self, desk: Desk, found: Sequence[_Found], now: Millis) -> Sequence[Advice]:
        # A person may have started a bot, or stopped one, since the round began.
        out, room = _traded(desk) | self._proposed(desk, now), self._room(desk)
        chosen: list[_Found] = []
        for each in sorted(found, key=lambda one: (-one.score, one.market.symbol)):
            why = _passed_over(each, chosen, out, room)
            self.considered[each.market.symbol] = why or f"proposed, score {plain(each.score)}"
            if not why:
                chosen.append(each)
                self._said[each.market.symbol] = now
        log.info("pairs_considered", **{"markets": self.considered})
        return tuple(self._advice(each, now) for each in chosen)

    def _advice(self, found: _Found, now: Millis) -> Advice:
        grid = found.grid
        what = MarketProposed(
            symbol=grid.symbol, lower=grid.lower, upper=grid.upper, levels=grid.levels, investment=found.investment
        )
        return Advice(
            agent=self.name, what=what, confidence=found.score, reason=found.reason, evidence=found.evidence,
            expires_at=now + int(LOOK_SECONDS * 2000),
        )  # fmt: skip

    def _room(self, desk: Desk) -> int:
        return min(MOST, self._most_pairs - len(_traded(desk)))

    def _preferred(self, market: Market) -> bool:
        pairs = self._wanted.futures_pairs if market.perpetual else self._wanted.spot_pairs
        names = {_letters(each) for each in pairs.preferred_symbols}
        return bool(names & {_letters(market.symbol), _letters(f"{market.base}{market.quote}")})

    def _proposed(self, desk: Desk, now: Millis) -> set[str]:
        """Return what was proposed within a day; the journal remembers what an agent built anew does not."""
        said = {symbol for symbol, at in self._said.items() if now - at < DAY}
        for each in desk.decisions(0, 200):
            if each.rule is Rule.MARKET_PROPOSED and now - each.at < DAY:
                said |= {known.value for known in each.inputs if known.name == "market"}
        return said


def _passed_over(found: _Found, chosen: Sequence[_Found], out: Collection[str], room: int) -> str:
    if found.market.symbol in out:
        return "is traded, or was proposed within a day"
    if found.score < LEAST:
        return f"score {plain(found.score)} (at least {plain(LEAST)})"
    if len(chosen) >= room:
        return "others were better"
    for other in chosen:
        near = correlation(found.bars, other.bars)
        if near is not None and near > ALIKE:
            return f"correlation: {near:.2f} with {other.market.symbol}, which is proposed (at most {plain(ALIKE)})"
    return ""


def _traded(desk: Desk) -> set[str]:
    return {bot.market.symbol for bot in desk.bots() if bot.status.active}


def _tradable(day: Day, wanted: PairSelection) -> bool:
    spread = (day.ask - day.bid) / (day.ask + day.bid) * 2 * HUNDRED if day.bid and day.ask else ZERO
    return day.turnover >= wanted.min_volume_usd_24h and spread <= wanted.max_spread_perc


def _letters(text: str) -> str:
    return "".join(letter for letter in text.upper() if letter.isalnum())


def _heard(task: asyncio.Task[_Found | str]) -> None:
    # Whoever asked may be gone by now; an error that nobody reads would be reported as one.
    if not task.cancelled():
        task.exception()


def build(settings: Settings) -> PairsAgent | None:
    """Make the agent, where the settings want it."""
    wanted = settings.pair_selection
    if not wanted.enabled:
        return None
    kinds = {"spot": MarketKind.SPOT, "futures": MarketKind.PERPETUAL}
    filtering = settings.sentiment_analysis.pair_filtering
    return PairsAgent(
        wanted,
        kinds=[kinds[each] for each in settings.exchange.supported_markets],
        quote=settings.exchange.quote,
        capital=settings.trading.capital_per_pair_usd,
        most_pairs=settings.trading.max_concurrent_pairs,
        least_order=settings.grid.spot.min_order_size_usd,
        least_sentiment=Decimal(str(filtering.min_sentiment_for_new_pair)) if filtering.enabled else None,
    )
