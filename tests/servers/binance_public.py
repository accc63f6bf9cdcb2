"""The public spot side of Binance on loopback: strict about what it is asked, scripted by the test."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from aiohttp import WSMsgType, web

from tests.servers.loopback import Loopback

Json = dict[str, Any]
_STREAM = re.compile(r"[a-z0-9]+@(bookTicker|trade)")
_MINUTE = 60_000
_UNITS = {"m": _MINUTE, "h": 60 * _MINUTE, "d": 1440 * _MINUTE}
_DEFAULT = (("BTC", "USDT"), ("ETH", "USDT"), ("BNB", "USDT"), ("ETH", "BTC"))


class BinancePublic(Loopback):
    """Four markets at scripted prices.

    ``calls`` are the REST paths asked, ``mistakes`` what a real exchange would have refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.mistakes: list[str] = []
        self.failing: int | None = None
        """HTTP status every REST call is answered with, or None."""
        self.streaming = True
        """Whether stream connections are accepted."""
        self.clock_offset = 0
        self.bars: dict[str, list[list[Any]]] = {}
        self._quotes: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
        self._trades: dict[str, list[Json]] = {}
        self._sockets: dict[web.WebSocketResponse, set[str]] = {}
        self._muted: set[web.WebSocketResponse] = set()
        self._changed = asyncio.Condition()
        self._number = 0
        for base, quote in _DEFAULT:
            price = Decimal("0.05") if quote == "BTC" else Decimal(100)
            tick = _tick(quote)
            self._quotes[base + quote] = (price, price + tick, price)

    def application(self) -> web.Application:
        """Return the REST and stream routes."""
        application = web.Application()
        rest: dict[str, tuple[Callable[[web.Request], Any], set[str]]] = {
            "ping": (lambda _: {}, set()),
            "time": (lambda _: {"serverTime": self._now()}, set()),
            "exchangeInfo": (lambda _: self._information(), {"symbol", "symbols", "permissions", "showPermissionSets"}),
            "ticker/24hr": (self._day, {"symbol", "symbols", "type"}),
            "ticker/bookTicker": (self._best, {"symbol", "symbols"}),
            "depth": (self._depth, {"symbol", "limit"}),
            "klines": (self._klines, {"symbol", "interval", "startTime", "endTime", "limit"}),
            "trades": (self._recent, {"symbol", "limit"}),
        }
        for path, (answer, allowed) in rest.items():
            application.router.add_get(f"/api/v3/{path}", self._route(answer, allowed))
        application.router.add_get("/stream/ws/{number}", self._raw_stream)
        application.router.add_get("/stream", self._combined_stream)
        application.router.add_route("*", "/{rest:.*}", self._unknown_path)
        return application

    @property
    def urls(self) -> dict[str, str]:
        """The overrides that make ccxt talk to this server."""
        socket = self.address.replace("http", "ws", 1)
        return {"public": f"{self.address}/api/v3", "ws.spot": f"{socket}/stream/ws"}

    # -- the script

    async def quote(self, symbol: str, bid: str, ask: str) -> None:
        """Set the best prices and stream them."""
        last = self._quotes[symbol][2]
        self._quotes[symbol] = (Decimal(bid), Decimal(ask), last)
        await self._push(f"{symbol.lower()}@bookTicker", self._book_ticker(symbol, stream=True))

    async def trade(self, symbol: str, price: str, quantity: str, *, buyer_is_maker: bool = True) -> None:
        """Let a trade happen and stream it."""
        self._number += 1
        bid, ask, _ = self._quotes[symbol]
        self._quotes[symbol] = (bid, ask, Decimal(price))
        now = self._now()
        event = {"e": "trade", "E": now, "s": symbol, "t": self._number, "p": price, "q": quantity, "T": now}
        self._trades.setdefault(symbol, []).append(event)
        await self._push(f"{symbol.lower()}@trade", {**event, "m": buyer_is_maker, "M": True})

    def mute(self) -> None:
        """Say nothing more on the connections there are, and keep them open; new ones are told everything."""
        self._muted |= set(self._sockets)

    async def subscribed(self, *streams: str) -> None:
        """Wait until connections that are not mute listen to all of the streams, such as ``btcusdt@trade``."""

        def heard() -> set[str]:
            return set().union(*(names for socket, names in self._sockets.items() if socket not in self._muted))

        async with self._changed:
            await self._changed.wait_for(lambda: set(streams) <= heard())

    async def unheard(self) -> None:
        """Wait until nobody listens to any stream."""
        async with self._changed:
            await self._changed.wait_for(lambda: not any(self._sockets.values()))

    # -- REST

    def _route(self, answer: Callable[[web.Request], Any], allowed: set[str]) -> Callable[..., Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            self.calls.append(request.path)
            if self.failing is not None:
                return web.Response(status=self.failing, text="<html>Service Unavailable</html>")
            if unknown := set(request.query) - allowed:
                return self._refuse(-1101, f"Too many parameters; {unknown} sent to {request.path}.")
            try:
                return web.json_response(answer(request))
            except _Refusal as refusal:
                return self._refuse(refusal.code, str(refusal), mistake=refusal.code != _BAD_SYMBOL)

        return handle

    def _refuse(self, code: int, message: str, *, mistake: bool = True) -> web.Response:
        if mistake:
            self.mistakes.append(message)
        return web.json_response({"code": code, "msg": message}, status=400)

    async def _unknown_path(self, request: web.Request) -> web.Response:
        self.mistakes.append(f"{request.method} {request.path} does not exist")
        return web.Response(status=404)

    def _now(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock_offset

    def _symbol(self, request: web.Request) -> str:
        symbol = request.query.get("symbol")
        if symbol is None:
            raise _Refusal(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        if symbol not in self._quotes:
            raise _Refusal(_BAD_SYMBOL, "Invalid symbol.")
        return symbol

    def _symbols(self, request: web.Request) -> list[str]:
        if "symbols" not in request.query:
            return [self._symbol(request)] if "symbol" in request.query else list(self._quotes)
        symbols: list[str] = json.loads(request.query["symbols"])
        if any(symbol not in self._quotes for symbol in symbols):
            raise _Refusal(_BAD_SYMBOL, "Invalid symbol.")
        return symbols

    def _limit(self, request: web.Request, default: int, most: int) -> int:
        text = request.query.get("limit", str(default))
        if not text.isdigit() or not 1 <= int(text) <= most:
            raise _Refusal(-1100, f"Illegal characters found in parameter 'limit'; legal range is 1 to {most}.")
        return int(text)

    def _information(self) -> Json:
        markets = [self._market(base, quote) for base, quote in _DEFAULT]
        return {
            "timezone": "UTC",
            "serverTime": self._now(),
            "rateLimits": [],
            "exchangeFilters": [],
            "sors": [],
            "symbols": markets,
        }

    @staticmethod
    def _market(base: str, quote: str) -> Json:
        tick, least = _tick(quote), "5.00000000" if quote == "USDT" else "0.00010000"
        return {
            "symbol": base + quote,
            "status": "TRADING",
            "baseAsset": base,
            "baseAssetPrecision": 8,
            "quoteAsset": quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
            "icebergAllowed": True,
            "ocoAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": f"{tick}", "maxPrice": "1000000.00", "tickSize": f"{tick}"},
                {"filterType": "LOT_SIZE", "minQty": "0.00010000", "maxQty": "9000.00000000", "stepSize": "0.00010000"},
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "99.0", "stepSize": "0.00000000"},
                {"filterType": "NOTIONAL", "minNotional": least, "applyMinToMarket": True, "maxNotional": "9000000.0"},
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
        }

    def _day(self, request: web.Request) -> Json | list[Json]:
        found = [self._day_of(symbol) for symbol in self._symbols(request)]
        return found[0] if "symbol" in request.query else found

    def _day_of(self, symbol: str) -> Json:
        bid, ask, last = (f"{price}" for price in self._quotes[symbol])
        now = self._now()
        prices = dict.fromkeys(("openPrice", "highPrice", "lowPrice", "lastPrice", "prevClosePrice"), last)
        more = {"volume": "1000.0", "quoteVolume": "100000.0", "weightedAvgPrice": last, "priceChange": "0.0"}
        sizes = {"bidQty": "3.0", "askQty": "4.0", "lastQty": "0.1", "priceChangePercent": "0.0"}
        times = {"openTime": now - 86_400_000, "closeTime": now, "firstId": 1, "lastId": self._number, "count": 1}
        return {"symbol": symbol, "bidPrice": bid, "askPrice": ask, **prices, **more, **sizes, **times}

    def _best(self, request: web.Request) -> Json | list[Json]:
        found = [self._book_ticker(symbol, stream=False) for symbol in self._symbols(request)]
        return found[0] if "symbol" in request.query else found

    def _book_ticker(self, symbol: str, *, stream: bool) -> Json:
        bid, ask, _ = self._quotes[symbol]
        if stream:
            self._number += 1
            return {"u": self._number, "s": symbol, "b": f"{bid}", "B": "3.0", "a": f"{ask}", "A": "4.0"}
        return {"symbol": symbol, "bidPrice": f"{bid}", "bidQty": "3.0", "askPrice": f"{ask}", "askQty": "4.0"}

    def _depth(self, request: web.Request) -> Json:
        symbol, limit = self._symbol(request), self._limit(request, 100, 5000)
        bid, ask, _ = self._quotes[symbol]
        tick = _tick(symbol[-3:])
        bids = [[f"{bid - tick * level}", "3.0"] for level in range(min(limit, 5))]
        asks = [[f"{ask + tick * level}", "4.0"] for level in range(min(limit, 5))]
        return {"lastUpdateId": self._number, "bids": bids, "asks": asks}

    def _klines(self, request: web.Request) -> list[list[Any]]:
        symbol, limit = self._symbol(request), self._limit(request, 500, 1000)
        interval = request.query.get("interval", "")
        if not re.fullmatch(r"[1-9]\d?[mhd]", interval):
            raise _Refusal(-1120, "Invalid interval.")
        if symbol in self.bars:
            return self.bars[symbol][-limit:]
        length = int(interval[:-1]) * _UNITS[interval[-1]]
        newest, price = self._now() // length * length, f"{self._quotes[symbol][2]}"
        return [bar(newest - age * length, price, price, price, price, length) for age in reversed(range(limit))]

    def _recent(self, request: web.Request) -> list[Json]:
        trades = self._trades.get(self._symbol(request), [])[-self._limit(request, 500, 1000) :]
        flags = {"quoteQty": "1.0", "isBuyerMaker": True, "isBestMatch": True}
        return [{"id": t["t"], "price": t["p"], "qty": t["q"], "time": t["T"], **flags} for t in trades]

    # -- streams

    async def _raw_stream(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request)

    async def _combined_stream(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if not self.streaming:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[socket] = set()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_json(await self._command(socket, json.loads(message.data)))
        finally:
            async with self._changed:
                del self._sockets[socket]
                self._changed.notify_all()
        return socket

    async def _command(self, socket: web.WebSocketResponse, command: Json) -> Json:
        streams = command.get("params")
        if command.get("method") not in {"SUBSCRIBE", "UNSUBSCRIBE"} or not isinstance(streams, list):
            return self._misunderstood(command, "unknown method or params")
        if bad := [stream for stream in streams if not _STREAM.fullmatch(stream)]:
            return self._misunderstood(command, f"no such stream {bad}")
        async with self._changed:
            if command["method"] == "SUBSCRIBE":
                self._sockets[socket].update(streams)
            else:
                self._sockets[socket].difference_update(streams)
            self._changed.notify_all()
        return {"result": None, "id": command["id"]}

    def _misunderstood(self, command: Json, why: str) -> Json:
        self.mistakes.append(why)
        return {"error": {"code": 2, "msg": f"Invalid request: {why}"}, "id": command.get("id")}

    async def _push(self, stream: str, event: Json) -> None:
        for socket, streams in list(self._sockets.items()):
            if stream in streams and socket not in self._muted and not socket.closed:
                await socket.send_json(event)


_BAD_SYMBOL = -1121


class _Refusal(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def bar(opened_at: int, first: str, high: str, low: str, last: str, length: int = _MINUTE) -> list[Any]:
    """Return one kline row."""
    return [opened_at, first, high, low, last, "10.0", opened_at + length - 1, "1000.0", 5, "5.0", "500.0", "0"]


def _tick(quote: str) -> Decimal:
    return Decimal("0.00001000") if quote == "BTC" else Decimal("0.01000000")
