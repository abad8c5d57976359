"""Owns a listening server: its socket, its background work, and how both end within a second."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from payments_sandbox.server.connection import Connections
from payments_sandbox.server.parts import Parts
from payments_sandbox.server.request_handler import Site

SWEEP_EVERY: Final = 60
"""Seconds between two looks for idle worlds."""

_BACKLOG: Final = 128
"""Connections that may wait to be let in; one that finds no room comes again a second later."""


@contextlib.asynccontextmanager
async def listening(site: Site, parts: Parts) -> AsyncIterator[str]:
    """Serve until the block ends; gives the address, such as `http://127.0.0.1:8080`.

    Raises:
        OSError: the port is taken, or the host is not ours.
    """
    settings, connections = parts.settings, connections_of(site)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(connections, settings.host, settings.port, backlog=_BACKLOG)
    sweeper = asyncio.create_task(_sweep(parts))
    try:
        for world in parts.worlds:  # those that were kept go on where they were
            parts.pacer.watch(world)
            parts.dispatcher.release(world)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield f"http://{host}:{listener.sockets[0].getsockname()[1]}"
    finally:
        sweeper.cancel()
        end_work(parts)
        listener.close()
        await asyncio.sleep(0)  # noqa: TID251 - no time: what has come in is begun before we end
        await connections.close()
        await parts.dispatcher.close()
        if pending := sum(world.pending_webhooks for world in parts.worlds):
            _log.warning("webhook deliveries that were pending: %d", pending)


def connections_of(site: Site) -> Connections:
    """What makes a protocol for each connection, whatever it comes over."""
    _log.addFilter(_ONE_LINE)
    return Connections(site, _log)


def end_work(parts: Parts) -> None:
    """Let nothing begin any more, and nobody wait."""
    parts.pacer.stop()
    parts.news.close_all()
    parts.sleepers.wake_all()


async def _sweep(parts: Parts) -> None:
    never = asyncio.Event()
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_EVERY):
                await never.wait()
        parts.worlds.sweep()


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
_log: Final = logging.getLogger("sandbox.server")
_ONE_LINE: Final = OneLinePerStranger()
