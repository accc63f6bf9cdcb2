"""The wallet of perpetuals of a simulated account: one-way positions, and the margin that they and orders ask for.

The rules are those Binance publishes for USDⓈ-M contracts in one-way and single-asset mode:

    initial margin   max(|notional + bids|, |notional - offers|) / leverage, of what is open and what rests
    to open          the growth of that, and what an order beyond the mark price loses at once
    realised profit  by the average price of entry; fees and funding change the wallet as they come
    funding          - quantity · mark · rate
    liquidation      once what answers for a position is down to its maintenance margin (``engine.grid.liquidation``):
                     in isolated margin what was set aside for it, in cross the wallet and the profit of all others

An entry is kept as quantity times price, so that wallet plus unrealised profit is exact to the last digit. Three sums
are rounded to eight decimals, as a wallet holds them: the part of the cost that a partial close takes along, what is
set aside for an isolated position, and funding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from data.accounts import PositionBooks
from data.grids import MarginMode
from data.market import Market, MarketKind
from data.orders import Draft
from data.values import ONE, ZERO, Side, ceil_to, floor_to, plain, round_to
from engine.exchanges.base import Balance, Position
from engine.exchanges.book import Resting
from engine.exchanges.wallets import Charge
from engine.grid.liquidation import liquidation_price, maintenance

_UNIT = ONE.scaleb(-8)
CLEARANCE = Decimal("0.0125")
"""What a liquidation costs at most, as a fraction of the position's notional value; Binance's fee for BTCUSDT."""


class Held:
    """One perpetual market of the account: its position, what rests there, and how it is margined."""

    def __init__(self, market: Market) -> None:
        """Start flat and without borrowed money."""
        self.market = market
        self.quantity = self.cost = self.mark = self.aside = self.bids = self.offers = ZERO
        self.leverage, self.margin = 1, MarginMode.CROSS
        self.touched = False
        """Whether anything was ever done here."""

    @property
    def isolated(self) -> bool:
        """Whether the position answers with what was set aside for it alone."""
        return self.margin is MarginMode.ISOLATED

    @property
    def notional(self) -> Decimal:
        """Value at the mark price, negative when short."""
        return self.quantity * self.mark

    @property
    def entry(self) -> Decimal:
        """Average price of entry; zero when flat."""
        return self.cost / self.quantity if self.quantity else ZERO

    @property
    def profit(self) -> Decimal:
        """Unrealised profit at the mark price."""
        return self.notional - self.cost

    @property
    def maintenance(self) -> Decimal:
        """Margin that must remain, or the position is liquidated."""
        return maintenance(abs(self.notional), self.market.tiers)

    @property
    def initial(self) -> Decimal:
        """Initial margin of what is open and what rests."""
        return self.demand(self.bids, self.offers) / self.leverage

    @property
    def used(self) -> Decimal:
        """Initial margin that the cross wallet has to carry: an isolated position brings its own."""
        return self.initial - (abs(self.notional) / self.leverage if self.isolated else ZERO)

    def demand(self, bids: Decimal, offers: Decimal) -> Decimal:
        """Return the notional value to be margined with such resting orders."""
        return max(abs(self.notional + bids), abs(self.notional - offers))

    def reducible(self, side: Side) -> Decimal:
        """Return how much an order of ``side`` may trade before it opens a position."""
        return max(-side.sign * self.quantity, ZERO)

    def most(self, leverage: int) -> Decimal | None:
        """Return the largest notional value a position may have at a leverage; None when there is no end."""
        caps = [tier.cap for tier in self.market.tiers if tier.max_leverage >= leverage]
        return None if not self.market.tiers or None in caps else max((cap for cap in caps if cap), default=ZERO)

    def restore(self, books: PositionBooks) -> None:
        """Replace everything but what rests."""
        self.quantity, self.cost, self.aside = books.quantity, books.cost, books.aside
        self.leverage, self.margin, self.touched = books.leverage, books.margin, True
        self.mark = self.entry  # until the market tells
        self.bids = self.offers = ZERO

    def books(self) -> PositionBooks:
        """Return it as a store keeps it."""
        return PositionBooks(
            symbol=self.market.symbol,
            quantity=self.quantity,
            cost=self.cost,
            leverage=self.leverage,
            margin=self.margin,
            aside=self.aside,
        )


class MarginAccount:
    """Wallet and positions of everything that is margined in one asset."""

    def __init__(self, asset: str, markets: Iterable[Market]) -> None:
        """Start with nothing in the wallet."""
        self.asset = asset
        self.held = {market.symbol: Held(market) for market in markets}
        self.wallet = ZERO
        """Everything but unrealised profit."""

    # -- sums

    @property
    def cross(self) -> Decimal:
        """What is in no isolated position."""
        return self.wallet - sum((held.aside for held in self.held.values()), ZERO)

    def open(self) -> list[Held]:
        """Return what is open."""
        return [held for held in self.held.values() if held.quantity]

    def shared(self) -> list[Held]:
        """Return what is open and shares the cross wallet."""
        return [held for held in self.held.values() if held.quantity and not held.isolated]

    def free(self) -> Decimal:
        """Return what may be margined anew; negative when margin is short."""
        profit = sum((held.profit for held in self.shared()), ZERO)
        return self.cross + profit - sum((held.used for held in self.held.values()), ZERO)

    def withdrawable(self) -> Decimal:
        """Return what may leave the wallet: profit must be realised first."""
        profit = sum((held.profit for held in self.shared()), ZERO)
        return max(floor_to(self.free() - max(profit, ZERO), _UNIT), ZERO)

    def balance(self) -> Balance:
        """Return the wallet; what answers for positions and orders is locked."""
        locked = ceil_to(self.wallet - min(max(self.free(), ZERO), max(self.wallet, ZERO)), _UNIT)
        return Balance(self.asset, self.wallet - locked, locked, MarketKind.PERPETUAL)

    # -- what it pays for

    def short_of(self, draft: Draft, price: Decimal, quantity: Decimal, market: Market, *, maker: bool) -> str:
        """Return what is missing to carry an order, or an empty text."""
        if draft.reduce_only:
            return ""
        held, sign = self.held[market.symbol], draft.side.sign
        value, loss = price * quantity, ZERO
        if held.mark:
            loss = max(sign * (price - held.mark), ZERO) * quantity
        bids, offers = held.bids + (value if sign > 0 else ZERO), held.offers + (value if sign < 0 else ZERO)
        more = held.demand(bids, offers) / held.leverage - held.initial
        free = self.free()
        if more <= ZERO or free >= more + loss:
            return ""
        needed = _shown(more + loss, held)
        return f"{plain(needed)} {self.asset} margin needed, {plain(_shown(free, held))} {self.asset} free"

    def reserve(self, resting: Resting, quantity: Decimal) -> None:
        """Count ``quantity`` of a resting order in the margin, unless it can open nothing."""
        draft = resting.order.draft
        if draft.reduce_only:
            return
        held, value = self.held[draft.symbol], resting.unit * quantity
        if draft.side is Side.BUY:
            held.bids += value
        else:
            held.offers += value

    def release(self, resting: Resting, quantity: Decimal) -> None:
        """Count ``quantity`` of a resting order no longer."""
        self.reserve(resting, -quantity)

    def settle(self, side: Side, price: Decimal, quantity: Decimal, market: Market, *, maker: bool) -> Charge:
        """Trade, and pay the fee in quote."""
        held = self.held[market.symbol]
        self._trade(held, side.sign * quantity, price)
        fee = price * quantity * (market.fees.maker if maker else market.fees.taker)
        self.wallet -= fee
        return Charge(fee, market.quote, fee)

    def _trade(self, held: Held, change: Decimal, price: Decimal) -> None:
        sign, held.touched = 1 if change > ZERO else -1, True
        closed = min(abs(change), held.reducible(Side.BUY if sign > 0 else Side.SELL))
        if closed:
            self.wallet += _close(held, closed, price)
        opened = abs(change) - closed
        held.quantity += sign * opened
        held.cost += sign * opened * price
        held.mark = held.mark or price
        if held.isolated:
            held.aside += (opened * price / held.leverage).quantize(_UNIT)

    # -- what comes and goes besides

    def fund(self, symbol: str, quantity: Decimal, each: Decimal) -> Decimal:
        """Let a position pay ``each`` for every piece of base and return what it received, negative when it paid."""
        held = self.held[symbol]
        amount = (-quantity * each).quantize(_UNIT)
        self.wallet += amount
        if held.isolated and held.quantity:
            held.aside += amount
        return amount

    def configure(self, symbol: str, leverage: int, margin: MarginMode) -> str:
        """Set leverage and margin mode of a market, or return why that is not possible."""
        held = self.held[symbol]
        highest = held.market.tiers[0].max_leverage if held.market.tiers else leverage
        most = held.most(leverage)
        if not 1 <= leverage <= highest:
            return f"leverage {leverage} is not between 1 and {highest}"
        if margin is not held.margin and (held.quantity or held.bids or held.offers):
            return f"the margin mode stays {held.margin} while a position is open or orders rest"
        if most is not None and held.demand(held.bids, held.offers) > most:
            return f"leverage {leverage} carries at most {plain(most)} {self.asset}"
        if leverage < held.leverage and held.isolated and held.quantity:
            return f"leverage {held.leverage} of an isolated position cannot be lowered"
        before, held.leverage = held.leverage, leverage
        if leverage < before and self.free() < ZERO:
            held.leverage = before
            return f"there is not enough margin for leverage {leverage}"
        held.margin, held.touched = margin, True
        return ""

    # -- liquidation

    def liquidation_price(self, symbol: str) -> Decimal | None:
        """Return the mark price at which a position is liquidated while all others stay; None when none can do that."""
        held = self.held[symbol]
        answering = held.aside
        if not held.isolated:
            others = [other for other in self.shared() if other is not held]
            answering = self.cross + sum((other.profit - other.maintenance for other in others), ZERO)
        return liquidation_price(answering - held.cost, held.quantity, held.market.tiers)

    def doomed(self) -> Held | None:
        """Return the position to be liquidated next: an isolated one, or the one of the cross that asks for most."""
        for held in self.open():
            if held.isolated and held.aside + held.profit <= held.maintenance:
                return held
        shared = self.shared()
        equity = self.cross + sum((held.profit for held in shared), ZERO)
        if not shared or equity > sum((held.maintenance for held in shared), ZERO):
            return None
        return max(shared, key=lambda held: held.maintenance)

    def liquidate(self, held: Held, price: Decimal) -> Charge:
        """Close a position for the exchange: its clearance takes what is left, its insurance pays what is missing."""
        quantity, alone, own = held.quantity, held.isolated, held.aside - self.wallet
        charge = self.settle(Side.SELL if quantity > ZERO else Side.BUY, price, abs(quantity), held.market, maker=False)
        left = own + self.wallet if alone else self.cross + sum((each.profit for each in self.shared()), ZERO)
        if left > ZERO:
            self.wallet -= min(left, (abs(quantity) * price * CLEARANCE).quantize(_UNIT))
        elif alone or not self.shared():
            self.wallet -= left
        return charge


def position_of(account: MarginAccount, symbol: str) -> Position:
    """Return what is open on a market, as an exchange shows it."""
    held, price = account.held[symbol], account.liquidation_price(symbol)
    return Position(
        symbol=symbol,
        quantity=held.quantity,
        entry_price=held.entry.quantize(_UNIT),
        mark_price=held.mark,
        liquidation_price=None if price is None else _shown(price, held),
        leverage=held.leverage,
        margin=held.margin,
    )


def survives(account: MarginAccount, lows: Mapping[str, Decimal], highs: Mapping[str, Decimal]) -> bool:
    """Return whether nothing is liquidated while marks stay within bounds, however they move together."""
    equity = asked = ZERO
    for held in account.open():
        symbol = held.market.symbol
        worst = held.quantity * (lows[symbol] if held.quantity > ZERO else highs[symbol]) - held.cost
        keep = maintenance(abs(held.quantity) * highs[symbol], held.market.tiers)
        if held.isolated and held.aside + worst <= keep:
            return False
        if not held.isolated:
            equity, asked = equity + worst, asked + keep
    return not account.shared() or account.cross + equity > asked


def _close(held: Held, closed: Decimal, price: Decimal) -> Decimal:
    """Take ``closed`` off a position and return the profit realised."""
    whole = abs(held.quantity)
    sign = 1 if held.quantity > ZERO else -1
    cost, aside = held.cost, held.aside
    if closed < whole:
        cost, aside = ((part * closed / whole).quantize(_UNIT) for part in (cost, aside))
    held.quantity -= sign * closed
    held.cost -= cost
    held.aside -= aside
    return sign * closed * price - cost


def _shown(value: Decimal, held: Held) -> Decimal:
    return round_to(value, held.market.filters.price_tick)
