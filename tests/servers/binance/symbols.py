"""What exchangeInfo says of a symbol: its assets, status and filters, which a test may change at any time."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

STP_MODES = ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")


@dataclass(slots=True)
class Spec:
    """The rules of one symbol; spot and perpetual alike, with the defaults of spot BTCUSDT."""

    symbol: str
    base: str
    quote: str
    tick: Decimal = Decimal("0.01")
    min_price: Decimal = Decimal("0.01")
    max_price: Decimal = Decimal(1_000_000)
    step: Decimal = Decimal("0.00001")
    min_quantity: Decimal = Decimal("0.00001")
    max_quantity: Decimal = Decimal(9_000)
    market_step: Decimal = Decimal(0)
    market_min_quantity: Decimal = Decimal(0)
    market_max_quantity: Decimal = Decimal(120)
    min_notional: Decimal = Decimal(5)
    max_notional: Decimal = Decimal(9_000_000)
    bid_up: Decimal = Decimal(5)
    bid_down: Decimal = Decimal("0.2")
    ask_up: Decimal = Decimal(5)
    ask_down: Decimal = Decimal("0.2")
    max_orders: int = 200
    max_algo_orders: int = 5
    status: str = "TRADING"
    listed: bool = True
    """False once the symbol is gone from exchangeInfo: then it is unknown to every call."""
    self_trade: str = "EXPIRE_MAKER"
    """The self-trade prevention an order gets that asks for none."""
    self_trade_modes: tuple[str, ...] = STP_MODES

    @property
    def trading(self) -> bool:
        """Whether orders are accepted."""
        return self.listed and self.status == "TRADING"
