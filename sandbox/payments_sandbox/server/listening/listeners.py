"""Owns the listeners of one server: on its port, the ports of TLS faults, and a unix socket."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.connection import Connection
from payments_sandbox.server.listening.sockets import bind_sockets, unix_socket

if TYPE_CHECKING:
    import ssl

_BACKLOG: Final = 1_024
"""Connections that may wait to be accepted, unless the system has a lower limit.

A client that finds no room tries again a second later, then after three, and so on.
"""

_NO_FAULTS: Final[Mapping[str, str]] = {}


class ListeningAt(NamedTuple):
    """Where a server listens.

    Attributes:
        url: such as `http://127.0.0.1:8080`; `https://…` if the port takes TLS as well.
        authority: the certificate, in PEM, of the authority that TLS clients must trust; None if
            the server has not made one.
        tls_faults: the URLs of ports with a certificate that no client should accept, by fault.
    """

    url: str
    authority: bytes | None = None
    tls_faults: Mapping[str, str] = _NO_FAULTS


class Listener(Protocol):
    """Accepts the connections of one socket."""

    def close(self) -> None:
        """Stop accepting."""


Accepting = Callable[[socket.socket], Listener]
"""Starts to accept the connections of a bound socket."""


async def open_listeners(
    make_connection: Callable[[], Connection],
    settings: Settings,
    stack: ExitStack,
    bound: Sequence[socket.socket] | None = None,
    *,
    accepting: Accepting | None = None,
) -> ListeningAt:
    """Listen at every address that the settings name.

    Args:
        make_connection: makes the protocol of each connection.
        settings: the user's settings.
        stack: closes all listeners when it is unwound.
        bound: sockets from `bound_before`; by default, it is called here.
        accepting: accepts connections instead of the event loop, if given.

    Raises:
        OSError: a port is taken, the host is not an address of this machine, or another server
            listens at the unix socket.
        RuntimeError: certificates are to be made, and the extra for it is not installed.
    """
    certificates = None
    if settings.tls is not None:
        from payments_sandbox.server.listening.certificates import make_certificates  # noqa: PLC0415 - few want TLS

        certificates = make_certificates(settings.tls, settings)
    bound = bound_before(settings, stack) if bound is None else bound
    accept = partial(_start_accepting, make_connection, settings, stack, accepting)
    for each in bound:
        await accept(each, None if certificates is None else certificates.good)
    if certificates is None:
        return at_bound(settings, bound)
    faults: dict[str, str] = {}
    for fault, shown in certificates.faults.items():
        ports = _bind_for_fault(settings, fault.port, stack)
        for each in ports:
            await accept(each, shown)
        faults[fault.name] = _url(settings, "https", ports)
    return ListeningAt(_url(settings, "https", bound), certificates.authority, faults)


def bound_before(settings: Settings, stack: ExitStack) -> list[socket.socket]:
    """Bind the port of a server, and a unix socket if there is one.

    Args:
        settings: the user's settings.
        stack: closes the sockets, and removes the unix socket's file, when it is unwound.

    Raises:
        OSError: as `open_listeners`.
    """
    bound = _bind(settings, settings.port, stack)
    if settings.unix is not None:
        bound.append(stack.enter_context(unix_socket(settings.unix)))
    return bound


def _bind(settings: Settings, port: int, stack: ExitStack) -> list[socket.socket]:
    """Bind a port at each address of the host."""
    bound = bind_sockets(settings.host, port)
    for each in bound:
        stack.callback(each.close)
    return bound


def _bind_for_fault(settings: Settings, port: int, stack: ExitStack) -> list[socket.socket]:
    """Bind the port of a TLS fault; an error names that port."""
    try:
        return _bind(settings, port, stack)
    except OSError as error:
        where = f"{_host(settings)}:{port}"
        raise OSError(error.errno, error.strerror, where) from None


def at_bound(settings: Settings, bound: Sequence[socket.socket]) -> ListeningAt:
    """Return where a server without TLS listens, by the sockets of `bound_before`."""
    return ListeningAt(_url(settings, "http", bound))


def _url(settings: Settings, scheme: str, bound: Sequence[socket.socket]) -> str:
    return f"{scheme}://{_host(settings)}:{bound[0].getsockname()[1]}"


def _host(settings: Settings) -> str:
    return f"[{settings.host}]" if ":" in settings.host else settings.host


async def _start_accepting(  # noqa: PLR0913 - the first four are the same for all sockets
    make_connection: Callable[[], Connection],
    settings: Settings,
    stack: ExitStack,
    accepting: Accepting | None,
    bound: socket.socket,
    context: "ssl.SSLContext | None",
) -> None:
    """Accept the connections of a bound socket, until the stack is unwound."""
    listener: Listener
    # asyncio calls accept as often in a turn as its `backlog` says. Out of descriptors, it fails
    # as often, and schedules a retry for each failure. So asyncio gets a backlog of 1, and the
    # system gets the real one, by `listen` below.
    loop = asyncio.get_running_loop()
    if context is not None:
        from payments_sandbox.server.listening.first_bytes import TlsListener  # noqa: PLC0415 - few want TLS

        timeout = settings.body_timeout
        listener = TlsListener(make_connection, bound, context, handshake_timeout=timeout)
    elif accepting is not None:
        listener = accepting(bound)
    elif bound.family in (socket.AF_INET, socket.AF_INET6):
        listener = await loop.create_server(make_connection, sock=bound, backlog=1)
    else:
        listener = await loop.create_unix_server(make_connection, sock=bound, backlog=1)
    stack.callback(listener.close)
    bound.listen(_BACKLOG)
