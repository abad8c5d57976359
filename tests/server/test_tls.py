"""A port that takes TLS and plain HTTP: who is let in, what is told of who is not, how it ends."""

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
    """A server with all that there is of TLS."""
    with running_server(TLS, new_loop=new_loop(request.param)) as server:
        yield server


def trusted(server: RunningServer) -> ssl.SSLContext:
    """What a client of the server trusts its authority by."""
    assert server.at.authority is not None
    return trusting(server.at.authority)


def told(server: RunningServer, caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines of the log, once the server has turned to somebody else."""
    exchange(server.address, LIST)
    return [each.getMessage() for each in caplog.records]


def test_one_port_takes_both(server: RunningServer) -> None:
    """Whoever speaks plain HTTP goes on doing so, and both see the same world."""
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
def test_the_certificate_is_for_the_names_that_lead_here(server: RunningServer, name: str) -> None:
    """So who trusts the authority has to turn nothing off."""
    with tls_connected(server.at.url, trusted(server), name=name) as wire:
        wire.send(LAST)
        assert wire.rest()[0].startswith(b"HTTP/1.1 200")


def test_names_that_are_allowed_are_in_the_certificate() -> None:
    """And where it listens; one with an underscore is a name that no certificate can carry."""
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
def test_a_careful_client_refuses_a_certificate_with_a_fault(
    server: RunningServer, fault: str, reason: str
) -> None:
    """A careless one is served, and its payment is what a test of it finds."""
    url = server.at.tls_faults[fault]
    with (
        pytest.raises(ssl.SSLCertVerificationError, match=reason),
        tls_connected(url, trusted(server)),
    ):
        pass
    with tls_connected(url, careless()) as wire:
        wire.send(raw_create("4111111111111111"))
        assert wire.rest()[0].startswith(b"HTTP/1.1 201")


def test_a_client_without_the_authority_is_told_of_in_one_line(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It says why, and whose certificate it was is in the ready line."""
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


def test_what_only_begins_as_tls_does_is_told_of_in_one_line(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """No traceback, and the connection ends."""
    with caplog.at_level(logging.WARNING), connected(server.address) as wire:
        wire.send(b"\x16GET /v3/payments HTTP/1.1\r\n\r\n")
        wire.rest()

    (line,) = told(server, caplog)
    assert line.startswith(
        "the TLS handshake with 127.0.0.1 failed: the client's TLS is not supported ("
    )


def test_a_client_that_leaves_in_a_handshake_is_told_of_in_one_line(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """One that leaves before its first byte is not: health checks do so."""
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


def test_a_connection_is_kept_alive_under_tls(server: RunningServer) -> None:
    """Several requests on one, and the last one ends it with a notice."""
    with tls_connected(server.at.url, trusted(server)) as wire:
        for _ in range(2):
            wire.send(LIST)
            assert wire.head().startswith(b"HTTP/1.1 200")
        wire.send(LAST)
        assert wire.rest()[1] == "close_notify"


def test_a_client_that_says_that_it_ends_has_left(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Its connection ends at once; a plain client that closes its sending side is answered."""
    with (
        caplog.at_level(logging.WARNING),
        tls_connected(server.at.url, trusted(server)) as wire,
    ):
        wire.send(LIST)
        wire.head()
        wire.finish()
        assert wire.rest() == (b"", "close_notify")
    assert caplog.records == []


def test_a_half_sent_head_is_answered_under_tls() -> None:
    """A 400 when its time is over, and then the connection ends."""
    with (
        running_server(replace(TLS, body_timeout=1.0)) as server,
        tls_connected(server.at.url, trusted(server)) as wire,
    ):
        wire.send(b"GET /v3/payments HTTP/1.1\r\n")
        came, end = wire.rest()
    assert (came[:12], end) == (b"HTTP/1.1 400", "close_notify")


def test_a_handshake_has_its_time(caplog: pytest.LogCaptureFixture) -> None:
    """As the head of a request has; then the connection ends, and one line says so."""
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


def test_a_silent_connection_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as an idle one is kept; it ends without a byte."""
    monkeypatch.setattr(first_bytes, "KEEP_ALIVE", 0.05)
    with running_server(TLS) as server, connected(server.address) as wire:
        assert wire.rest() == (b"", False)


def test_a_certificate_of_ones_own_is_shown() -> None:
    """There is no authority then that anybody could be told to trust."""
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
    """A client that leaves in the middle, each in another one, and at times with an RST."""
    raw = raw_create(NUMBERS[CARDS[number % 3]])
    with (
        suppress(OSError, EOFError),
        tls_connected(server.at.url, trusted(server)) as wire,
    ):
        wire.send(raw if number % 2 else raw[: number % len(raw)])
        if number % 5 == 0:
            wire.break_off()


def test_clients_that_break_off_leave_no_traceback(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever in their requests and replies they are, faults among them; the next is answered."""
    with ThreadPoolExecutor(8) as many:
        list(many.map(partial(broken_off, server), range(90)))

    assert exchange(server.address, LIST).status == 200
    assert [each for each in caplog.records if each.exc_info or each.levelname == "ERROR"] == []


@asynccontextmanager
async def served(settings: Settings = TLS) -> AsyncIterator[ListeningAt]:
    """A sandbox that listens in the loop of the test."""
    async with listening(assemble(settings)) as at:
        yield at


async def test_a_server_that_stops_leaves_no_connection_and_no_task() -> None:
    """Neither of silent ones, nor of handshakes, nor of those that have begun."""
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


async def test_a_port_that_is_taken_leaves_none_of_the_others_open() -> None:
    """The ports of faults are opened after the first, and it is closed again."""
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


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no command line that has refused it before."""
    monkeypatch.setitem(sys.modules, "trustme", None)

    with pytest.raises(RuntimeError, match=r"pip install 'payments-sandbox\[tls\]'"):
        make_certificates(TlsChoice(), TLS)
