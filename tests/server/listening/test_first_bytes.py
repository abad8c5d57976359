"""Tests the TLS listener when system calls fail, with sockets that fail as real ones do."""

import asyncio
import errno
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from payments_sandbox.core.settings import settings_from
from payments_sandbox.core.tls_options import TlsChoice
from payments_sandbox.server.factory import assemble
from payments_sandbox.server.http_server import HttpServer
from payments_sandbox.server.listening import first_bytes
from payments_sandbox.server.listening.certificates import make_certificates
from payments_sandbox.server.listening.first_bytes import TlsListener
from tests.support.sockets import raw_request
from tests.support.values import LONGEST_WAIT

SETTINGS = settings_from({"tls": "auto"})
CONTEXT = make_certificates(TlsChoice(), SETTINGS).good
LAST = raw_request("GET", "/v3/payments", {"Connection": "close"})
NO_ROOM = OSError(errno.EMFILE, "Too many open files")


class OddConnection(socket.socket):
    """A connection that first fails with the given errors, and then works."""

    failures: list[OSError]
    is_nameless = False

    def recv(self, *given: Any) -> bytes:  # noqa: ANN401 - as the real one
        """Fail, or receive."""
        if self.failures:
            raise self.failures.pop(0)
        return super().recv(*given)

    def getpeername(self) -> object:
        """Say who is there, unless that is not known any more."""
        if self.is_nameless:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        return super().getpeername()


class OddListener(socket.socket):
    """A listening socket whose accepts first fail with the given errors, and then work."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[OSError] = []
        self.of_connection: list[OSError] = []
        self.makes_nameless = False
        self.bind(("127.0.0.1", 0))
        self.listen()
        self.setblocking(False)  # noqa: FBT003 - the module's own way

    def accept(self) -> Any:  # noqa: ANN401 - as the real one
        """Fail, or accept."""
        if self.failures:
            raise self.failures.pop(0)
        descriptor, address = self._accept()  # type: ignore[attr-defined]
        made = OddConnection(fileno=descriptor)
        made.failures = self.of_connection
        made.is_nameless = self.makes_nameless
        return made, address


@pytest.fixture
def bound() -> Iterator[OddListener]:
    """A socket that listens."""
    with OddListener() as made:
        yield made


def listener_of(bound: OddListener, timeout: float = 30) -> TlsListener:
    """Return the listener that accepts its connections, in the running loop."""
    http_server = HttpServer(assemble(SETTINGS).handler, SETTINGS.body_timeout)
    return TlsListener(http_server, bound, CONTEXT, handshake_timeout=timeout)


async def answered(bound: OddListener, raw: bytes = LAST) -> bytes:
    """Send bytes; return what comes until the connection ends."""
    async with asyncio.timeout(LONGEST_WAIT):
        reader, writer = await asyncio.open_connection(*bound.getsockname())
        writer.write(raw)
        try:
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


async def test_a_loop_without_add_reader_is_rejected_for_tls(
    bound: OddListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as that of Windows."""

    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.get_running_loop(), "add_reader", refuse)
    with pytest.raises(RuntimeError, match="cannot peek at the first byte"):
        listener_of(bound)


async def test_a_client_that_disconnects_before_accept_does_not_stop_the_listener(
    bound: OddListener,
) -> None:
    """The next client is answered."""
    bound.failures += [BlockingIOError(), ConnectionAbortedError()]
    listener = listener_of(bound)
    assert (await answered(bound)).startswith(b"HTTP/1.1 200")
    listener.close()


async def test_a_spurious_readiness_of_a_connection_is_waited_out(bound: OddListener) -> None:
    """The system may report data that is not there."""
    bound.of_connection += [BlockingIOError(), BlockingIOError()]
    listener = listener_of(bound)
    assert (await answered(bound)).startswith(b"HTTP/1.1 200")
    listener.close()


async def test_a_connection_reset_before_its_first_byte_is_closed(bound: OddListener) -> None:
    bound.of_connection += [BlockingIOError(), ConnectionResetError()]
    listener = listener_of(bound)
    with pytest.raises(ConnectionResetError):  # what it had sent was not read
        await answered(bound)
    listener.close()


async def test_accepting_is_retried_after_too_many_open_files(
    bound: OddListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop's exception handler is told, as by asyncio's own servers."""
    monkeypatch.setattr(first_bytes, "_ACCEPT_AGAIN_AFTER", 0)
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told_: told.append(told_))
    bound.failures.append(NO_ROOM)
    listener = listener_of(bound)
    assert (await answered(bound)).startswith(b"HTTP/1.1 200")
    listener.close()
    assert told == [{"message": "accept failed", "exception": NO_ROOM}]


async def test_a_closed_listener_does_not_retry_accepting(bound: OddListener) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.set_exception_handler(lambda *_: told.set())
    bound.failures.append(NO_ROOM)
    listener = listener_of(bound)
    _, writer = await asyncio.open_connection(*bound.getsockname())
    async with asyncio.timeout(LONGEST_WAIT):
        await told.wait()
    listener.close()
    writer.close()
    assert bound.fileno() == -1


async def test_a_client_whose_address_is_unknown_is_logged_as_a_client(
    bound: OddListener, caplog: pytest.LogCaptureFixture
) -> None:
    """It has just disconnected."""
    bound.makes_nameless = True
    listener = listener_of(bound)
    with caplog.at_level(logging.WARNING):
        await answered(bound, b"\x16nonsense\r\n\r\n")
        while not caplog.records:  # noqa: ASYNC110 - nothing tells of the turn after its end
            await asyncio.sleep(0)  # noqa: TID251 - it takes no time
    listener.close()
    assert (
        caplog.records[0]
        .getMessage()
        .startswith("the TLS handshake with a client failed: the client's TLS is not")
    )
