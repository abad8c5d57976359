"""Fixtures of the HTTP tests: a sandbox frozen in 2030, its home world, and its clients."""

from collections.abc import Iterator

import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from payments_sandbox.world.world import World
from tests.support.http import Api, Control, client_of
from tests.support.sockets import BlockingConnection, RunningServer, connected, running_server
from tests.support.values import AUTHORIZED, KEY


@pytest.fixture
def settings() -> Settings:
    """The settings of the sandbox under test; a module may override them."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, max_wall_delay=100)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """One server for the module, for blocking clients; its rate limit is never reached."""
    settings = Settings(port=0, clock="2030-01-15T10:30:00Z", seed=7, rate_limit=100_000)
    with running_server(settings) as running:
        yield running


@pytest.fixture
def sandbox(settings: Settings) -> AssembledServer:
    """A sandbox that `api` serves."""
    return assemble(settings)


@pytest.fixture
def world(sandbox: AssembledServer) -> World:
    """The home world, the one of `sk_test_sandbox`."""
    return sandbox.runtime.worlds.get_or_create(KEY)


@pytest.fixture
async def api(sandbox: AssembledServer, aiohttp_client: AiohttpClient) -> Api:
    """A client of the sandbox that sends the home world's key."""
    return await client_of(aiohttp_client, sandbox, headers=AUTHORIZED)


@pytest.fixture
def control(api: Api, sandbox: AssembledServer) -> Control:
    """The control API by route name; every reply is validated against its schema."""
    return Control(api, sandbox.contract)


@pytest.fixture
def wire(server: RunningServer) -> Iterator[BlockingConnection]:
    """A new connection to the `server` of the module."""
    with connected(server.address) as connection:
        yield connection
