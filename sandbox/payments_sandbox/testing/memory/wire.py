"""Owns a connection in memory: what a server takes for a socket, and its other end."""

import asyncio
import socket
import struct
from collections import deque
from typing import Any, Final

LINGER: Final = struct.pack("ii", 1, 0)
"""What a socket is told so that it ends with an RST and not with a FIN."""


class Wire(asyncio.Transport):
    """The server's end; used in its event loop only.

    Attributes:
        came: what the server has sent and the client has not read.
        is_over: the server has ended the connection.
        is_reset: it ended with an RST.
        news: set when any of these has changed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._socket = _Socket()
        self._held: deque[bytes] = deque()
        self._is_paused = False
        self.came = bytearray()
        self.is_over = False
        self.is_reset = False
        self.news = asyncio.Event()
        protocol.connection_made(self)

    # What the client does

    def feed(self, data: bytes) -> None:
        """Let the server have bytes, now or once it reads again."""
        if self.is_over:
            return  # as into a socket whose other end is closed
        self._held.append(data)
        self._let_in()

    def take(self, most: int) -> bytes:
        """Read at most so many bytes of what came."""
        taken = bytes(self.came[:most])
        del self.came[: len(taken)]  # another thread may have let more come meanwhile
        return taken

    def hang_up(self) -> None:
        """The client closes."""
        self._end()

    # What the server does

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; the client has room for everything."""
        if not self.is_over:
            self.came += data
            self.news.set()

    def close(self) -> None:
        """End with a FIN."""
        self._end()

    def abort(self) -> None:
        """End with what the socket was told."""
        self.is_reset = self._socket.is_reset
        self._end()

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self.is_over

    def pause_reading(self) -> None:
        """Hold what comes."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Give what was held."""
        self._is_paused = False
        self._let_in()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's
        """What the server wants to know of its socket."""
        known = {
            "socket": self._socket,
            "peername": ("127.0.0.1", 0),
            "sockname": ("127.0.0.1", 80),
        }
        return known.get(name, default)

    def _let_in(self) -> None:
        while self._held and not self._is_paused and not self.is_over:
            self._protocol.data_received(self._held.popleft())

    def _end(self) -> None:
        if not self.is_over:
            self.is_over = True
            self.news.set()
            self._loop.call_soon(self._protocol.connection_lost, None)


class _Socket:
    """As much of a socket as a server touches."""

    family: Final = socket.AF_UNSPEC

    def __init__(self) -> None:
        self.is_reset = False

    def setsockopt(self, level: int, name: int, value: int | bytes) -> None:
        """Remember how to end."""
        if (level, name, value) == (socket.SOL_SOCKET, socket.SO_LINGER, LINGER):
            self.is_reset = True
