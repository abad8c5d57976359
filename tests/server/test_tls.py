"""Tests a port that takes TLS and plain HTTP: certificates, log lines, and how connections end."""

import asyncio
import json
import logging
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import pytest

from payments_sandbox.core.settings import Settings, settings_from
from payments_sandbox.core.tls_options import TlsChoice
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.server.factory import assemble
from payments_sandbox.server.http_server import listening
from payments_sandbox.server.listening import first_bytes
from payments_sandbox.server.listening.certificates import make_certificates
from payments_sandbox.server.listening.listeners import ListeningAt
from tests.support.receiver import SELF_SIGNED
from tests.support.sockets import (
    RunningServer,
    connected,
    exchange,
    new_loop,
    raw_create,
    raw_request,
    running_server,
)
from tests.support.tables import for_each
from tests.support.tls import careless, tls_connected, trusting
from tests.support.values import LONGEST_WAIT

NUMBERS: Final = {card.name: card.number for card in MAGIC_CARDS}
CARDS: Final = ("visa", "connection_reset_after_commit", "timeout")
LIST: Final = raw_request("GET", "/v3/payments")
LAST: Final = raw_request("GET", "/v3/payments", {"Connection": "close"})
TLS: Final = settings_from(
    {"tls": "auto", "max_wall_delay": "100ms", "tls_faults": ("expired", "wrong-host")}
)


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server with all TLS options."""
    with running_server(TLS, new_loop=new_loop(request.param)) as server:
        yield server


def trusted(server: RunningServer) -> ssl.SSLContext:
    """Return the context of a client that trusts the server's authority."""
    assert server.at.authority is not None
    return trusting(server.at.authority)


def told(server: RunningServer, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the log lines, after one more request was answered."""
    exchange(server.address, LIST)
    return [each.getMessage() for each in caplog.records]


def test_one_port_accepts_tls_and_plain_http(server: RunningServer) -> None:
    """Both use the same world."""
    with tls_connected(server.at.url, trusted(server)) as wire:
        wire.send(raw_create("4111111111111111"))
        made, end = wire.rest()
    listed = exchange(server.address, LIST)

    assert (made[:12], end) == (b"HTTP/1.1 201", "close_notify")
    assert server.at.url.startswith("https://")
    assert json.loads(made.partition(b"\r\n\r\n")[2])["id"] in listed.body.decode()


@for_each(
    "name", ["localhost", "127.0.0.1", "::1", "api.payments.example.com", "host.docker.internal"]
)
def test_the_certificate_is_valid_for_the_usual_names_of_the_server(
    server: RunningServer, name: str
) -> None:
    """So a client that trusts the authority needs no exceptions."""
    with tls_connected(server.at.url, trusted(server), name=name) as wire:
        wire.send(LAST)
        assert wire.rest()[0].startswith(b"HTTP/1.1 200")


def test_the_certificate_is_valid_for_the_allowed_hosts_and_the_listening_address() -> None:
    """Except names with an underscore, which certificates do not support."""
    allowed = frozenset({"shop.test", "*.shops.test", "my_shop"})
    settings = replace(TLS, host="127.0.0.2", allow_hosts=allowed, tls_faults=())
    with running_server(settings) as server:
        for name in ("127.0.0.2", "shop.test", "a.shops.test"):
            with tls_connected(server.at.url, trusted(server), name=name) as wire:
                wire.send(LAST)
                assert wire.rest()[0].startswith(b"HTTP/1.1 200")
        with (
            pytest.raises(ssl.SSLCertVerificationError, match="mismatch"),
            tls_connected(server.at.url, trusted(server), name="my_shop"),
        ):
            pass


@pytest.mark.parametrize(
    ("fault", "reason"), [("expired", "has expired"), ("wrong-host", "mismatch")]
)
def test_a_verifying_client_rejects_the_certificate_of_a_tls_fault(
    server: RunningServer, fault: str, reason: str
) -> None:
    """A client without verification is served, which a test can detect."""
    url = server.at.tls_faults[fault]
    with (
        pytest.raises(ssl.SSLCertVerificationError, match=reason),
        tls_connected(url, trusted(server)),
    ):
        pass
    with tls_connected(url, careless()) as wire:
        wire.send(raw_create("4111111111111111"))
        assert wire.rest()[0].startswith(b"HTTP/1.1 201")


def test_a_client_that_rejects_the_certificate_is_logged_in_one_line(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """With the reason."""
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"),
        tls_connected(server.at.url, ssl.create_default_context()),
    ):
        pass

    assert told(server, caplog) == [
        (
            "the TLS handshake with 127.0.0.1 failed: the client does not accept the certificate"
            " (TLSV1_ALERT_UNKNOWN_CA)"
        )
    ]


def test_bytes_that_only_begin_like_tls_are_logged_in_one_line(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a traceback; the connection is closed."""
    with caplog.at_level(logging.WARNING), connected(server.address) as wire:
        wire.send(b"\x16GET /v3/payments HTTP/1.1\r\n\r\n")
        wire.rest()

    (line,) = told(server, caplog)
    assert line.startswith(
        "the TLS handshake with 127.0.0.1 failed: the client's TLS is not supported ("
    )


def test_a_client_that_disconnects_during_the_handshake_is_logged_in_one_line(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """One that disconnects before its first byte is not: health checks do so."""
    with caplog.at_level(logging.WARNING):
        with connected(server.address):
            pass
        with connected(server.address) as wire:
            wire.send(b"\x16\x03\x01\x02")
            wire.finish()
            wire.rest()

    assert told(server, caplog) == [
        "the TLS handshake with 127.0.0.1 failed: the client disconnected, or took too long"
    ]


def test_a_tls_connection_is_kept_alive_and_closed_with_close_notify(server: RunningServer) -> None:
    with tls_connected(server.at.url, trusted(server)) as wire:
        for _ in range(2):
            wire.send(LIST)
            assert wire.head().startswith(b"HTTP/1.1 200")
        wire.send(LAST)
        assert wire.rest()[1] == "close_notify"


def test_a_tls_client_that_sends_close_notify_is_disconnected_at_once(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged."""
    with (
        caplog.at_level(logging.WARNING),
        tls_connected(server.at.url, trusted(server)) as wire,
    ):
        wire.send(LIST)
        wire.head()
        wire.finish()
        assert wire.rest() == (b"", "close_notify")
    assert caplog.records == []


def test_an_incomplete_head_gets_400_after_the_timeout_under_tls() -> None:
    """Then the connection is closed."""
    with (
        running_server(replace(TLS, body_timeout=1.0)) as server,
        tls_connected(server.at.url, trusted(server)) as wire,
    ):
        wire.send(b"GET /v3/payments HTTP/1.1\r\n")
        came, end = wire.rest()
    assert (came[:12], end) == (b"HTTP/1.1 400", "close_notify")


def test_an_incomplete_handshake_times_out_and_is_logged_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        running_server(replace(TLS, body_timeout=0.05)) as server,
        caplog.at_level(logging.WARNING),
        connected(server.address) as wire,
    ):
        wire.send(b"\x16\x03\x01\x02\x00")
        wire.rest()
        lines = told(server, caplog)
    assert lines == [
        "the TLS handshake with 127.0.0.1 failed: the client disconnected, or took too long"
    ]


def test_a_connection_without_a_byte_is_closed_after_the_keep_alive_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(first_bytes, "KEEP_ALIVE", 0.05)
    with running_server(TLS) as server, connected(server.address) as wire:
        assert wire.rest() == (b"", False)


def test_a_server_uses_the_given_certificate() -> None:
    """It then has no authority of its own."""
    choice = TlsChoice(SELF_SIGNED, SELF_SIGNED)
    context = trusting(SELF_SIGNED.read_bytes().partition(b"-----BEGIN PRIVATE")[0])
    with (
        running_server(Settings(port=0, tls=choice)) as server,
        tls_connected(server.at.url, context) as wire,
    ):
        wire.send(LAST)
        assert wire.rest()[0].startswith(b"HTTP/1.1 200")
        assert (server.at.authority, server.at.tls_faults) == (None, {})


def broken_off(server: RunningServer, number: int) -> None:
    """Disconnect in the middle, at a different place for each number, at times with an RST."""
    raw = raw_create(NUMBERS[CARDS[number % 3]])
    with (
        suppress(OSError, EOFError),
        tls_connected(server.at.url, trusted(server)) as wire,
    ):
        wire.send(raw if number % 2 else raw[: number % len(raw)])
        if number % 5 == 0:
            wire.break_off()


def test_tls_clients_that_disconnect_anywhere_leave_no_traceback(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """In requests, replies and faults; the next client is answered."""
    with ThreadPoolExecutor(8) as many:
        list(many.map(partial(broken_off, server), range(90)))

    assert exchange(server.address, LIST).status == 200
    assert [each for each in caplog.records if each.exc_info or each.levelname == "ERROR"] == []


@asynccontextmanager
async def served(settings: Settings = TLS) -> AsyncIterator[ListeningAt]:
    """Start a sandbox that listens in the loop of the test."""
    async with listening(assemble(settings)) as at:
        yield at


async def test_a_stopped_tls_server_leaves_no_connection_and_no_task() -> None:
    """Neither silent ones, nor handshakes, nor established ones."""
    silent, shaking, begun = (socket.socket() for _ in range(3))
    async with served() as at:
        port = urlsplit(at.url).port
        for each in (silent, shaking, begun):
            each.connect(("127.0.0.1", port))
        shaking.sendall(b"\x16\x03\x01\x02\x00")
        begun.sendall(LIST)
        begun.setblocking(False)  # noqa: FBT003 - the module's own way
        async with asyncio.timeout(LONGEST_WAIT):
            heard = await asyncio.get_running_loop().sock_recv(begun, 65_536)
        assert len(asyncio.all_tasks()) > 1
    ends = []
    for each in (silent, shaking, begun):
        each.settimeout(LONGEST_WAIT)
        ends.append(each.recv(65_536))
        each.close()

    assert heard.startswith(b"HTTP/1.1 200")
    assert ends == [b"", b"", b""]
    assert len(asyncio.all_tasks()) == 1


async def test_a_tls_fault_port_in_use_fails_and_closes_the_other_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        settings = settings_from(
            {"port": port, "tls": "auto", "tls_faults": [f"expired={taken.getsockname()[1]}"]}
        )
        with pytest.raises(OSError, match=r"(?i)address already in use") as refused:
            async with served(settings):
                pass
        assert refused.value.filename == f"127.0.0.1:{taken.getsockname()[1]}"
        with socket.create_server(("127.0.0.1", port)) as again:
            assert again.getsockname()[1] == port


def test_missing_tls_dependencies_raise_an_error_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For callers without the command line."""
    monkeypatch.setitem(sys.modules, "trustme", None)

    with pytest.raises(RuntimeError, match=r"pip install 'payments-sandbox\[tls\]'"):
        make_certificates(TlsChoice(), TLS)
