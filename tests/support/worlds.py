"""Owns the fixtures of tests that use a server like users: one for all, with a world each."""

from collections.abc import Iterator

import pytest

from payments_sandbox.testing import RunningSandbox, Sandbox, running_sandbox


@pytest.fixture(scope="session")
def server() -> Iterator[RunningSandbox]:
    """Return a server with a fixed seed that counts failures."""
    with running_sandbox(seed=7, max_wall_delay="100ms", coverage=True) as server:
        yield server


@pytest.fixture
def world(server: RunningSandbox) -> Iterator[Sandbox]:
    """Return a world with a frozen clock."""
    with server.new_world(clock="2030-01-15T09:00:00Z") as world:
        yield world
