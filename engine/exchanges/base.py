"""The one protocol every exchange adapter speaks, and the closed set of answers it may give."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol

import msgspec

from data.events import AccountUpdate, FundingPaid, OrderUpdate, RejectReason, TickerMoved
from data.grids import MarginMode
from data.market import Candle, Market, MarketKind, Ticker
from data.observations import Book, Day, FundingRate, OpenInterest, PublicTrade
from data.orders import Fill, OrderStatus
from data.values import Millis, Mode, Side
from engine.risk import Approved


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The order is on the exchange. Fills arrive as ``OrderFilled`` through the stream, never here."""

    client_id: str
    exchange_id: str


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange refused; the order does not exist."""

    client_id: str
    reason: RejectReason
    message: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """No answer in time. Ask ``order(client_id)`` before anything else happens to it."""

    client_id: str
    message: str


Submitted = Accepted | Rejected | Unknown


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange knows about one order."""

    client_id: str
    exchange_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    filled: Decimal
    status: OrderStatus


class Balance(msgspec.Struct, frozen=True):
    """Amounts of one asset in one wallet: ``free`` may be used, ``locked`` rests in orders or answers for positions.

    In the wallet of perpetuals ``total`` is the wallet balance: unrealised profit of open positions is not in it.
    """

    asset: str
    free: Decimal
    locked: Decimal
    wallet: MarketKind = MarketKind.SPOT

    @property
    def total(self) -> Decimal:
        """Return free + locked."""
        return self.free + self.locked


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What is open on one perpetual market, as the exchange sees it, its own and foreign parts in one."""

    symbol: str
    quantity: Decimal
    """Base; negative when short, zero when flat."""
    entry_price: Decimal
    mark_price: Decimal
    liquidation_price: Decimal | None
    leverage: int
    margin: MarginMode

    @property
    def unrealised(self) -> Decimal:
        """Return profit or loss at the mark price, in quote."""
        return self.quantity * (self.mark_price - self.entry_price)


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """What the key may do."""

    spot: bool
    perpetual: bool
    withdraw: bool
    transfer: bool
    bound_to_address: bool
    """Whether it works from fixed network addresses alone."""


class NotPossible(Exception):
    """The exchange or the account does not do what was asked; nothing was changed. The message says what and why."""


class ExchangeUnavailable(Exception):
    """A read failed: network down, throttled, or the exchange is in maintenance. Nothing is known; try later."""


class MarketUnknown(Exception):
    """The exchange does not list the symbol. ``near`` holds up to five similar ones."""

    def __init__(self, symbol: str, near: Sequence[str] = ()) -> None:
        """Remember the symbol asked for and the nearest listed ones."""
        super().__init__(symbol)
        self.symbol = symbol
        self.near = tuple(near)


class StreamRestored(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to our orders may have gone untold for a while: the books must be compared."""

    mode: Mode


Told = TickerMoved | OrderUpdate | AccountUpdate | StreamRestored
Emit = Callable[[Told], None]
"""Puts an event into the inbox. Never blocks, may be called from the adapter's own tasks."""


class Channel(NamedTuple):
    """One thing that can be streamed of a market."""

    what: Literal["candles", "book", "trades"]
    symbol: str
    timeframe: str = ""
    """Of candles."""


class CandleMoved(msgspec.Struct, frozen=True, kw_only=True):
    """The newest bar of a market changed; ``closed`` when it will not change any more."""

    channel: Channel
    candle: Candle
    closed: bool
    at: Millis


class BookMoved(msgspec.Struct, frozen=True, kw_only=True):
    """The best levels of a book changed."""

    channel: Channel
    book: Book


class TradesMade(msgspec.Struct, frozen=True, kw_only=True):
    """Others traded, oldest first."""

    channel: Channel
    trades: tuple[PublicTrade, ...]


class ChannelBroken(msgspec.Struct, frozen=True, kw_only=True):
    """A channel may have told nothing for a while: what is known of it is old, until it is asked for or told anew."""

    channel: Channel
    at: Millis


Observed = CandleMoved | BookMoved | TradesMade | ChannelBroken
Observe = Callable[[Observed], None]
"""Hears what channels tell. Never blocks, is called from the adapter's own tasks."""


class MarketData(Protocol):
    """What may be asked of the markets besides prices, without any key. Each may raise ``ExchangeUnavailable``.

    Those about one market raise ``MarketUnknown``; what only perpetuals have is ``NotPossible`` on spot markets.
    """

    async def days(self, kind: MarketKind) -> Mapping[str, Day]:
        """Return the last 24 hours of all markets of a kind, asked for in one call."""

    async def book(self, symbol: str, depth: int) -> Book:
        """Return the best ``depth`` levels of both sides."""

    async def trades(self, symbol: str, limit: int) -> Sequence[PublicTrade]:
        """Return the newest trades between others, oldest first."""

    async def funding_rate(self, symbol: str) -> FundingRate:
        """Return what longs will pay at the next settlement."""

    async def open_interest(self, symbol: str) -> OpenInterest:
        """Return the size of all open positions."""

    async def candles_since(self, symbol: str, timeframe: str, since: Millis, limit: int) -> Sequence[Candle]:
        """Return the first ``limit`` bars opened at or after ``since``, oldest first, the unfinished one included."""

    async def observe(self, channels: frozenset[Channel], tell: Observe) -> frozenset[Channel]:
        """Stream exactly these channels to ``tell``, which replaces the set before; return those that are streamed.

        A channel the exchange cannot stream is passed over: whoever wants it asks again and again.
        """


class Margin(Protocol):
    """What only an account with perpetual markets, wallets and a key can be asked.

    An adapter without them answers with nothing, and refuses with ``NotPossible``.
    """

    async def positions(self) -> Sequence[Position]:
        """Return every open position."""

    async def funding(self, symbols: Collection[str], since: Millis) -> Sequence[FundingPaid]:
        """Return funding settled on some markets at or after ``since``, oldest first."""

    async def prepare(self, symbol: str, leverage: int, margin: MarginMode) -> None:
        """Set position mode, margin mode and leverage, and verify each by asking. Raises ``NotPossible``."""

    async def shares_margin(self) -> bool:
        """Return whether other assets than the one a perpetual is settled in stand for its losses."""

    async def hold_alive(self, symbol: str, seconds: int) -> None:
        """Have the exchange cancel all orders of a market unless told again within ``seconds``; 0 ends it.

        A no-op where the exchange has no such countdown.
        """

    async def transfer(self, asset: str, amount: Decimal, source: MarketKind, target: MarketKind, key: str) -> str:
        """Move money between wallets and return the exchange's id of it. Raises ``NotPossible``.

        ``ExchangeUnavailable`` means that it is not known whether it was done.
        """

    async def rights(self) -> Rights | None:
        """Return what the key may do, or None where there is no key."""


class Exchange(Margin, MarketData, Protocol):
    """One account on one exchange. Every method but ``subscribe`` may raise ``ExchangeUnavailable``."""

    name: str
    mode: Mode

    async def open(self, emit: Emit) -> None:
        """Connect; from here on order updates of this account go to ``emit``."""

    async def close(self) -> None:
        """Stop all tasks and connections. Safe to call twice."""

    async def clock_skew(self) -> int:
        """Return exchange time minus local time in milliseconds."""

    async def markets(self) -> Sequence[Market]:
        """Return all tradable markets with the filters and fees of this account."""

    async def market(self, symbol: str) -> Market:
        """Return one market. Raises ``MarketUnknown``."""

    async def ticker(self, symbol: str) -> Ticker:
        """Return current best prices."""

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """Return the newest ``limit`` bars, oldest first; ``timeframe`` as ``1m``, ``5m``, ``1h``, ``1d``."""

    async def subscribe(self, symbols: frozenset[str]) -> None:
        """Stream tickers of exactly these symbols to ``emit``; replaces the previous set."""

    async def submit(self, order: Approved) -> Submitted:
        """Place an order under its client id. Submitting the same id twice never makes two orders.

        Where an exchange accepts a crossing post-only order and expires it at once, answer ``WOULD_TAKE`` all the same:
        an accepted order that vanishes is placed again.
        """

    async def cancel(self, client_id: str, symbol: str) -> None:
        """Ask to take an order off the book; the outcome arrives as ``OrderCancelled`` or fills. Unknown ids: no-op."""

    async def order(self, client_id: str, symbol: str) -> OrderReport | None:
        """Return what the exchange knows of an order, or None when it proves absent."""

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Return all resting orders of the account on a market, foreign ones included."""

    async def fills(self, symbol: str, since: Millis) -> Sequence[Fill]:
        """Return own executions at or after ``since``, oldest first."""

    async def balances(self) -> Sequence[Balance]:
        """Return all assets held, one entry per wallet."""


def timeframe_millis(timeframe: str) -> Millis:
    """Return the length of a bar such as ``5m`` in milliseconds. Raises ValueError for anything else."""
    units = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
    count, unit = timeframe[:-1], timeframe[-1:]
    if not count.isdigit() or unit not in units or int(count) < 1:
        raise ValueError(f"timeframe: {timeframe!r} is not a number followed by m, h or d, such as 1m, 5m, 1h, 1d")
    return int(count) * units[unit]


class SpotOnly:
    """What an adapter without perpetual markets and without keys answers to questions about them."""

    async def positions(self) -> Sequence[Position]:
        """Return nothing."""
        return ()

    async def funding(self, symbols: Collection[str], since: Millis) -> Sequence[FundingPaid]:
        """Return nothing."""
        return ()

    async def prepare(self, symbol: str, leverage: int, margin: MarginMode) -> None:
        """Refuse."""
        raise NotPossible(f"{symbol}: there are no perpetual markets here")

    async def shares_margin(self) -> bool:
        """Return that nothing does."""
        return False

    async def hold_alive(self, symbol: str, seconds: int) -> None:
        """Do nothing."""

    async def transfer(self, asset: str, amount: Decimal, source: MarketKind, target: MarketKind, key: str) -> str:
        """Refuse."""
        raise NotPossible("there is only one wallet here")

    async def rights(self) -> Rights | None:
        """Return None: there is no key."""
        return None
