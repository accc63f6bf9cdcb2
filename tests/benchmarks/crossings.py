"""What statistics foretell against what came: cycles of replayed grids, the next day's volatility, on held-back bars.

All is foretold from the bars before an origin alone. Origins lie a horizon apart in the second half of each file.
Real cycles are those of ``engine.replay``: a new grid at each origin, so wide that price never leaves it. Beside each
forecast stand two naive ones: the mean of what such grids did in all horizons before the origin, and what one did in
the last of them, often the harder to beat; for the variance, the mean of all days before. The weights of the forecasts
were chosen with these files in view, and the markets move together: other data may well give larger errors.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from data.bars import Bars
from data.candles import CandleColumns, read_candles
from data.grids import GridSpec
from data.journal import Journal
from data.market import Market
from data.values import ceil_to, floor_to
from engine.exchanges.candle_market import ReplayMarket, market_of
from engine.replay import Replay
from engine.statistics.crossings import Crossings, count_fills, expected, geometric_lines
from engine.statistics.series import DAY, HOUR, bar_millis, daily_variance, newest, span_days
from engine.statistics.volatility import forecast
from tests.benchmarks.figures import ROOT, Figure, Size
from tests.benchmarks.generated import candles

ON_REQUEST = True
"""It takes minutes and fills pages: ``python -m tests.benchmarks crossings``."""
RECORDED = ROOT / "../shared/data/ohlcv"
SPACINGS = (0.003, 0.005, 0.01, 0.02)
HORIZON = 7
ORIGINS = 16
"""Most origins of one file, evenly spread: four years of hours have a hundred horizons."""
DAYS_FORETOLD = 30
"""Days of one file whose volatility is foretold."""
YEAR = 400
"""Days that the forecast of volatility is given."""
INVESTMENT = Decimal(1_000_000_000)


class _Outcome(msgspec.Struct, frozen=True):
    """Cycles a day: foretold, of all horizons before, of the last one before, and what the replay made."""

    told: Crossings
    naive: float
    last: float
    real: float

    def error(self, foretold: float) -> float:
        """Return by how many percent it was wrong; one cycle in a horizon is the least that counts as real."""
        return 100 * abs(foretold - self.real) / max(self.real, 1 / self.told.horizon_days)


def measure(size: Size) -> Iterator[Figure]:
    """Foretell every recorded series when they are there; generated candles otherwise."""
    files = sorted(RECORDED.glob("binance-*.parquet")) if size is Size.FULL else []
    if not files:
        if size is Size.FULL:
            print(f"no recorded candles in {RECORDED.resolve()}: generated ones instead", file=sys.stderr)
        made = candles(6 * 1440)
        found = [(spacing, _outcomes(made, spacing, 1, 2)) for spacing in (0.003, 0.005)]
        yield from _figures("generated", found)
        yield from _volatility("generated", _bars(made), 2)
        return
    everything: dict[float, list[_Outcome]] = {spacing: [] for spacing in SPACINGS}
    for file in files:
        columns, name = read_candles(file), file.stem.removeprefix("binance-spot-")
        found = [(spacing, _outcomes(columns, spacing, HORIZON, ORIGINS)) for spacing in SPACINGS]
        for spacing, outcomes in found:
            everything[spacing] += outcomes
        yield from _figures(name, found)
    yield from _figures("all series", list(everything.items()))
    for file in files:
        bars = _bars(read_candles(file))
        if bar_millis(bars) <= HOUR and span_days(bars) > 60:
            yield from _volatility(file.stem.removeprefix("binance-spot-"), bars, DAYS_FORETOLD)


def _figures(name: str, found: Sequence[tuple[float, Sequence[_Outcome]]]) -> Iterator[Figure]:
    for spacing, outcomes in found:
        label = f"{name}, {spacing:.1%}"
        yield Figure(name=f"{label}: real", unit="cycles/day", values=tuple(each.real for each in outcomes))
        wrong = tuple(each.error(each.told.cycles) for each in outcomes)
        yield Figure(name=f"{label}: error foretold", unit="%", values=wrong)
        yield Figure(name=f"{label}: error naive", unit="%", values=tuple(each.error(each.naive) for each in outcomes))
        yield Figure(name=f"{label}: error last", unit="%", values=tuple(each.error(each.last) for each in outcomes))
        held = 100 * sum(each.told.low <= each.real <= each.told.high for each in outcomes) / len(outcomes)
        yield Figure(name=f"{label}: inside the interval (80 meant)", unit="%", values=(held,))


def _outcomes(columns: CandleColumns, spacing: float, horizon: int, most: int) -> list[_Outcome]:
    bars, market = _bars(columns), market_of("AAA/USDT", columns, Decimal(10_000), _MARKET)
    found = []
    for begin, end in _horizons(bars, horizon, most):
        before = bars.part(None, begin)
        real = _replayed(_slice(columns, begin, end), spacing, market) / span_days(bars.part(begin, end))
        naive = _naive(before, spacing, horizon)
        found.append(_Outcome(expected(before, spacing, horizon), float(np.mean(naive)), naive[0], real))
    return found


def _horizons(bars: Bars, days: int, most: int) -> list[tuple[int, int]]:
    """Return where horizons begin and end, in the second half of the bars; those with gaps of over a tenth left out."""
    length = bar_millis(bars)
    first, last = int(bars.at[0]), int(bars.at[-1]) + length
    origins = np.arange(first + (last - first) // 2, last - days * DAY + 1, days * DAY)
    begins, ends = np.searchsorted(bars.at, origins), np.searchsorted(bars.at, origins + days * DAY)
    whole = [(int(a), int(b)) for a, b in zip(begins, ends, strict=True) if (b - a) * length > 0.9 * days * DAY]
    return [whole[place] for place in np.unique(np.linspace(0, len(whole) - 1, min(most, len(whole))).astype(int))]


def _replayed(columns: CandleColumns, spacing: float, market: Market) -> int:
    """Return the completed cycles of a grid that price never leaves."""
    tick, ratio = market.filters.price_tick, 1 + Decimal(str(spacing))
    lower = max(floor_to(min(columns.low) / ratio, tick), tick)
    slots = math.ceil((max(columns.high) / lower).ln() / ratio.ln()) + 1
    upper = ceil_to(lower * ratio**slots, tick)
    spec = GridSpec(symbol=market.symbol, lower=lower, upper=upper, levels=slots + 1, investment=INVESTMENT)
    replay = Replay(columns, spec, market, Journal.in_memory())
    report = replay.run()
    if report.identity_error:
        raise AssertionError(f"the books of the replay are wrong: {report}")
    return sum(slot.cycles for slot in replay.bot.slots)


def _naive(bars: Bars, spacing: float, horizon: int) -> list[float]:
    """Return the cycles a day of grids started anew in each horizon of the bars, newest first."""
    length = round(horizon * DAY / bar_millis(bars))
    starts = range(len(bars) - length, -1, -length)
    counts = []
    for start in starts:
        part = bars.part(start, start + length)
        counts.append(float(count_fills(part, geometric_lines(part, spacing)).cycles.sum()) / horizon)
    return counts


def _volatility(name: str, bars: Bars, count: int) -> Iterator[Figure]:
    """Yield QLIKE losses of the next day's variance (Patton, 2011): real/foretold - ln(real/foretold) - 1."""
    told, constant = [], []
    for begin, end in _horizons(bars, 1, count):
        before = bars.part(None, begin)
        real = float(daily_variance(bars.part(max(0, begin - 1), end))[-1])
        told.append(_qlike(real, forecast(newest(before, YEAR)).daily ** 2))
        constant.append(_qlike(real, float(daily_variance(before).mean())))
    for label, losses in (("foretold", told), ("constant", constant)):
        yield Figure(name=f"{name}, next day's variance, mean: {label}", unit="QLIKE", values=(float(np.mean(losses)),))


def _qlike(real: float, foretold: float) -> float:
    ratio = max(real, 1e-12) / foretold
    return ratio - math.log(ratio) - 1


def _bars(columns: CandleColumns) -> Bars:
    names = ("open", "high", "low", "close", "volume")
    floats = {name: np.array(getattr(columns, name), dtype=np.float64) for name in names}
    return Bars(at=np.array(columns.at, dtype=np.int64), **floats)


def _slice(columns: CandleColumns, begin: int, end: int) -> CandleColumns:
    parts = {name: getattr(columns, name)[begin:end] for name in ("open", "high", "low", "close", "volume")}
    return CandleColumns(at=columns.at[begin:end], **parts)


_MARKET = ReplayMarket(min_notional=Decimal(0))
