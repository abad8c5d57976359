"""Fixtures for command tests: a server process per module, and a new world per test."""

from collections.abc import Iterator

import pytest

from tests.support.process import RemoteWorld, ServeProcess, new_remote_world, serve_process


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    """Return a server process that all tests of a module share."""
    with serve_process() as running:
        yield running


@pytest.fixture
def world(server: ServeProcess) -> RemoteWorld:
    """Return a new, empty world."""
    return new_remote_world(server.address)
