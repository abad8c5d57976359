"""The addresses that a server listens on: one port, whatever a name leads to."""

import errno
import socket
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest

from payments_sandbox.server.listening.sockets import bind_sockets

V4 = (socket.AF_INET, ("127.0.0.1", 0))
V6 = (socket.AF_INET6, ("::1", 0, 0, 0))
ELSEWHERE = (socket.AF_INET, ("192.0.2.1", 0))
needs_ipv6 = pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")


def name(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, Sequence[object]]) -> str:
    """A name that leads to these addresses."""

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        assert host == "shop"
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return "shop"


def bound(host: str, port: int = 0) -> list[tuple[str, int]]:
    """Where a server would listen; it does not any more."""
    found = bind_sockets(host, port)
    try:
        return [each.getsockname()[:2] for each in found]
    finally:
        for each in found:
            each.close()


@needs_ipv6
def test_a_name_of_two_families_has_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever address a client tries first; what a name leads to twice is bound once."""
    (first, port), (second, other) = bound(name(monkeypatch, V6, V4, V6))
    assert (first, second, port == other) == ("::1", "127.0.0.1", True)


def test_an_address_that_this_machine_has_not_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hosts file may name one of IPv6 where there is no such thing."""
    [(address, _)] = bound(name(monkeypatch, ELSEWHERE, V4))
    assert address == "127.0.0.1"


def test_a_name_whose_every_address_is_elsewhere_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the system's words."""
    with pytest.raises(OSError, match="assign requested address") as refused:
        bound(name(monkeypatch, ELSEWHERE))
    assert refused.value.errno == errno.EADDRNOTAVAIL


@needs_ipv6
def test_a_port_that_is_taken_at_one_address_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of a server would be found by half of its clients."""
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as taken,
        pytest.raises(OSError, match="in use"),
    ):
        bound(name(monkeypatch, V6, V4), taken.getsockname()[1])


@needs_ipv6
def test_every_address_is_that_of_both_families() -> None:
    """A client of IPv4 reaches what listens on `::`."""
    [server] = bind_sockets("::", 0)
    with closing(server):
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), 20).close()
