"""Foreign exceptions stop here: whatever goes wrong with one call to an exchange becomes one of nine faults.

Fault                an exchange that could not be asked, to everybody outside this package
├── Refused          it said no and why; nothing happened
├── AnswerLost       a change was sent and nobody knows whether it happened: ask by client id
├── Throttled        asked too much; nothing happened, wait
├── Unavailable      down, in maintenance or out of reach; nothing happened
├── Unauthorised     the key, its rights or its address are wrong; nothing happened
├── ClockSkewed      our clock and the exchange's differ too much; nothing happened
├── NotThere         it does not know the order
├── AlreadyThere     the client id is taken, or the setting is already what was asked for
└── Nonsense         the answer to a read could not be understood
"""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from data.events import RejectReason
from data.values import Millis
from engine.exchanges.base import ExchangeUnavailable


class Fault(ExchangeUnavailable):
    """What went wrong with one call. ``code`` is the exchange's own, empty where it gave none."""

    def __init__(self, message: str, code: str = "") -> None:
        """Remember the exchange's words."""
        super().__init__(message)
        self.message = message
        self.code = code


class Refused(Fault):
    """The exchange said no, and nothing happened."""

    def __init__(self, reason: RejectReason, message: str, code: str = "") -> None:
        """Remember why, in our words and in those of the exchange."""
        super().__init__(message, code)
        self.reason = reason


class AnswerLost(Fault):
    """A change was sent, and whether it happened is unknown."""


class Throttled(Fault):
    """Too much was asked. ``banned`` when the exchange shut this address or key out for a while."""

    def __init__(self, message: str, code: str = "", *, retry_after_seconds: float, banned: bool = False) -> None:
        """Remember how long to stay away."""
        super().__init__(message, code)
        self.retry_after_seconds = retry_after_seconds
        self.banned = banned


class Unavailable(Fault):
    """The exchange was surely not asked, or surely changed nothing. ``next_try`` when a breaker holds calls back."""

    def __init__(self, message: str, code: str = "", *, next_try: Millis | None = None) -> None:
        """Remember from when on asking again makes sense."""
        super().__init__(message, code)
        self.next_try = next_try


class Unauthorised(Fault):
    """The key, its rights, its signature or our address is not accepted."""


class ClockSkewed(Fault):
    """The time stamp of the call was too far from the exchange's time."""


class NotThere(Fault):
    """The exchange does not know the order."""


class AlreadyThere(Fault):
    """The client id is taken, or what should be set is set."""


class Nonsense(Fault):
    """The answer to a read could not be understood."""


class Rule(msgspec.Struct, frozen=True):
    """What an exchange's error means: one of these codes, with this text in the message; without either, any."""

    means: RejectReason | type[Fault]
    codes: frozenset[str] = frozenset()
    text: str = ""

    def fits(self, code: str, message: str) -> bool:
        """Return whether an error is the one described."""
        return (not self.codes or code in self.codes) and self.text.casefold() in message.casefold()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer as it came over the wire; names of headers in lower case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: str


def answering(exchange: type[Any], heard: Callable[[Answer], None]) -> type[Any]:
    """Return the ccxt class that also tells every answer to ``heard`` and leaves it as ``answer`` on its errors."""

    def handle_errors(
        self: Any, code: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any
    ) -> None:
        named = {name.lower(): value for name, value in (headers or {}).items()}
        answer = Answer(url=url, status=code, headers=named, body=body or "")
        heard(answer)
        try:
            exchange.handle_errors(self, code, reason, url, method, headers, body, *rest)
            if method:
                self.handle_http_status_code(code, reason, url, method, body)
        except Exception as error:
            error.answer = answer  # type: ignore[attr-defined]
            raise

    return type(exchange.__name__, (exchange,), {"handle_errors": handle_errors})


@contextmanager
def translated(rules: Sequence[Rule] = (), *, sent: bool, now: Millis = 0) -> Iterator[None]:
    """Let nothing but faults out, and the cancellation of our own task."""
    try:
        yield
    except asyncio.CancelledError as error:
        # Closing a stream, ccxt cancels whoever waits for it; that must not end a task nobody asked to end.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise translate(error, rules, sent=sent, now=now) from error
    except Exception as error:
        fault = translate(error, rules, sent=sent, now=now)
        if fault is error:
            raise
        raise fault from error


def translate(error: BaseException, rules: Sequence[Rule] = (), *, sent: bool, now: Millis = 0) -> Fault:
    """Return the fault an error means; ``sent`` when the call was to change something at the exchange.

    The rules of the exchange come first, then the HTTP status, then the class of the error. ``now`` turns the end of a
    ban, which some exchanges tell as an instant, into seconds.
    """
    if isinstance(error, Fault):
        return error
    answer: Answer | None = getattr(error, "answer", None)
    code, message = _words(error, answer)
    means = (
        next((rule.means for rule in rules if rule.fits(code, message)), None)
        or _by_status(answer)
        or _by_class(error, answer)
    )
    if isinstance(means, RejectReason):
        return Refused(means, message, code)
    if means is Throttled:
        return _throttled(message, code, answer, now)
    if means is AnswerLost and not sent:
        return Unavailable(message, code)
    if means is Nonsense and sent:
        return AnswerLost(message, code)
    return means(message, code)


_CODE = re.compile(r'"(?:code|retCode|errCode|errorCode|sCode)"\s*:\s*"?(-?\d+)')
_MESSAGE = re.compile(r'"(?:msg|message|retMsg|sMsg|error)"\s*:\s*"((?:[^"\\]|\\.)+)"')
_BANNED_UNTIL = re.compile(r"banned until (\d{13})")
_PAGE = re.compile(r"<(?:!doctype|html|head|body|title|h1|center)\b", re.IGNORECASE)
_TITLE = re.compile(r"<(title|h1)\b[^>]*>(.+?)</\1>", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>?", re.IGNORECASE | re.DOTALL)
_LONGEST_MESSAGE, _LONGEST_TITLE = 300, 120
_PAUSE_SECONDS = 10.0
"""After a throttling answer that does not say how long."""
_FIREWALL_SECONDS = 60.0


def _words(error: BaseException, answer: Answer | None) -> tuple[str, str]:
    text = answer.body if answer is not None and answer.body else str(error)
    code, message = _CODE.search(text), _MESSAGE.search(text)
    told = message.group(1) if message else f"{type(error).__name__}: {_readable(text)}"
    return code.group(1) if code else "", told[:_LONGEST_MESSAGE]


def _readable(text: str) -> str:
    """Return what a page says instead of its markup; a text that is no page as it is."""
    page = _PAGE.search(text)
    if page is None:
        return text
    title = _TITLE.search(text)
    # ccxt puts the address before the page, which says nothing that the page does not.
    said = title.group(2) if title else text[page.start() :]
    return " ".join(html.unescape(_MARKUP.sub(" ", said)).split())[:_LONGEST_TITLE]


def _by_status(answer: Answer | None) -> type[Fault] | None:
    if answer is None:
        return None
    if answer.status >= 500 or answer.status == 408:
        return AnswerLost
    return {403: Throttled, 418: Throttled, 429: Throttled, 451: Unauthorised}.get(answer.status)


def _throttled(message: str, code: str, answer: Answer | None, now: Millis) -> Throttled:
    seconds = _FIREWALL_SECONDS if answer is not None and answer.status == 403 else _PAUSE_SECONDS
    banned = answer is not None and answer.status == 418
    if until := _BANNED_UNTIL.search(message):
        banned = True
        seconds = max(seconds, (int(until.group(1)) - now) / 1000) if now else seconds
    told = answer.headers.get("retry-after", "") if answer is not None else ""
    if told.isdigit():
        seconds = float(told)
    return Throttled(message, code, retry_after_seconds=seconds, banned=banned or " 418 " in message)


def _by_class(error: BaseException, answer: Answer | None) -> RejectReason | type[Fault]:
    # By name and most special first: so neither ccxt nor aiohttp has to be imported to know their trees.
    tree = type(error.__cause__ or error).__mro__
    means = next(_CLASSES[each.__name__] for each in tree if each.__name__ in _CLASSES)
    # An answer below 500 is a refusal, even where ccxt takes it for an outage.
    return Unavailable if means is AnswerLost and answer is not None and answer.status >= 400 else means


_CLASSES: Mapping[str, RejectReason | type[Fault]] = {
    # ccxt, what was refused
    "DuplicateOrderId": AlreadyThere,
    "NoChange": AlreadyThere,
    "OrderNotFound": NotThere,
    "OrderNotCached": NotThere,
    "OrderImmediatelyFillable": RejectReason.WOULD_TAKE,
    "OrderNotFillable": RejectReason.WOULD_TAKE,
    "InsufficientFunds": RejectReason.INSUFFICIENT_BALANCE,
    "MarketClosed": RejectReason.MARKET_CLOSED,
    "ContractUnavailable": RejectReason.MARKET_CLOSED,
    "BadSymbol": RejectReason.MARKET_CLOSED,
    "AuthenticationError": Unauthorised,
    "RestrictedLocation": Unauthorised,
    "ExchangeClosedByUser": Unavailable,
    "ExchangeError": RejectReason.OTHER,
    # ccxt, what failed
    "DDoSProtection": Throttled,
    "RateLimitExceeded": Throttled,
    "OnMaintenance": Unavailable,
    "ChecksumError": Unavailable,
    "InvalidNonce": ClockSkewed,
    "BadResponse": Nonsense,
    "OperationFailed": AnswerLost,
    "UnsubscribeError": Unavailable,
    # the network below it: before anything was sent, and after
    "gaierror": Unavailable,
    "ConnectionRefusedError": Unavailable,
    "ClientConnectorError": Unavailable,
    "ConnectionTimeoutError": Unavailable,
    "ClientError": AnswerLost,
    "OSError": AnswerLost,
    "CancelledError": AnswerLost,
    # an answer that code of ccxt, or ours, tripped over
    "BaseException": Nonsense,
}
