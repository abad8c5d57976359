"""Owns all that one server listens at: its port, the ports of TLS faults, a unix socket."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.connection import Connection
from payments_sandbox.server.listening.sockets import bind_sockets, unix_socket

if TYPE_CHECKING:
    import ssl

_BACKLOG: Final = 1_024
"""Connections that may wait to be let in, unless the system has a lower limit; one that finds no
room comes again a second later, then three, and so on."""

_NO_FAULTS: Final[Mapping[str, str]] = {}


class ListeningAt(NamedTuple):
    """Where a server listens.

    Attributes:
        url: such as `http://127.0.0.1:8080`; `https://…` where the port takes TLS as well.
        authority: the certificate, in PEM, of whom TLS clients have to trust; None where it was
            made by somebody else.
        tls_faults: the urls of ports with a certificate that nobody should accept, by its fault.
    """

    url: str
    authority: bytes | None = None
    tls_faults: Mapping[str, str] = _NO_FAULTS


class Listener(Protocol):
    """Accepts the connections of one socket."""

    def close(self) -> None:
        """Accept nobody any more."""


Accepting = Callable[[socket.socket], Listener]
"""Accepts the connections of a socket that is bound."""


async def open_listeners(
    make_connection: Callable[[], Connection],
    settings: Settings,
    stack: ExitStack,
    bound: Sequence[socket.socket] | None = None,
    *,
    accepting: Accepting | None = None,
) -> ListeningAt:
    """Listen at all that the settings name.

    Args:
        make_connection: makes the protocol of each connection.
        settings: what the user asked for.
        stack: gets what closes them all.
        bound: what `bound_before` has bound, in place of all that the settings name.
        accepting: accepts what comes there, in place of the event loop.

    Raises:
        OSError: a port is taken, the host is not ours, or a unix socket is somebody else's.
        RuntimeError: certificates are to be made, and the extra for it is not installed.
    """
    opening = _Opening(make_connection, settings, stack, accepting)
    if bound is not None:
        for each in bound:
            await opening.accept(each)
        return at_bound(settings, bound)
    certificates = None
    if settings.tls is not None:
        from payments_sandbox.server.listening.certificates import make_certificates  # noqa: PLC0415 - few want TLS

        certificates = make_certificates(settings.tls, settings)
    context = None if certificates is None else certificates.good
    port = await opening.listen(settings.port, context)
    if settings.unix is not None:
        await opening.accept(stack.enter_context(unix_socket(settings.unix)), context)
    if certificates is None:
        return ListeningAt(_url(settings, "http", port))
    faults = {
        fault.name: _url(settings, "https", await opening.listen_for_fault(fault.port, shown))
        for fault, shown in certificates.faults.items()
    }
    return ListeningAt(_url(settings, "https", port), certificates.authority, faults)


def bound_before(settings: Settings, stack: ExitStack) -> list[socket.socket]:
    """Bind what several processes then listen at: the port, and a unix socket if there is one.

    Args:
        settings: what the user asked for, without TLS.
        stack: gets what closes them, and removes the file.

    Raises:
        OSError: as `open_listeners`.
    """
    bound = bind_sockets(settings.host, settings.port)
    for each in bound:
        stack.callback(each.close)
    if settings.unix is not None:
        bound.append(stack.enter_context(unix_socket(settings.unix)))
    return bound


def at_bound(settings: Settings, bound: Sequence[socket.socket]) -> ListeningAt:
    """Where a server listens by what `bound_before` has bound."""
    return ListeningAt(_url(settings, "http", int(bound[0].getsockname()[1])))


def _url(settings: Settings, scheme: str, port: int) -> str:
    host = settings.host
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


class _Opening:
    """Opens listeners, and leaves with a stack what closes them."""

    def __init__(
        self,
        make_connection: Callable[[], Connection],
        settings: Settings,
        stack: ExitStack,
        accepting: Accepting | None,
    ) -> None:
        self._make_connection = make_connection
        self._settings = settings
        self._stack = stack
        self._accepting = accepting

    async def listen(self, port: int, context: "ssl.SSLContext | None") -> int:
        """Listen at a port of each address of the host; returns which it has become."""
        bound = bind_sockets(self._settings.host, port)
        for each in bound:
            self._stack.callback(each.close)
        port = int(bound[0].getsockname()[1])
        for each in bound:
            await self.accept(each, context)
        return port

    async def listen_for_fault(self, port: int, context: "ssl.SSLContext") -> int:
        """Listen at a further port, which an error names; returns which it has become."""
        try:
            return await self.listen(port, context)
        except OSError as error:
            where = _url(self._settings, "https", port).removeprefix("https://")
            raise OSError(error.errno, error.strerror, where) from None

    async def accept(self, bound: socket.socket, context: "ssl.SSLContext | None" = None) -> None:
        """Accept the connections of a socket that is bound."""
        self._stack.callback((await self._listener(bound, context)).close)
        bound.listen(_BACKLOG)

    async def _listener(self, bound: socket.socket, context: "ssl.SSLContext | None") -> Listener:
        if context is not None:
            from payments_sandbox.server.listening.first_bytes import TlsListener  # noqa: PLC0415 - few want TLS

            timeout = self._settings.body_timeout
            return TlsListener(self._make_connection, bound, context, handshake_timeout=timeout)
        if self._accepting is not None:
            return self._accepting(bound)
        # asyncio accepts as many connections in a turn as its backlog has, and where it has run out
        # of descriptors it fails as often, and tries again a second later for each: so the backlog
        # is the system's alone.
        loop = asyncio.get_running_loop()
        if bound.family in (socket.AF_INET, socket.AF_INET6):
            return await loop.create_server(self._make_connection, sock=bound, backlog=1)
        return await loop.create_unix_server(self._make_connection, sock=bound, backlog=1)
