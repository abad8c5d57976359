"""Owns connections of a port that takes TLS and plain HTTP: the first byte of each tells.

A handshake begins with a byte that no request has. It is looked at and left where it is, so that
whoever takes the connection then reads all of it. A handshake has its time, as the head of a
request has.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import ClassVar, Final

from payments_sandbox.server.connection import Connection
from payments_sandbox.server.first_bytes import FirstBytesListener

_HANDSHAKE: Final = b"\x16"
"""The first byte of a TLS handshake: the type of its record (RFC 8446, 5.1)."""

_log: Final = logging.getLogger(__name__)


class TlsListener(FirstBytesListener):
    """Accepts connections, each of which may speak TLS.

    Args:
        make_connection: makes the protocol of each.
        bound: the socket, bound and listening.
        context: what TLS shows to clients.
        handshake_timeout: seconds that a handshake may take.

    Raises:
        RuntimeError: as any that looks at what connections begin with.
    """

    MOST: ClassVar = len(_HANDSHAKE)
    FLAGS: ClassVar = socket.MSG_PEEK

    def __init__(
        self,
        make_connection: Callable[[], Connection],
        bound: socket.socket,
        context: ssl.SSLContext,
        *,
        handshake_timeout: float,
    ) -> None:
        super().__init__(bound)
        self._make_connection = make_connection
        self._beginning: set[asyncio.Task[None]] = set()
        self._context = context
        self._handshake_timeout = handshake_timeout

    def close(self) -> None:
        """Accept nobody any more, and end handshakes."""
        super().close()
        for task in self._beginning:
            task.cancel()

    def begin(self, connection: socket.socket, first: bytes) -> None:
        """Let a connection be one of the server's, after its handshake where it has one."""
        task = self._loop.create_task(self._begin(connection, first))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, connection: socket.socket, first: bytes) -> None:
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
