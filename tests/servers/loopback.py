"""A loopback HTTP server on an ephemeral port that keeps its port across an outage."""

import asyncio
from typing import Self

from aiohttp import web

HOST = "127.0.0.1"


class Loopback:
    """An aiohttp application on 127.0.0.1; a stopped server started again answers on the same port."""

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self._port = 0

    def application(self) -> web.Application:
        """Return the routes to serve; called at every start."""
        raise NotImplementedError

    @property
    def address(self) -> str:
        """The root address, without a trailing slash."""
        assert self._port, "the server was never started"
        return f"http://{HOST}:{self._port}"

    @property
    def running(self) -> bool:
        """Whether the server answers now."""
        return self._runner is not None

    async def start(self) -> None:
        """Answer on a free port, or again on the port of the first start."""
        assert self._runner is None, "the server is already running"
        # A client that hangs up must take its waiting long poll with it, as a real server notices.
        runner = web.AppRunner(self.application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        await web.TCPSite(runner, HOST, self._port, reuse_address=True).start()
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def stop(self) -> None:
        """Stop answering; what was remembered stays, so that a later start ends the outage."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._cut(runner)
            await runner.cleanup()

    def drop_connections(self) -> None:
        """Cut every open connection, as a broken network does; new ones are accepted."""
        if self._runner is not None:
            self._cut(self._runner)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @staticmethod
    def _cut(runner: web.AppRunner) -> None:
        if runner.server is None:
            return
        for connection in runner.server.connections:
            transport = connection.transport
            if isinstance(transport, asyncio.Transport):
                transport.abort()


def cut(request: web.Request) -> None:
    """Cut the connection of one request, so that its answer is lost on the way."""
    if request.transport is not None:
        request.transport.abort()
