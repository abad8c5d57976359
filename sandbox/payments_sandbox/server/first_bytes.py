"""Owns how connections are accepted where it matters what they begin with, before they begin.

Until there is a byte, a connection costs a descriptor and a timer.
"""

import asyncio
import socket
from abc import ABC, abstractmethod
from typing import ClassVar, Final

from payments_sandbox.server.connection import KEEP_ALIVE

_AGAIN: Final = 1
"""Seconds until connections are accepted again after the system had no room for one."""


class FirstBytesListener(ABC):
    """Accepts the connections of one socket until it is closed.

    Args:
        bound: the socket, bound and listening.

    Raises:
        RuntimeError: the event loop is one that cannot wait for a byte, as that of Windows.
    """

    MOST: ClassVar[int]
    """Bytes that are looked at."""

    FLAGS: ClassVar[int] = 0
    """The flag that leaves received bytes in the socket."""

    def __init__(self, bound: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._bound = bound
        self._silent: dict[socket.socket, asyncio.TimerHandle] = {}
        self._accept_again: asyncio.TimerHandle | None = None
        try:
            self._accept_from_now()
        except NotImplementedError:
            raise RuntimeError("tls: this event loop cannot wait for a byte and leave it") from None

    @abstractmethod
    def begin(self, connection: socket.socket, first: bytes) -> None:
        """Let a connection begin, by its first bytes; it is nobody else's from now on."""

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
            first = connection.recv(self.MOST, self.FLAGS)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            first = b""
        if first:
            self.begin(connection, first)
        else:
            connection.close()
        return False

    def _drop(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        self._silent.pop(connection).cancel()
        connection.close()
