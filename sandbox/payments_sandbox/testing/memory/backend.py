"""Owns how httpcore, which does the talking for httpx, reaches a sandbox in memory.

It speaks HTTP as ever and raises what it raises on sockets; only what it takes for the network is
ours. Imported with the first transport, for httpx is its users' and not ours.
"""

from collections.abc import Iterable
from typing import Any

import httpcore

from payments_sandbox.testing.memory.host import Connection, Host

SocketOption = httpcore.SOCKET_OPTION


def pool_of(host: Host) -> httpcore.ConnectionPool:
    """Connections to a sandbox, for code that blocks: as many as it likes, for they are cheap."""
    return httpcore.ConnectionPool(network_backend=Backend(host), max_connections=None)


def async_pool_of(host: Host) -> httpcore.AsyncConnectionPool:
    """Connections to a sandbox, for code in an event loop of any kind."""
    return httpcore.AsyncConnectionPool(network_backend=AsyncBackend(host), max_connections=None)


class Backend(httpcore.NetworkBackend):
    """A network with one server on it, whatever it is called."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - every name is this server's
        port: int,  # noqa: ARG002 - every port, too
        timeout: float | None = None,  # noqa: ARG002 - it takes none
        local_address: str | None = None,  # noqa: ARG002 - there is none
        socket_options: Iterable[SocketOption] | None = None,  # noqa: ARG002 - nor a socket
    ) -> "Stream":
        """A new connection."""
        return Stream(self._host.connect())


class Stream(httpcore.NetworkStream):
    """A connection, as httpcore wants it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What comes next; a wait that would be too long has passed already."""
        try:
            return self._connection.read(max_bytes, timeout)
        except TimeoutError:
            raise httpcore.ReadTimeout("timed out") from None
        except ConnectionResetError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - no wait
        """Send."""
        self._connection.write(buffer)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's
        """Whether there is something to read, by which a pool sees what has ended."""
        return self._connection.has_news() if info == "is_readable" else None


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """The same for asynchronous code; nothing is waited for."""

    def __init__(self, host: Host) -> None:
        self._backend = Backend(host)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> "AsyncStream":
        """A new connection."""
        return AsyncStream(
            self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        )


class AsyncStream(httpcore.AsyncNetworkStream):
    """A connection, as httpcore wants it of asynchronous code."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What comes next."""
        return self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send."""
        self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Hang up."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's
        """Whether there is something to read."""
        return self._stream.get_extra_info(info)
