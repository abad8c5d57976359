"""Owns a listening server: its connections and background work, and their end within a second."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from payments_sandbox.server.connection import Connection, Request
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.listening.listeners import Accepting, ListeningAt, open_listeners
from payments_sandbox.server.slices import pause
from payments_sandbox.world.registry import Worlds

SWEEP_EVERY: Final = 60
"""Seconds between two sweeps of idle worlds."""

_SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_SHORTAGE_AGAIN: Final = 60
"""Seconds until a shortage is logged again."""

_SHUTDOWN: Final = 0.4
"""aiohttp waits at most twice this long for handlers that are still running."""

_log: Final = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
"""Answers one request."""


class HttpServer(web.Server):
    """Makes the protocol of each connection, which is based on aiohttp's.

    Args:
        handler: answers each request.
        timeout: seconds that the head of a request may take to arrive, and then its body.

    Attributes:
        accepting: accepts the connections; None if the event loop does.
    """

    def __init__(self, handler: Handler, timeout: float) -> None:
        super().__init__(handler, request_factory=self._request)
        self._timeout = timeout
        self.accepting: Accepting | None = None

    def __call__(self) -> Connection:
        """Make the protocol of a new connection."""
        return Connection(self, self._timeout)

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
        """Close every connection, after a short wait for requests that are being answered."""
        self.pre_shutdown()
        await self.shutdown(_SHUTDOWN)


@contextlib.asynccontextmanager
async def listening(
    server: AssembledServer,
    *,
    http_server: HttpServer | None = None,
    bound: Sequence[socket.socket] | None = None,
) -> AsyncIterator[ListeningAt]:
    """Serve until the block ends; provides the address that the server listens at.

    Args:
        server: the assembled server.
        http_server: makes its connections; by default, an `HttpServer` for a single process.
        bound: sockets that are bound already, instead of those that the settings name.

    Raises:
        OSError, RuntimeError: as `open_listeners`.
    """
    settings, runtime = server.settings, server.runtime
    if http_server is None:
        http_server = HttpServer(server.handler, settings.body_timeout)
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as listeners:
        at = await open_listeners(
            http_server, settings, listeners, bound, accepting=http_server.accepting
        )
        stop_watching = _log_shortages(loop)
        sweeper = asyncio.create_task(_sweep(runtime.worlds))
        try:
            runtime.start()
            yield at
        finally:
            sweeper.cancel()
            runtime.stop()
            listeners.close()
            stop_watching()
            # Two turns of the loop: one reads requests that have arrived, the next starts them.
            for _ in range(2):
                await asyncio.sleep(0)  # noqa: TID251 - it takes no time
            # Concurrently, since both together have one second.
            pending, _ = await asyncio.gather(runtime.close(), http_server.close())
            if pending:
                _log.warning("webhook deliveries still pending: %d", pending)


def _log_shortages(loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Log one line while no connection can be accepted, instead of a traceback for each attempt.

    Returns:
        A function that restores the loop's exception handler.
    """
    before = loop.get_exception_handler()
    silent_until = 0.0

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal silent_until
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _SHORTAGES:
            before(loop, context) if before else loop.default_exception_handler(context)
        elif loop.time() >= silent_until:
            silent_until = loop.time() + _SHORTAGE_AGAIN
            _log.warning(
                "cannot accept new connections (%s); retrying every second until others close;"
                " ulimit -n raises the limit",
                error.strerror,
            )

    loop.set_exception_handler(handle)
    return lambda: loop.set_exception_handler(before)


async def _sweep(worlds: Worlds) -> None:
    while True:
        await pause(SWEEP_EVERY)
        worlds.sweep()
