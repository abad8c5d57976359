"""Owns a listening server: its connections, its background work, and how both end in a second."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from payments_sandbox.server.bound_sockets import bind_sockets
from payments_sandbox.server.connection import Connection, Request
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.request_handler import RequestHandler
from payments_sandbox.world.registry import Worlds

SWEEP_EVERY: Final = 60
"""Seconds between two looks for idle worlds."""

_BACKLOG: Final = 128
"""Connections that may wait to be let in; one that finds no room comes again a second later."""

_SHUTDOWN: Final = 0.4
"""aiohttp waits at most twice this long for handlers that are still running."""

_log: Final = logging.getLogger(__name__)


class HttpServer(web.Server):
    """Makes the protocol of each connection; aiohttp reads every request.

    Args:
        handler: answers each request.
        head_timeout: seconds that the head of a request may take to arrive.
    """

    def __init__(self, handler: RequestHandler, head_timeout: float = 30) -> None:
        super().__init__(handler, request_factory=self._request)
        self._head_timeout = head_timeout

    def __call__(self) -> Connection:
        """Make the protocol of a new connection."""
        return Connection(self, self._head_timeout)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> Request:
        cast("Connection", protocol).body = payload
        return Request(message, payload, protocol, writer, task, self._loop)

    async def close(self) -> None:
        """End every connection; requests that are being answered have a moment."""
        self.pre_shutdown()
        await self.shutdown(_SHUTDOWN)


@contextlib.asynccontextmanager
async def listening(server: AssembledServer) -> AsyncIterator[str]:
    """Serve until the block ends; gives the address, such as `http://127.0.0.1:8080`.

    Raises:
        OSError: the port is taken, or the host is not ours.
    """
    settings, runtime = server.settings, server.runtime
    http_server = HttpServer(server.handler, settings.body_timeout)
    loop = asyncio.get_running_loop()
    listeners = [
        await loop.create_server(http_server, sock=bound, backlog=_BACKLOG)
        for bound in await bind_sockets(settings.host, settings.port)
    ]
    sweeper = asyncio.create_task(_sweep(runtime.worlds))
    try:
        runtime.start()
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield f"http://{host}:{listeners[0].sockets[0].getsockname()[1]}"
    finally:
        sweeper.cancel()
        runtime.stop()
        for listener in listeners:
            listener.close()
        for _ in range(2):  # turns of the loop: in one what has come is read, in the next it begins
            await asyncio.sleep(0)  # noqa: TID251 - it takes no time
        # Side by side, since all has to end within a second.
        pending, _ = await asyncio.gather(runtime.close(), http_server.close())
        if pending:
            _log.warning("webhook deliveries that were pending: %d", pending)


async def _sweep(worlds: Worlds) -> None:
    never = asyncio.Event()
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_EVERY):
                await never.wait()
        worlds.sweep()
