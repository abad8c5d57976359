"""Holds every directory to what the port promises: one owner for each key, and all agree on it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest

from payments_sandbox.cluster import known_places, membership, node
from payments_sandbox.cluster.node import ClusterNode
from payments_sandbox.cluster.places import (
    Directory,
    Here,
    Member,
    Place,
    Sibling,
    UnreachableError,
)
from payments_sandbox.cluster.workers import WorkerDirectory
from tests.support.nodes import RENEW_EVERY, Cluster

KEYS = tuple(f"sk_test_key{number}" for number in range(20))
PROCESSES = 3

Directories = Sequence[Directory]


@pytest.fixture(params=["workers", "nodes"])
async def directories(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Directories]:
    """The directories of three processes, each in its own place."""
    if request.param == "workers":
        yield [WorkerDirectory(own, PROCESSES) for own in range(PROCESSES)]
        return
    for name in ("ANNOUNCE", "LINGER"):
        monkeypatch.setattr(node, name, 0)
    monkeypatch.setattr(known_places, "TRIED_AFTER", 0)
    monkeypatch.setattr(membership, "RENEW_EVERY", RENEW_EVERY)
    cluster = Cluster(request.getfixturevalue("shared_redis").url)
    await cluster.admin.flushall()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(cluster.close)
        nodes = [await stack.enter_async_context(cluster.node()) for _ in range(PROCESSES)]
        for each in nodes:
            await each.membership.renew()
        yield [each.directory for each in nodes]


def place_from_elsewhere(directories: Directories, owner: int) -> Place:
    """How the others name the place of one process."""
    directory = directories[owner]
    if isinstance(directory, ClusterNode):
        return directory.membership.member
    return Sibling(owner)


async def test_a_key_is_in_one_place_and_all_agree(directories: Directories) -> None:
    """Whoever is asked first; and every process has some of them."""
    owners = set()
    for nth, key in enumerate(KEYS):
        asked = [*range(nth % PROCESSES, PROCESSES), *range(nth % PROCESSES)]
        places = {own: await directories[own].claim(key) for own in asked}
        (owner,) = [own for own, place in places.items() if place == Here()]
        there = place_from_elsewhere(directories, owner)
        assert all(place == there for own, place in places.items() if own != owner)
        owners.add(owner)
    assert owners == {*range(PROCESSES)}


async def test_what_is_known_without_asking_is_what_is_told(directories: Directories) -> None:
    """As soon as it was asked for, and nothing else before."""
    for key in KEYS:
        for directory in directories:
            known = directory.place_of(key)
            claimed = await directory.claim(key)
            assert known in (None, claimed)
            assert directory.place_of(key) == claimed


async def test_a_place_that_is_not_reached_is_asked_for_again(directories: Directories) -> None:
    """It is where it was as long as its owner lives."""
    for key in KEYS:
        for directory in directories:
            if isinstance(place := await directory.claim(key), Member):
                directory.unreachable(place, UnreachableError("refused", is_refused=True))
                assert directory.place_of(key) is None
                assert await directory.claim(key) == place
