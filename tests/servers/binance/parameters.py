"""The parameters of one request: read by type, refused in Binance's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal

from tests.servers.binance.keys import Key
from tests.servers.binance.words import Refusal, Side

_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_SIGNED = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_INTEGER = re.compile(r"[0-9]{1,20}")
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_ENUMS = {
    "side": (-1117, "Invalid side."),
    "type": (-1116, "Invalid orderType."),
    "timeInForce": (-1115, "Invalid timeInForce."),
    "interval": (-1120, "Invalid interval."),
    "newOrderRespType": (-1136, "Invalid newOrderRespType."),
}


class Call:
    """One request that passed the gates: who asks for what."""

    __slots__ = ("account", "key", "method", "params", "path")

    def __init__(self, method: str, path: str, params: dict[str, str], key: Key | None) -> None:
        self.method = method
        self.path = path
        self.params = params
        self.key = key
        self.account = key.account if key else ""

    def __contains__(self, name: str) -> bool:
        return name in self.params

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without a default it is mandatory."""
        value = self.params.get(name, default)
        if value is None:
            raise mandatory(name)
        return value

    def decimal(self, name: str, default: Decimal | None = None, *, signed: bool = False) -> Decimal:
        """Return a number written without an exponent."""
        if name not in self.params and default is not None:
            return default
        pattern = _SIGNED if signed else _DECIMAL
        return Decimal(self._matching(name, pattern, "^([0-9]{1,20})(\\.[0-9]{1,20})?$"))

    def integer(self, name: str, default: int | None = None, *, least: int = 0, most: int | None = None) -> int:
        """Return a whole number within its range."""
        if name not in self.params and default is not None:
            return default
        value = int(self._matching(name, _INTEGER, "^[0-9]{1,20}$"))
        if value < least or (most is not None and value > most):
            raise Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value

    def client_id(self, name: str, default: str | None = None) -> str:
        """Return a client order id."""
        if name not in self.params and default is not None:
            return default
        return self._matching(name, _CLIENT_ID, "^[\\.A-Z\\:/a-z0-9_-]{1,36}$")

    def choice(self, name: str, allowed: Iterable[str], default: str | None = None) -> str:
        """Return one of the allowed words."""
        value = self.text(name, default)
        if value not in allowed:
            raise Refusal(*_ENUMS.get(name, (-1130, f"Data sent for parameter '{name}' is not valid.")))
        return value

    def side(self) -> Side:
        """Return the side of an order."""
        return "BUY" if self.choice("side", ("BUY", "SELL")) == "BUY" else "SELL"

    def flag(self, name: str, default: bool = False) -> bool:
        """Return true or false, in whichever case it is written."""
        return self.choice(name, ("true", "false", "True", "False", "TRUE", "FALSE"), str(default)).lower() == "true"

    def names(self, name: str) -> list[str]:
        """Return a JSON list of symbols."""
        try:
            found = json.loads(self.text(name))
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is a list of symbols.")
        return found

    def _matching(self, name: str, pattern: re.Pattern[str], legal: str) -> str:
        value = self.text(name)
        if not value:
            raise Refusal(-1105, f"Parameter '{name}' was empty.")
        if not pattern.fullmatch(value):
            raise Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
        return value


def mandatory(name: str) -> Refusal:
    """Return the refusal of a request without a parameter it needs."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
