"""Owns the sockets that a server listens on: one port at all addresses of a name, or a path."""

import errno
import os
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

_TRIES: Final = 20
"""How often another free port is tried if the first is not free at every address."""

_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""Errors for an address family that is not set up on this machine."""

_EVERY_IPV6: Final = "::"
_FOR_OWNER: Final = 0o600


def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """Bind a socket for each address of a host, all to one port.

    Args:
        host: an address or a name; `::` is every address of both families.
        port: the port; 0 picks one that is free at all addresses.

    Raises:
        OSError: the port is taken, or the host is not an address of this machine.
    """
    # This may block: nothing is served yet that would have to wait.
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )
    addresses = list(dict.fromkeys((family, address) for family, *_, address in found))
    for _ in range(_TRIES if port == 0 else 0):
        with suppress(OSError):
            return _bind_each(addresses, port)
    return _bind_each(addresses, port)


def _bind_each(
    addresses: Iterable[tuple[socket.AddressFamily, Any]], port: int
) -> list[socket.socket]:
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
        if os.name == "posix":  # on Windows, it would allow to take a port that is in use
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `::` accepts IPv4, too, as in other servers.
            only_ipv6 = address[0] != _EVERY_IPV6 or not socket.has_dualstack_ipv6()
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_ipv6)
        made.setblocking(False)  # noqa: FBT003 - the signature of `socket`
        made.bind(address)
        made.listen()
    except OSError:
        made.close()
        raise
    return made


# Paths


@contextmanager
def unix_socket(path: Path) -> Iterator[socket.socket]:
    """Bind a socket to a path and listen; only its owner may connect.

    The file is removed when the block ends. A stale socket of a killed server is replaced.

    Raises:
        OSError: another server listens there, the path is another kind of file, or the system
            refuses to bind; `filename` is the path.
    """
    _remove_stale(path)
    bound = _bind_path(path)
    ours = path.stat()
    try:
        with bound:
            yield bound
    finally:
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), ours):  # it was not replaced meanwhile
                path.unlink()


def _remove_stale(path: Path) -> None:
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise OSError(errno.EEXIST, "the file exists and is not a socket", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # noqa: FBT003 - as above
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except FileNotFoundError:
            return
        except BlockingIOError:  # its backlog is full, so a server is there
            pass
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None
    raise OSError(errno.EADDRINUSE, "another server is listening on it", str(path))


def _bind_path(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.setblocking(False)  # noqa: FBT003 - as above
        made.bind(str(path))
        path.chmod(_FOR_OWNER)
        made.listen()  # only now can anybody connect, so the mode before `chmod` did not matter
    except OSError as error:
        made.close()
        raise OSError(error.errno, error.strerror, str(path)) from None
    return made
