"""Owns the fixtures of tests that use a server as its users do: one for all, a world for each."""

from collections.abc import Iterator

import pytest

from payments_sandbox.testing import RunningSandbox, Sandbox, running_sandbox


@pytest.fixture(scope="session")
def server() -> Iterator[RunningSandbox]:
    """A server whose worlds have the same seeds in every run, and which counts failures."""
    with running_sandbox(seed=7, max_wall_delay="100ms", coverage=True) as server:
        yield server


@pytest.fixture
def world(server: RunningSandbox) -> Iterator[Sandbox]:
    """A world whose clock stands still."""
    with server.new_world(clock="2030-01-15T09:00:00Z") as world:
        yield world
