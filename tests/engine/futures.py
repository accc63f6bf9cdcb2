"""A perpetual market for the tests of the pure core, and a futures account that knows nothing of slots."""

from __future__ import annotations

from decimal import Decimal

from data.grids import Direction, GridSpec, MarginMode, Spacing
from data.market import Fees, Filters, Market, MarketKind, Ticker, Tier
from data.orders import Fill
from data.values import ZERO
from tests.servers.binance.symbols import Spec
from tests.servers.binance.usdm_contracts import FUTURES, Contract, ladder

D = Decimal
SYMBOL = "AAA/USDT:USDT"
CONTRACT = Contract(
    Spec(
        symbol="AAAUSDT",
        base="AAA",
        quote="USDT",
        tick=D("0.01"),
        min_price=D("0.01"),
        max_price=D(1_000_000),
        step=D("0.001"),
        min_quantity=D("0.001"),
        max_quantity=D(10_000),
        min_notional=D(5),
        **FUTURES,
    ),
    ladder(
        ("0", "5000", 50, "0.005"),
        ("5000", "25000", 20, "0.02"),
        ("25000", "100000", 10, "0.05"),
        ("100000", "1000000", 4, "0.125"),
    ),
)
TIERS = tuple(
    Tier(
        floor=bracket.floor,
        cap=bracket.cap,
        maintenance=bracket.rate,
        deduction=bracket.deducted,
        max_leverage=bracket.leverage,
    )
    for bracket in CONTRACT.brackets
)
MARKET = Market(
    exchange="x",
    symbol=SYMBOL,
    base="AAA",
    quote="USDT",
    kind=MarketKind.PERPETUAL,
    filters=Filters(
        price_tick=D("0.01"),
        quantity_step=D("0.001"),
        min_quantity=D("0.001"),
        max_quantity=D(10_000),
        min_notional=D(5),
        max_stops=3,
    ),
    fees=Fees(maker=D("0.0002"), taker=D("0.0005")),
    tiers=TIERS,
)
GRID = GridSpec(
    symbol=SYMBOL,
    lower=D(90),
    upper=D(110),
    levels=11,
    spacing=Spacing.ARITHMETIC,
    investment=D(1_000),
    direction=Direction.NEUTRAL,
    leverage=3,
)


def quote(price: Decimal | int | str, at: int = 0, mark: Decimal | None = None) -> Ticker:
    """Return a market that trades at one price."""
    return Ticker(SYMBOL, D(price), D(price), D(price), at, mark if mark is not None else D(price))


class Account:
    """A futures account with one position, as exchanges reckon it: wallet, average entry, brackets."""

    def __init__(self, money: Decimal, leverage: int, margin: MarginMode) -> None:
        self.wallet, self.leverage, self.isolated = money, leverage, margin is MarginMode.ISOLATED
        self.quantity = self.entry = self.aside = ZERO

    def trade(self, change: Decimal, price: Decimal, fee: Decimal) -> None:
        """Buy, or sell when ``change`` is negative."""
        closing = min(abs(change), abs(self.quantity)) if self.quantity * change < 0 else ZERO
        sign = 1 if self.quantity > 0 else -1
        self.wallet += closing * (price - self.entry) * sign - fee
        if closing:
            self.aside -= self.aside * closing / abs(self.quantity)
            self.quantity -= closing * sign
        rest = abs(change) - closing
        if rest:
            held = abs(self.quantity)
            self.entry = (self.entry * held + price * rest) / (held + rest)
            self.quantity += rest if change > 0 else -rest
            self.aside += rest * price / self.leverage

    def equity(self, mark: Decimal) -> Decimal:
        """Return wallet and unrealised profit."""
        return self.wallet + self.quantity * (mark - self.entry)

    def survives(self, mark: Decimal) -> bool:
        """Return whether what the position answers with covers its maintenance margin."""
        notional = abs(self.quantity) * mark
        answering = (self.aside if self.isolated else self.wallet) + self.quantity * (mark - self.entry)
        return not notional or answering >= CONTRACT.bracket(notional).maintenance(notional)


def bisected(held: Account, safe: Decimal, deadly: Decimal) -> Decimal:
    """Return the price between a safe one and a deadly one at which an account is liquidated."""
    for _ in range(60):
        middle = (safe + deadly) / 2
        safe, deadly = (middle, deadly) if held.survives(middle) else (safe, middle)
    return deadly


class Flow:
    """Cash, position, fees and funding of one bot, from fills and payments alone."""

    def __init__(self, invested: Decimal) -> None:
        self.invested, self.cash, self.position = invested, invested, ZERO
        self.fees = self.elsewhere = self.funding = ZERO

    def book(self, fill: Fill) -> None:
        """Enter one execution."""
        self.cash -= fill.side.sign * fill.price * fill.quantity + fill.fee_quote
        self.position += fill.side.sign * fill.quantity
        self.fees += fill.fee_quote
        if fill.fee_asset != "USDT":
            self.elsewhere += fill.fee_quote

    def equity(self, mark: Decimal) -> Decimal:
        """Return what all of it is worth."""
        return self.cash + self.position * mark
