"""The Redis server and the cluster that these tests use."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.nodes import Cluster
from tests.support.redis_server import RedisServer, running_redis


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One Redis server for all tests of a process; they flush it."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def cluster(shared_redis: RedisServer) -> AsyncIterator[Cluster]:
    """A cluster without nodes and without stored data."""
    cluster = Cluster(shared_redis.url)
    await cluster.admin.flushall()
    yield cluster
    await cluster.close()
