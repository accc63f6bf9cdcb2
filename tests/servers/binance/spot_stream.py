"""The streams of spot: market data, and the WebSocket API with the user's events and calls."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any

from aiohttp import web

from tests.servers.binance.keys import check_signature, check_time
from tests.servers.binance.limits import Limits, Throttled
from tests.servers.binance.market import Market
from tests.servers.binance.orders import Trade
from tests.servers.binance.parameters import Call, mandatory
from tests.servers.binance.rest import Rest
from tests.servers.binance.sockets import Peer, Sockets, stream_pattern
from tests.servers.binance.spot import Spot
from tests.servers.binance.spot_public import best_json, depth_json
from tests.servers.binance.tape import INTERVALS, Bar
from tests.servers.binance.words import Json, Refusal, eight

_CHANNELS = (
    "bookTicker",
    "trade",
    "aggTrade",
    "miniTicker",
    "ticker",
    rf"kline_({'|'.join(INTERVALS)})",
    r"depth(5|10|20)?(@100ms|@1000ms)?",
)
_ENVELOPE = {"apiKey", "returnRateLimits"}
_METHODS = {
    "ping": ("GET", "/api/v3/ping"),
    "time": ("GET", "/api/v3/time"),
    "order.place": ("POST", "/api/v3/order"),
    "order.test": ("POST", "/api/v3/order/test"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "order.cancelReplace": ("POST", "/api/v3/order/cancelReplace"),
    "order.status": ("GET", "/api/v3/order"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "account.status": ("GET", "/api/v3/account"),
    "myTrades": ("GET", "/api/v3/myTrades"),
    "depth": ("GET", "/api/v3/depth"),
    "klines": ("GET", "/api/v3/klines"),
    "ticker.price": ("GET", "/api/v3/ticker/price"),
    "ticker.book": ("GET", "/api/v3/ticker/bookTicker"),
}


class MarketStreams:
    """What everybody may hear, told as it happens."""

    def __init__(self, spot: Spot, sockets: Sockets) -> None:
        self._spot = spot
        self._sockets = sockets
        self._valid = stream_pattern(*_CHANNELS)
        self._best: dict[str, Json] = {}
        self._books: dict[str, tuple[int, dict[str, dict[Decimal, Decimal]]]] = {}
        self._candles: dict[str, int] = {}
        spot.on_trade = self._traded
        spot.on_quote = self._quoted
        sockets.joined = self._joined

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Hold a market stream, with streams of its address already subscribed."""
        named = request.match_info.get("streams") or request.query.get("streams", "")
        streams = [stream for stream in named.split("/") if stream]
        if not all(map(self._valid, streams)):
            return web.Response(status=400)
        understand = self._sockets.subscriptions(self._valid)
        return await self._sockets.serve(request, understand, streams, combined=request.path == "/stream")

    def _traded(self, market: Market, trade: Trade) -> None:
        symbol, now = market.spec.symbol, self._spot.now()
        name, head = symbol.lower(), {"E": now, "s": symbol}
        price = {"p": eight(trade.price), "q": eight(trade.quantity)}
        tail = {"T": trade.time, "m": trade.buyer_is_maker, "M": True}
        self._sockets.publish(f"{name}@trade", {"e": "trade", **head, "t": trade.id, **price, **tail})
        ids = {"f": trade.id, "l": trade.id}
        self._sockets.publish(f"{name}@aggTrade", {"e": "aggTrade", **head, "a": trade.id, **price, **ids, **tail})
        for channel in ("miniTicker", "ticker"):
            if self._sockets.heard(f"{name}@{channel}"):
                self._sockets.publish(f"{name}@{channel}", self._day(market, brief=channel == "miniTicker"))
        for interval, length in INTERVALS.items():
            if self._sockets.heard(f"{name}@kline_{interval}"):
                self._kline(market, interval, length)

    def _kline(self, market: Market, interval: str, length: int) -> None:
        tape, now = self._spot.tapes[market.spec.symbol], self._spot.now()
        stream = f"{market.spec.symbol.lower()}@kline_{interval}"
        rows = tape.klines(interval, market.last, None, None, 1)
        opened_at = rows[0][0]
        before = self._candles.get(stream, opened_at)
        if before < opened_at:
            closed = tape.bar(before, length, market.last)
            self._sockets.publish(stream, kline_json(market.spec.symbol, interval, length, closed, now, closed=True))
        self._candles[stream] = opened_at
        bar = tape.bar(opened_at, length, market.last)
        self._sockets.publish(stream, kline_json(market.spec.symbol, interval, length, bar, now, closed=False))

    def _day(self, market: Market, *, brief: bool) -> Json:
        bar, now = self._spot.tapes[market.spec.symbol].day(market.last), self._spot.now()
        names = {"o": bar.first, "h": bar.high, "l": bar.low, "v": bar.volume, "q": bar.turnover, "c": bar.last}
        told: Json = {"E": now, "s": market.spec.symbol, **{name: eight(value) for name, value in names.items()}}
        if brief:
            return {"e": "24hrMiniTicker", **told}
        best, change = best_json(market), bar.last - bar.first
        more: Json = {
            "p": eight(change),
            "P": f"{change / bar.first * 100:.3f}",
            "w": eight(bar.turnover / bar.volume if bar.volume else bar.last),
            "x": eight(bar.first),
            "Q": eight(bar.volume),
            "b": best["bidPrice"],
            "B": best["bidQty"],
            "a": best["askPrice"],
            "A": best["askQty"],
            "O": now - 86_400_000,
            "C": now,
            "F": bar.first_id,
            "L": bar.last_id,
            "n": bar.trades,
        }
        return {"e": "24hrTicker", **told, **more}

    def _quoted(self, market: Market) -> None:
        name = market.spec.symbol.lower()
        if self._sockets.heard(f"{name}@bookTicker"):
            best = best_json(market)
            if best != self._best.get(name):
                self._best[name] = best
                told = {"b": best["bidPrice"], "B": best["bidQty"], "a": best["askPrice"], "A": best["askQty"]}
                event = {"u": market.update_id, "s": market.spec.symbol, **told}
                self._sockets.publish(f"{name}@bookTicker", event)
        for speed in ("", "@100ms", "@1000ms"):
            for size in (5, 10, 20):
                if self._sockets.heard(f"{name}@depth{size}{speed}"):
                    self._sockets.publish(f"{name}@depth{size}{speed}", depth_json(market, size))
            if self._sockets.heard(stream := f"{name}@depth{speed}"):
                self._sockets.publish(stream, self._difference(market, stream))
            else:
                self._books.pop(stream, None)

    def _joined(self, stream: str) -> None:
        """Remember the book that the first difference goes on from."""
        market = self._spot.markets.get(stream.partition("@")[0].upper())
        if market is not None and "@depth" in stream:
            self._books[stream] = market.update_id, _sides(market)

    def _difference(self, market: Market, stream: str) -> Json:
        before, books = self._books[stream]
        now = _sides(market)
        changes = {
            side: [[eight(p), eight(q)] for p, q in now[side].items() if books[side].get(p) != q]
            + [[eight(p), eight(Decimal(0))] for p in books[side] if p not in now[side]]
            for side in ("b", "a")
        }
        self._books[stream] = (market.update_id, now)
        head = {"e": "depthUpdate", "E": self._spot.now(), "s": market.spec.symbol}
        return {**head, "U": before + 1, "u": market.update_id, **changes}


def _sides(market: Market) -> dict[str, dict[Decimal, Decimal]]:
    return {"b": dict(market.depth("BUY")), "a": dict(market.depth("SELL"))}


class UserStreams:
    """The WebSocket API: subscriptions to the user's events, and the calls of REST over a socket."""

    def __init__(self, spot: Spot, sockets: Sockets, rest: Rest, limits: Limits) -> None:
        self.sockets = sockets
        self._spot = spot
        self._rest = rest
        self._limits = limits
        self._numbers = count()
        self._methods: dict[str, Callable[[Peer, Json], Any]] = {
            "userDataStream.subscribe.signature": self._subscribe,
            "userDataStream.unsubscribe": self._unsubscribe,
            "session.subscriptions": lambda peer, params: [{"subscriptionId": each} for each in _held(peer)],
        }
        spot.on_user = self._tell

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Hold a connection to the WebSocket API."""
        return await self.sockets.serve(request, self._understand)

    def expire(self, account: str = "main") -> None:
        """End every subscription of an account, with the event that says so."""
        for peer in self.sockets.peers:
            for number, owner in list(_held(peer).items()):
                if owner == account:
                    del _held(peer)[number]
                    event = {"e": "eventStreamTerminated", "E": self._spot.now()}
                    peer.send({"subscriptionId": number, "event": event}, "user:eventStreamTerminated")

    async def heard(self, account: str = "main", connections: int = 1) -> None:
        """Wait until an account's events are heard on so many connections that are not mute."""
        await self.sockets.until(lambda: self.subscribers(account) >= connections)

    def subscribers(self, account: str = "main") -> int:
        """Return how many subscriptions an account has on connections that are not mute."""
        speaking = [peer for peer in self.sockets.peers if not peer.silent]
        return sum(owner == account for peer in speaking for owner in _held(peer).values())

    def _tell(self, account: str, event: Json) -> None:
        for peer in self.sockets.peers:
            for number, owner in _held(peer).items():
                if owner == account:
                    peer.send({"subscriptionId": number, "event": event}, f"user:{event['e']}")

    def _understand(self, peer: Peer, message: Json) -> Json:
        method, params = str(message.get("method")), message.get("params") or {}
        self._rest.calls.append(f"WS {method}")
        try:
            if method in self._methods:
                self._limits.use(2)
                told = {"status": 200, "result": self._methods[method](peer, params)}
            elif method in _METHODS:
                told = {"status": 200, "result": self._call(method, params)}
            else:
                raise Refusal(-1000, "Unknown method.")
        except Refusal as refusal:
            told = {"status": refusal.status, "error": refusal.body}
            if isinstance(refusal, Throttled):
                told["error"]["data"] = {"serverTime": self._spot.now(), "retryAfter": refusal.seconds}
            self._rest.note(f"WS {method}", refusal)
        if params.get("returnRateLimits", True):
            told["rateLimits"] = [{**rule, "count": self._limits.used} for rule in self._limits.rules()[:1]]
        return {"id": message.get("id"), **told}

    def _call(self, method: str, params: Json) -> Any:
        """Answer as REST does; the key and signature come among the parameters."""
        route = self._rest.routes[_METHODS[method]]
        texts = {name: _text(value) for name, value in params.items() if name not in _ENVELOPE}
        self._limits.use(route.weight(texts) if callable(route.weight) else route.weight)
        call = self._signed(params, route.right) if route.signed else Call("WS", method, texts, None)
        route.check(texts)
        if route.order:
            self._limits.count_order(call.account)
        return route.answer(call)

    def _signed(self, params: Json, right: str | None) -> Call:
        key = self._rest.keyring.find(params.get("apiKey"), right)
        texts = {name: _text(value) for name, value in params.items()}
        for name in ("signature", "timestamp"):
            if not texts.get(name):
                raise mandatory(name)
        call = Call("WS", "", texts, key)
        check_time(call.integer("timestamp"), call.integer("recvWindow", 5_000), self._spot.now())
        payload = "&".join(f"{name}={texts[name]}" for name in sorted(texts) if name != "signature")
        check_signature(key, payload, texts["signature"])
        return call

    def _subscribe(self, peer: Peer, params: Json) -> Json:
        number = next(self._numbers)
        _held(peer)[number] = self._signed(params, "read").account
        return {"subscriptionId": number}

    @staticmethod
    def _unsubscribe(peer: Peer, params: Json) -> Json:
        numbers = [params["subscriptionId"]] if "subscriptionId" in params else list(_held(peer))
        for number in numbers:
            _held(peer).pop(number, None)
        return {}


def _held(peer: Peer) -> dict[int, str]:
    held: dict[int, str] = peer.remembered.setdefault("subscriptions", {})
    return held


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def kline_json(symbol: str, interval: str, length: int, bar: Bar, now: int, *, closed: bool) -> Json:
    """Return a candle as the kline stream tells it."""
    candle = {
        "t": bar.opened_at,
        "T": bar.opened_at + length - 1,
        "s": symbol,
        "i": interval,
        "f": bar.first_id,
        "L": bar.last_id,
        "o": eight(bar.first),
        "c": eight(bar.last),
        "h": eight(bar.high),
        "l": eight(bar.low),
        "v": eight(bar.volume),
        "n": bar.trades,
        "x": closed,
        "q": eight(bar.turnover),
        "V": eight(bar.bought),
        "Q": eight(bar.bought_turnover),
        "B": "0",
    }
    return {"e": "kline", "E": now, "s": symbol, "k": candle}
