"""Gives the tests of clusters an engine."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.nodes import Cluster
from tests.support.redis_server import RedisServer, running_redis


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One Redis for all tests of a process, which flush it."""
    with running_redis() as server:
        yield server


@pytest.fixture
async def cluster(shared_redis: RedisServer) -> AsyncIterator[Cluster]:
    """A cluster without nodes, of which nothing is kept."""
    cluster = Cluster(shared_redis.url)
    await cluster.admin.flushall()
    yield cluster
    await cluster.close()
