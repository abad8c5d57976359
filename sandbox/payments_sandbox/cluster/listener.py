"""Owns how a worker accepts: a connection whose first request is a sibling's goes there at once.

What it begins with is read before it has a transport and a protocol, which cost more than to pass
it on, and which it would have here for nothing.
"""

import socket
from collections.abc import Callable
from typing import ClassVar

from payments_sandbox.server.listening.first_bytes import FirstBytesListener


class SharedListener(FirstBytesListener):
    """Accepts the connections of a socket at which siblings listen, too.

    Args:
        bound: the socket, bound and listening.
        begin: lets a connection begin, here or there, with what was read of it.
    """

    MOST: ClassVar = 64 * 1024

    def __init__(self, bound: socket.socket, begin: Callable[[socket.socket, bytes], None]) -> None:
        super().__init__(bound)
        self._begin = begin

    def begin(self, connection: socket.socket, first: bytes) -> None:
        """Let a connection begin where it belongs."""
        self._begin(connection, first)
