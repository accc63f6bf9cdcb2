"""Public market data of a real exchange through ccxt: markets, quotes, trades and candles, without any key."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import msgspec

from data.market import Candle, FeeAsset, Fees, Filters, Market
from data.values import ONE, ZERO, Millis
from engine.exchanges.base import ExchangeUnavailable, MarketUnknown

_TICK_SIZE = 4  # how ccxt says that a precision is an increment


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """Best prices as an exchange tells them; ``last`` is None where the channel does not carry it."""

    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal | None = None


class PublicTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One trade between others."""

    symbol: str
    price: Decimal
    quantity: Decimal


class PublicFeed:
    """Spot market data of one exchange. Every method may raise ``ExchangeUnavailable``; nothing of ccxt leaves it."""

    def __init__(self, exchange: str, urls: Mapping[str, str], timeout_seconds: int, fees: Fees) -> None:
        """Talk to a ccxt exchange; ``urls`` replaces addresses by their ccxt name, such as ``public`` or ``ws.spot``.

        ``fees`` apply where the exchange does not publish its own. Raises ValueError for an unknown exchange.
        """
        import ccxt.pro  # half a second and 70 MiB, for those who use it

        if exchange not in ccxt.pro.exchanges:
            near = ", ".join(difflib.get_close_matches(exchange, ccxt.pro.exchanges)) or "binance, kraken, okx, …"
            raise ValueError(f"exchange.name: {exchange!r} is not an exchange ccxt can stream, such as {near}")
        self.name = exchange
        self._fees = fees
        self._bad_symbol = ccxt.BadSymbol
        self._ccxt: Any = getattr(ccxt.pro, exchange)(
            {
                "timeout": timeout_seconds * 1000,
                "enableRateLimit": True,
                "newUpdates": True,
                "urls": {"api": _nested(urls)},
                "options": {
                    "defaultType": "spot",
                    # One call instead of seven at the start; two of those left out would need a key.
                    "fetchMarkets": {"types": ["spot"]},
                    "fetchCurrencies": False,
                    "fetchMargins": False,
                },
            }
        )
        self._ccxt.number = Decimal  # the text of the exchange becomes money without passing through a float
        self._ccxt.has["fetchCurrencies"] = False
        if urls and not any(address.startswith(("https:", "wss:")) for address in urls.values()):
            self._ccxt.timeout_on_exit = 0  # only encrypted connections need time to say goodbye

    @property
    def streams(self) -> bool:
        """Whether quotes and trades of this exchange can be streamed."""
        has = self._ccxt.has
        return bool(has.get("watchBidsAsks")) and bool(has.get("watchTradesForSymbols"))

    async def markets(self) -> dict[str, Market]:
        """Return the active spot markets by symbol."""
        with self._translated():
            listed = await self._ccxt.load_markets(True)
            return {
                symbol: self._market(market)
                for symbol, market in listed.items()
                if market.get("spot") and market.get("active") is not False
            }

    async def server_time(self) -> Millis:
        """Ask the exchange what time it is."""
        with self._translated():
            return int(await self._ccxt.fetch_time())

    async def quote(self, symbol: str) -> Quote:
        """Ask for the best prices of a market."""
        with self._translated(symbol):
            ticker = await self._ccxt.fetch_ticker(symbol)
        found = _quotes([ticker])
        if not found:
            raise ExchangeUnavailable(f"{symbol} has no bid or no ask")
        return found[0]

    async def next_quotes(self, symbol: str) -> list[Quote]:
        """Wait for the stream to tell new best prices of a market."""
        with self._translated(symbol):
            found = (await self._ccxt.watch_bids_asks([symbol])).values()
        return _quotes(found)

    async def next_trades(self, symbol: str) -> list[PublicTrade]:
        """Wait for the stream to tell new trades on a market."""
        with self._translated(symbol):
            found = await self._ccxt.watch_trades_for_symbols([symbol])
        return [PublicTrade(symbol=t["symbol"], price=t["price"], quantity=t["amount"]) for t in found]

    async def candles(self, symbol: str, timeframe: str, limit: int) -> list[Candle]:
        """Ask for the newest bars, oldest first."""
        with self._translated(symbol):
            rows = await self._ccxt.fetch_ohlcv(symbol, timeframe, limit=limit)
        return [Candle(int(at), *(_decimal(value) for value in values)) for at, *values in rows]

    async def drop_streams(self) -> None:
        """Close the streams; the next wait opens new ones."""
        with self._translated():
            await self._ccxt.close_ws_clients()

    async def close(self) -> None:
        """Close every connection."""
        await self._ccxt.close()

    @contextmanager
    def _translated(self, symbol: str = "") -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError as error:
            # Closing a stream, ccxt cancels whoever waits for it; that must not end a task nobody asked to end.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise ExchangeUnavailable(f"{self.name}: the stream was closed") from error
        except self._bad_symbol as error:
            raise MarketUnknown(symbol) from error
        except Exception as error:
            # ccxt raises its own tree, aiohttp's, and KeyErrors on answers it did not expect: all mean "not known".
            raise ExchangeUnavailable(f"{self.name}: {type(error).__name__}: {error}") from error

    def _market(self, market: Mapping[str, Any]) -> Market:
        precision, limits = market["precision"], market["limits"]
        amount = limits.get("amount") or {}
        step = self._increment(precision.get("amount"))
        most = amount.get("max")
        received = (market.get("feeSide") or self._ccxt.fees["trading"].get("feeSide")) == "get"
        maker, taker = market.get("maker"), market.get("taker")
        return Market(
            exchange=self.name,
            symbol=market["symbol"],
            base=market["base"],
            quote=market["quote"],
            filters=Filters(
                price_tick=self._increment(precision.get("price")),
                quantity_step=step,
                min_quantity=_decimal(amount.get("min")) or step,
                max_quantity=_decimal(most) or None,
                min_notional=_decimal((limits.get("cost") or {}).get("min")),
            ),
            fees=Fees(
                maker=self._fees.maker if maker is None else _decimal(maker),
                taker=self._fees.taker if taker is None else _decimal(taker),
                asset=FeeAsset.RECEIVED if received else FeeAsset.QUOTE,
            ),
        )

    def _increment(self, precision: object) -> Decimal:
        if precision is not None and self._ccxt.precisionMode == _TICK_SIZE:
            return _decimal(precision)
        # Significant digits have no fixed step; the finest one in use never rounds an order away.
        return ONE.scaleb(-8)


def _quotes(found: Sequence[Mapping[str, Any]]) -> list[Quote]:
    return [
        Quote(
            symbol=ticker["symbol"],
            bid=_decimal(ticker["bid"]),
            ask=_decimal(ticker["ask"]),
            last=_decimal(ticker.get("last")) or None,
        )
        for ticker in found
        if ticker.get("bid") and ticker.get("ask")
    ]


def _decimal(value: object) -> Decimal:
    """Return a number of ccxt, which now and then is still a float, as the shortest text that means it."""
    return ZERO if value is None else Decimal(str(value))


def _nested(urls: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, address in urls.items():
        *path, leaf = name.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[leaf] = address
    return tree
