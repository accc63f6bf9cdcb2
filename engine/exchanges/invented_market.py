"""One invented market: its listing, and everything that can be seen of it as a pure function of the time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from data.market import Candle, Fees, Filters, Market, MarketKind, Ticker, Tier
from data.observations import Book, Day, FundingRate, Level, OpenInterest, PublicTrade
from data.values import ONE, Millis, Side
from engine.exchanges.invented_path import DAY, STEP, Bar, InventedPath

HOUR: Millis = 3_600_000
FUNDING: Millis = 8 * HOUR
PERPETUAL_FEES = Fees(maker=Decimal("0.0002"), taker=Decimal("0.0005"))
"""As Binance's for USDⓈ-M contracts."""
_LEVELS = 100
"""How many levels a side of a book has."""
_GAP = 0.00005
"""Distance of two levels, as a fraction of the price."""
_MIX = 0x9E3779B97F4A7C15
_WORD = 0xFFFFFFFFFFFFFFFF


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One invented market: where its price lives and how fine it is traded."""

    base: str
    quote: str = "USDT"
    price: float
    """Long-run mean in quote."""
    deviation: float = 0.03
    """Standard deviation of a day's return, as a fraction."""
    volume: float
    """Base traded on an average day."""
    price_digits: int
    quantity_digits: int
    half_spread: float = 0.00002
    """Half the usual distance of bid and ask, as a fraction of the price."""
    tiers: tuple[Tier, ...] = ()
    """Leverage tiers of a perpetual; empty for spot."""

    @property
    def kind(self) -> MarketKind:
        """Return the kind of market."""
        return MarketKind.PERPETUAL if self.tiers else MarketKind.SPOT

    @property
    def spot(self) -> str:
        """Return the unified name of the spot market, whose price a perpetual follows."""
        return f"{self.base}/{self.quote}"

    @property
    def symbol(self) -> str:
        """Return the unified name."""
        return f"{self.spot}:{self.quote}" if self.tiers else self.spot

    def market(self, exchange: str, fees: Fees) -> Market:
        """Return the market as an exchange lists it; a perpetual takes its fees in quote."""
        step = ONE.scaleb(-self.quantity_digits)
        filters = Filters(
            price_tick=ONE.scaleb(-self.price_digits),
            quantity_step=step,
            min_quantity=step,
            max_quantity=Decimal(math.ceil(self.volume)),
            min_notional=Decimal(5),
        )
        return Market(
            exchange=exchange,
            symbol=self.symbol,
            base=self.base,
            quote=self.quote,
            kind=self.kind,
            filters=filters,
            fees=PERPETUAL_FEES if self.tiers else fees,
            tiers=self.tiers,
        )


class InventedMarket:
    """What a market looks like at a step of its path; the same seed says the same of the same step for ever."""

    def __init__(self, listing: Listing, seed: int) -> None:
        """Follow the path of the listing's spot market."""
        self.symbol, self._listing = listing.symbol, listing
        self.path = InventedPath(seed, listing.spot, listing.price, listing.deviation, listing.volume)
        self._salt = seed * _MIX & _WORD
        self._scale: int = 10**listing.price_digits
        self._tick = ONE.scaleb(-listing.price_digits)
        self._grain = ONE.scaleb(-listing.quantity_digits)

    def quote(self, step: int) -> Ticker:
        """Return the best prices."""
        at, path, scale = step * STEP, self.path, self._scale
        middle = path.price(at)
        nervous = 0.5 + 0.5 * path.deviation(at) / path.usual_deviation()
        half = middle * self._listing.half_spread * nervous
        low = max(math.floor((middle - half) * scale), 1)
        high = max(math.ceil((middle + half) * scale), low + 1)
        bid, ask = low * self._tick, high * self._tick
        mark = round(middle * scale) * self._tick if self._listing.tiers else None
        return Ticker(self.symbol, bid, ask, bid if self._chance(step) < 0.5 else ask, at, mark)

    def traded(self, step: int, sold: bool) -> Decimal:
        """Return the base traded at the bid (``sold``) or at the ask in one step."""
        share = self._chance(step * 2 + sold)
        return self._amount(self.path.volume(step * STEP) * STEP / 60_000 * -math.log(1 - share) / 2)

    def settled(self, step: int) -> Decimal:
        """Return what longs pay to shorts of their notional value, from -0.005 % to 0.02 %."""
        return Decimal(round(self._chance(-step) * 250 - 50)).scaleb(-6)

    def candle(self, start: Millis, end: Millis) -> Candle:
        """Return the bar that opened at ``start`` as it stands at ``end``."""
        parts = self._parts(start, end)
        return Candle(
            opened_at=start,
            open=self._price(parts[0].open),
            high=self._price(max(part.high for part in parts)),
            low=self._price(min(part.low for part in parts)),
            close=self._price(parts[-1].close),
            volume=self._amount(sum(part.volume for part in parts)),
        )

    # -- what others do

    def day(self, step: int) -> Day:
        """Return the 24 hours before a step, begun at a whole minute."""
        quote, end = self.quote(step), step * STEP
        parts = self._parts(-(-(end - DAY) // 60_000) * 60_000, end)
        opened = self._price(parts[0].open)
        turnover = sum(part.volume * (part.high + part.low + part.close) / 3 for part in parts)
        return Day(
            symbol=self.symbol,
            last=quote.last,
            bid=quote.bid,
            ask=quote.ask,
            change=round(quote.last / opened - 1, 6),
            high=max(quote.last, self._price(max(part.high for part in parts))),
            low=min(quote.last, self._price(min(part.low for part in parts))),
            volume=self._amount(sum(part.volume for part in parts)),
            turnover=Decimal(round(turnover, 2)).quantize(self._tick),
            at=end,
        )

    def book(self, step: int, depth: int) -> Book:
        """Return levels behind the quote, each further one holding a little more; a side has at most a hundred."""
        quote, busy = self.quote(step), self.path.volume(step * STEP) / 20
        gap = max(round(float(quote.bid) * _GAP * self._scale), 1) * self._tick

        def levels(best: Decimal, direction: int) -> Iterator[Level]:
            for number in range(min(depth, _LEVELS)):
                price = best + direction * number * gap
                share = self._chance(((step << 8) + number) * 2 + (direction > 0))
                if price > 0:
                    quantity = self._amount(busy * (0.2 + share) * (1 + number / 10))
                    yield Level(price, max(quantity, self._grain))

        bids, asks = tuple(levels(quote.bid, -1)), tuple(levels(quote.ask, 1))
        return Book(symbol=self.symbol, bids=bids, asks=asks, at=step * STEP)

    def trades(self, first: int, last: int) -> Iterator[PublicTrade]:
        """Yield what others traded from one step to another, both included: in each at the bid, then at the ask."""
        for step in range(first, last + 1):
            quote = self.quote(step)
            for side, price in ((Side.SELL, quote.bid), (Side.BUY, quote.ask)):
                sold = side is Side.SELL
                if quantity := self.traded(step, sold):
                    yield PublicTrade(
                        symbol=self.symbol,
                        trade_id=str(step * 2 + (not sold)),
                        price=price,
                        quantity=quantity,
                        side=side,
                        at=step * STEP,
                    )

    def funding_rate(self, step: int) -> FundingRate:
        """Return what will be settled next."""
        at = step * STEP
        due = (at // FUNDING + 1) * FUNDING
        mark = self.quote(step).mark
        return FundingRate(symbol=self.symbol, rate=self.settled(due // STEP), next_at=due, mark=mark, at=at)

    def open_interest(self, step: int) -> OpenInterest:
        """Return positions worth from half a day's usual volume to a whole one, which change over days."""
        at, quote = step * STEP, self.quote(step)
        day, within = divmod(at, DAY)
        before, after = self._chance(~day), self._chance(~(day + 1))
        share = 0.5 + 0.5 * (before + (after - before) * within / DAY)
        quantity = self._amount(self._listing.volume * share)
        return OpenInterest(symbol=self.symbol, quantity=quantity, notional=quantity * quote.fair, at=at)

    # -- numbers

    def _price(self, price: float) -> Decimal:
        return round(price * self._scale) * self._tick

    def _amount(self, size: float) -> Decimal:
        return Decimal(math.floor(size * 10**self._listing.quantity_digits)) * self._grain

    def _chance(self, number: int) -> float:
        """Return a number from 0 to below 1 that depends on nothing but its argument, the symbol and the seed."""
        word = (self._salt ^ int.from_bytes(self.symbol[:7].encode(), "little") ^ number * _MIX) & _WORD
        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _WORD
        word = (word ^ word >> 27) * 0x94D049BB133111EB & _WORD
        return (word ^ word >> 31) / 2**64

    def _parts(self, start: Millis, end: Millis) -> list[Bar]:
        parts = []
        while True:
            day, within = divmod(start, DAY)
            if within % HOUR == 0 and start + HOUR <= end:
                parts.append(self.path.hours(day)[within // HOUR])
                start += HOUR
            else:
                stop = min(end, (start // HOUR + 1) * HOUR)
                parts.append(self.path.bar(start, stop))
                start = stop
            if start >= end:
                return parts
