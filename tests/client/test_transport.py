"""Tests the transports: kept connections, servers that come and go, and servers of other kinds."""

import asyncio
import gc
import http.client
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from payments_sandbox.client.transport import HttpTransport
from payments_sandbox.testing import (
    AsyncSandboxClient,
    ControlApiError,
    RunningSandbox,
    SandboxClient,
    Unreachable,
    running_sandbox,
)
from tests.support.tables import for_each


class Stranger(BaseHTTPRequestHandler):
    """A server that is not a sandbox."""

    def do_GET(self) -> None:
        """Send a page, or nothing at all."""
        if self.path.endswith("/live"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>It works!</html>")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def stranger() -> Iterator[str]:
    """Return the address of a server that is not a sandbox."""
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def kept(client: SandboxClient) -> int:
    """Return how many connections a client keeps."""
    transport = client._transport  # noqa: SLF001 - there is no other way to see it
    assert isinstance(transport, HttpTransport)
    return len(transport._idle)  # noqa: SLF001 - as above


def test_sequential_calls_share_one_connection(server: RunningSandbox) -> None:
    """Closing the client closes it, and the next call opens a new one."""
    with SandboxClient(server.url) as client:
        for _ in range(3):
            client.live()
            assert kept(client) == 1
        client.close()
        assert kept(client) == 0
        assert client.live()["live"] is True


def test_concurrent_calls_of_one_client_use_separate_connections(server: RunningSandbox) -> None:
    """At most one connection for each thread."""
    with SandboxClient(server.url) as client, ThreadPoolExecutor(8) as threads:
        worlds = list(threads.map(lambda _: client.create_world(), range(64)))
        assert len({world["api_key"] for world in worlds}) == 64
        assert 1 <= kept(client) <= 8


def test_a_kept_connection_is_replaced_after_the_server_restarts() -> None:
    with running_sandbox() as server, server.client() as client:
        client.live()
        port = int(server.url.rpartition(":")[2])
        server.stop()
        with running_sandbox(port=port):
            assert client.live()["live"] is True
        server.stop = lambda: None  # type: ignore[method-assign]  # it has stopped already


@contextmanager
def answering_once(then: bytes) -> Iterator[str]:
    """A server that answers the first call, and sends `then` to the next on the same connection."""
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"live":true}'
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for said in (answer, then):
                connection.recv(65_536)
                connection.sendall(said)
            over.wait(20)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        done = threads.submit(serve)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        done.result()


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n"], ids=["nothing", "nonsense"])
def test_a_failing_kept_connection_is_closed_and_reported_like_a_new_one(said: bytes) -> None:
    with answering_once(said) as address, SandboxClient(address, timeout=0.05) as client:
        assert client.live()["live"] is True
        with pytest.raises(Unreachable, match="no answer from"):
            client.live()
        assert kept(client) == 0


def test_connections_are_real_although_a_test_has_replaced_their_classes(
    server: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As vcrpy does, which would record the calls and replay them."""
    with SandboxClient(server.url) as client:
        client.live()
        monkeypatch.setattr(http.client, "HTTPConnection", None)
        monkeypatch.setattr(http.client, "HTTPSConnection", None)
        client.close()
        assert client.live()["live"] is True
    with SandboxClient(server.url) as another:
        assert another.live()["live"] is True


def test_a_garbage_collected_client_closes_its_connections(server: RunningSandbox) -> None:
    """A socket left open would raise a warning."""
    client = server.client()
    client.live()
    del client
    gc.collect()


@pytest.mark.parametrize("port", [1, 9])
def test_a_call_to_a_closed_port_names_the_address_and_the_reason(port: int) -> None:
    """With either client."""
    url = f"http://127.0.0.1:{port}"
    expected = f"GET /_sandbox/live: no answer from {url}: "
    with SandboxClient(url) as client, pytest.raises(Unreachable, match=expected):
        client.live()

    async def ask() -> None:
        async with AsyncSandboxClient(url) as other:
            await other.live()

    with pytest.raises(Unreachable, match=expected):
        asyncio.run(ask())


async def test_the_traceback_of_a_failed_connection_has_no_frames_of_libraries() -> None:
    """With either client: pytest shows the test's line, and why."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and it does not listen
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(Unreachable) as of_sync, SandboxClient(url, "sk_test_x") as client:
            client.retrieve_world()
        async with AsyncSandboxClient(url, "sk_test_x") as async_client:
            with pytest.raises(Unreachable) as of_async:
                await async_client.retrieve_world()
            with pytest.raises(Unreachable) as of_stream:
                await anext(async_client.stream())
    for caught in (of_sync, of_async, of_stream):
        assert caught.value.__cause__ is None
        modules = {each.frame.f_globals["__name__"].split(".")[0] for each in caught.traceback}
        assert modules == {"tests", "payments_sandbox"}


def test_a_server_that_is_not_a_sandbox_is_unreachable(stranger: str) -> None:
    """It answers a page instead of JSON, or closes the connection."""
    with SandboxClient(stranger) as client:
        with pytest.raises(Unreachable, match=r"is not a payments-sandbox \(status 200\)"):
            client.live()
        with pytest.raises(Unreachable, match=f"GET /_sandbox/ready: no answer from {stranger}"):
            client.ready()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://", "/_sandbox"])
def test_an_invalid_address_raises_value_error_when_the_client_is_made(url: str) -> None:
    with pytest.raises(ValueError, match="expected an address such as"):
        SandboxClient(url)


@for_each("tail", ["", "/", "/v3", "/_sandbox"])
def test_the_client_accepts_the_address_of_either_api_with_or_without_a_scheme(
    server: RunningSandbox, tail: str
) -> None:
    with SandboxClient(server.url.removeprefix("http://") + tail) as client:
        assert client.url == server.url
        assert client.live()["live"] is True


def test_a_call_without_a_key_raises_the_servers_invalid_api_key(server: RunningSandbox) -> None:
    with (
        SandboxClient(server.url) as client,
        pytest.raises(ControlApiError, match="invalid_api_key"),
    ):
        client.retrieve_world()
    assert repr(client) == f"<SandboxClient of no world at {server.url}>"
