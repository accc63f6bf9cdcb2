"""The pair selector: proposes markets that suit a grid, with the grid, its money and every figure it was chosen by.

Every few hours it goes through the markets: a screen over the day of all of them, then a closer look at the few that
are left, one per look, because the exchange's budget is shared with trading. It opens nothing: a person does, or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Collection, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import structlog

from data.advice import Advice, MarketProposed, TradingState
from data.bars import Bars
from data.decisions import Rule
from data.market import Market, MarketKind
from data.observations import Day
from data.values import HUNDRED, ONE, ZERO, Millis, plain
from engine.desk import Desk
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown, NotPossible
from engine.markets.suitability import HOURS, Check, Facts, banned, facts_of, judge
from engine.statistics.recommend import NoGrid, Recommendation, recommend
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
ALIKE = Decimal("0.9")
"""Correlation of hourly returns above which a second market is the same bet again."""
FEWEST = 100
"""Hourly returns that two markets must share for a correlation."""
LEAST = Decimal("0.4")
"""Score below which a market is not worth a person's time."""

EARNING, TREND, VOLUME, RANGE, SPREAD, DEPTH = map(Decimal, ("0.30", "0.20", "0.15", "0.15", "0.10", "0.10"))
"""What each part weighs in the score; together one."""
PREFERRED, CORRELATED, SENTIMENT = Decimal("0.05"), Decimal("0.20"), Decimal("0.20")
"""What is added for a preferred market, taken off at a correlation of one, and the weight of a sentiment, if any."""
HALF_EARNING = Decimal("0.1")
"""Expected profit of a day, in percent of the investment, that is worth half of its part."""
_CENT, _STEP = Decimal("0.01"), Decimal("0.0001")

Sentiment = Callable[[str], Decimal | None]
"""What is felt about a market, -1 to 1, where 0 is an opinion too; None abstains."""
log = structlog.get_logger(__name__)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What a market is scored by; None where something is not known."""

    facts: Facts
    perpetual: bool
    earning: Decimal | None
    """Expected profit of a day after fees, in percent of the investment, while price stays in the range."""
    correlation: Decimal | None
    """Highest with a market that is traded now, -1 to 1; zero when there is none."""
    preferred: bool = False
    sentiment: Decimal | None = None


def score(case: Case, wanted: PairSelection) -> Decimal:
    """Return how well a market suits a grid, 0 to 1: a weighted sum of parts, each 0 to 1, and corrections.

    A part of which more is better is x / (x + h), one of which less is better h / (x + h), where h, worth one half, is
    what the settings want. What is not known is worth nothing, and an unknown correlation counts as the highest. A
    sentiment s is averaged in as (1 + s) / 2; one that abstains is left out, which is not the same as a neutral one.
    The score never falls when a fact gets better.
    """
    facts, resting, least = case.facts, case.facts.depth, wanted.spot_pairs.min_liquidity_depth
    if case.perpetual:
        resting, least = facts.open_interest, wanted.futures_pairs.min_open_interest_usd
    value = (
        EARNING * _more(case.earning, HALF_EARNING)
        + TREND * _less(facts.adx, wanted.max_adx)
        + VOLUME * _more(facts.turnover, wanted.min_volume_usd_24h)
        + RANGE * _more(facts.atr_percent, wanted.min_atr_perc_24h)
        + SPREAD * _less(facts.spread_percent, wanted.max_spread_perc)
        + DEPTH * _more(resting, least)
        - CORRELATED * (ONE if case.correlation is None else max(ZERO, case.correlation))
        + (PREFERRED if case.preferred else ZERO)
    )
    value = max(ZERO, min(ONE, value))
    if case.sentiment is not None:
        value += SENTIMENT * ((ONE + max(-ONE, min(ONE, case.sentiment))) / 2 - value)
    return value.quantize(_STEP)


def _more(found: Decimal | None, half: Decimal) -> Decimal:
    return ZERO if found is None or found <= ZERO else found / (found + half)


def _less(found: Decimal | None, half: Decimal) -> Decimal:
    return ZERO if found is None else ONE if found <= ZERO else half / (found + half)


def correlation(one: Bars, other: Bars) -> Decimal | None:
    """Return Pearson's correlation of the log returns of two markets over the bars that both have, oldest first.

    None when they share fewer than ``FEWEST`` or one of them does not move.
    """
    _shared, mine, its = np.intersect1d(one.at, other.at, assume_unique=True, return_indices=True)
    if len(mine) <= FEWEST:
        return None
    returns = np.diff(np.log(one.close[mine])), np.diff(np.log(other.close[its]))
    if min(float(each.std()) for each in returns) <= 0.0:
        return None
    return Decimal(repr(float(np.corrcoef(*returns)[0, 1]))).quantize(_STEP)


def earning(grid: Recommendation) -> Decimal | None:
    """Return the expected profit of a day after fees in percent: each cycle earns on the share of one slot."""
    slots, net = grid.levels - 1, grid.spacing - grid.break_even
    return Decimal(repr(grid.cycles)) * net / slots * HUNDRED if math.isfinite(grid.cycles) else None


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    market: Market
    grid: Recommendation
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

    name = "pairs"
    what = "Proposes markets that suit a grid"
    interval_seconds = LOOK_SECONDS

    def __init__(
        self, wanted: PairSelection, *, kinds: Collection[MarketKind], quote: str, capital: Decimal, most_pairs: int,
        sentiment: Sentiment | None = None,
    ) -> None:  # fmt: skip
        """Look among the markets of ``kinds`` against ``quote`` for grids of at least ``capital`` (quote).

        Nothing is proposed while ``most_pairs`` markets are traded. ``sentiment`` may have a say in the score.
        """
        self._wanted, self._kinds, self._quote = wanted, frozenset(kinds), quote
        self._capital, self._most_pairs, self._sentiment = capital, most_pairs, sentiment
        self._due: Millis = 0
        self._round: _Round | None = None
        self._said: dict[str, Millis] = {}
        self.considered: dict[str, str] = {}

    async def advise(self, desk: Desk, now: Millis) -> Sequence[Advice]:
        """Take one step of a round, and return its proposals at its end."""
        if desk.engine().trading_state is not TradingState.ACTIVE:
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
        self._round, self.considered = None, {}
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
        told = (await desk.data.statistics(market.symbol)).value
        grid = recommend(told, market, await desk.ticker(market.symbol))
        case = Case(
            facts=facts, perpetual=market.perpetual, earning=earning(grid), correlation=near,
            preferred=self._preferred(market),
            sentiment=None if self._sentiment is None else self._sentiment(market.symbol),
        )  # fmt: skip
        known = sum(each.passed is True for each in checks)
        reason = f"{known} of {len(checks)} criteria are met, and a grid of {grid.levels} lines is expected to complete"
        return _Found(
            market=market, grid=grid, score=score(case, self._wanted), bars=hourly,
            reason=f"{reason} {grid.cycles:.1f} cycles a day", evidence=_evidence(checks, case, grid, alike),
        )  # fmt: skip

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
        least = max(grid.minimum_capital, self._capital)
        what = MarketProposed(
            symbol=grid.symbol, lower=grid.lower, upper=grid.upper, levels=grid.levels,
            investment=least.quantize(_CENT if least >= ONE else _STEP, ROUND_CEILING),
        )  # fmt: skip
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


def shown(check: Check) -> str:
    """Return ``found (wanted)`` of a criterion, as in ``0.02 % (at most 0.1 %)``."""
    found = "not told" if check.found is None else _figure(check.found, check.unit)
    return f"{found} ({'at most' if check.most else 'at least'} {_figure(check.wanted, check.unit)})"


def _figure(value: Decimal, unit: str) -> str:
    return f"{value:.3f} {unit}" if unit in ("%", "ADX") else f"{value:,.0f} {unit}"


def _evidence(checks: Sequence[Check], case: Case, grid: Recommendation, alike: str) -> dict[str, str]:
    evidence = {each.name: shown(each) for each in checks}
    near = "not known" if case.correlation is None else f"{case.correlation:.2f}"
    evidence["correlation"] = f"{near} with {alike} (at most {plain(ALIKE)})" if alike else "no market is traded"
    evidence["expected cycles"] = f"{grid.cycles:.1f} a day, mostly {grid.low:.1f} to {grid.high:.1f}"
    if case.earning is not None:
        evidence["expected profit"] = f"{case.earning:.3f} % a day after fees, while price stays in the range"
    if case.preferred:
        evidence["preferred"] = "yes"
    if case.sentiment is not None:
        evidence["sentiment"] = f"{case.sentiment:.2f}"
    return evidence


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
    return PairsAgent(
        wanted,
        kinds=[kinds[each] for each in settings.exchange.supported_markets],
        quote=settings.exchange.quote,
        capital=settings.trading.capital_per_pair_usd,
        most_pairs=settings.trading.max_concurrent_pairs,
    )
