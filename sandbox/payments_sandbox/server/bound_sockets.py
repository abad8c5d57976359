"""Owns the addresses that a server listens on: one port for all that a name leads to."""

import errno
import os
import socket
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Any, Final

_TRIES: Final = 20
"""How many free ports are tried where one is not free at every address."""

_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""Errors of an address family that this machine is not set up for."""

_EVERY_IPV6: Final = "::"


def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """Bind a socket for each address of a host, all to one port.

    Args:
        host: an address or a name; `::` is every address of both families.
        port: 0 picks one that is free at all of them.

    Raises:
        OSError: the port is taken, or the host is not ours.
    """
    # Nothing is served yet that could wait for it, so the loop needs no thread for it.
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )
    addresses = list(dict.fromkeys((family, address) for family, *_, address in found))
    for _ in range(_TRIES if port == 0 else 0):
        with suppress(OSError):
            return _bind(addresses, port)
    return _bind(addresses, port)


def _bind(addresses: Iterable[tuple[socket.AddressFamily, Any]], port: int) -> list[socket.socket]:
    with ExitStack() as stack:
        bound: list[socket.socket] = []
        missing = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        for family, address in addresses:
            try:
                made = stack.enter_context(_listening(family, (address[0], port, *address[2:])))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
                continue
            bound.append(made)
            port = made.getsockname()[1]
        if not bound:
            raise missing
        stack.pop_all()
        return bound


def _listening(family: socket.AddressFamily, address: Any) -> socket.socket:  # noqa: ANN401 - each family has its own
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would take a port from whoever has it
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Every address is that of IPv4, too, as other servers have it.
            only_ipv6 = address[0] != _EVERY_IPV6 or not socket.has_dualstack_ipv6()
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_ipv6)
        made.setblocking(False)  # noqa: FBT003 - the module's own way
        made.bind(address)
        made.listen()
    except OSError:
        made.close()
        raise
    return made
