"""What is known of single exchanges: found by name, sound in itself, and true of the installed ccxt."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import ccxt.pro
import pytest

from data.market import Candle, MarketKind
from data.values import Side
from engine.clock import ManualClock
from engine.exchanges.ccxt_live import CcxtExchange
from engine.exchanges.faults import Fault
from engine.exchanges.pacing import Counted, Lane, Pace
from engine.exchanges.quirks import quirks
from engine.exchanges.quirks.base import KeyRights, Quirks, Terms, Told, capabilities
from tests.engine.exchanges.live import Perpetual, Spot, opened

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "api" / "binance"
KINDS = pytest.mark.parametrize("kind", list(MarketKind))


class Recorder:
    """A ccxt Binance that writes down its raw calls."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def market(self, symbol: str) -> dict[str, str]:
        return {"id": symbol.split(":")[0].replace("/", "")}

    async def sapi_get_account_apirestrictions(self) -> dict[str, bool]:
        return {"enableSpotAndMarginTrading": True, "enableWithdrawals": False, "ipRestrict": True}

    async def fapiprivate_post_countdowncancelall(self, params: dict[str, object]) -> None:
        self.told.append(params)


@pytest.mark.parametrize("name", ["okx", "kraken", "base", "no_exchange"])
def test_an_exchange_without_a_file_gets_the_defaults(name: str) -> None:
    assert quirks(name) == Quirks()


@KINDS
@pytest.mark.parametrize("name", ["binance", "okx"])
async def test_the_heaviest_call_fits_every_limit(name: str, kind: MarketKind) -> None:
    part = quirks(name).part(kind)
    pace = Pace(ManualClock(), part.limits)
    heaviest = max([1, *(part.weight(call, "BTC/USDT", *[None] * 3) for call in part.weights)])
    await pace.turn(Lane.DATA, heaviest, orders=1)
    assert 0 < pace.load < 0.1


@KINDS
def test_binance_tells_its_counts_in_headers(kind: MarketKind) -> None:
    limits = quirks("binance").part(kind).limits
    assert all(limit.header == limit.header.lower() for limit in limits)
    assert all(limit.header for limit in limits if limit.counts is not Counted.REQUESTS)
    assert quirks("binance").part(kind).weight("no_such_call") == 1


@pytest.mark.parametrize(("side", "amount", "price"), [(Side.BUY, "0.001", "40000"), (Side.SELL, "12.5", "70000.1")])
@pytest.mark.parametrize("kind", [Spot, Perpetual])
async def test_binance_is_sent_what_ccxt_would_send_for_a_post_only_order(
    tmp_path: Path, kind: type[Spot] | type[Perpetual], side: Side, amount: str, price: str
) -> None:
    async with opened(kind(tmp_path)) as venue:
        assert isinstance(venue.exchange, CcxtExchange)
        branch = next(iter(venue.exchange._branches.values()))
        exchange, part = branch.account.ccxt, branch.account.part
        assert part.maker is not None
        market = exchange.markets[venue.symbol]
        asked = {"newClientOrderId": "bt-1-1-0b1", **part.post_only, **part.self_trade}
        theirs = exchange.create_order_request(venue.symbol, "limit", side.value, amount, price, asked)
        ours = part.maker.request(Terms(market["id"], side, amount, price, "bt-1-1-0b1"))
        assert ours == theirs


async def test_every_weight_and_raw_call_of_binance_exists_in_ccxt() -> None:
    exchange = ccxt.pro.binance()
    for kind in MarketKind:
        part = quirks("binance").part(kind)
        named_by_us = {"count_down", "shared_margin"}
        assert [call for call in part.weights.keys() - named_by_us if not hasattr(exchange, call)] == []
        assert callable(getattr(exchange, part.testnet))
        assert callable(getattr(exchange, part.tickers))
    for name in vars(Recorder):
        assert name.startswith("__") or hasattr(exchange, name)
    await exchange.close()


async def test_the_rights_of_a_key_are_read() -> None:
    ask = quirks("binance").key_rights
    assert ask is not None
    assert await ask(Recorder()) == KeyRights(spot=True, withdraw=False, address_bound=True)


async def test_the_countdown_names_the_market() -> None:
    count_down, exchange = quirks("binance").count_down, Recorder()
    assert count_down is not None
    await count_down(exchange, "BTC/USDT:USDT", 60_000)
    assert exchange.told == [{"symbol": "BTCUSDT", "countdownTime": 60_000}]


@KINDS
@pytest.mark.parametrize("name", ["binance", "okx", "bybit"])
async def test_capabilities_are_read_from_ccxt(name: str, kind: MarketKind) -> None:
    exchange = getattr(ccxt.pro, name)()
    found = capabilities(exchange, kind)
    assert (found.missing, found.post_only, found.stop, found.streams_orders) == ((), True, True, True)
    await exchange.close()


async def test_an_exchange_names_what_it_lacks() -> None:
    exchange = ccxt.pro.coinbase()
    assert "setLeverage" in capabilities(exchange, MarketKind.PERPETUAL).missing
    await exchange.close()


def test_rules_name_faults_that_need_no_more_than_words() -> None:
    for rule in quirks("binance").rules:
        assert rule.text or rule.codes
        assert isinstance(rule.means, str) or issubclass(rule.means, Fault)


def test_a_bar_is_read_with_the_word_whether_it_closed() -> None:
    read, path = quirks("binance").bar, SAMPLES / "usdm-futures-websocket-streams-samples.json"
    assert read is not None
    if not path.exists():
        pytest.skip(f"{path} is not here")
    published = {each["name"]: each["response"] for each in json.loads(path.read_text())}
    event = published["kline_candlestick_streams_subscription"]
    bar = Candle(1638747660000, *map(Decimal, ("0.0010", "0.0025", "0.0015", "0.0020", "1000")))
    assert read(event) == Told("BTCUSDT", "1m", bar, closed=False)
    closing = read({**event, "k": {**event["k"], "x": True}})
    assert closing is not None
    assert closing.closed
    # Other bars come under the same key, of which nobody asked.
    assert read(published["continuous_contract_kline_candlestick_streams_subscription"]) is None
