"""Owns a connection that may leave this process: it keeps what it has read until it is answered.

A process that is to go on with a connection has to read, before anything new, what was read of it
here and not answered: the request that is for that process, and whatever was sent behind it. So
what comes is kept until a request ends where the bytes end, which it nearly always does. Where that
cannot be told, as with several requests in one segment, it is kept on, and aiohttp's parser is
asked where the answered ones end (`requests.py`) if the connection is to leave. One on which more
has come than may be kept does not leave: it is closed, and its client connects anew.
"""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from aiohttp import web

from payments_sandbox.cluster.requests import NO_HEAD, Head, behind, read_head
from payments_sandbox.server.connection import Connection

KEPT: Final = 2 * 1024 * 1024
"""Bytes that are kept: more than any body that is about a key of its own."""

_HEAD_END: Final = b"\r\n\r\n"

_MARK: Final = b"\0payments-sandbox relays "
"""What a relayed connection begins with, before a byte that says how often it is relayed by now."""


def mark(times: int) -> bytes:
    """What tells another machine how often a connection is relayed that leads to it."""
    return _MARK + bytes([min(times, 255)])


class PassedConnection(NamedTuple):
    """A connection that leaves.

    Attributes:
        descriptor: of its socket; it is closed here with the next turn of the loop.
        begun: what was read of it and is not answered.
        relays: how often it is relayed.
    """

    descriptor: int
    begun: bytes
    relays: int = 0


class MovableConnection(Connection):
    """One connection of a server that shares its address with others.

    Args:
        server: as for any connection.
        head_timeout: as for any connection.
        begun: what another process, or who has accepted it here, has read of it.
        passes: passes a connection on, by its descriptor and the begin of a request, if that is for
            a sibling; None where there are none.

    Attributes:
        relays: how often it is relayed on its way here.
    """

    __slots__ = (
        "_answered",
        "_begun",
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
        head_timeout: float,
        begun: bytes = b"",
        *,
        passes: Callable[[int, bytes], bool] | None = None,
    ) -> None:
        super().__init__(server, head_timeout)
        self._passes = passes
        self._key: bytes | None = None
        self._lines: tuple[tuple[bytes, bytes], ...] | None = None
        self._head = NO_HEAD
        self._begun = begun
        self._has_begun = False
        self.relays = 0
        self._kept: list[bytes] = []
        self._size = 0
        self._answered = 0
        self._passed = 0
        self._length: int | None = None
        self._is_torn = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with what another process has read."""
        super().connection_made(transport)
        if begun := self._begun:
            self._begun = b""
            self.data_received(begun)

    def data_received(self, data: bytes) -> None:
        """Keep what comes, and read it."""
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
                del self._kept[1:-1]  # the first has a head, and the last an end
        super().data_received(data)

    def head_of(self, request: web.BaseRequest) -> Head:
        """What the head of a request says; a client sends nearly the same one again and again."""
        lines = request.raw_headers
        if lines is not self._lines:  # of each request it is asked for more than once
            if lines != self._lines:
                self._head = read_head(request)
            self._lines = lines
        return self._head

    def stays_for(self, request: web.BaseRequest) -> None:
        """Count a request that is answered here; those that come are told of in their order."""
        head = self.head_of(request)
        self._answered += 1
        self._length = head.length
        if self._key is None:
            self._key = head.authorization

    async def prepare_to_pass(self) -> PassedConnection | None:
        """Stop reading, let what was written leave, and give what the next process needs.

        Returns:
            None where the connection has ended, or too much has come on it.
        """
        self._pause_transport_reading()
        transport = self.transport
        if transport is not None and transport.get_write_buffer_size():
            transport.set_write_buffer_limits(0)  # from here on, it is full until it is empty
            await self._drain_helper()
        if self._is_torn or transport is None or transport.is_closing():
            return None
        begun = behind(self._answered, b"".join(self._kept))
        descriptor: int = transport.get_extra_info("socket").fileno()
        return PassedConnection(descriptor, begun, self.relays)

    def _is_passed_unread(self, data: bytes) -> bool:
        """Pass the connection on with a request that has another key, if that is a sibling's.

        What has come is looked at before the parser is given it: whoever has answered all, and sent
        it, has nothing to wait for. Where that is not so, it leaves once the request was read.
        """
        transport = self.transport
        if self._passes is None or self._waiter is None or transport is None:
            return False
        self._key = None  # the next one that is answered here has it
        if transport.is_closing() or transport.get_write_buffer_size():
            return False
        if not self._passes(transport.get_extra_info("socket").fileno(), data):
            return False
        transport.close()
        return True

    def _behind_mark(self, data: bytes) -> bytes:
        """What has come behind the mark of a relay, if it has one; nothing until that is known."""
        data = self._begun + data
        self._has_begun = not _MARK.startswith(data)
        self._begun = b"" if self._has_begun else data
        if not self._has_begun:
            return b""
        if not data.startswith(_MARK):
            return data
        self.relays = data[len(_MARK)]
        return data[len(_MARK) + 1 :]

    def _is_between_requests(self) -> bool:
        """Whether what was kept is requests that are answered here, and nothing behind them."""
        if self._passed + self._answered < self._request_count or not self.body.is_eof():
            return False
        # The parser may hold the begin of another one. Such a begin has no empty line in it, else
        # it would be a request by now; of line breaks before a request line nothing is lost.
        if self._kept[-1].endswith(_HEAD_END):
            return True
        if self._answered > 1 or self._length is None:
            return False
        # With line breaks before it, the head ends later than is found here, and the sum is less.
        head = self._kept[0] if self._is_torn else b"".join(self._kept)
        return head.find(_HEAD_END) + len(_HEAD_END) + self._length == self._size
