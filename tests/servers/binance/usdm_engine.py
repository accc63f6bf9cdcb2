"""The perpetual markets and who trades them: orders in, executions into the accounts, events out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import count

from tests.servers.binance.market import Market
from tests.servers.binance.orders import Fill, Order, Trade
from tests.servers.binance.tape import Tape
from tests.servers.binance.usdm_account import Account, unit
from tests.servers.binance.usdm_conditionals import fire, follow
from tests.servers.binance.usdm_contracts import Contract
from tests.servers.binance.usdm_liquidation import enforce
from tests.servers.binance.usdm_member import Conditional, Deal, Member
from tests.servers.binance.usdm_words import account_event, asked, conditional_event, digits, order_event
from tests.servers.binance.words import ZERO, Json, Refusal, Side

_SLIPPAGE = Decimal("1.0005")


class Futures:
    """The USD-M exchange without network: synchronous, deterministic, its time given from outside."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        self.contracts: dict[str, Contract] = {}
        self.markets: dict[str, Market] = {}
        self.tapes: dict[str, Tape] = {}
        self.marks: dict[str, Decimal] = {}
        self.pinned: set[str] = set()
        """Markets whose mark price a test sets; the others follow the middle of the book."""
        self.funding: dict[str, list[Json]] = {}
        self.outside_interest: dict[str, Decimal] = {}
        """What outsiders hold long, and others of them short."""
        self.members: dict[str, Member] = {}
        self.numbers = count(8_389_765_000)
        """Ids of orders."""
        self.conditional_numbers = count(1_000_000_033_225_000)
        self.post_only_expires = False
        """Accept a post-only order that would trade and expire it at once, instead of refusing it."""
        self.liquidation_execution = "CALCULATED"
        """What the execution of a liquidation is called; the exchange has been seen to say TRADE as well."""
        self.triggered_keep_client_id = True
        """Whether the order that a trigger makes carries the client id of the conditional one."""
        self.triggers_stick = False
        """Let conditional orders whose price is there stay ``TRIGGERING`` and never become orders."""
        self.on_user: Callable[[str, Json], None] = lambda account, event: None
        """Takes the private events of an account."""
        self.on_trade: Callable[[Market, Trade], None] = lambda market, trade: None
        self.on_quote: Callable[[Market], None] = lambda market: None
        self.on_mark: Callable[[str], None] = lambda symbol: None
        self._matching = False
        """Whether a market is in the middle of its work, so that its book is no basis for anything."""
        self._settling = False

    def list(self, contract: Contract, bid: Decimal | str, ask: Decimal | str) -> Market:
        """Open a market at a price."""
        symbol, tick = contract.symbol, contract.spec.tick
        self.contracts[symbol] = contract
        market = self.markets[symbol] = Market(contract.spec, self, self.now)
        self.tapes[symbol] = Tape(self.now, lambda value: f"{value:.{digits(tick)}f}")
        self.marks[symbol], self.funding[symbol] = ZERO, []
        self.outside_interest[symbol] = Decimal(10_000)
        for member in self.members.values():
            member.account.add(contract)
        market.move(bid, ask)
        self.tapes[symbol].opened = market.last
        return market

    def market(self, symbol: str) -> Market:
        """Return a market that calls may name."""
        market = self.markets.get(symbol)
        if market is None or not market.spec.listed:
            raise Refusal(-1121, "Invalid symbol.")
        return market

    def open_interest(self, symbol: str) -> Decimal:
        """Return all that is held long."""
        held = (member.account.positions[symbol].quantity for member in self.members.values())
        return self.outside_interest[symbol] + sum((each for each in held if each > 0), ZERO)

    def member(self, name: str = "main") -> Member:
        """Return an account's holder, made at the first call."""
        if name not in self.members:
            account = Account(self.now)
            for symbol, contract in self.contracts.items():
                account.add(contract)
                account.set_mark(symbol, self.marks[symbol])
            self.members[name] = Member(name, account)
        return self.members[name]

    # -- for scripts

    def deposit(self, amount: Decimal | str, name: str = "main") -> None:
        """Bring money into an account, or take it out."""
        member = self.member(name)
        member.account.deposit(Decimal(amount))
        reason = "DEPOSIT" if Decimal(amount) > 0 else "WITHDRAW"
        self.on_user(name, account_event(member.account, reason, [], self.now(), Decimal(amount)))

    def move(self, symbol: str, bid: Decimal | str, ask: Decimal | str) -> None:
        """Set the outside quote of a market."""
        self.markets[symbol].move(bid, ask)

    def set_mark(self, symbol: str, price: Decimal | str | None) -> None:
        """Pin the mark price of a market; None lets it follow the book again."""
        if price is None:
            self.pinned.discard(symbol)
            self._mark(symbol, self.markets[symbol].mid)
        else:
            self.pinned.add(symbol)
            self._mark(symbol, Decimal(price))
        self.settle()

    def apply_funding(self, symbol: str, rate: Decimal | str) -> None:
        """Settle funding of a market for everybody."""
        row = {"symbol": symbol, "fundingRate": f"{Decimal(rate):.8f}", "fundingTime": self.now()}
        self.funding[symbol].append(row | {"markPrice": f"{self.marks[symbol]:.8f}"})
        for name, member in self.members.items():
            if amount := member.account.apply_funding(symbol, Decimal(rate)):
                isolated = [symbol] if member.account.positions[symbol].isolated else []
                self.on_user(name, account_event(member.account, "FUNDING_FEE", isolated, self.now(), amount))
        self.settle()

    def place_foreign(
        self,
        symbol: str,
        side: Side,
        quantity: Decimal | str,
        price: Decimal | str | None = None,
        account: str = "main",
        *,
        reduce_only: bool = False,
    ) -> Order:
        """Place an order by hand, as a person does beside the client; without a price at market."""
        number, limit = next(self.numbers), price is not None
        order = Order(
            number,
            f"web_{number}",
            account,
            symbol,
            side,
            "LIMIT" if limit else "MARKET",
            Decimal(quantity),
            Decimal(price or 0),
            reduce_only=reduce_only,
            time=self.now(),
            updated=self.now(),
        )
        return self.place(self.member(account), order)

    def delist(self, symbol: str, *, gone: bool = False) -> None:
        """Stop trading: orders expire; the symbol stays with another status unless it is gone."""
        market = self.markets[symbol]
        market.spec.status, market.spec.listed = "SETTLING", not gone
        for order in list(market.resting()):
            market.expire(order)

    def pass_time(self) -> None:
        """Do what is due by now: cancel the orders of those who did not renew their countdown."""
        for member in self.members.values():
            for symbol, due in list(member.countdowns.items()):
                if due <= self.now():
                    del member.countdowns[symbol]
                    self.cancel_all(member, symbol)

    # -- orders

    def place(self, member: Member, order: Order) -> Order:
        """Take a valid order in, match it and return it; refuse what the account may not do."""
        market = self.markets[order.symbol]
        self._admit(member, market, order)
        member.add(order)
        self.announce(member, order, "NEW")
        market.place(order)
        return order

    def cancel(self, member: Member, order: Order) -> Order:
        """Cancel an open order."""
        self.markets[order.symbol].cancel(order)
        self.announce(member, order, "CANCELED")
        self._follow(member, order)
        return order

    def cancel_all(self, member: Member, symbol: str) -> None:
        """Cancel the open orders of a market; conditional ones stay."""
        for order in member.open_orders(symbol):
            self.cancel(member, order)

    def announce(self, member: Member, order: Order, execution: str, deal: Deal | None = None) -> None:
        """Tell what happened to an order."""
        spec = self.contracts[order.symbol].spec
        self.on_user(member.name, order_event(order, spec, execution, self.now(), deal))

    def announce_conditional(self, member: Member, conditional: Conditional) -> None:
        """Tell what happened to a conditional order."""
        spec = self.contracts[conditional.symbol].spec
        self.on_user(member.name, conditional_event(conditional, spec, self.now()))

    def _admit(self, member: Member, market: Market, order: Order) -> None:
        if any(other.client_id == order.client_id for other in member.open_orders()):
            raise Refusal(-4116, "ClientOrderId is duplicated.")
        if sum(1 for _ in member.open_orders(order.symbol)) >= market.spec.max_orders:
            raise Refusal(-2025, "Reach max open order limit.")
        if order.reduce_only:
            self._shrink(member, order)
        else:
            self._check_margin(member, market, order)
        if order.time_in_force == "GTX" and market.crosses(order.side, order.price) and not self.post_only_expires:
            raise Refusal(
                -5022,
                "Due to the order could not be executed as maker, the Post Only order will be rejected. "
                "The order will not be recorded in the order history",
            )

    @staticmethod
    def _shrink(member: Member, order: Order) -> None:
        held = member.account.positions[order.symbol].quantity * (-1 if order.side == "BUY" else 1)
        if held <= 0:
            raise Refusal(-2022, "ReduceOnly Order is rejected.")
        order.details["asked"] = order.quantity
        order.quantity = min(order.quantity, held)

    def _check_margin(self, member: Member, market: Market, order: Order) -> None:
        account, mark = member.account, self.marks[order.symbol]
        position, buying = account.positions[order.symbol], order.side == "BUY"
        price = order.price or (market.ask * _SLIPPAGE if buying else market.bid)
        price = price if buying else max(price, market.bid)
        value, loss = price * order.quantity, max((price - mark) * (1 if buying else -1), ZERO) * order.quantity
        bids = position.bids + (value if buying else ZERO)
        asks = position.asks + (ZERO if buying else value)
        if not account.affords(order.symbol, bids, asks, loss):
            raise Refusal(-2019, "Margin is insufficient.")
        demand, allowed = position.demand(bids, asks), position.contract.allowed(position.leverage)
        if demand > allowed and demand > position.demand(position.bids, position.asks):
            raise Refusal(-2027, "Exceeded the maximum allowable position at current leverage.")

    # -- what the markets tell

    def filled(self, market: Market, fill: Fill) -> None:
        """Book one side of a trade."""
        order, member = fill.order, self.members[fill.order.account]
        fee = unit(fill.price * fill.quantity * (member.maker if fill.maker else member.taker))
        quantity = fill.quantity if order.side == "BUY" else -fill.quantity
        realised = member.account.trade(order.symbol, quantity, fill.price, fee, str(fill.trade_id))
        deal = Deal(fill, fee, realised)
        member.deals.append(deal)
        knocked = order.status == "FILLED" and order.quantity < asked(order)
        if knocked:
            order.status = "PARTIALLY_FILLED"
        self.on_user(member.name, account_event(member.account, "ORDER", [order.symbol], self.now()))
        self.announce(member, order, "TRADE", deal)
        if knocked:
            order.status, order.reason = "EXPIRED", "knocked out"
            self.announce(member, order, "EXPIRED")
        self._follow(member, order)
        self._knock_out(member, market)

    def ended(self, market: Market, order: Order) -> None:
        """Tell of an order that could not go on."""
        member = self.members[order.account]
        if not order.reason:
            match = order.status == "EXPIRED_IN_MATCH"
            order.reason = "self trade" if match else "no counterparty" if not order.price else "immediate"
        self.announce(member, order, "EXPIRED")
        self._follow(member, order)

    def triggered(self, market: Market, order: Order) -> None:
        """Never happens: conditional orders wait outside the book."""
        raise AssertionError(order)

    def traded(self, market: Market, trade: Trade) -> None:
        """Pass a public trade on."""
        self.tapes[market.spec.symbol].add(trade)
        self.on_trade(market, trade)

    def quoted(self, market: Market) -> None:
        """Take the new book in: what rests, what is triggered, who is liquidated."""
        symbol = market.spec.symbol
        if self._matching:
            return
        self._count_resting(market)
        self.on_quote(market)
        if symbol not in self.pinned:
            self._mark(symbol, market.mid)
        self.settle()

    def _count_resting(self, market: Market) -> None:
        positions = {name: member.account.positions[market.spec.symbol] for name, member in self.members.items()}
        for position in positions.values():
            position.bids = position.asks = ZERO
        for order in market.resting():
            if order.reduce_only:
                continue
            position = positions[order.account]
            if order.side == "BUY":
                position.bids += order.price * order.remaining
            else:
                position.asks += order.price * order.remaining

    def _knock_out(self, member: Member, market: Market) -> None:
        """End reduce-only orders that have nothing left to reduce, and cut those that would turn the position."""
        quantity = member.account.positions[market.spec.symbol].quantity
        before, self._matching = self._matching, True
        for order in [each for each in market.resting() if each.reduce_only and each.account == member.name]:
            held = quantity if order.side == "SELL" else -quantity
            if held <= 0:
                order.reason = "knocked out"
                market.expire(order)
            elif order.remaining > held:
                order.quantity = order.executed + held
        self._matching = before

    def _follow(self, member: Member, order: Order) -> None:
        follow(self, member, order)

    def _mark(self, symbol: str, price: Decimal) -> None:
        if not price or price == self.marks[symbol]:
            return
        self.marks[symbol] = price
        for member in self.members.values():
            member.account.set_mark(symbol, price)
        self.on_mark(symbol)

    # -- what follows from prices

    def settle(self) -> None:
        """Trigger and liquidate until nothing more follows from the prices there are."""
        if self._settling:
            return
        self._settling = True
        try:
            while fire(self) or enforce(self):
                pass
        finally:
            self._settling = False
