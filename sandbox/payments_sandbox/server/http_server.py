"""Owns a listening server: its connections, its background work, and how both end in a second."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from payments_sandbox.server.bound_sockets import bind_sockets
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.request_handler import RequestHandler
from payments_sandbox.world.registry import Worlds

KEEP_ALIVE: Final = 75
"""Seconds; shorter ones make client pools reuse closed sockets and fail at random."""

SWEEP_EVERY: Final = 60
"""Seconds between two looks for idle worlds."""

_BACKLOG: Final = 128
"""Connections that may wait to be let in; one that finds no room comes again a second later."""

_SHUTDOWN: Final = 0.4
"""aiohttp waits at most twice this long for handlers that are still running."""

_TURNS_TO_ANSWER: Final = 4
"""Turns of the loop from the arrival of a request to its reply, where that waits for nothing."""

_log: Final = logging.getLogger("sandbox.server")

_OPTIONS: Final[dict[str, Any]] = {
    "logger": _log,
    "access_log": None,  # the journal is ours
    "auto_decompress": False,  # a truncated gzip body would arrive as an empty one
    "keepalive_timeout": KEEP_ALIVE,
    "lingering_time": 1,
}


class _Connection(web.RequestHandler):
    """A connection of aiohttp's that answers a client which has closed its sending side."""

    __slots__ = ()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's protocol returns a bool
        """Take no more requests, answer at once what has come, then close.

        A reply that waits for something finds the client gone: nothing tells one that has closed
        its sending side from one that has left.

        Returns:
            True: the transport stays open for the answer.
        """
        self.close()
        self._end_in(_TURNS_TO_ANSWER)
        return True

    def _end_in(self, turns: int) -> None:
        if turns > 0:
            asyncio.get_running_loop().call_soon(self._end_in, turns - 1)
        else:
            self.force_close()


class HttpServer(web.Server):
    """Makes the protocol of each connection; aiohttp reads every request.

    Args:
        handler: answers each request.
    """

    def __init__(self, handler: RequestHandler) -> None:
        super().__init__(handler)
        _log.addFilter(_ONE_LINE)

    def __call__(self) -> _Connection:
        """Make the protocol of a new connection."""
        return _Connection(self, loop=asyncio.get_running_loop(), **_OPTIONS)

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
    settings, runtime, http_server = server.settings, server.runtime, HttpServer(server.handler)
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


class OneLinePerStranger(logging.Filter):
    """Clients that do not speak HTTP are one line of log each, without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Make a short warning of what aiohttp refuses before any of our code."""
        if record.exc_info and isinstance(record.exc_info[1], _NOT_HTTP):
            record.exc_info = None
            record.msg = "What %s sent is not HTTP, or not its body; the connection is closed."
            record.args = record.args or ("a client",)
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


_NOT_HTTP: Final = (HttpProcessingError, web.RequestPayloadError)
_ONE_LINE: Final = OneLinePerStranger()
