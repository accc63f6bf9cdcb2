"""One file, one exchange that needs more than ccxt's unified words; the file is named as ccxt names the exchange.

base     what there is to say about an exchange, and what is assumed of the others
binance  Binance spot and USD-M perpetuals
"""

from __future__ import annotations

import importlib
import importlib.util

from engine.exchanges.quirks.base import Quirks


def quirks(exchange: str) -> Quirks:
    """Return what is special about an exchange, by its ccxt name: ``QUIRKS`` of the module of that name, or nothing."""
    module = f"{__name__}.{exchange}"
    if exchange == "base" or importlib.util.find_spec(module) is None:
        return Quirks()
    found: Quirks = importlib.import_module(module).QUIRKS
    return found
