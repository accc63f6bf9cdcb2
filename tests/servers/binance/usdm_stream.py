"""The market streams of futures: books and trades on one address, everything slower on another."""

from __future__ import annotations

from decimal import Decimal

from aiohttp import web

from tests.servers.binance.market import Market
from tests.servers.binance.orders import Trade
from tests.servers.binance.sockets import Sockets, stream_pattern
from tests.servers.binance.spot_stream import kline_json
from tests.servers.binance.tape import INTERVALS
from tests.servers.binance.usdm_engine import Futures
from tests.servers.binance.usdm_public import amount, best_json, levels_json, money, premium_json
from tests.servers.binance.words import Json

_PUBLIC = ("bookTicker", "trade", r"depth(5|10|20)?(@100ms|@250ms|@500ms)?")
_MARKET = ("aggTrade", r"markPrice(@1s)?", "miniTicker", "ticker", "forceOrder", rf"kline_({'|'.join(INTERVALS)})")


class UsdmStreams:
    """What everybody may hear, told as it happens."""

    def __init__(self, futures: Futures, sockets: Sockets) -> None:
        self._futures = futures
        self._sockets = sockets
        self._valid = {"public": stream_pattern(*_PUBLIC), "market": stream_pattern(*_MARKET)}
        self._best: dict[str, Json] = {}
        self._books: dict[str, tuple[int, dict[str, dict[str, str]]]] = {}
        self._candles: dict[str, int] = {}
        futures.on_trade = self._traded
        futures.on_quote = self._quoted
        futures.on_mark = self._marked
        sockets.joined = self._joined

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Hold a market stream; which streams there are depends on the address."""
        valid = self._valid[request.path.split("/")[1]]
        return await self._sockets.serve(request, self._sockets.subscriptions(valid))

    def tick(self) -> None:
        """Tell every mark price, as happens each second."""
        for symbol in self._futures.marks:
            self._marked(symbol)

    def _marked(self, symbol: str) -> None:
        for channel in ("markPrice", "markPrice@1s"):
            if self._sockets.heard(stream := f"{symbol.lower()}@{channel}"):
                told = premium_json(self._futures, symbol)
                prices = {"p": told["markPrice"], "i": told["indexPrice"], "P": told["estimatedSettlePrice"]}
                rest = {"r": told["lastFundingRate"], "T": told["nextFundingTime"]}
                event = {"e": "markPriceUpdate", "E": told["time"], "s": symbol}
                self._sockets.publish(stream, event | prices | rest)

    def _traded(self, market: Market, trade: Trade) -> None:
        symbol, now = market.spec.symbol, self._futures.now()
        name, head = symbol.lower(), {"E": now, "T": trade.time, "s": symbol}
        price = {"p": money(trade.price, market), "q": amount(trade.quantity, market), "m": trade.buyer_is_maker}
        self._sockets.publish(f"{name}@trade", {"e": "trade", **head, "t": trade.id, **price, "X": "MARKET"})
        ids = {"a": trade.id, "f": trade.id, "l": trade.id}
        self._sockets.publish(f"{name}@aggTrade", {"e": "aggTrade", **head, **ids, **price})
        for channel in ("miniTicker", "ticker"):
            if self._sockets.heard(f"{name}@{channel}"):
                self._sockets.publish(f"{name}@{channel}", self._day(market, brief=channel == "miniTicker"))
        for interval, length in INTERVALS.items():
            if self._sockets.heard(stream := f"{name}@kline_{interval}"):
                self._kline(market, stream, interval, length)

    def _kline(self, market: Market, stream: str, interval: str, length: int) -> None:
        symbol, tape = market.spec.symbol, self._futures.tapes[market.spec.symbol]
        opened_at = tape.klines(interval, market.last, None, None, 1)[0][0]
        before = self._candles.get(stream, opened_at)
        for moment in sorted({before, opened_at}):
            bar, closed = tape.bar(moment, length, market.last), moment < opened_at
            self._sockets.publish(stream, kline_json(symbol, interval, length, bar, self._futures.now(), closed=closed))
        self._candles[stream] = opened_at

    def _day(self, market: Market, *, brief: bool) -> Json:
        bar, now = self._futures.tapes[market.spec.symbol].day(market.last), self._futures.now()
        prices = {"o": bar.first, "h": bar.high, "l": bar.low, "c": bar.last, "q": bar.turnover}
        told: Json = {"E": now, "s": market.spec.symbol, "v": amount(bar.volume, market)}
        told |= {name: money(value, market) for name, value in prices.items()}
        if brief:
            return {"e": "24hrMiniTicker", **told}
        change = bar.last - bar.first
        more: Json = {
            "p": money(change, market),
            "P": f"{change / bar.first * 100:.3f}",
            "w": money(bar.turnover / bar.volume if bar.volume else bar.last, market),
            "Q": amount(self._futures.tapes[market.spec.symbol].trades[-1].quantity, market),
            "O": now - 86_400_000,
            "C": now,
            "F": bar.first_id,
            "L": bar.last_id,
            "n": bar.trades,
        }
        return {"e": "24hrTicker", **told, **more}

    def _quoted(self, market: Market) -> None:
        name, now = market.spec.symbol.lower(), self._futures.now()
        head: Json = {"E": now, "T": now, "s": market.spec.symbol}
        if self._sockets.heard(f"{name}@bookTicker"):
            best = best_json(market)
            if best != self._best.get(name):
                self._best[name] = best
                told = {"b": best["bidPrice"], "B": best["bidQty"], "a": best["askPrice"], "A": best["askQty"]}
                event = {"e": "bookTicker", "u": market.update_id, **head, **told}
                self._sockets.publish(f"{name}@bookTicker", event)
        for speed in ("", "@100ms", "@250ms", "@500ms"):
            for size in (5, 10, 20):
                if self._sockets.heard(stream := f"{name}@depth{size}{speed}"):
                    self._depth(stream, market, size)
            if self._sockets.heard(stream := f"{name}@depth{speed}"):
                self._depth(stream, market, None)
            else:
                self._books.pop(stream, None)

    def _joined(self, stream: str) -> None:
        """Remember the book that the first difference goes on from."""
        market = self._futures.markets.get(stream.partition("@")[0].upper())
        if market is not None and "@depth" in stream:
            self._books[stream] = market.update_id, _sides(market)

    def _depth(self, stream: str, market: Market, size: int | None) -> None:
        now, number = self._futures.now(), market.update_id
        levels = levels_json(market, size or 1_000)
        before, books = self._books[stream]
        current = _sides(market)
        if size is None:
            zero = amount(Decimal(0), market)
            for side, rows in current.items():
                levels[side] = [[price, held] for price, held in rows.items() if books[side].get(price) != held]
                levels[side] += [[price, zero] for price in books[side] if price not in rows]
        self._books[stream] = (number, current)
        head = {"e": "depthUpdate", "E": now, "T": now, "s": market.spec.symbol}
        tail = {"U": before + 1, "u": number, "pu": before, "b": levels["bids"], "a": levels["asks"]}
        self._sockets.publish(stream, head | tail)


def _sides(market: Market) -> dict[str, dict[str, str]]:
    return {side: dict(rows) for side, rows in levels_json(market, 1_000).items()}
