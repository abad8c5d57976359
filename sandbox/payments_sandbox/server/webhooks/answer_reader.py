"""Owns the connections to receivers: what is read from them, and which of them are used again.

Many receivers send too much: a body after a 204, or one longer than its `Content-Length`. If that
arrives in the same segment, aiohttp drops the answer that it has already parsed, and the attempt
would fail; in a later segment it does no harm. So each head is parsed before the data after it.
The excess data ends the connection, as it should.

A receiver may close a kept connection at any time. Its end may have arrived although the loop has
not had a turn to notice: so the system is asked just before the connection is used again. A
connection that closes while a request is on its way fails the attempt, since the receiver may have
handled it. But if the receiver's system has acknowledged no byte of it, nobody has handled it.
"""

import asyncio
import selectors
import socket
import sys
from typing import Final, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler

RECEIVE_BUFFER: Final = 16 * 1024
"""Bytes of an answer that are received and parsed in one turn of the loop, at most."""

_END_OF_HEAD: Final = b"\r\n\r\n"
_FINAL: Final = 200
_FAILING: Final = 500
_MOST_HEADS: Final = 8
"""How many heads of one segment are parsed separately: the last is final, the others interim."""

_BYTES_ACKED: Final = range(120, 128)
"""The bytes of `tcpi_bytes_acked` in the `struct tcp_info` of <linux/tcp.h>."""

# It needs no descriptor of its own; Windows has only `select`, and there that has no limit.
_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)


class NotTakenError(aiohttp.ClientError):
    """A kept connection had ended, and the receiver's system received none of the request."""


class AnswerReader(ResponseHandler):
    """One connection to a receiver."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._acknowledged = 0
        self._arrivals: selectors.BaseSelector = _Selector()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Receive into a small buffer, and be ready to look for what has arrived.

        asyncio allocates 256 KB for each read, which the system maps and unmaps every time; uvloop
        reuses one buffer.
        """
        super().connection_made(transport)
        if hasattr(transport, "max_size"):
            transport.max_size = RECEIVE_BUFFER
        self._socket = cast("socket.socket", transport.get_extra_info("socket"))
        self._arrivals.register(self._socket, selectors.EVENT_READ)

    def is_connected(self) -> bool:
        """Whether it can be used again, asked before each further request.

        It cannot if it has ended, or if anything has arrived that nobody has asked for.
        """
        if not super().is_connected() or self.should_close or self._arrivals.select(0):
            return False
        self._acknowledged = _acknowledged(self._socket)
        return True

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Fail the request; say so if the receiver's system has received none of it."""
        # 0 proves nothing: it is also the number of a new connection, and of other systems.
        if self._acknowledged and self._acknowledged == _acknowledged(self._socket):
            exc = NotTakenError()
        super().set_exception(exc, exc_cause or exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived: each head separately, up to that of the final answer."""
        for _ in range(_MOST_HEADS):
            end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
            if not len(_END_OF_HEAD) <= end < len(data) or not self._waits_for_head():
                break
            super().data_received(data[:end])
            data = data[end:]
        super().data_received(data)
        # A receiver that fails often closes its connection a moment later, without notice.
        if self._buffer and self._buffer[-1][0][0].code >= _FAILING:
            self.force_close()
        # Otherwise the reader of an invalid body would wait for the rest of it.
        body = self._payload
        if self._exception is not None and body is not None and not body.is_eof():
            body.set_exception(self._exception)

    def _waits_for_head(self) -> bool:
        return not self._buffer or self._buffer[-1][0][0].code < _FINAL


def _acknowledged(connection: socket.socket) -> int:
    """Return how many bytes the peer has acknowledged; 0 if this system does not report it."""
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.stop)
    except (OSError, AttributeError):  # it has ended, or is not reported
        return 0
    return int.from_bytes(info[_BYTES_ACKED.start :], sys.byteorder)
