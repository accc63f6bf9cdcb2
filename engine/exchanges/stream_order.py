"""What streams tell, put in order: bars that close once and leave no hole, trades that are told once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from data.market import Candle
from data.observations import PublicTrade
from data.values import Millis

_REMEMBERED = 1000
"""Trades by whose ids repeated ones are known."""


class BarOrder:
    """The bars of one market and timeframe, as far as they were told. A bar that closed never moves again."""

    def __init__(self, length: Millis) -> None:
        """Know nothing yet; ``length`` is that of one bar."""
        self._length = length
        self.newest: Candle | None = None
        self._due: Millis = 0
        """Where the oldest bar opens that may still be told."""

    @property
    def moving(self) -> Candle | None:
        """Return the newest bar while it has not closed."""
        return self.newest if self.newest is not None and self.newest.opened_at >= self._due else None

    def missing(self, opened_at: Millis) -> Millis | None:
        """Return from where on bars must be asked for before one that opened then may be told; None: nothing lacks.

        A later bar opened: so the one before is over, but how it ended may not have been told.
        """
        return self._due if self.newest is not None and opened_at > self._due else None

    def take(self, bar: Candle, *, closed: bool) -> bool:
        """Return whether a message says something new of the newest bar, or tells the next one.

        Within a bar volume grows and the range widens: what says less is older, whenever it comes.
        """
        if bar.opened_at < self._due:
            return False
        known = self.newest
        if known is not None and known.opened_at == bar.opened_at and not closed:
            older = bar.volume < known.volume or bar.high < known.high or bar.low > known.low
            if older or bar == known:
                return False
        self.newest = bar
        self._due = bar.opened_at + self._length * closed
        return True

    def behind(self, bars: Iterable[Candle]) -> bool:
        """Return whether something was traded that was not told, by bars that were asked for."""
        known = self.newest
        if known is None:
            return False
        return any(
            bar.volume > known.volume if bar.opened_at == known.opened_at else bool(bar.volume)
            for bar in bars
            if bar.opened_at >= max(self._due, known.opened_at)
        )


class TradeOrder:
    """The trades of one market, as far as they were told."""

    def __init__(self, *, numbered: bool) -> None:
        """``numbered``: ids are numbers that go up one by one, so that a missing one is noticed."""
        self._numbered = numbered
        self._last = 0
        self._known: OrderedDict[str, None] = OrderedDict()
        self._doubted = False

    def doubt(self) -> None:
        """Expect that trades were missed before the next one, unless its number proves that none was."""
        self._doubted = bool(self._last or self._known)

    def take(self, trades: Iterable[PublicTrade]) -> tuple[list[PublicTrade], bool]:
        """Return what was not told before, oldest first, and whether something before or between was missed."""
        if not self._numbered:
            new = [trade for trade in trades if trade.trade_id not in self._known]
            for trade in new:
                self._known[trade.trade_id] = None
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            missed, self._doubted = self._doubted and bool(new), self._doubted and not new
            return new, missed
        told, missed = [], False
        for trade in sorted(trades, key=lambda each: int(each.trade_id)):
            number = int(trade.trade_id)
            if number > self._last:
                missed |= bool(self._last) and number > self._last + 1
                self._last = number
                told.append(trade)
        return told, missed

    def behind(self, newest: PublicTrade) -> bool:
        """Return whether a trade that was asked for should have been told by now.

        Before the first one that was told, a trade that was asked for is where the next such question starts from.
        """
        if not self._last and not self._known:
            self.take([newest])
            return False
        return int(newest.trade_id) > self._last if self._numbered else newest.trade_id not in self._known
