"""Liquidation: the exchange takes over positions whose margin no longer carries them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tests.servers.binance.orders import Fill, Order
from tests.servers.binance.usdm_account import unit
from tests.servers.binance.usdm_member import Deal, Member
from tests.servers.binance.usdm_words import account_event, margin_call

if TYPE_CHECKING:
    from tests.servers.binance.usdm_engine import Futures

WARNING = Decimal("0.8")
"""The part of the margin at which its owner is warned."""


def enforce(futures: Futures) -> bool:
    """Liquidate one position that must go; return whether there was one."""
    for member in futures.members.values():
        _warn(futures, member)
        if symbol := member.account.doomed():
            _take_over(futures, member, symbol)
            return True
    return False


def _warn(futures: Futures, member: Member) -> None:
    account = member.account
    danger = account.ratio() >= WARNING
    if danger and not member.warned:
        symbols = [symbol for symbol, each in account.positions.items() if each.quantity and not each.isolated]
        futures.on_user(member.name, margin_call(account, symbols, futures.now()))
    member.warned = danger


def _take_over(futures: Futures, member: Member, symbol: str) -> None:
    position = member.account.positions[symbol]
    for order in member.open_orders(symbol if position.isolated else None):
        order.reason = "liquidated"
        futures.markets[order.symbol].expire(order)
    if not position.quantity:
        return
    order = _autoclose(futures, member, symbol)
    member.add(order)
    futures.announce(member, order, "NEW")
    market = futures.markets[symbol]
    market.trade_id += 1
    fill = Fill(order, market.trade_id, position.mark, order.quantity, False, futures.now())
    fee = unit(fill.price * fill.quantity * member.taker)
    order.executed, order.turnover, order.status = order.quantity, order.quantity * fill.price, "FILLED"
    deal = Deal(fill, fee, member.account.liquidate(symbol, fill.price, fee, str(fill.trade_id)))
    member.deals.append(deal)
    futures.on_user(member.name, account_event(member.account, "ORDER", [symbol], futures.now()))
    futures.announce(member, order, futures.liquidation_execution, deal)


def _autoclose(futures: Futures, member: Member, symbol: str) -> Order:
    position, number = member.account.positions[symbol], next(futures.numbers)
    return Order(
        id=number,
        client_id=f"autoclose-{futures.now()}{number % 1_000_000:06d}",
        account=member.name,
        symbol=symbol,
        side="SELL" if position.quantity > 0 else "BUY",
        type="LIMIT",
        quantity=abs(position.quantity),
        price=position.mark,
        time_in_force="IOC",
        time=futures.now(),
        updated=futures.now(),
        details={"born": "LIQUIDATION", "liquidation": True},
    )
