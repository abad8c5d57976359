"""What most tests of commands ask: a server as a process, and a world of its own for each."""

from collections.abc import Iterator

import pytest

from tests.support.process import RemoteWorld, ServeProcess, new_remote_world, serve_process


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    """One server for the tests of a module."""
    with serve_process() as running:
        yield running


@pytest.fixture
def world(server: ServeProcess) -> RemoteWorld:
    """A world that has seen nothing."""
    return new_remote_world(server.address)
