"""Owns a connection that is relayed to another machine: its bytes, its FIN and its RST.

Nothing is read of what goes through, so that damaged replies arrive just as they were sent:

- a FIN of the client is passed on, and the node may still answer;
- a FIN of the node is the end, once all that it has sent has gone out: a server closes both ways;
- an RST of one side is an RST to the other (SO_LINGER with no time), whatever is on its way.
"""

import asyncio
import socket
from typing import Final, cast

from payments_sandbox.cluster.places import UnreachableError
from payments_sandbox.server.fault_player import LINGER_ZERO

QUIET: Final = 0.4
"""Wall seconds in which nothing has come of an answer that is whole."""


CONNECTED_WITHIN: Final = 2.0
"""Wall seconds that the other machine may take to accept: where its system has no room for more
connections, such as while a process is stopped, it answers nothing at all."""


class _Side(asyncio.Protocol):
    """One side of a relay.

    Args:
        is_client: whether it is the client's, and not the node's.

    Attributes:
        other: the other side.
        spoke_at: when something came from it; the client begins.
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
        """Take the connection, and send what came for it before."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.write(self._early)

    def data_received(self, data: bytes) -> None:
        """Pass on what comes."""
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
        """Let the other side read no more: it is faster."""
        if (transport := self.other.open_transport()) is not None:
            transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the other side read on."""
        if (transport := self.other.open_transport()) is not None:
            transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the other side as this one has ended."""
        self.ended.set_result(None)
        self.other.end(is_reset=exc is not None)

    def open_transport(self) -> asyncio.Transport | None:
        """The connection, unless it has ended or is about to."""
        transport = self._transport
        return None if transport is None or transport.is_closing() else transport

    def write(self, data: bytes) -> None:
        """Send bytes, as soon as there is a connection, and as long as there is one."""
        if self._transport is None:
            self._early += data
        elif (transport := self.open_transport()) is not None:
            transport.write(data)

    def end(self, *, is_reset: bool = False) -> None:
        """End the connection: with an RST, or with a FIN once all was sent."""
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
        client: the connection, which ends with the relay, once that has begun.
        host: where the other side is.
        port: as above.
        begun: what was read of the client, and goes first.
    """

    def __init__(self, client: socket.socket, host: str, port: int, begun: bytes) -> None:
        self._client = client
        self._to = host, port
        self._begun = begun
        self._is_cut = False
        self._near, self._far = _Side(is_client=True), _Side(is_client=False)
        self._near.other, self._far.other = self._far, self._near

    @property
    def is_awaited(self) -> bool:
        """Whether an answer is on its way, as far as that can be told without reading any."""
        has_asked = self._near.spoke_at >= self._far.spoke_at
        return has_asked or _now() - self._far.spoke_at < QUIET

    async def run(self) -> None:
        """Relay until both sides have ended.

        Raises:
            UnreachableError: nobody listens there: nothing was sent, and the client's connection is
                as it was.
            OSError: the client has gone.
        """
        near, far, loop = self._near, self._far, asyncio.get_running_loop()
        try:
            try:
                async with asyncio.timeout(CONNECTED_WITHIN):
                    await loop.create_connection(lambda: far, *self._to)
            except TimeoutError:
                raise UnreachableError("it accepts no connection") from None
            except OSError as error:
                is_refused = isinstance(error, ConnectionRefusedError)
                raise UnreachableError(
                    error.strerror or str(error), is_refused=is_refused
                ) from None
            if self._is_cut:
                raise UnreachableError("its lease has run out")
            far.write(self._begun)
            await loop.connect_accepted_socket(lambda: near, self._client)
            if far.ended.done():  # it has ended before there was anybody to tell
                near.end()
            await asyncio.wait((near.ended, far.ended))
        finally:
            near.end(is_reset=True)
            far.end(is_reset=True)

    def cut(self) -> None:
        """End both sides with an RST: who is there is the owner no more, and may never answer."""
        self._is_cut = True
        self._near.end(is_reset=True)
        self._far.end(is_reset=True)

    def close(self) -> None:
        """End both sides with a FIN."""
        self._near.end()
        self._far.end()


def _now() -> float:
    return asyncio.get_running_loop().time()
