"""What travels between the engine's process and the exchange: one JSON object a line."""

from __future__ import annotations

import msgspec

from data.events import OrderUpdate, TickerMoved
from data.orders import Draft
from data.values import Millis


class _Call(msgspec.Struct, frozen=True, tag=True):
    pass


class Submit(_Call, frozen=True):
    """Place an order."""

    draft: Draft


class Cancel(_Call, frozen=True):
    """Take an order off the book."""

    client_id: str


class Query(_Call, frozen=True):
    """Ask for one order."""

    client_id: str


class OpenOrders(_Call, frozen=True):
    """Ask for what rests."""


class Fills(_Call, frozen=True):
    """Ask for executions."""

    since: Millis


class Balances(_Call, frozen=True):
    """Ask for what is held."""


class Quote(_Call, frozen=True):
    """Ask for the best prices."""


class ListMarket(_Call, frozen=True):
    """Ask for the market's rules."""


class Freeze(_Call, frozen=True):
    """Let the price stand still until the next report."""


class Report(_Call, frozen=True):
    """Say what the engine believes: its frozen state, and the trade ids in its journal."""

    state: str
    trades: list[str]
    seed: int
    """Of the life that reports: the last word of one just killed may be read after its death."""


Call = Submit | Cancel | Query | OpenOrders | Fills | Balances | Quote | ListMarket | Freeze | Report


class Request(msgspec.Struct, frozen=True):
    """One call; the answer carries its number."""

    number: int
    call: Call


class Answer(msgspec.Struct, frozen=True, tag=True):
    """The answer to one call."""

    number: int
    body: msgspec.Raw


class Push(msgspec.Struct, frozen=True, tag=True):
    """Something that happened by itself."""

    event: OrderUpdate | TickerMoved


_HEARD: msgspec.json.Decoder[Answer | Push] = msgspec.json.Decoder(Answer | Push)


def heard(line: bytes) -> Answer | Push:
    """Return what the exchange said in one line."""
    return _HEARD.decode(line)
