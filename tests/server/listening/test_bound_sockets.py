"""Tests the addresses that a server listens on: one port, whatever a name resolves to."""

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
    """Return a name that resolves to these addresses."""

    def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        assert host == "shop"
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return "shop"


def bound(host: str, port: int = 0) -> list[tuple[str, int]]:
    """Return where a server would listen; the sockets are closed again."""
    found = bind_sockets(host, port)
    try:
        return [each.getsockname()[:2] for each in found]
    finally:
        for each in found:
            each.close()


@needs_ipv6
def test_a_name_with_ipv4_and_ipv6_addresses_is_bound_at_one_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A repeated address is bound once."""
    (first, port), (second, other) = bound(name(monkeypatch, V6, V4, V6))
    assert (first, second, port == other) == ("::1", "127.0.0.1", True)


def test_an_address_that_this_machine_does_not_have_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hosts file may name an IPv6 address without IPv6."""
    [(address, _)] = bound(name(monkeypatch, ELSEWHERE, V4))
    assert address == "127.0.0.1"


def test_a_name_without_an_address_of_this_machine_is_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the system's error."""
    with pytest.raises(OSError, match="assign requested address") as refused:
        bound(name(monkeypatch, ELSEWHERE))
    assert refused.value.errno == errno.EADDRNOTAVAIL


@needs_ipv6
def test_a_port_in_use_at_one_address_of_a_name_is_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise only half of the clients would find the server."""
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as taken,
        pytest.raises(OSError, match="in use"),
    ):
        bound(name(monkeypatch, V6, V4), taken.getsockname()[1])


@needs_ipv6
def test_listening_on_any_ipv6_address_also_accepts_ipv4() -> None:
    [server] = bind_sockets("::", 0)
    with closing(server):
        port = server.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), 20).close()
