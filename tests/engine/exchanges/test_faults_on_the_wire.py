"""What ccxt raises over real sockets when a connection breaks at each of its moments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt.async_support
import pytest

from engine.exchanges import faults
from engine.exchanges.faults import Answer, AnswerLost, Fault, Throttled, Unauthorised, Unavailable
from engine.exchanges.quirks import quirks

CUT = b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\nContent-Type: application/json\r\n\r\n{"orderId":'
SLOW_DOWN = b"HTTP/1.1 429 Too Many\r\nRetry-After: 9\r\nX-MBX-USED-WEIGHT-1M: 6001\r\nContent-Length: 2\r\n\r\n{}"
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\n\r\n<html></html>"
ELSEWHERE = b"HTTP/1.1 451 Unavailable\r\nContent-Length: 13\r\n\r\n<html></html>"
GARBAGE = b"SSH-2.0-OpenSSH_9.2\r\n"


class Line:
    """One host on loopback that reads a request and answers with these bytes, then hangs up; None: it stays silent."""

    def __init__(self) -> None:
        self.answer: bytes | None = b""
        self.heard: list[Answer] = []
        self._silence = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if self.answer is None:
            await self._silence.wait()
        writer.write(self.answer or b"")
        await writer.drain()
        writer.close()

    async def fault(self, port: int, *, sent: bool = True) -> Fault:
        api = {"private": f"http://127.0.0.1:{port}/api/v3"}
        exchange: Any = faults.answering(ccxt.async_support.binance, self.heard.append)(
            {"apiKey": "key", "secret": "secret", "timeout": 300, "enableRateLimit": False, "urls": {"api": api}}
        )
        exchange.timeout_on_exit = 0
        try:
            with faults.translated(quirks("binance").rules, sent=sent):
                await exchange.private_post_order({"symbol": "BTCUSDT"})
        except Fault as fault:
            return fault
        finally:
            self._silence.set()
            await exchange.close()
        raise AssertionError("ccxt took it for an answer")


@pytest.fixture
async def line() -> AsyncIterator[tuple[Line, int]]:
    made = Line()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    async with server:
        yield made, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (b"", AnswerLost),
        (None, AnswerLost),
        (CUT, AnswerLost),
        (GARBAGE, AnswerLost),
        (BAD_GATEWAY, AnswerLost),
        (SLOW_DOWN, Throttled),
        (ELSEWHERE, Unauthorised),
    ],
    ids=["hangs up", "silent", "cut", "garbage", "bad gateway", "slow down", "elsewhere"],
)
async def test_an_order_on_a_breaking_line(line: tuple[Line, int], answer: bytes | None, meaning: type[Fault]) -> None:
    host, port = line
    host.answer = answer
    assert type(await host.fault(port)) is meaning


@pytest.mark.parametrize("answer", [b"", None, CUT, GARBAGE, BAD_GATEWAY])
async def test_a_read_on_a_breaking_line_changed_nothing(line: tuple[Line, int], answer: bytes | None) -> None:
    host, port = line
    host.answer = answer
    assert type(await host.fault(port, sent=False)) is Unavailable


async def test_a_closed_door_was_never_passed() -> None:
    server = await asyncio.start_server(Line().serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    assert type(await Line().fault(port)) is Unavailable


async def test_the_headers_of_a_refusal_reach_those_who_count(line: tuple[Line, int]) -> None:
    host, port = line
    host.answer = SLOW_DOWN
    fault = await host.fault(port)
    assert isinstance(fault, Throttled)
    assert fault.retry_after_seconds == 9
    assert [answer.headers["x-mbx-used-weight-1m"] for answer in host.heard] == ["6001"]
