"""Owns the connections of a server: who answers what comes in, at once or through aiohttp.

A plain request to `/v3` is answered at once, where it is read. Whatever else a connection brings,
be it a wait, a fault or an unusual request, goes to aiohttp, and from then on so does all that
follows on that connection. What is answered, and how, is the site's to say in either case.

Who is next is for `Turns` to say: the system names busy connections in the same order, turn after
turn, and whoever was answered last would be too late for the next one, and the last of the one
after.
"""

import asyncio
import logging
from collections import deque
from typing import Final, cast

from aiohttp import web

from payments_sandbox.server.emulated_api import Begun, begun_before
from payments_sandbox.server.plain_request import read_plain
from payments_sandbox.server.request_handler import Site

KEEP_ALIVE: Final = 75
"""Seconds; shorter ones make client pools reuse closed sockets and fail at random."""

_LINGER: Final = 1
_SHUTDOWN: Final = 0.4
"""aiohttp waits at most twice this long for handlers that are still running."""

A_TURN: Final = 8
"""Requests that are answered at once before the loop looks at what else has come."""


class Connections:
    """Makes a protocol for each connection, whatever it comes over."""

    def __init__(self, site: Site, log: logging.Logger) -> None:
        self.site: Final = site
        self.aiohttp: Final = web.Server(
            site,
            logger=log,
            access_log=None,  # the journal is ours
            auto_decompress=False,  # a truncated gzip body would arrive as an empty one
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=_LINGER,
        )
        self.ours: Final[set[Connection]] = set()
        self.turns: Final = Turns()

    def __call__(self) -> "Connection":
        """The protocol of a new connection."""
        return Connection(self)

    async def close(self) -> None:
        """End every connection; those that aiohttp is answering have a moment."""
        for connection in list(self.ours):
            connection.close()
        self.aiohttp.pre_shutdown()
        await self.aiohttp.shutdown(_SHUTDOWN)


class Turns:
    """Lets so many be answered in a turn of the loop; the next have theirs as they came."""

    def __init__(self) -> None:
        self._left = A_TURN
        self._waiting: deque[Connection] = deque()

    def is_now(self, connection: "Connection") -> bool:
        """Whether there is room in this turn; where there is none, the connection goes on later."""
        if self._left == A_TURN:
            asyncio.get_running_loop().call_soon(self._next)
        if self._left:
            self._left -= 1
            return True
        self._waiting.append(connection)
        return False

    def _next(self) -> None:
        self._left = A_TURN
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)
        while self._waiting and self._left:
            self._left -= 1
            self._waiting.popleft().go_on()


class Connection(asyncio.Protocol):
    """One connection: ours while all its requests are plain, then aiohttp's."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._handler: web.RequestHandler | None = None
        self._held = b""
        self._is_choked = False
        self._loop = asyncio.get_running_loop()
        self._used_at = self._loop.time()
        self._timer = self._loop.call_later(KEEP_ALIVE, self._look)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.ours.add(self)

    def data_received(self, data: bytes) -> None:
        """Answer at once, or when it is our turn, or let aiohttp see to it."""
        if self._handler is not None:
            self._handler.data_received(data)
        elif self._held:
            self._held += data
        elif self._connections.turns.is_now(self):
            self._read(data)
        else:
            self._held = data

    def go_on(self) -> None:
        """Answer what has waited for its turn, if it still does."""
        if self._held:
            data, self._held = self._held, b""
            self._read(data)

    def _read(self, data: bytes) -> None:
        plain = None if self._is_choked else read_plain(data)
        begun = None if plain is None else self._connections.site.begin(plain)
        if isinstance(begun, bytes):
            self._used_at = self._loop.time()
            self._transport.write(begun)
            return
        self._handler = self._hand_over(begun)
        self._handler.data_received(data)

    def eof_received(self) -> None:
        """The client has said its last; asyncio closes the connection."""
        self.go_on()
        if self._handler is not None:
            self._handler.eof_received()

    def pause_writing(self) -> None:
        """The client does not read what we send."""
        self._is_choked = True
        if self._handler is not None:
            self._handler.pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        self._is_choked = False
        if self._handler is not None:
            self._handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more, and nobody waits for what is held."""
        self._held = b""
        if self._handler is None:
            self._let_go()
        else:
            self._handler.connection_lost(exc)

    def close(self) -> None:
        """End it, once what has come in is answered and sent; what is aiohttp's, aiohttp ends."""
        self.go_on()
        if self._handler is None:
            self._transport.close()

    def _hand_over(self, begun: Begun | None) -> web.RequestHandler:
        """Let aiohttp have the connection, and read again what could not be answered at once."""
        self._let_go()
        handler = self._connections.aiohttp()
        begun_before(begun).run(handler.connection_made, self._transport)
        if self._is_choked:
            handler.pause_writing()
        return handler

    def _let_go(self) -> None:
        self._timer.cancel()
        self._connections.ours.discard(self)

    def _look(self) -> None:
        """End the connection when it has been silent for too long, or look again when it may be."""
        silent = self._loop.time() - self._used_at
        if silent >= KEEP_ALIVE:
            self.close()
        else:
            self._timer = self._loop.call_later(KEEP_ALIVE - silent, self._look)
