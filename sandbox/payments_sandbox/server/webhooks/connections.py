"""Owns the connections to receivers: how one is made, used for one post at a time, kept, and ended.

Nearly every call posts something where there is an endpoint, so there is no more between a post and
its socket than it takes (ADR 13).
"""

import asyncio
import contextlib
import select
import socket
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final, NamedTuple, TypeVar, cast

import aiohappyeyeballs

from payments_sandbox.server.webhooks.guard import guarded
from payments_sandbox.server.webhooks.replies import (
    CutOffError,
    NotHttpError,
    Reading,
    Reply,
    reading,
)

T = TypeVar("T")

SHOWN: Final = 20 * 1024
"""Bytes of an answer's body that are kept; the rest is not read."""

KEEP_ALIVE: Final = 4
"""Seconds that an idle connection is kept; many receivers close theirs after five."""

_HAPPY_EYEBALLS: Final = 0.25
"""Seconds after which the next address of a name is tried as well (RFC 8305)."""


class Origin(NamedTuple):
    """Where a connection leads."""

    is_tls: bool
    host: str
    port: int


class UnknownHostError(OSError):
    """A name leads nowhere; it is the message."""


class Connections:
    """Connections to receivers, those in use and those that wait for the next post.

    Args:
        public: whether they may lead to public addresses.
    """

    def __init__(self, *, public: bool) -> None:
        self._dial = guarded(public=public)
        self._idle: dict[Origin, list[Connection]] = defaultdict(list)
        self._open: set[Connection] = set()
        self._tls: ssl.SSLContext | None = None

    async def post(self, origin: Origin, request: bytes) -> Reply:
        """Send a request, and read the reply.

        Raises:
            OSError, NotHttpError, CutOffError: there was none.
        """
        connection = self._kept(origin) or await self._made(origin)
        try:
            reply = await connection.exchange(request)
        except BaseException:
            connection.close()
            raise
        if reply.is_last:
            connection.close()
        else:
            self._idle[origin].append(connection)
        return reply

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._open):
            connection.close()

    def _kept(self, origin: Origin) -> "Connection | None":
        idle = self._idle.get(origin)
        while idle:
            if not (connection := idle.pop()).has_news:
                return connection
            connection.close()
        return None

    async def _made(self, origin: Origin) -> "Connection":
        loop = asyncio.get_running_loop()
        found = await aiohappyeyeballs.start_connection(
            await _addresses(origin),
            happy_eyeballs_delay=_HAPPY_EYEBALLS,
            socket_factory=self._dial,
        )
        connection = Connection(partial(self._forget, origin))
        await loop.create_connection(
            lambda: connection,
            sock=found,
            ssl=self._context() if origin.is_tls else None,
            server_hostname=origin.host if origin.is_tls else None,
        )
        self._open.add(connection)
        return connection

    def _forget(self, origin: Origin, connection: "Connection") -> None:
        """It has ended."""
        self._open.discard(connection)
        if connection in (idle := self._idle.get(origin, [])):
            idle.remove(connection)
        if not idle:
            self._idle.pop(origin, None)

    def _context(self) -> ssl.SSLContext:
        """The certificates are read when the first https url is called."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


class Connection(asyncio.Protocol):
    """One connection to a receiver; it waits for one reply at a time.

    Args:
        forget: called when it has ended.
    """

    def __init__(self, forget: "Callable[[Connection], None]") -> None:
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._reading: Reading | None = None
        self._reply: asyncio.Future[Reply] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return not self._transport.is_closing()

    @property
    def has_news(self) -> bool:
        """Whether its end has come, or what nobody asked for, even if the loop has not seen it."""
        if not self.is_open:
            return True
        descriptor = self._transport.get_extra_info("socket").fileno()
        if not hasattr(select, "poll"):  # Windows
            return bool(select.select([descriptor], [], [], 0)[0])
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))

    async def exchange(self, request: bytes) -> Reply:
        """Send a request, and read the reply.

        Raises:
            OSError, NotHttpError, CutOffError: there was none.
        """
        if not self.is_open:
            raise CutOffError
        self._reading = reading(SHOWN)
        next(self._reading)
        self._reply = self._loop.create_future()
        self._transport.write(request)
        return await self._reply

    def close(self) -> None:
        """End it; what is under way is not answered."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._used_at = self._loop.time()
        self._look()

    def data_received(self, data: bytes) -> None:
        """Part of a reply; a receiver that speaks unasked is not listened to."""
        if self._reading is None:
            self.close()
            return
        try:
            self._reading.send(data)
        except StopIteration as end:
            self._settle(end.value)
        except (NotHttpError, CutOffError) as error:
            self._settle(error)

    def eof_received(self) -> None:
        """The end of all replies; asyncio closes the connection."""
        self.data_received(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._timer.cancel()
        self._forget(self)
        if self._reading is not None:
            self._settle(exc or CutOffError())

    def _settle(self, came: Reply | Exception) -> None:
        reply, self._reading, self._reply = self._reply, None, None
        self._used_at = self._loop.time()
        if reply is None or reply.done():
            return  # nobody waits any more
        if isinstance(came, Reply):
            reply.set_result(came)
        else:
            reply.set_exception(came)

    def _look(self) -> None:
        """End it when it has been idle for too long, or look again when it may be."""
        idle = 0.0 if self._reading is not None else self._loop.time() - self._used_at
        if idle >= KEEP_ALIVE:
            self.close()
        else:
            self._timer = self._loop.call_later(KEEP_ALIVE - idle, self._look)


async def _addresses(origin: Origin) -> Sequence[aiohappyeyeballs.AddrInfoType]:
    """What a host leads to; a name is asked for every time, since it may lead elsewhere then."""
    host, port, kind = origin.host, origin.port, socket.SOCK_STREAM
    try:
        with contextlib.suppress(socket.gaierror):
            return socket.getaddrinfo(host, port, type=kind, flags=socket.AI_NUMERICHOST)
        return await _in_a_thread(partial(socket.getaddrinfo, host, port, type=kind))
    except (socket.gaierror, UnicodeError) as error:
        raise UnknownHostError(host) from error


async def _in_a_thread(ask: Callable[[], T]) -> T:
    """What is asked for, from a thread that holds nobody up: not others who ask, nor the exit."""
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # who waits may leave; it is done all the same

    def work() -> None:
        try:
            done.set_result(ask())
        except Exception as error:  # noqa: BLE001 - the one who waits for it gets it
            done.set_exception(error)

    threading.Thread(target=work, name="payments-sandbox-names", daemon=True).start()
    return await asyncio.wrap_future(done)
