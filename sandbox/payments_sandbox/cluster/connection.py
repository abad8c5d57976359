"""Owns a connection that may move to another process: it keeps what it read until it is answered.

The process that takes over a connection first needs the bytes that were read here and not answered:
the request that is for that process, and whatever was sent after it. So a connection keeps its
bytes, and drops them when the last answered request ends exactly where the bytes end, which is
nearly always the case. If that cannot be told, as with several requests in one segment, it goes on
keeping them. When it then has to move, aiohttp's parser finds where the answered requests end
(`requests.py`). A connection that has received more than may be kept does not move: it is closed,
and its client connects again.
"""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from aiohttp import web

from payments_sandbox.cluster.requests import NO_HEAD, Head, behind, read_head
from payments_sandbox.server.connection import Connection

KEPT: Final = 2 * 1024 * 1024
"""The most bytes that are kept: more than the body of any request that belongs to one key."""

_HEAD_END: Final = b"\r\n\r\n"

_MARK: Final = b"\0payments-sandbox relays "
"""The start of a relayed connection, followed by one byte: how often it has been relayed so far."""


def mark(times: int) -> bytes:
    """Return the prefix that tells the next machine how often a connection has been relayed."""
    return _MARK + bytes([min(times, 255)])


class PassedConnection(NamedTuple):
    """A connection that moves to another process.

    Attributes:
        descriptor: of its socket; this process closes it in the next turn of the loop.
        first_bytes: the bytes that were read and not answered.
        relays: how often it has been relayed.
    """

    descriptor: int
    first_bytes: bytes
    relays: int = 0


class MovableConnection(Connection):
    """One connection of a server that shares its address with other processes.

    Args:
        server: as for any connection.
        timeout: as for any connection.
        first_bytes: the bytes that another process, or the listener here, has already read.
        passes: passes the connection to a sibling if the request that begins belongs there. It
            takes the descriptor and the begin of the request, and returns whether it did. None if
            there are no siblings.

    Attributes:
        relays: how often the connection was relayed on its way here.
    """

    __slots__ = (
        "_answered",
        "_first_bytes",
        "_has_begun",
        "_head",
        "_is_torn",
        "_kept",
        "_key",
        "_length",
        "_lines",
        "_passed",
        "_passes",
        "_size",
        "relays",
    )

    def __init__(
        self,
        server: web.Server,
        timeout: float,
        first_bytes: bytes = b"",
        *,
        passes: Callable[[int, bytes], bool] | None = None,
    ) -> None:
        super().__init__(server, timeout)
        self._passes = passes
        self._key: bytes | None = None  # the credentials of the requests that are answered here
        self._lines: tuple[tuple[bytes, bytes], ...] | None = None  # those that `_head` is of
        self._head = NO_HEAD
        self._first_bytes = first_bytes
        self._has_begun = False
        self.relays = 0
        self._kept: list[bytes] = []  # received, and not dropped yet
        self._size = 0  # of all that was kept, in bytes
        self._answered = 0  # requests in what is kept that are answered
        self._passed = 0  # requests that are answered and dropped
        self._length: int | None = None  # of the body of the last answered request
        self._is_torn = False  # whether the middle of what was kept had to be dropped

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with the bytes that were read before."""
        super().connection_made(transport)
        if first_bytes := self._first_bytes:
            self._first_bytes = b""
            self.data_received(first_bytes)

    def data_received(self, data: bytes) -> None:
        """Keep the bytes that arrive, and parse them."""
        if not self._has_begun:
            data = self._behind_mark(data)
        if data:
            if self._answered and self._is_between_requests():
                self._kept.clear()
                self._passed += self._answered
                self._size = self._answered = 0
                self._is_torn = False
                if self._key is not None and self._key not in data and self._is_passed_unread(data):
                    return
            self._kept.append(data)
            self._size += len(data)
            if self._size > KEPT:
                self._is_torn = True
                del self._kept[1:-1]  # the first part has the head, and the last one the end
        super().data_received(data)

    def head_of(self, request: web.BaseRequest) -> Head:
        """Return the head of a request; nearly the same one arrives again and again."""
        lines = request.raw_headers
        if lines is not self._lines:  # each request is looked at more than once
            if lines != self._lines:
                self._head = read_head(request)
            self._lines = lines
        return self._head

    def stays_for(self, request: web.BaseRequest) -> None:
        """Count a request that is answered here; call this in the order of the requests."""
        head = self.head_of(request)
        self._answered += 1
        self._length = head.length
        if self._key is None:
            self._key = head.authorization

    async def prepare_to_pass(self) -> PassedConnection | None:
        """Stop reading, flush what was written, and return what the next process needs.

        Returns:
            None if the connection has ended, or has received too much to be passed on.
        """
        self._pause_transport_reading()
        transport = self.transport
        if transport is not None and transport.get_write_buffer_size():
            transport.set_write_buffer_limits(0)  # so that draining waits until it is empty
            await self._drain_helper()
        if self._is_torn or transport is None or transport.is_closing():
            return None
        first_bytes = behind(self._answered, b"".join(self._kept))
        descriptor: int = transport.get_extra_info("socket").fileno()
        return PassedConnection(descriptor, first_bytes, self.relays)

    def _is_passed_unread(self, data: bytes) -> bool:
        """Pass the connection to a sibling if the next request has another key that lives there.

        This looks at the bytes before the parser gets them: if all earlier requests are answered
        and their answers sent, nothing has to be waited for. Otherwise the connection leaves after
        the parser has read the request.
        """
        transport = self.transport
        if self._passes is None or self._waiter is None or transport is None:
            return False
        self._key = None  # set again by the next request that is answered here
        if transport.is_closing() or transport.get_write_buffer_size():
            return False
        if not self._passes(transport.get_extra_info("socket").fileno(), data):
            return False
        transport.close()
        return True

    def _behind_mark(self, data: bytes) -> bytes:
        """Strip the mark of a relay from the first bytes; return nothing until it is complete."""
        data = self._first_bytes + data
        self._has_begun = not _MARK.startswith(data)
        self._first_bytes = b"" if self._has_begun else data
        if not self._has_begun:
            return b""
        if not data.startswith(_MARK):
            return data
        self.relays = data[len(_MARK)]
        return data[len(_MARK) + 1 :]

    def _is_between_requests(self) -> bool:
        """Whether the kept bytes are exactly the requests answered here, with nothing after."""
        if self._passed + self._answered < self._request_count or not self.body.is_eof():
            return False
        # The parser may hold the begin of another request. It has no empty line, or it would be a
        # request by now. Line breaks before a request line may be lost without harm.
        if self._kept[-1].endswith(_HEAD_END):
            return True
        if self._answered > 1 or self._length is None:
            return False
        # With line breaks before it, the head ends later than this finds, and the sum is smaller.
        head = self._kept[0] if self._is_torn else b"".join(self._kept)
        return head.find(_HEAD_END) + len(_HEAD_END) + self._length == self._size
