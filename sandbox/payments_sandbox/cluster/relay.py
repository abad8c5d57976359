"""Owns a connection that is relayed to another machine: its bytes, its FIN and its RST.

The bytes are not parsed, so that damaged replies arrive exactly as they were sent:

- a FIN of the client is passed on, and the node may still answer;
- a FIN of the node ends the relay once everything that it sent has gone out: a server closes both
  directions;
- an RST of one side becomes an RST to the other (SO_LINGER with no time), whatever is on its way.
"""

import asyncio
import socket
from typing import Final, cast

from payments_sandbox.cluster.places import UnreachableError
from payments_sandbox.server.fault_player import LINGER_ZERO

QUIET: Final = 0.4
"""Wall seconds without a byte after which an answer counts as complete."""


CONNECTED_WITHIN: Final = 2.0
"""Wall seconds that the other machine may take to accept: if its system has no room for more
connections, such as while the process is suspended, it does not answer at all."""


class _Side(asyncio.Protocol):
    """One side of a relay.

    Args:
        is_client: whether it is the client's side; otherwise it is the node's.

    Attributes:
        other: the other side.
        spoke_at: when bytes last came from it; the client begins.
        ended: is done when the connection is gone.
    """

    def __init__(self, *, is_client: bool) -> None:
        self._is_client = is_client
        self._transport: asyncio.Transport | None = None
        self._early = b""
        self.other: _Side
        self.spoke_at = _now() if is_client else 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, and send what was written before it was there."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.write(self._early)

    def data_received(self, data: bytes) -> None:
        """Pass on the bytes that arrive."""
        self.spoke_at = _now()
        self.other.write(data)

    def eof_received(self) -> bool:
        """Pass on a FIN.

        Returns:
            Whether the connection stays open for the other side's answers.
        """
        if self._is_client and (transport := self.other.open_transport()) is not None:
            transport.write_eof()
        return self._is_client

    def pause_writing(self) -> None:
        """Stop reading from the other side, which is faster."""
        if (transport := self.other.open_transport()) is not None:
            transport.pause_reading()

    def resume_writing(self) -> None:
        """Read from the other side again."""
        if (transport := self.other.open_transport()) is not None:
            transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other side the way this one has ended."""
        self.ended.set_result(None)
        self.other.end(is_reset=exc is not None)

    def open_transport(self) -> asyncio.Transport | None:
        """The connection, unless it has ended or is about to."""
        transport = self._transport
        return None if transport is None or transport.is_closing() else transport

    def write(self, data: bytes) -> None:
        """Send bytes: later if there is no connection yet, and not at all once it has ended."""
        if self._transport is None:
            self._early += data
        elif (transport := self.open_transport()) is not None:
            transport.write(data)

    def end(self, *, is_reset: bool = False) -> None:
        """End the connection: with an RST, or with a FIN after everything is sent."""
        if (transport := self.open_transport()) is None:
            return
        if not is_reset:
            transport.close()
            return
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        transport.abort()


class Relay:
    """A client's connection that is relayed to another machine.

    Args:
        client: the connection; once the relay has begun, it ends with the relay.
        host: of the other machine.
        port: of the other machine.
        first_bytes: the bytes that were read from the client, which are sent first.
    """

    def __init__(self, client: socket.socket, host: str, port: int, first_bytes: bytes) -> None:
        self._client = client
        self._to = host, port
        self._first_bytes = first_bytes
        self._is_cut = False
        self._near, self._far = _Side(is_client=True), _Side(is_client=False)
        self._near.other, self._far.other = self._far, self._near

    @property
    def is_awaited(self) -> bool:
        """Whether an answer is on its way, as far as can be told without parsing it."""
        has_asked = self._near.spoke_at >= self._far.spoke_at
        return has_asked or _now() - self._far.spoke_at < QUIET

    async def run(self) -> None:
        """Relay until both sides have ended.

        Raises:
            UnreachableError: nothing listens there; nothing was sent, and the client's connection
                is unchanged.
            OSError: the client has gone.
        """
        near, far, loop = self._near, self._far, asyncio.get_running_loop()
        try:
            try:
                async with asyncio.timeout(CONNECTED_WITHIN):
                    await loop.create_connection(lambda: far, *self._to)
            except TimeoutError:
                raise UnreachableError("it does not accept connections") from None
            except OSError as error:
                is_refused = isinstance(error, ConnectionRefusedError)
                raise UnreachableError(
                    error.strerror or str(error), is_refused=is_refused
                ) from None
            if self._is_cut:
                raise UnreachableError("its lease has expired")
            far.write(self._first_bytes)
            await loop.connect_accepted_socket(lambda: near, self._client)
            if far.ended.done():  # before the client's side could be told
                near.end()
            await asyncio.wait((near.ended, far.ended))
        finally:
            near.end(is_reset=True)
            far.end(is_reset=True)

    def cut(self) -> None:
        """End both sides with an RST: the node no longer owns the key, and may never answer."""
        self._is_cut = True
        self._near.end(is_reset=True)
        self._far.end(is_reset=True)

    def close(self) -> None:
        """End both sides with a FIN."""
        self._near.end()
        self._far.end()


def _now() -> float:
    return asyncio.get_running_loop().time()
