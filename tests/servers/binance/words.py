"""The few words both products share: JSON, refusals, sides and how Binance writes a number."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any, Literal

Json = dict[str, Any]
Side = Literal["BUY", "SELL"]

ZERO = Decimal(0)
_EIGHT = Decimal("0.00000001")


class Refusal(Exception):
    """What the exchange answers instead: a code, its text, the HTTP status, and rarely more."""

    def __init__(self, code: int, message: str, status: int = 400, data: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data

    @property
    def body(self) -> Json:
        """The answer's JSON."""
        return {"code": self.code, "msg": self.message, **({"data": self.data} if self.data else {})}


def opposite(side: Side) -> Side:
    """Return the other side."""
    return "SELL" if side == "BUY" else "BUY"


def eight(value: Decimal) -> str:
    """Write a number with eight decimals, as spot does everywhere."""
    return f"{value:.8f}"


def cut(value: Decimal, step: Decimal = _EIGHT) -> Decimal:
    """Round down to a multiple of the step."""
    return (value / step).to_integral_value(ROUND_DOWN) * step if step else value


def fits(value: Decimal, step: Decimal, start: Decimal = ZERO) -> bool:
    """Return whether the value lies on the grid of a filter; a step of zero switches the filter off."""
    return not step or (value - start) % step == ZERO
