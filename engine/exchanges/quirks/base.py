"""What an adapter must know of an exchange beyond ccxt's unified calls; every default is ccxt's own word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from data.events import RejectReason
from data.market import Candle, MarketKind, Tier
from data.values import Millis, Side
from engine.exchanges.faults import Rule
from engine.exchanges.pacing import Counted, Limit

Params = Mapping[str, Any]
"""Extra parameters of a ccxt call; empty where the exchange has nothing of the kind."""

Weight = int | Callable[..., int]
"""What a call costs: a number, or a function of the call's arguments."""

Renewal = tuple[str, float]
"""The ccxt method that keeps a user stream alive, and after how many seconds to call it again: less than half of what
the stream is granted, so that one call may fail."""


class KeyRights(msgspec.Struct, frozen=True, kw_only=True):
    """What an API key may do. None: the exchange does not tell."""

    spot: bool | None = None
    perpetual: bool | None = None
    withdraw: bool | None = None
    transfer: bool | None = None
    address_bound: bool | None = None
    """Whether the key works from listed addresses only."""


class Best(NamedTuple):
    """Best prices as the message of a stream tells them."""

    market: str
    """The exchange's own name of it."""
    bid: str
    ask: str


class Told(NamedTuple):
    """A bar as the message of a stream tells it."""

    market: str
    """The exchange's own name of it."""
    interval: str
    """The exchange's own name of it."""
    candle: Candle
    closed: bool


class Moved(msgspec.Struct, frozen=True):
    """An amount of an asset that came, or left when negative."""

    asset: str
    amount: Decimal
    at: Millis


class Terms(NamedTuple):
    """A post-only limit order in the exchange's own words; numbers as plain text."""

    market: str
    side: Side
    amount: str
    price: str
    client_id: str


class Reply(NamedTuple):
    """What a connection for orders answered, in the words of REST."""

    number: str
    """Of the call."""
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    result: Any
    error: Mapping[str, Any]
    """What REST would have in its body; empty when all went well."""


class OrderWords(msgspec.Struct, frozen=True, kw_only=True):
    """How orders are placed over a connection that stays open."""

    address: Callable[[Any], str]
    """Finds it in a ccxt object."""
    weight: int
    """What it costs to connect."""
    place: Callable[[Any, str, Mapping[str, str]], Mapping[str, Any]]
    """Builds the message that places an order, signed by a ccxt object, from a number of the call and the request that
    REST would send."""
    read: Callable[[Any], Reply | None]
    """Reads a message; None: it answers no call. May raise whatever a message without sense lets it trip over."""


class Maker(msgspec.Struct, frozen=True, kw_only=True):
    """How post-only orders are placed without the part of ccxt that builds orders of every kind."""

    call: str
    """The ccxt method of the exchange's own endpoint."""
    request: Callable[[Terms], dict[str, str]]
    """Builds what ccxt's ``create_order`` would send."""
    read: Callable[[Any, Mapping[str, Any]], Mapping[str, Any]]
    """Reads ``id``, ``status`` and ``filled`` in the raw answer, with the help of a ccxt object."""
    words: OrderWords | None = None
    """The way without REST; None: there is none."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """How an exchange treats one kind of market. What is true of both kinds stands in ``Quirks``."""

    # -- pacing
    limits: tuple[Limit, ...] = (Limit(counts=Counted.REQUESTS, most=300, seconds=60),)
    """Of the host that serves this kind, as the exchange publishes them."""
    weights: Mapping[str, Weight] = {}
    """Weight of a ccxt call by its name, such as ``fetch_order``; 1 where it is not listed."""
    messages_per_second: int | None = None
    """How many messages a connection of streams is sent, such as subscriptions; None: any number. Somewhat less than
    the exchange takes, for pings count there too and the network may let messages catch up with others."""

    # -- the user stream
    renewal: Renewal | None = None
    """What keeps it alive; None: nothing has to, or ccxt sees to it."""

    # -- market data
    tickers: str = ""
    """The ccxt method of the exchange's own endpoint behind ``fetch_tickers``: its thousands of rows are read some at a
    time, so that nothing waits for all. Empty: ``fetch_tickers`` itself."""
    depths: tuple[int, ...] = ()
    """How many levels of a book can be asked for, ascending; empty: any number."""
    snapshot: int = 0
    """Levels of the snapshot that a streamed book is built on; 0: what ccxt asks for."""

    # -- what a ccxt object for this kind is made with
    options: Params = {}
    """Its ``options``: a quiet start and the default market type."""
    testnet: str = "set_sandbox_mode"
    """The ccxt method that, called with True, turns to the exchange's test environment; empty: there is none."""
    wallet: str = ""
    """What ``transfer`` calls the account that pays for this kind."""

    # -- parameters of create_order
    post_only: Params = MappingProxyType({"postOnly": True})
    maker: Maker | None = None
    """The short way to a post-only order; None: through ``create_order`` like all others."""
    expires_post_only: bool = False
    """Whether a crossing post-only order is accepted and then expired, instead of refused."""
    reduce_only: Params = {}
    self_trade: Params = {}
    """So that an order that would meet our own is taken back, and the resting one stays."""
    self_trade_closing: Params = {}
    """The same for an order that ends or protects a position: the resting one is taken back, and this one goes on."""
    stop_price: str = "stopLossPrice"
    """The parameter that holds the trigger of a stop."""
    mark_trigger: Params = {}
    """So that a stop watches the mark price instead of the last one."""
    close_position: Params = MappingProxyType({"reduceOnly": True})
    """So that a stop closes the position and opens none."""

    # -- parameters of every call about a conditional order
    conditional: Params = {}
    """For fetch_order, fetch_open_orders and cancel_order; empty: stops are listed with all other orders."""
    triggered_ids: tuple[str, ...] = ()
    """Where a conditional order, as it came over the wire, names the order that its trigger placed."""

    # -- reading
    filters: Callable[[Params], Mapping[str, Any]] | None = None
    """Finds in a ccxt market what ccxt does not unify: fields of ``data.market.Filters``."""
    tiers: Mapping[str, tuple[Tier, ...]] = {}
    """Leverage tiers by base asset, for those without a key to ask with; ``tiers.CAUTIOUS`` where it is not listed."""
    rates: Callable[[Any, str], Awaitable[tuple[Decimal, Decimal]]] | None = None
    """Asks for the maker and taker rate of the account on a symbol; else ccxt's ``fetch_trading_fee`` is used."""
    wallet_balances: Callable[[Any], Mapping[str, str]] | None = None
    """Finds wallet balances, without unrealised profit, by asset in the raw answer of ``fetch_balance``."""
    funding_of_all: bool = False
    """Whether one call without a symbol tells the funding of all markets."""
    trades_from: str = ""
    """The parameter of ``fetch_my_trades`` that names the first trade id wanted; empty: pages turn by time."""
    trades_window: Millis = 0
    """Longest period one call for own trades covers; 0: any."""
    trades_kept: Millis = 0
    """How long own trades can be asked for; 0: for ever."""

    def weight(self, call: str, *args: Any) -> int:
        """Return what a ccxt call with these arguments weighs."""
        weight = self.weights.get(call, 1)
        return weight(*args) if callable(weight) else weight


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """How one exchange differs from what ccxt unifies. An exchange without a file gets exactly these defaults."""

    spot: Part = Part(options={"defaultType": "spot"})
    perpetual: Part = Part(options={"defaultType": "swap"}, reduce_only={"reduceOnly": True})
    one_account: bool = False
    """Whether one wallet pays for both kinds."""

    rules: tuple[Rule, ...] = (
        Rule(RejectReason.FILTER, text="must be greater than minimum"),  # ccxt itself, before anything is sent
        Rule(RejectReason.INSUFFICIENT_BALANCE, text="insufficient balance"),
        Rule(RejectReason.INSUFFICIENT_BALANCE, text="insufficient funds"),
    )
    """For ``faults.translate``: the first that fits counts."""

    client_id: str = "clientOrderId"
    """The parameter of create_order, fetch_order and cancel_order that carries our id; the last two take None as id."""
    longest_client_id: int = 32
    stream_ends: frozenset[str] = frozenset()
    """Names of stream events after which a user stream tells nothing more, which ccxt passes over."""
    best: Callable[[Mapping[str, Any]], Best | None] | None = None
    """Finds best prices in the message of a stream that tells nothing else: read here, they are known in a quarter of
    the time that ccxt takes to make a ticker of them. None: ccxt reads them."""
    bar: Callable[[Mapping[str, Any]], Told | None] | None = None
    """Finds a bar, and whether it closed, in the message of a stream; None: ccxt reads them, and whether one closed is
    found out by asking when the next one opens."""
    trades_numbered: bool = False
    """Whether the ids of public trades of one market are numbers that go up one by one."""
    money_moved: Callable[[Mapping[str, Any]], list[Moved]] | None = None
    """Finds in an event of a user stream what came into the account or left it by other ways than trading."""

    forced: Callable[[Mapping[str, Any]], bool] | None = None
    """Tells from an event of a user stream whether the exchange itself ends a position, as by liquidation."""
    key_rights: Callable[[Any], Awaitable[KeyRights]] | None = None
    """Asks what the key of a ccxt object may do."""
    shared_margin: Callable[[Any], Awaitable[bool]] | None = None
    """Asks whether other assets than the one a perpetual is settled in stand for its losses."""
    count_down: Callable[[Any, str, Millis], Awaitable[None]] | None = None
    """Dead man's switch: the exchange cancels all orders of a symbol after so long unless told again; 0 ends it."""

    def part(self, kind: MarketKind) -> Part:
        """Return how one kind of market is treated."""
        return self.perpetual if kind is MarketKind.PERPETUAL else self.spot


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What ccxt says that an exchange can do on one kind of market."""

    post_only: bool
    stop: bool
    reads_order: bool
    """Whether one order can be asked for; else open orders and own trades must answer."""
    streams_orders: bool
    streams_trades: bool
    streams_prices: bool
    leverage: bool
    margin_mode: bool
    position_mode: bool
    positions: bool
    leverage_tiers: bool
    funding_history: bool
    transfer: bool
    missing: tuple[str, ...]
    """ccxt calls without which no grid can run here; empty when one can."""


_NEEDED = (
    "createOrder",
    "cancelOrder",
    "fetchOpenOrders",
    "fetchMyTrades",
    "fetchBalance",
    "fetchTicker",
    "fetchOHLCV",
)
_NEEDED_PERPETUAL = ("fetchPositions", "setLeverage")


def capabilities(exchange: Any, kind: MarketKind) -> Capabilities:
    """Read ccxt's tables ``has`` and ``features`` of an exchange object."""
    has, perpetual = exchange.has, kind is MarketKind.PERPETUAL
    order = _features(exchange, kind).get("createOrder") or {}

    def can(*names: str) -> bool:
        return any(has.get(name) is True for name in names)

    return Capabilities(
        post_only=bool((order.get("timeInForce") or {}).get("PO")) or can("createPostOnlyOrder"),
        stop=bool(order.get("stopLossPrice") or order.get("triggerPrice")) or can("createStopOrder"),
        reads_order=can("fetchOrder"),
        streams_orders=can("watchOrders"),
        streams_trades=can("watchMyTrades"),
        streams_prices=can("watchBidsAsks", "watchTicker"),
        leverage=can("setLeverage"),
        margin_mode=can("setMarginMode"),
        position_mode=can("setPositionMode"),
        positions=can("fetchPositions"),
        leverage_tiers=can("fetchLeverageTiers", "fetchMarketLeverageTiers"),
        funding_history=can("fetchFundingHistory"),
        transfer=can("transfer"),
        missing=tuple(name for name in (_NEEDED_PERPETUAL if perpetual else _NEEDED) if not has.get(name)),
    )


def _features(exchange: Any, kind: MarketKind) -> Mapping[str, Any]:
    features = exchange.features or {}
    if kind is MarketKind.SPOT:
        return features.get("spot") or {}
    return (features.get("swap") or {}).get("linear") or {}
