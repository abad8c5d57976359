"""Tests the unix socket next to the port: its owner, its clients, and conflicts over its path."""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from payments_sandbox.core.settings import Settings
from payments_sandbox.core.tls_options import TlsChoice
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.server.listening.sockets import unix_socket
from tests.support.http import bearer
from tests.support.sockets import RunningServer, new_loop, raw_create, raw_request, running_server
from tests.support.values import KEY, LONGEST_WAIT

URL = "http://localhost/v3/payments"
[RESET_CARD] = [each.number for each in MAGIC_CARDS if each.name == "connection_reset"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A path without a file; short, as the system requires."""
    return Path(os.path.relpath(tmp_path / "s"))


@pytest.fixture(params=["asyncio", "uvloop", "under TLS"])
def server(request: pytest.FixtureRequest, path: Path) -> Iterator[RunningServer]:
    """A server that listens on the path, too; with TLS it still takes plain HTTP there."""
    tls = TlsChoice() if request.param == "under TLS" else None
    name = "asyncio" if tls else request.param
    settings = Settings(port=0, unix=path, tls=tls)
    with running_server(settings, new_loop=new_loop(name)) as server:
        yield server


async def with_aiohttp(path: Path) -> int:
    """Return the status that aiohttp gets."""
    connector = aiohttp.UnixConnector(str(path))
    async with (
        aiohttp.ClientSession(connector=connector, headers=bearer(KEY)) as session,
        session.get(URL) as reply,
    ):
        return reply.status


def with_httpx(path: Path) -> int:
    """Return the status that httpx gets."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), headers=bearer(KEY)) as client:
        return client.get(URL).status_code


def with_curl(path: Path) -> int:
    """Return the status that curl gets."""
    key = f"Authorization: Bearer {KEY}"
    silent = ["curl", "--silent", "--output", os.devnull, "--write-out", "%{http_code}"]
    command = [*silent, "--unix-socket", str(path), "--header", key, URL]
    return int(subprocess.run(command, check=True, capture_output=True).stdout)


def test_clients_reach_the_server_through_its_unix_socket(
    server: RunningServer, path: Path
) -> None:
    """The world is the same as at the port; the journal has no client port."""
    statuses = [with_httpx(path), asyncio.run(with_aiohttp(path))]
    if shutil.which("curl"):
        statuses.append(with_curl(path))
    assert set(statuses) == {200}

    world = server.sandbox.runtime.worlds.get_or_create(KEY)
    assert {each.connection for each in world.journal.since(0)} == {None}


def test_a_unix_socket_is_private_and_removed_when_the_server_stops(path: Path) -> None:
    """Whatever the umask."""
    before = os.umask(0)
    try:
        with running_server(Settings(port=0, unix=path)):
            found = path.stat()
            assert stat.S_ISSOCK(found.st_mode)
            assert stat.S_IMODE(found.st_mode) == 0o600
    finally:
        os.umask(before)
    assert not path.exists()


def ends(path: Path, raw: bytes) -> tuple[bytes, bool]:
    """Return the bytes until the server closes, and whether it was a reset."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LONGEST_WAIT)
        client.connect(str(path))
        client.sendall(raw)
        came = b""
        try:
            while part := client.recv(65_536):
                came += part
        except ConnectionResetError:
            return came, True
        return came, False


@pytest.mark.usefixtures("server")
def test_bytes_that_are_not_http_get_400_on_a_unix_socket(path: Path) -> None:
    """And the next client is answered."""
    came, _ = ends(path, b"nonsense\r\n\r\n")
    assert came.startswith(b"HTTP/1.1 400")
    assert ends(path, raw_create("4111111111111111"))[0].startswith(b"HTTP/1.1 201")


@pytest.mark.usefixtures("server")
def test_a_reset_fault_on_a_unix_socket_closes_it_without_a_byte(path: Path) -> None:
    """A unix socket has no RST."""
    assert ends(path, raw_create(RESET_CARD))[0] == b""


def test_a_unix_socket_left_by_a_killed_server_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with running_server(Settings(port=0, unix=path)):
        assert ends(path, raw_request("GET", "/v3/payments", {"Connection": "close"}))[0]


def test_a_unix_socket_of_a_running_server_is_rejected_and_left_alone(path: Path) -> None:
    """Even if that server is too busy to accept."""
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        for each in waiting:
            each.setblocking(False)  # noqa: FBT003 - the module's own way
            each.connect_ex(str(path))
            with pytest.raises(OSError, match="another server is listening on it") as refused:
                unix_socket(path).__enter__()
            assert refused.value.filename == str(path)
        for each in waiting:
            each.close()
    assert path.exists()


def test_a_path_of_a_regular_file_is_rejected_and_left_alone(path: Path) -> None:
    path.write_text("a report", encoding="utf-8")
    with pytest.raises(OSError, match="the file exists and is not a socket"):
        unix_socket(path).__enter__()
    assert path.read_text(encoding="utf-8") == "a report"


def test_a_unix_socket_in_an_unwritable_folder_is_rejected_with_its_path(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's error does not have it."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(PermissionError) as refused:
        unix_socket(path).__enter__()
    assert refused.value.filename == str(path)


def test_a_unix_socket_without_permission_to_connect_is_rejected_and_left_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be told whether it is stale."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(PermissionError, match="Permission denied"):
        unix_socket(path).__enter__()
    assert path.exists()


def test_a_file_that_replaced_the_unix_socket_is_not_removed_at_the_end(path: Path) -> None:
    """And a socket that is gone already is no error."""
    with unix_socket(path):
        path.unlink()
        path.write_text("another's", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "another's"
    path.unlink()
    with unix_socket(path):
        path.unlink()
    assert not path.exists()
