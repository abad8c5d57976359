"""Owns a listening server: its socket, its background work, and how both end within a second."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from sandbox.web.parts import Parts
from sandbox.web.site import Site

KEEP_ALIVE: Final = 75
"""Seconds; shorter ones make client pools reuse closed sockets and fail at random."""

SWEEP_EVERY: Final = 60
"""Seconds between two looks for idle worlds."""

_LINGER: Final = 1
_SHUTDOWN: Final = 0.4
"""aiohttp waits at most twice this long for handlers that are still running."""


@contextlib.asynccontextmanager
async def listening(site: Site, parts: Parts) -> AsyncIterator[str]:
    """Serve until the block ends; gives the address, such as `http://127.0.0.1:8080`.

    Raises:
        OSError: the port is taken, or the host is not ours.
    """
    runner = web.ServerRunner(server_of(site), handle_signals=False, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    sweeper = asyncio.create_task(_sweep(parts))
    try:
        settings = parts.settings
        socket = web.TCPSite(runner, settings.host, settings.port)
        await socket.start()
        for world in parts.worlds:  # those that were kept go on where they were
            parts.pacer.watch(world)
            parts.dispatcher.release(world)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        yield f"http://{host}:{socket.port}"
    finally:
        sweeper.cancel()
        end_work(parts)
        await runner.cleanup()
        await parts.dispatcher.close()
        if pending := sum(world.pending_webhooks for world in parts.worlds):
            _log.warning("webhook deliveries that were pending: %d", pending)


def server_of(site: Site) -> web.Server:
    """What makes a protocol for each connection, whatever it comes over."""
    _log.addFilter(_ONE_LINE)
    return web.Server(
        site,
        logger=_log,
        access_log=None,  # the journal is ours
        auto_decompress=False,  # a truncated gzip body would arrive as an empty one
        keepalive_timeout=KEEP_ALIVE,
        lingering_time=_LINGER,
    )


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
