"""The public memory of one market: trades, candles of any interval, and the last day."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.servers.binance.orders import Trade
from tests.servers.binance.words import ZERO

MINUTE = 60_000
DAY = 1_440 * MINUTE
INTERVALS = {
    "1s": 1_000,
    **{f"{number}m": number * MINUTE for number in (1, 3, 5, 15, 30)},
    **{f"{number}h": number * 60 * MINUTE for number in (1, 2, 4, 6, 8, 12)},
    **{f"{number}d": number * DAY for number in (1, 3)},
    "1w": 7 * DAY,
}
_MONDAY = 4 * DAY


@dataclass(slots=True)
class Bar:
    """One candle."""

    opened_at: int
    first: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    volume: Decimal = ZERO
    turnover: Decimal = ZERO
    trades: int = 0
    bought: Decimal = ZERO
    bought_turnover: Decimal = ZERO
    first_id: int = -1
    last_id: int = -1

    def add(self, trade: Trade) -> None:
        """Take a trade in."""
        turnover = trade.price * trade.quantity
        self.high, self.low, self.last = max(self.high, trade.price), min(self.low, trade.price), trade.price
        self.volume += trade.quantity
        self.turnover += turnover
        self.trades += 1
        if not trade.buyer_is_maker:
            self.bought += trade.quantity
            self.bought_turnover += turnover
        self.first_id = trade.id if self.first_id < 0 else self.first_id
        self.last_id = trade.id


class Tape:
    """What was traded in one market."""

    def __init__(self, now: Callable[[], int], write: Callable[[Decimal], str]) -> None:
        self.trades: deque[Trade] = deque(maxlen=5_000)
        self.bars: list[list[Any]] = []
        """Rows served instead of what was traded, where a test sets them."""
        self.opened: Decimal | None = None
        """Where the price stood before the first trade."""
        self._minutes: dict[int, Bar] = {}
        self._now = now
        self._write = write

    def add(self, trade: Trade) -> None:
        """Remember a trade."""
        self.trades.append(trade)
        opened_at = trade.time - trade.time % MINUTE
        self._bar(self._minutes, opened_at, trade)
        if len(self._minutes) > 20_000:
            del self._minutes[next(iter(self._minutes))]

    @staticmethod
    def _bar(bars: dict[int, Bar], opened_at: int, trade: Trade) -> None:
        if (bar := bars.get(opened_at)) is None:
            bar = bars[opened_at] = _flat(opened_at, trade.price)
        bar.add(trade)

    def klines(self, interval: str, fallback: Decimal, since: int | None, until: int | None, limit: int) -> list[Any]:
        """Return rows of an interval; before the first trade the price stood still."""
        if self.bars:
            return self.bars[-limit:]
        length = INTERVALS[interval]
        newest = _opening(min(self._now(), until or self._now()), length)
        oldest = newest - (limit - 1) * length
        if since is not None:
            oldest = -(-since // length) * length
            newest = min(newest, oldest + (limit - 1) * length)
        price = self._before(oldest, fallback)
        rows = []
        for opened_at in range(oldest, newest + 1, length):
            bar = self.bar(opened_at, length, price)
            price = bar.last
            rows.append(self.row(bar, length))
        return rows

    def bar(self, opened_at: int, length: int, price: Decimal) -> Bar:
        """Return one candle, flat at the price when nothing was traded."""
        whole = _flat(opened_at, price)
        if length < MINUTE:
            return self._from_trades(whole, length)
        for minute in self._inside(opened_at, opened_at + length):
            if not whole.trades:
                whole.first = whole.high = whole.low = minute.first
            _merge(whole, minute)
        return whole

    def row(self, bar: Bar, length: int) -> list[Any]:
        """Write a candle as REST does."""
        write = self._write
        prices = [write(each) for each in (bar.first, bar.high, bar.low, bar.last, bar.volume)]
        taken = [write(bar.bought), write(bar.bought_turnover), "0"]
        return [bar.opened_at, *prices, bar.opened_at + length - 1, write(bar.turnover), bar.trades, *taken]

    def day(self, price: Decimal) -> Bar:
        """Return the candle of the last 24 hours."""
        now = self._now()
        opened_at = _opening(now - DAY, MINUTE) + MINUTE
        return self.bar(opened_at, now - now % MINUTE + MINUTE - opened_at, price)

    def _inside(self, since: int, until: int) -> list[Bar]:
        if until - since <= 240 * MINUTE:
            found = (self._minutes.get(moment) for moment in range(since, until, MINUTE))
            return [bar for bar in found if bar is not None]
        return [bar for opened_at, bar in self._minutes.items() if since <= opened_at < until]

    def _before(self, moment: int, fallback: Decimal) -> Decimal:
        earlier = [bar.last for opened_at, bar in self._minutes.items() if opened_at < moment]
        if earlier:
            return earlier[-1]
        return fallback if self.opened is None else self.opened

    def _from_trades(self, bar: Bar, length: int) -> Bar:
        for trade in self.trades:
            if bar.opened_at <= trade.time < bar.opened_at + length:
                if not bar.trades:
                    bar.first = bar.high = bar.low = trade.price
                bar.add(trade)
        return bar


def _opening(moment: int, length: int) -> int:
    start = _MONDAY if length == 7 * DAY else 0
    return (moment - start) // length * length + start


def _flat(opened_at: int, price: Decimal) -> Bar:
    return Bar(opened_at, price, price, price, price)


def _merge(whole: Bar, part: Bar) -> None:
    whole.high, whole.low, whole.last = max(whole.high, part.high), min(whole.low, part.low), part.last
    whole.volume += part.volume
    whole.turnover += part.turnover
    whole.trades += part.trades
    whole.bought += part.bought
    whole.bought_turnover += part.bought_turnover
    whole.first_id = part.first_id if whole.first_id < 0 else whole.first_id
    whole.last_id = part.last_id
