"""Owns listeners that look at the first bytes of a connection before they hand it on.

Until its first byte arrives, a connection costs only a descriptor and a timer. On a port that
takes both TLS and plain HTTP, the first byte tells them apart: a TLS handshake begins with one that
no request begins with. The byte stays in the socket, so that the protocol then reads everything.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from payments_sandbox.server.connection import KEEP_ALIVE, Connection

_ACCEPT_AGAIN_AFTER: Final = 1
"""Seconds until connections are accepted again after the system was short of resources."""

_HANDSHAKE: Final = b"\x16"
"""The first byte of a TLS handshake: the type of its record (RFC 8446, 5.1)."""

_log: Final = logging.getLogger(__name__)


class FirstBytesListener:
    """Accepts the connections of one socket until it is closed.

    Args:
        bound: the socket, bound and listening.
        begin: called with a connection and its first bytes; owns the connection from then on.
        most: how many bytes are read at most.
        flags: flags for reading them, such as MSG_PEEK, which leaves them in the socket.

    Raises:
        RuntimeError: the event loop cannot watch sockets, as the default one of Windows.
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
            self._resume_accepting()
        except NotImplementedError:
            raise RuntimeError(
                "tls: this event loop cannot peek at the first byte of a connection"
            ) from None

    def close(self) -> None:
        """Stop accepting, and close the connections that have not sent a byte."""
        if self._accept_again is not None:
            self._accept_again.cancel()
        self._loop.remove_reader(self._bound)
        self._bound.close()
        for connection in list(self._silent):
            self._drop(connection)

    def _resume_accepting(self) -> None:
        self._accept_again = None
        self._loop.add_reader(self._bound, self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._bound.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # the client has left, or another process has accepted the connection
        except OSError as error:  # no descriptors are left; handled as asyncio's own servers do
            self._loop.remove_reader(self._bound)
            self._accept_again = self._loop.call_later(_ACCEPT_AGAIN_AFTER, self._resume_accepting)
            self._loop.call_exception_handler({"message": "accept failed", "exception": error})
            return
        connection.setblocking(False)  # noqa: FBT003 - the signature of `socket`
        if not self._hand_on(connection):
            self._silent[connection] = self._loop.call_later(KEEP_ALIVE, self._drop, connection)
            self._loop.add_reader(connection, self._on_readable, connection)

    def _on_readable(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)  # before it may be closed or handed on
        if self._hand_on(connection):
            self._silent.pop(connection).cancel()
        else:
            self._loop.add_reader(connection, self._on_readable, connection)

    def _hand_on(self, connection: socket.socket) -> bool:
        """Hand a connection on, or close it if it has ended; return False if it is still silent."""
        try:
            first = connection.recv(self._most, self._flags)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            first = b""
        if first:
            self._begin(connection, first)
        else:
            connection.close()
        return True

    def _drop(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        self._silent.pop(connection).cancel()
        connection.close()


class TlsListener(FirstBytesListener):
    """Accepts connections, each of which speaks either TLS or plain HTTP."""

    def __init__(
        self,
        make_connection: Callable[[], Connection],
        bound: socket.socket,
        context: ssl.SSLContext,
        *,
        handshake_timeout: float,
    ) -> None:
        super().__init__(bound, self._start_handshake, most=len(_HANDSHAKE), flags=socket.MSG_PEEK)
        self._make_connection = make_connection
        self._handshakes: set[asyncio.Task[None]] = set()
        self._context = context
        self._handshake_timeout = handshake_timeout

    def close(self) -> None:
        """Stop accepting, and cancel handshakes."""
        super().close()
        for task in self._handshakes:
            task.cancel()

    def _start_handshake(self, connection: socket.socket, first: bytes) -> None:
        task = self._loop.create_task(self._connect(connection, first))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _connect(self, connection: socket.socket, first: bytes) -> None:
        """Hand a connection to the server, after its handshake if it begins with one."""
        context = self._context if first == _HANDSHAKE else None
        peer = _peer_name(connection)
        timeout = None if context is None else self._handshake_timeout
        try:
            await self._loop.connect_accepted_socket(
                self._make_connection, connection, ssl=context, ssl_handshake_timeout=timeout
            )
        except OSError as error:  # includes `ssl.SSLError`
            connection.close()
            _log.warning("the TLS handshake with %s failed: %s", peer, _handshake_problem(error))
        except asyncio.CancelledError:
            connection.close()
            raise


def _peer_name(connection: socket.socket) -> str:
    try:
        peer = connection.getpeername()
    except OSError:  # it has just left
        return "a client"
    return str(peer[0]) if isinstance(peer, tuple) else "a client"


def _handshake_problem(error: OSError) -> str:
    """Say what the client did in a handshake that failed."""
    reason = getattr(error, "reason", None)
    if reason is None:
        return "the client disconnected, or took too long"
    if "UNKNOWN_CA" in reason or "CERTIFICATE" in reason:
        return f"the client does not accept the certificate ({reason})"
    return f"the client's TLS is not supported ({reason})"
