"""The streams of spot: market data, and the events of the user on the connections of the WebSocket API."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

from aiohttp import web

from tests.servers.binance.market import Market
from tests.servers.binance.orders import Trade
from tests.servers.binance.parameters import Call
from tests.servers.binance.rest import Rest, Route
from tests.servers.binance.socket_api import Own, SocketApi
from tests.servers.binance.sockets import Peer, Sockets, stream_pattern
from tests.servers.binance.spot import Spot
from tests.servers.binance.spot_public import best_json, depth_json
from tests.servers.binance.tape import INTERVALS, Bar
from tests.servers.binance.words import Json, eight

_CHANNELS = (
    "bookTicker",
    "trade",
    "aggTrade",
    "miniTicker",
    "ticker",
    rf"kline_({'|'.join(INTERVALS)})",
    r"depth(5|10|20)?(@100ms|@1000ms)?",
)
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
    "account.rateLimits.orders": ("GET", "/api/v3/rateLimit/order"),
    "allOrders": ("GET", "/api/v3/allOrders"),
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
    """The subscriptions to the user's events, on connections to the WebSocket API."""

    def __init__(self, spot: Spot, sockets: Sockets, rest: Rest) -> None:
        self.sockets = sockets
        self.calls = SocketApi(sockets, rest, _METHODS, ping=_METHODS["ping"], handshake=2, own=self._own())
        """The calls over the same connections."""
        self._spot = spot
        self._numbers = count()
        spot.on_user = self._tell

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

    def _own(self) -> dict[str, Own]:
        """Return what only a socket can be asked, which weighs 2 and counts like everything else."""

        def route(answer: Callable[[Peer, Call], Any], right: str | None, *may: str) -> Own:
            return lambda peer: Route(
                partial(answer, peer), self.calls.limits, frozenset(), frozenset(may), 2, right, False
            )

        return {
            "userDataStream.subscribe.signature": route(self._subscribe, "read"),
            "userDataStream.unsubscribe": route(self._unsubscribe, None, "subscriptionId"),
            "session.subscriptions": route(self._subscriptions, None),
        }

    def _subscribe(self, peer: Peer, call: Call) -> Json:
        number = next(self._numbers)
        _held(peer)[number] = call.account
        return {"subscriptionId": number}

    @staticmethod
    def _unsubscribe(peer: Peer, call: Call) -> Json:
        numbers = [call.integer("subscriptionId")] if "subscriptionId" in call else list(_held(peer))
        for number in numbers:
            _held(peer).pop(number, None)
        return {}

    @staticmethod
    def _subscriptions(peer: Peer, call: Call) -> list[Json]:
        return [{"subscriptionId": number} for number in _held(peer)]


def _held(peer: Peer) -> dict[int, str]:
    held: dict[int, str] = peer.remembered.setdefault("subscriptions", {})
    return held


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
