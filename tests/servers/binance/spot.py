"""The spot exchange without its wires: accounts, markets, fees, and the user events of all that happens."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import count

from tests.servers.binance.market import Market
from tests.servers.binance.orders import Fill, Order, Trade
from tests.servers.binance.spot_account import Booked, SpotAccount
from tests.servers.binance.spot_check import check_filters
from tests.servers.binance.spot_words import execution, filled
from tests.servers.binance.symbols import Spec
from tests.servers.binance.tape import Tape
from tests.servers.binance.words import ZERO, Json, Refusal, Side, cut, eight

_DISCOUNT = Decimal("0.75")


class Spot:
    """Everything spot: what the REST calls and streams read, and what a test drives directly."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        self.markets: dict[str, Market] = {}
        self.tapes: dict[str, Tape] = {}
        self.accounts: dict[str, SpotAccount] = {}
        self.on_user: Callable[[str, Json], None] = lambda account, event: None
        self.on_trade: Callable[[Market, Trade], None] = lambda market, trade: None
        self.on_quote: Callable[[Market], None] = lambda market: None
        self._order_ids = count(10_001)
        self._executions = count(50_001)

    # -- what there is

    def list(self, spec: Spec, bid: Decimal | str, ask: Decimal | str) -> Market:
        """Open a market at a price."""
        market = self.markets[spec.symbol] = Market(spec, self, self.now)
        self.tapes[spec.symbol] = Tape(self.now, eight)
        market.move(bid, ask)
        self.tapes[spec.symbol].opened = market.last
        return market

    def market(self, symbol: str) -> Market:
        """Return a market that calls may name."""
        market = self.markets.get(symbol)
        if market is None or not market.spec.listed:
            raise Refusal(-1121, "Invalid symbol.")
        return market

    def account(self, name: str = "main") -> SpotAccount:
        """Return an account, opened at its first use."""
        if name not in self.accounts:
            self.accounts[name] = SpotAccount(name)
        return self.accounts[name]

    def next_order_id(self) -> int:
        """Return the number of the next order."""
        return next(self._order_ids)

    def client_id(self) -> str:
        """Return an id for who names none."""
        return f"web_{next(self._executions):018x}"

    # -- what clients and tests do

    def deposit(self, asset: str, amount: Decimal | str, account: str = "main") -> None:
        """Bring money in, or out with a negative amount."""
        owner, change = self.account(account), Decimal(amount)
        if owner.ledger.free(asset) + change < 0:
            raise Refusal(-5013, "Asset transfer failed: insufficient balance")
        owner.ledger.deposit(asset, change)
        now = owner.updated = self.now()
        self.on_user(account, {"e": "balanceUpdate", "E": now, "a": asset, "d": eight(change), "T": now})
        self._tell_balances(owner, {asset})

    def place(self, order: Order, *, test: bool = False) -> None:
        """Check an order against filters and balance, then let it work."""
        market, account = self.market(order.symbol), self.account(order.account)
        if not test:
            account.sent[order.client_id] += 1
        stops = 0 if order.working else sum(not each.working for each in account.open(order.symbol))
        check_filters(order, market, account.count_open(order.symbol), stops)
        self._check_account(order, account, market)
        if test:
            return
        self._lock(order, account)
        account.add(order)
        account.updated = self.now()
        self.on_user(account.name, self._report(order, "NEW"))
        market.place(order)
        self._tell_balances(account, {market.spec.base, market.spec.quote})

    def cancel(self, order: Order, cancel_id: str) -> None:
        """Take back an open order."""
        account = self.account(order.account)
        self.markets[order.symbol].cancel(order)
        self._release(order)
        self.on_user(account.name, self._report(order, "CANCELED", cancel_id))
        self._tell_balances(account, {account_asset(order)})

    def place_foreign(
        self, symbol: str, side: Side, quantity: Decimal | str, price: Decimal | str, account: str = "main"
    ) -> Order:
        """Place an order by hand, as a person does beside the client; an account of its own makes it a stranger's."""
        now, spec = self.now(), self.market(symbol).spec
        details = {"assets": (spec.base, spec.quote), "locked": ZERO}
        order = Order(
            self.next_order_id(), self.client_id(), account, symbol, side, "LIMIT", Decimal(quantity), Decimal(price)
        )
        order.time, order.updated, order.details = now, now, details
        self.place(order)
        return order

    def delist(self, symbol: str, *, gone: bool = False) -> None:
        """Stop trading: orders expire; the symbol stays with status BREAK unless it is gone."""
        market = self.markets[symbol]
        market.spec.status, market.spec.listed = "BREAK", not gone
        for order in [*market.resting(), *market.stops()]:
            market.expire(order)

    # -- what the matching tells

    def filled(self, market: Market, fill: Fill) -> None:
        """Book one side of a trade and tell its owner."""
        order, spec = fill.order, market.spec
        account = self.account(order.account)
        if order.side == "BUY":
            self._unlock(order, account, order.price * fill.quantity)
            account.ledger.add(spec.quote, -fill.turnover)
            account.ledger.add(spec.base, fill.quantity)
        else:
            self._unlock(order, account, fill.quantity)
            account.ledger.add(spec.base, -fill.quantity)
            account.ledger.add(spec.quote, fill.turnover)
        commission, asset = self._commission(account, order, fill)
        account.ledger.add(asset, -commission)
        account.trades.append(Booked(fill, commission, asset))
        account.updated = fill.time
        if not order.open:
            self._release(order)
        self.on_user(account.name, self._report(order, "TRADE") | filled(fill, commission, asset))
        if fill.maker:
            self._tell_balances(account, {spec.base, spec.quote, asset})
        elif asset not in {spec.base, spec.quote}:
            self._tell_balances(account, {asset})

    def ended(self, market: Market, order: Order) -> None:
        """Release what the matching expired."""
        account = self.account(order.account)
        self._release(order)
        prevented = order.status == "EXPIRED_IN_MATCH"
        self.on_user(account.name, self._report(order, "TRADE_PREVENTION" if prevented else "EXPIRED"))
        self._tell_balances(account, {market.spec.base, market.spec.quote})

    def triggered(self, market: Market, order: Order) -> None:
        """Let a stop order work if its owner can still pay."""
        if order.side == "BUY" and not order.price:
            turnover = market.cost("BUY", order.quantity)[1]
            if self.account(order.account).ledger.free(market.spec.quote) < turnover:
                return market.expire(order)
        return self.on_user(order.account, self._report(order, "NEW"))

    def traded(self, market: Market, trade: Trade) -> None:
        """Remember and tell a public trade."""
        self.tapes[market.spec.symbol].add(trade)
        self.on_trade(market, trade)

    def quoted(self, market: Market) -> None:
        """Tell that the book changed."""
        self.on_quote(market)

    # -- money

    def _check_account(self, order: Order, account: SpotAccount, market: Market) -> None:
        if not account.can_trade:
            raise Refusal(-2010, "This account may not place or cancel orders.")
        if account.is_open(order.client_id):
            raise Refusal(-2010, "Duplicate order sent.")
        if order.type == "LIMIT_MAKER" and market.crosses(order.side, order.price):
            raise Refusal(-2010, "Order would immediately match and take.")
        if not order.working and triggers_now(order, market.last):
            raise Refusal(-2010, "Stop price would trigger immediately.")
        if order.type == "MARKET" and not market.cost(order.side, market.spec.step)[0]:
            raise Refusal(-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity.")
        asset = account_asset(order)
        if account.ledger.free(asset) < self._needed(order, market):
            raise Refusal(-2010, "Account has insufficient balance for requested action.")

    @staticmethod
    def _needed(order: Order, market: Market) -> Decimal:
        if order.side == "SELL":
            return order.quantity or order.budget / (market.bid or market.last)
        if order.price:
            return order.quantity * order.price
        return order.budget or market.cost("BUY", order.quantity)[1]

    def _lock(self, order: Order, account: SpotAccount) -> None:
        if order.type == "MARKET" or (order.side == "BUY" and not order.price):
            return
        amount = order.quantity if order.side == "SELL" else order.quantity * order.price
        account.ledger.lock(account_asset(order), amount)
        order.details["locked"] = amount

    @staticmethod
    def _unlock(order: Order, account: SpotAccount, amount: Decimal) -> None:
        amount = min(amount, order.details["locked"])
        order.details["locked"] -= amount
        account.ledger.lock(account_asset(order), -amount)

    def _release(self, order: Order) -> None:
        account = self.account(order.account)
        self._unlock(order, account, order.details["locked"])
        account.close(order)
        account.updated = self.now()

    def _commission(self, account: SpotAccount, order: Order, fill: Fill) -> tuple[Decimal, str]:
        rate = account.maker if fill.maker else account.taker
        base, quote = order.details["assets"]
        received, amount = (base, fill.quantity) if order.side == "BUY" else (quote, fill.turnover)
        fee = cut(amount * rate)
        if account.burns_bnb and (worth := self._in_bnb(received, amount * rate * _DISCOUNT)):
            if account.ledger.free("BNB") >= worth:
                return worth, "BNB"
        return fee, received

    def _in_bnb(self, asset: str, amount: Decimal) -> Decimal:
        if asset == "BNB":
            return cut(amount)
        if direct := self.markets.get(f"BNB{asset}"):
            return cut(amount / direct.last)
        dollars, price = self.markets.get(f"{asset}USDT"), self.markets.get("BNBUSDT")
        return cut(amount * dollars.last / price.last) if dollars and price else ZERO

    # -- what the owner hears

    def _report(self, order: Order, kind: str, cancel_id: str = "") -> Json:
        return execution(order, kind, next(self._executions), self.now(), cancel_id=cancel_id)

    def _tell_balances(self, account: SpotAccount, assets: set[str]) -> None:
        found = [(asset, account.ledger.balances[asset]) for asset in sorted(assets)]
        told = [{"a": asset, "f": eight(balance.free), "l": eight(balance.locked)} for asset, balance in found]
        event = {"e": "outboundAccountPosition", "E": self.now(), "u": account.updated, "B": told}
        self.on_user(account.name, event)


def account_asset(order: Order) -> str:
    """Return the asset an order spends."""
    base, quote = order.details["assets"]
    return str(quote if order.side == "BUY" else base)


def triggers_now(order: Order, last: Decimal) -> bool:
    """Return whether a stop order would work at once."""
    rising = (order.side == "BUY") == order.type.startswith("STOP")
    return last >= order.stop_price if rising else last <= order.stop_price
