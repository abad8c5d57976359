"""Owns listeners that look at what a connection begins with, before it begins.

Until there is a byte, a connection costs a descriptor and a timer. Where a port takes TLS and plain
HTTP, the first byte tells: a handshake begins with one that no request has. It is left where it is,
so that whoever takes the connection then reads all of it.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from payments_sandbox.server.connection import KEEP_ALIVE, Connection

_AGAIN: Final = 1
"""Seconds until connections are accepted again after the system had no room for one."""

_HANDSHAKE: Final = b"\x16"
"""The first byte of a TLS handshake: the type of its record (RFC 8446, 5.1)."""

_log: Final = logging.getLogger(__name__)


class FirstBytesListener:
    """Accepts the connections of one socket until it is closed.

    Args:
        bound: the socket, bound and listening.
        begin: lets a connection begin, by its first bytes; it is nobody else's from then on.
        most: bytes that are looked at.
        flags: for reading them, such as the one that leaves them in the socket.

    Raises:
        RuntimeError: the event loop is one that cannot wait for a byte, as that of Windows.
    """

    def __init__(
        self,
        bound: socket.socket,
        begin: Callable[[socket.socket, bytes], None],
        *,
        most: int,
        flags: int = 0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._bound = bound
        self._begin = begin
        self._most = most
        self._flags = flags
        self._silent: dict[socket.socket, asyncio.TimerHandle] = {}
        self._accept_again: asyncio.TimerHandle | None = None
        try:
            self._accept_from_now()
        except NotImplementedError:
            raise RuntimeError("tls: this event loop cannot wait for a byte and leave it") from None

    def close(self) -> None:
        """Accept nobody any more, and end what has not sent a byte."""
        if self._accept_again is not None:
            self._accept_again.cancel()
        self._loop.remove_reader(self._bound)
        self._bound.close()
        for connection in list(self._silent):
            self._drop(connection)

    def _accept_from_now(self) -> None:
        self._accept_again = None
        self._loop.add_reader(self._bound, self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._bound.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # whoever came has left, or is let in by somebody else
        except OSError as error:  # there are no descriptors left, as asyncio's own servers meet it
            self._loop.remove_reader(self._bound)
            self._accept_again = self._loop.call_later(_AGAIN, self._accept_from_now)
            self._loop.call_exception_handler({"message": "accept failed", "exception": error})
            return
        connection.setblocking(False)  # noqa: FBT003 - the module's own way
        if self._is_silent(connection):
            self._silent[connection] = self._loop.call_later(KEEP_ALIVE, self._drop, connection)
            self._loop.add_reader(connection, self._look_again, connection)

    def _look_again(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)  # before it may be closed, or somebody else's
        if self._is_silent(connection):
            self._loop.add_reader(connection, self._look_again, connection)
        else:
            self._silent.pop(connection).cancel()

    def _is_silent(self, connection: socket.socket) -> bool:
        """Look at what a connection begins with, and let it begin, or end, if that is there."""
        try:
            first = connection.recv(self._most, self._flags)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            first = b""
        if first:
            self._begin(connection, first)
        else:
            connection.close()
        return False

    def _drop(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        self._silent.pop(connection).cancel()
        connection.close()


class TlsListener(FirstBytesListener):
    """Accepts connections, each of which may speak TLS."""

    def __init__(
        self,
        make_connection: Callable[[], Connection],
        bound: socket.socket,
        context: ssl.SSLContext,
        *,
        handshake_timeout: float,
    ) -> None:
        super().__init__(bound, self._begin_soon, most=len(_HANDSHAKE), flags=socket.MSG_PEEK)
        self._make_connection = make_connection
        self._beginning: set[asyncio.Task[None]] = set()
        self._context = context
        self._handshake_timeout = handshake_timeout

    def close(self) -> None:
        """Accept nobody any more, and end handshakes."""
        super().close()
        for task in self._beginning:
            task.cancel()

    def _begin_soon(self, connection: socket.socket, first: bytes) -> None:
        task = self._loop.create_task(self._shake_hands(connection, first))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _shake_hands(self, connection: socket.socket, first: bytes) -> None:
        """Let a connection be one of the server's, after its handshake where it has one."""
        context = self._context if first == _HANDSHAKE else None
        peer = _name_of(connection)
        timeout = None if context is None else self._handshake_timeout
        try:
            await self._loop.connect_accepted_socket(
                self._make_connection, connection, ssl=context, ssl_handshake_timeout=timeout
            )
        except OSError as error:  # those of `ssl` are some of them
            connection.close()
            _log.warning("%s has begun TLS, and %s.", peer, _why(error))
        except asyncio.CancelledError:
            connection.close()
            raise


def _name_of(connection: socket.socket) -> str:
    try:
        peer = connection.getpeername()
    except OSError:  # it has just left
        return "a client"
    return str(peer[0]) if isinstance(peer, tuple) else "a client"


def _why(error: OSError) -> str:
    """Say why a handshake failed."""
    reason = getattr(error, "reason", None)
    if reason is None:
        return "left, or did not go on in time"
    if "UNKNOWN_CA" in reason or "CERTIFICATE" in reason:
        return f"does not accept the certificate ({reason})"
    return f"speaks no TLS that is spoken here ({reason})"
