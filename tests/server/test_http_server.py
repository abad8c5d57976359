"""Tests a server's connections: which are accepted, what keeps one open, and how they end."""

import asyncio
import json
import select
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.server.http_server import HttpServer, listening
from tests.support.sockets import raw_request
from tests.support.values import LONGEST_WAIT, documented_create

HUNDREDS = 500
LIST = raw_request("GET", "/v3/payments")
PAY = raw_request("POST", "/v3/payments", body=json.dumps(documented_create()).encode())


@asynccontextmanager
async def served() -> AsyncIterator[tuple[AssembledServer, int]]:
    """Start a sandbox; return it and its port."""
    sandbox = assemble(Settings(port=0, max_wall_delay=60_000))
    async with listening(sandbox) as at:
        port = urlsplit(at.url).port
        assert port is not None
        yield sandbox, port


@contextmanager
def connections(port: int, count: int = 1) -> Iterator[list[socket.socket]]:
    """Open `count` non-blocking connections."""
    with ExitStack() as stack:
        made = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in made:
            each.connect(("127.0.0.1", port))
            each.settimeout(0)
        yield made


def most_that_wait() -> int:
    """Return how many connections the system lets wait; 0 if it does not say."""
    limit = Path("/proc/sys/net/core/somaxconn")
    return int(limit.read_text(encoding="ascii")) if limit.exists() else 0


async def test_500_simultaneous_connections_fit_into_the_backlog() -> None:
    """A connection that does not fit is retried a second later at best."""
    if most_that_wait() < HUNDREDS:
        pytest.skip("this system lets fewer connections wait")
    async with served() as (_, port):
        with connections(port, HUNDREDS) as waiting:  # the loop stands still meanwhile
            waiting[-1].sendall(raw_request("GET", "/_sandbox/live", {"Connection": "close"}))
            assert b"HTTP/1.1 200" in await everything(waiting[-1])


async def everything(connection: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    loop, came = asyncio.get_running_loop(), b""
    async with asyncio.timeout(LONGEST_WAIT):
        while part := await loop.sock_recv(connection, 65_536):
            came += part
    return came


async def some(connection: socket.socket) -> bytes:
    """Return what comes next."""
    async with asyncio.timeout(LONGEST_WAIT):
        return await asyncio.get_running_loop().sock_recv(connection, 65_536)


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with served() as (_, port):
        with connections(port) as [client]:
            client.sendall(PAY + LIST + LIST.replace(b"1.1\r\n", b"1.1\r\nConnection: close\r\n"))
            heard = await everything(client)

    assert [part[:3] for part in heard.split(b"HTTP/1.1 ")] == [b"", b"201", b"200", b"200"]


async def test_an_idle_connection_is_kept_for_75_seconds() -> None:
    """With less, the pools of clients reuse closed sockets."""
    sandbox = assemble(Settings(port=0))
    assert HttpServer(sandbox.handler, 30)().keepalive_timeout == 75


async def test_a_stopping_server_answers_requests_sent_before_the_stop() -> None:
    """Then every connection ends."""
    async with AsyncExitStack() as server:
        _, port = await server.enter_async_context(served())
        with connections(port, 3) as clients:
            for each in clients:
                each.sendall(LIST)
                await some(each)
            for each in clients:
                each.sendall(PAY)
            await server.aclose()
            replies = [await everything(each) for each in clients]

    assert [raw[:12] for raw in replies] == [b"HTTP/1.1 201"] * len(clients)


SHORT = """
import asyncio.constants, resource, sys
asyncio.constants.ACCEPT_RETRY_DELAY = 0.1  # seconds until it looks for room again
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
sys.modules["uvloop"] = None  # it silently drops connections that it cannot accept
from payments_sandbox.cli.main import main
sys.exit(main())
"""


@pytest.mark.parametrize("options", [[], ["--tls", "auto"]], ids=["plain", "tls"])
def test_a_server_out_of_file_descriptors_warns_once_and_recovers(options: list[str]) -> None:
    """Waiting connections are accepted when others close."""
    command = [sys.executable, "-c", SHORT, "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        port = urlsplit(json.loads(process.stdout.readline())["base_url"]).port
        assert port is not None
        with connections(port, 100) as clients:
            said = process.stderr.readline()
            for each in clients[:-1]:
                each.close()
            last = clients[-1]
            last.settimeout(LONGEST_WAIT)
            last.sendall(LIST)
            heard = last.recv(65_536)
        process.terminate()
        rest = process.stderr.read()

    assert said.startswith(
        b"WARNING payments_sandbox.server.http_server: cannot accept new connections"
    )
    assert (heard[:12], rest) == (b"HTTP/1.1 200", b"")


async def test_128_connections_are_accepted_by_the_system_before_the_server_runs() -> None:
    """None has to be retried."""
    async with served() as (_, port):
        with ExitStack() as stack:
            rush = [stack.enter_context(socket.socket()) for _ in range(128)]
            for each in rush:
                each.settimeout(0)
                each.connect_ex(("127.0.0.1", port))
            _, let_in, _ = select.select([], rush, [], 0)

    assert len(let_in) == len(rush)
