"""Every error of ccxt, of the network and of odd answers becomes exactly one fault, and the right one."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import aiohttp
import ccxt
import ccxt.async_support
import pytest

from data.events import RejectReason
from engine.exchanges import faults
from engine.exchanges.base import ExchangeUnavailable
from engine.exchanges.faults import (
    AlreadyThere,
    Answer,
    AnswerLost,
    ClockSkewed,
    Fault,
    Nonsense,
    NotThere,
    Refused,
    Throttled,
    Unauthorised,
    Unavailable,
)
from engine.exchanges.quirks import quirks

BODIES = Path(__file__).resolve().parents[4] / "shared/data/api/binance/error-bodies.json"
SPOT, FUTURES = "https://api.binance.com/api/v3/order", "https://fapi.binance.com/fapi/v1/order"
LOOPBACK = "http://127.0.0.1:8080/fapi/v1/order"
RULES = quirks("binance").rules
NOW = 1_760_000_000_000

Means = RejectReason | type[Fault]


class Wire:
    """A ccxt Binance that is handed answers instead of fetching them."""

    def __init__(self) -> None:
        self.heard: list[Answer] = []
        self.ccxt: Any = faults.answering(ccxt.async_support.binance, self.heard.append)()

    def error(self, status: int, body: str, url: str = SPOT, headers: dict[str, str] | None = None) -> Exception:
        parsed = self.ccxt.parse_json(body)
        try:
            self.ccxt.handle_errors(status, "Reason", url, "POST", headers or {}, body, parsed, {}, "")
        except Exception as error:
            return error
        raise AssertionError(f"ccxt takes {status} {body} for success")

    def fault(self, status: int, body: str, url: str = SPOT, *, sent: bool = True, **headers: str) -> Fault:
        error = self.error(status, body, url, {name.replace("_", "-"): value for name, value in headers.items()})
        return faults.translate(error, RULES, sent=sent, now=NOW)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def means(fault: Fault) -> Means:
    return fault.reason if isinstance(fault, Refused) else type(fault)


def body(code: int, message: str) -> str:
    return json.dumps({"code": code, "msg": message})


SAID: list[tuple[int, str, Means]] = [
    (-1000, "An unknown error occured while processing the request.", AnswerLost),
    (-1001, "Internal error; unable to process your request. Please try again.", AnswerLost),
    (-1003, "Too many requests; current limit is 2400 request weight per 1 MINUTE.", Throttled),
    (-1003, "Unknown error, please check your request or try again later.", AnswerLost),
    (-1006, "An unexpected response was received from the message bus. Execution status unknown.", AnswerLost),
    (-1007, "Timeout waiting for response from backend server. Send status unknown; execution status", AnswerLost),
    (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes.", Unavailable),
    (-1008, "Request throttled by system-level protection. Reduce-only orders are exempt.", Unavailable),
    (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", RejectReason.FILTER),
    (-1013, "Filter failure: NOTIONAL", RejectReason.FILTER),
    (-1013, "Filter failure: MAX_NUM_ORDERS", RejectReason.OTHER),
    (-1013, "Invalid quantity.", RejectReason.FILTER),
    (-1013, "Market is closed.", RejectReason.MARKET_CLOSED),
    (-1015, "Too many new orders; current limit is 50 orders per 10 SECOND.", Throttled),
    (-1021, "Timestamp for this request is outside of the recvWindow.", ClockSkewed),
    (-1022, "Signature for this request is not valid.", Unauthorised),
    (-1111, "Precision is over the maximum defined for this asset.", RejectReason.FILTER),
    (-1121, "Invalid symbol.", RejectReason.MARKET_CLOSED),
    (-2010, "Account has insufficient balance for requested action.", RejectReason.INSUFFICIENT_BALANCE),
    (-2010, "Duplicate order sent.", AlreadyThere),
    (-2010, "Order would immediately match and take.", RejectReason.WOULD_TAKE),
    (-2010, "Filter failure: MAX_POSITION", RejectReason.FILTER),
    (-2010, "Market is closed.", RejectReason.MARKET_CLOSED),
    (-2010, "Stop price would trigger immediately.", RejectReason.WOULD_TAKE),
    (-2010, "This symbol is not permitted for this account.", RejectReason.UNAUTHORISED),
    (-2010, "This action is disabled on this account.", RejectReason.UNAUTHORISED),
    (-2010, "Something nobody has seen yet.", RejectReason.OTHER),
    (-2011, "Unknown order sent.", NotThere),
    (-2011, "Order was not canceled due to cancel restrictions.", RejectReason.OTHER),
    (-2013, "Order does not exist.", NotThere),
    (-2014, "API-key format invalid.", Unauthorised),
    (-2015, "Invalid API-key, IP, or permissions for action.", Unauthorised),
    (-2019, "Margin is insufficient.", RejectReason.INSUFFICIENT_BALANCE),
    (-2021, "Order would immediately trigger.", RejectReason.WOULD_TAKE),
    (-2022, "ReduceOnly Order is rejected.", RejectReason.REDUCE_ONLY),
    (-2025, "Reach max open order limit.", RejectReason.OTHER),
    (-2026, "Order was canceled or expired with no executed qty over 90 days ago and has been archived.", NotThere),
    (-4014, "Price not increased by tick size.", RejectReason.FILTER),
    (-4028, "Leverage 75 is not valid", RejectReason.OTHER),
    (-4046, "No need to change margin type.", AlreadyThere),
    (-4059, "No need to change position side.", AlreadyThere),
    (-4116, "ClientOrderId is duplicated.", AlreadyThere),
    (-4118, "ReduceOnly Order Failed. Please check your existing position and open orders", RejectReason.REDUCE_ONLY),
    (-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit", RejectReason.FILTER),
    (-4141, "Symbol is closed.", RejectReason.MARKET_CLOSED),
    (-4164, "Order's notional must be no smaller than 5.0 (unless you choose reduce only)", RejectReason.FILTER),
    (
        -5022,
        "Due to the order could not be executed as maker, it is rejected.",
        RejectReason.WOULD_TAKE,
    ),
    (1, "System is under maintenance.", Unavailable),
]


@pytest.mark.parametrize("url", [SPOT, FUTURES, LOOPBACK])
@pytest.mark.parametrize(("code", "message", "meaning"), SAID, ids=lambda value: str(value)[:40])
def test_what_binance_says_means_the_same_wherever_it_is_said(
    wire: Wire, url: str, code: int, message: str, meaning: Means
) -> None:
    fault = wire.fault(400, body(code, message), url)
    assert means(fault) is meaning
    assert fault.code == str(code)
    assert fault.message == message


def _recorded() -> list[Any]:
    if not BODIES.exists():
        return [pytest.param(0, "", marks=pytest.mark.skip(reason="needs the recorded bodies beside this checkout"))]
    return [(each["body"]["code"], each["body"]["msg"]) for each in json.loads(BODIES.read_text(encoding="utf-8"))]


RECORDED: dict[int, Means] = {
    -1000: AnswerLost,
    -1003: AnswerLost,
    -1013: RejectReason.FILTER,
    -1015: Throttled,
    -1021: ClockSkewed,
    -1121: RejectReason.MARKET_CLOSED,
    -2011: NotThere,
    -2013: NotThere,
    -2015: Unauthorised,
    -2021: RejectReason.WOULD_TAKE,
    -4028: RejectReason.OTHER,
    -4059: AlreadyThere,
}


@pytest.mark.parametrize(("code", "message"), _recorded())
def test_recorded_bodies_are_understood(wire: Wire, code: int, message: str) -> None:
    meaning = RECORDED.get(code)
    if meaning is None:
        meaning = RejectReason.UNAUTHORISED if "permitted" in message else RejectReason.INSUFFICIENT_BALANCE
    assert means(wire.fault(400, body(code, message), FUTURES)) is meaning


def test_a_read_that_got_no_answer_changed_nothing(wire: Wire) -> None:
    lost = body(-1007, "Timeout waiting for response from backend server.")
    assert means(wire.fault(408, lost, sent=True)) is AnswerLost
    assert means(wire.fault(408, lost, sent=False)) is Unavailable


def test_a_key_that_worked_before_is_still_named_a_key_problem(wire: Wire) -> None:
    wire.ccxt.options["hasAlreadyAuthenticatedSuccessfully"] = True
    error = wire.error(401, body(-2015, "Invalid API-key, IP, or permissions for action."))
    assert isinstance(error, ccxt.DDoSProtection)
    assert means(faults.translate(error, RULES, sent=True)) is Unauthorised


def test_throttling_says_how_long(wire: Wire) -> None:
    fault = wire.fault(429, body(-1003, "Too many requests"), Retry_After="7")
    assert isinstance(fault, Throttled)
    assert (fault.retry_after_seconds, fault.banned) == (7, False)


def test_a_ban_is_read_from_status_header_or_words(wire: Wire) -> None:
    words = body(-1003, f"Way too many requests; IP(1.2.3.4) banned until {NOW + 90_000}. Please use the websocket.")
    by_words, by_header = wire.fault(418, words), wire.fault(418, words, Retry_After="120")
    assert isinstance(by_words, Throttled)
    assert isinstance(by_header, Throttled)
    assert (by_words.retry_after_seconds, by_words.banned) == (90, True)
    assert (by_header.retry_after_seconds, by_header.banned) == (120, True)


def test_a_throttled_page_without_words_still_has_a_pause(wire: Wire) -> None:
    fault = wire.fault(429, "<html>slow down</html>")
    assert isinstance(fault, Throttled)
    assert fault.retry_after_seconds > 0


@pytest.mark.parametrize(
    ("status", "sent", "meaning"),
    [
        (500, True, AnswerLost),
        (502, True, AnswerLost),
        (503, True, AnswerLost),
        (504, True, AnswerLost),
        (502, False, Unavailable),
        (504, False, Unavailable),
        (400, True, Unavailable),
        (404, True, Unavailable),
        (401, True, Unauthorised),
        (403, True, Throttled),
        (451, True, Unauthorised),
    ],
)
def test_pages_are_judged_by_their_status(wire: Wire, status: int, sent: bool, meaning: Means) -> None:
    assert means(wire.fault(status, "<html><body>nginx</body></html>", sent=sent)) is meaning


def test_a_futures_503_is_unknown_unless_it_says_otherwise(wire: Wire) -> None:
    unknown = body(-1003, "Unknown error, please check your request or try again later.")
    overload = body(-1008, "Request throttled by system-level protection.")
    assert means(wire.fault(503, unknown, FUTURES)) is AnswerLost
    assert means(wire.fault(503, overload, FUTURES)) is Unavailable


def test_every_answer_is_heard_with_its_headers(wire: Wire) -> None:
    wire.ccxt.handle_errors(200, "OK", SPOT, "GET", {"X-MBX-USED-WEIGHT-1M": "12"}, "{}", {}, {}, None)
    wire.error(400, body(-2013, "Order does not exist."))
    assert [each.status for each in wire.heard] == [200, 400]
    assert wire.heard[0].headers == {"x-mbx-used-weight-1m": "12"}


def _wrapped(outer: type[Exception], inner: BaseException) -> Exception:
    try:
        raise outer("binance POST https://api.binance.com/api/v3/order") from inner
    except outer as error:
        return error


def _connector_error(system: OSError) -> aiohttp.ClientConnectorError:
    key = aiohttp.client_reqrep.ConnectionKey("api.binance.com", 443, True, True, None, None, None)
    return aiohttp.ClientConnectorError(key, system)


def _network() -> list[tuple[str, BaseException, Means]]:
    refused, lookup = ConnectionRefusedError(111, "refused"), socket.gaierror(-3, "no name")
    return [
        ("refused", _wrapped(ccxt.ExchangeNotAvailable, _connector_error(refused)), Unavailable),
        ("no name", _wrapped(ccxt.ExchangeNotAvailable, lookup), Unavailable),
        ("connect timeout", _wrapped(ccxt.RequestTimeout, aiohttp.ConnectionTimeoutError()), Unavailable),
        ("timeout", _wrapped(ccxt.RequestTimeout, TimeoutError()), AnswerLost),
        ("hung up", _wrapped(ccxt.ExchangeNotAvailable, aiohttp.ServerDisconnectedError()), AnswerLost),
        ("reset", _wrapped(ccxt.ExchangeNotAvailable, aiohttp.ClientOSError(104, "reset")), AnswerLost),
        ("cut body", _wrapped(ccxt.ExchangeError, aiohttp.ClientPayloadError("cut")), AnswerLost),
        ("bare timeout", TimeoutError(), AnswerLost),
        ("bare reset", ConnectionResetError(), AnswerLost),
        ("bare refused", ConnectionRefusedError(), Unavailable),
        ("closed stream", asyncio.CancelledError(), AnswerLost),
        ("missing field", KeyError("orderId"), AnswerLost),
        ("no number", ValueError("x"), AnswerLost),
        ("text, not JSON", AttributeError("'str' object has no attribute 'get'"), AnswerLost),
    ]


@pytest.mark.parametrize(("name", "error", "meaning"), _network(), ids=lambda value: str(value)[:20])
def test_the_network_tells_whether_anything_was_sent(name: str, error: BaseException, meaning: Means) -> None:
    assert means(faults.translate(error, RULES, sent=True)) is meaning
    odd = isinstance(error, KeyError | ValueError | AttributeError)
    assert means(faults.translate(error, RULES, sent=False)) is (Nonsense if odd else Unavailable)


CLASSES: list[tuple[type[Exception], Means]] = [
    (ccxt.DuplicateOrderId, AlreadyThere),
    (ccxt.MarginModeAlreadySet, AlreadyThere),
    (ccxt.OrderNotFound, NotThere),
    (ccxt.OrderImmediatelyFillable, RejectReason.WOULD_TAKE),
    (ccxt.InsufficientFunds, RejectReason.INSUFFICIENT_BALANCE),
    (ccxt.InvalidOrder, RejectReason.OTHER),
    (ccxt.BadSymbol, RejectReason.MARKET_CLOSED),
    (ccxt.MarketClosed, RejectReason.MARKET_CLOSED),
    (ccxt.NotSupported, RejectReason.OTHER),
    (ccxt.AccountSuspended, Unauthorised),
    (ccxt.PermissionDenied, Unauthorised),
    (ccxt.RateLimitExceeded, Throttled),
    (ccxt.OnMaintenance, Unavailable),
    (ccxt.ExchangeNotAvailable, AnswerLost),
    (ccxt.RequestTimeout, AnswerLost),
    (ccxt.InvalidNonce, ClockSkewed),
    (ccxt.NullResponse, AnswerLost),
    (ccxt.ExchangeClosedByUser, Unavailable),
]


@pytest.mark.parametrize(("error", "meaning"), CLASSES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_an_exchange_without_rules_is_read_by_ccxts_classes(error: type[Exception], meaning: Means) -> None:
    assert means(faults.translate(error("okx something"), quirks("okx").rules, sent=True)) is meaning


def test_ccxt_has_no_error_that_is_not_translated() -> None:
    for name in ccxt.errors.__all__:
        error = getattr(ccxt, name)
        if isinstance(error, type):
            assert isinstance(faults.translate(error("x"), sent=True), Fault)


async def test_nothing_but_faults_leaves_and_they_are_the_engines_own_kind() -> None:
    with pytest.raises(ExchangeUnavailable) as caught, faults.translated(RULES, sent=False):
        raise KeyError("price")
    assert isinstance(caught.value, Nonsense)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(NotThere) as again, faults.translated(RULES, sent=False):
        raise NotThere("gone")
    assert again.value.__cause__ is None


async def test_only_our_own_cancellation_passes() -> None:
    async def read() -> None:
        with faults.translated(sent=False):
            await asyncio.Event().wait()

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    closed.cancel()
    with pytest.raises(Unavailable), faults.translated(sent=False):
        await closed


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("<html><head><title>503 Service\nUnavailable</title></head><body>x</body></html>", "503 Service Unavailable"),
        ("<!DOCTYPE HTML><style>p {a: b}</style><p>Back at&nbsp;<b>noon</b> &amp; open", "Back at noon & open"),
        (f"<html><body>{'word ' * 100}</body></html>", ("word " * 24).strip()),
        ("maintenance, 1 < 2", "maintenance, 1 < 2"),
    ],
)
def test_a_page_reaches_people_as_the_text_on_it(wire: Wire, page: str, said: str) -> None:
    assert wire.fault(503, page).message.partition(": ")[2].strip() == said
