"""What the exchange tells of our orders, as it happens; what it fails to tell is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import structlog

from data.events import BalanceMoved, OrderAccepted, OrderCancelled, OrderFilled, RejectReason
from data.market import MarketKind
from data.orders import Fill, installation_of
from data.values import Millis, Mode
from engine.exchanges.base import Emit, ExchangeUnavailable, MarketUnknown, StreamRestored
from engine.exchanges.ccxt_client import Client
from engine.exchanges.ccxt_markets import contract_size, decimal
from engine.exchanges.faults import Refused, Throttled, Unauthorised, Unavailable
from engine.exchanges.habits import Habits
from engine.exchanges.live_fills import LiveFills
from engine.exchanges.live_orders import LiveOrders, never_was, over, triggered_id
from engine.exchanges.own_orders import OwnOrders
from engine.exchanges.pacing import Lane
from engine.exchanges.quirks.base import Renewal
from engine.exchanges.tasks import end, persist, spawn

OVERLAP: Millis = 60_000
"""How far before a gap to look for fills: exchanges may report trades late or out of order."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
_OPENING_SECONDS, _REFUSAL_SECONDS = 10.0, 0.05

log = structlog.get_logger(__name__)


class UserStream:
    """Emits what happens to the account's orders on one kind of market, each thing once.

    A stream that breaks, ends or keeps silent about a fill is opened anew; what happened meanwhile is asked for, and
    ``StreamRestored`` says that the books must be compared. While there is none, the exchange is asked again and again.
    """

    def __init__(
        self,
        client: Client,
        orders: LiveOrders,
        fills: LiveFills,
        own: OwnOrders,
        *,
        emit: Emit,
        mode: Mode,
        habits: Habits,
    ) -> None:
        """Hear through ``client``, which has a key."""
        self._client, self._orders, self._fills, self._own = client, orders, fills, own
        self._emit, self._mode, self._clock = emit, mode, client.clock
        self._habits = habits
        self._told: asyncio.Queue[tuple[str, Mapping[str, Any]]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._began_at = self._sound_at = self._clock.now()
        self._ready = asyncio.Event()
        self._unauthorised: Unauthorised | None = None
        self.up = False
        """Whether the stream tells what happens."""

    async def open(self) -> None:
        """Listen from here on; without a stream, ask. Raises ``Unauthorised`` when the key is not accepted."""
        has = self._client.ccxt.has
        self._client.gathered, self._client.happened = self._gather, self._happened
        self._tasks = [spawn(self._work(), "own orders")]
        if not (has.get("watchOrders") and has.get("watchMyTrades")):
            self._tasks.append(spawn(persist(self._ask_again, self._clock), "asking for own orders"))
            return
        self._tasks.append(spawn(self._supervise(), "user stream"))
        self._tasks.append(spawn(persist(self._probe, self._clock), "check of the user stream"))
        try:
            await asyncio.wait_for(self._ready.wait(), _OPENING_SECONDS)
        except TimeoutError:
            log.warning("user_stream_missing", exchange=self._client.name, kind=self._client.kind.value)
        if self._unauthorised is not None:
            raise self._unauthorised

    async def close(self) -> None:
        """Listen no more."""
        await end(self._tasks)
        await self._fills.close()
        self._tasks = []

    # -- keeping a stream

    async def _supervise(self) -> None:
        pause, first = _FIRST_PAUSE, True
        while True:
            started = self._clock.now()
            try:
                await self._listen(first)
            except ExchangeUnavailable as error:
                log.warning("user_stream_broke", exchange=self._client.name, reason=str(error))
                if first and isinstance(error, Unauthorised):
                    self._unauthorised = error
            except Exception:
                # Without this task nobody ever listens again.
                log.exception("user_stream_broke_off", exchange=self._client.name)
            was_up, self.up, first = self.up, False, False
            self._ready.set()
            if self._clock.now() - started > OVERLAP:
                pause = _FIRST_PAUSE
            await self._clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            if not was_up:
                await self._ask_instead()

    async def _listen(self, first: bool) -> None:
        """Open a stream and stay until it breaks. Only what was asked for is known to be sound, not what was told."""
        await self._client.drop_streams()
        # What ccxt asks to sign on is asked past the pace: at least nothing of it during a ban.
        await self._client.pace.turn(Lane.BOOKS, self._client.part.weight("watch_orders"))
        watches = [asyncio.create_task(self._watch(call)) for call in ("watch_orders", "watch_my_trades")]
        if (renewal := self._client.part.renewal) is not None:
            watches.append(asyncio.create_task(self._renew(renewal)))
        live = asyncio.create_task(self._client.live.wait())
        try:
            async with asyncio.timeout(_OPENING_SECONDS):
                await asyncio.wait([*watches, live], return_when=asyncio.FIRST_COMPLETED)
            # A refusal comes as a message too.
            await asyncio.wait(watches, timeout=_REFUSAL_SECONDS)
            if live.done() and not any(watch.done() for watch in watches):
                if not first:
                    await self._ask()
                    self._emit(StreamRestored(mode=self._mode))
                self.up = True
                self._ready.set()
            await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            for watch in watches:
                if watch.done():
                    watch.result()  # raises what broke it
        except TimeoutError as error:
            raise Unavailable("the user stream did not open in time") from error
        finally:
            live.cancel()
            await end(watches)
            await self._client.drop_streams()

    async def _watch(self, call: str) -> None:
        while True:
            await self._client.watch(call)

    async def _renew(self, renewal: Renewal) -> None:
        """Keep the stream alive. Raises a fault when the exchange no longer knows it."""
        call, seconds = renewal
        while True:
            await self._clock.sleep(seconds)
            try:
                await self._client.read(call, lane=Lane.BOOKS)
            except (Unavailable, Throttled) as error:
                log.warning("user_stream_not_renewed", exchange=self._client.name, reason=str(error))

    async def _probe(self) -> None:
        """After a while, ask for what the stream should have told; a stream that told less is opened anew."""
        await self._clock.sleep(self._habits.probe_seconds)
        if not self.up:
            return
        settled = self._clock.now() - round(self._habits.settling_seconds * 1000)
        untold = await self._catch_up(self._sound_at - OVERLAP, until=settled)
        if untold:
            log.warning("user_stream_silent", exchange=self._client.name, fills=untold)
            await self._client.drop_streams()
        else:
            self._sound_at = settled

    # -- asking

    async def _ask_again(self) -> None:
        await self._ask()
        await self._clock.sleep(self._habits.poll_seconds)

    async def _ask_instead(self) -> None:
        try:
            await self._ask()
        except ExchangeUnavailable as error:
            log.warning("own_orders_unknown", exchange=self._client.name, reason=str(error))
        except Exception:
            log.exception("own_orders_broke_off", exchange=self._client.name)

    async def _ask(self) -> None:
        """Ask for fills, and for orders that no longer rest."""
        now = self._clock.now()
        await self._catch_up(self._sound_at - OVERLAP)
        for symbol in set(self._own.watched().values()):
            with _unless_gone():
                resting = {report.client_id for report in await self._orders.open_orders(symbol)}
                for client_id, known in self._own.watched().items():
                    if known == symbol and client_id not in resting:
                        await self._missing(client_id, symbol)
        self._sound_at = now

    async def _missing(self, client_id: str, symbol: str) -> None:
        report = await self._orders.order(client_id, symbol)
        if report is None or report.status.live or self._own.told(client_id) < report.filled:
            return
        if report.filled == report.quantity:
            self._own.fulfil(client_id)
        else:
            self._cancelled(client_id, report.filled)

    async def _catch_up(self, since: Millis, until: Millis | None = None, symbols: Iterable[str] = ()) -> int:
        """Ask for fills where orders of ours may have filled, tell those untold; return how many the stream owed us."""
        untold, skew = 0, self._client.skew
        for symbol in set(symbols) or set(self._own.watched().values()):
            found: list[Fill] = []
            with _unless_gone():
                found = await self._fills.since(symbol, since + skew)
            for fill in found:
                if (until is None or fill.at <= until + skew) and self._own.fresh(fill):
                    untold += fill.at >= self._began_at + skew
                    self._emit(OrderFilled(at=self._clock.now(), fill=fill))
        return untold

    # -- what the stream tells

    def _gather(self) -> None:
        """Take over what ccxt gathered from one message; what was there before is recognised and passed over."""
        self._take("order", self._client.ccxt.orders)
        self._take("trade", self._client.ccxt.myTrades)
        self._take("over", self._client.ccxt.orders)

    def _happened(self, event: Mapping[str, Any]) -> None:
        found = self._client.quirks.money_moved
        for moved in found(event) if found is not None else ():
            identity = f"{self._client.name}-{self._client.kind.value}-{moved.asset}-{moved.at}-{moved.amount}"
            told = BalanceMoved(at=moved.at, id=identity, mode=self._mode, asset=moved.asset, amount=moved.amount)
            self._emit(told)
        forced = self._client.quirks.forced
        if forced is not None and forced(event):
            # Not all of it is told as trades.
            self._emit(StreamRestored(mode=self._mode))

    def _take(self, what: str, gathered: Any) -> None:
        if gathered:
            count = gathered.getLimit(None, None) or 0
            for each in list(gathered)[-count:] if count else ():
                self._told.put_nowait((what, dict(each)))

    async def _work(self) -> None:
        while True:
            what, told = await self._told.get()
            try:
                await self._tell(what, told)
            except ExchangeUnavailable as error:
                # The next probe finds it untold.
                log.warning("own_order_not_told", exchange=self._client.name, reason=str(error))
            except Exception:
                log.exception("own_order_not_understood", exchange=self._client.name)

    async def _tell(self, what: str, told: Mapping[str, Any]) -> None:
        match what:
            case "order":
                await self._order(told)
            case "trade":
                fill = await self._fills.fill(told)
                if self._own.fresh(fill):
                    self._emit(OrderFilled(at=self._clock.now(), fill=fill))
                    self._suspect(fill)
            case _:
                self._over(told)

    def _suspect(self, fill: Fill) -> None:
        """Have the books compared when others, such as a liquidation, change a position that a grid counts on."""
        foreign = installation_of(fill.client_id) is None and fill.symbol in self._own.markets
        if foreign and self._client.kind is MarketKind.PERPETUAL:
            self._emit(StreamRestored(mode=self._mode))

    async def _order(self, told: Mapping[str, Any]) -> None:
        symbol, exchange_id = str(told["symbol"]), str(told["id"])
        client_id = self._own.client_id(symbol, exchange_id) or str(told.get("clientOrderId") or "")
        if not client_id or never_was(told):
            return
        news = self._own.learn(client_id, symbol, exchange_id, watched=told.get("status") == "open")
        if news and not over(told):
            accepted = OrderAccepted(at=self._clock.now(), client_id=client_id, exchange_id=exchange_id)
            self._own.after_answer(client_id, lambda: self._emit(accepted))
        placed = triggered_id(self._client, told)
        if placed and self._own.alias(client_id, symbol, placed):
            # Fills of the order that the trigger placed may have been told under another name.
            await self._catch_up(self._clock.now() - OVERLAP, symbols=(symbol,))

    def _over(self, told: Mapping[str, Any]) -> None:
        symbol, exchange_id = str(told["symbol"]), str(told["id"])
        client_id = self._own.client_id(symbol, exchange_id)
        if client_id is None or triggered_id(self._client, told):
            return
        filled = decimal(told.get("filled")) * contract_size(self._client.ccxt.markets.get(symbol, {}))
        if over(told) and self._own.told(client_id) >= filled:
            self._cancelled(client_id, filled)
        elif told.get("status") == "closed" and self._own.told(client_id) >= filled > 0:
            self._own.fulfil(client_id)

    def answered(self, told: Mapping[str, Any]) -> None:
        """Hear the answer to a cancel, which may come before the stream's word."""
        if told.get("symbol") and told.get("id"):
            self._over(told)

    def _cancelled(self, client_id: str, filled: Decimal) -> None:
        def tell() -> None:
            if self._own.end(client_id):
                self._emit(OrderCancelled(at=self._clock.now(), client_id=client_id, filled=filled))

        self._own.after_answer(client_id, tell)


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Pass over a market that is no longer listed: it must not keep the others from being looked at."""
    try:
        yield
    except MarketUnknown:
        return
    except Refused as fault:
        if fault.reason is not RejectReason.MARKET_CLOSED:
            raise
