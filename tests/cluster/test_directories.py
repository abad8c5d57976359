"""The directories of keys: each key has one owner, and all processes agree on it."""

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
    """The directories of three workers, or of three nodes."""
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
    """Return the place of a process as the others name it."""
    directory = directories[owner]
    if isinstance(directory, ClusterNode):
        return directory.membership.member
    return Sibling(owner)


async def test_each_key_has_one_owner_on_which_all_processes_agree(
    directories: Directories,
) -> None:
    """Whichever is asked first; and every process owns some of the keys."""
    owners = set()
    for nth, key in enumerate(KEYS):
        asked = [*range(nth % PROCESSES, PROCESSES), *range(nth % PROCESSES)]
        places = {own: await directories[own].claim(key) for own in asked}
        (owner,) = [own for own, place in places.items() if place == Here()]
        there = place_from_elsewhere(directories, owner)
        assert all(place == there for own, place in places.items() if own != owner)
        owners.add(owner)
    assert owners == {*range(PROCESSES)}


async def test_the_known_place_of_a_key_is_the_claimed_one_after_a_claim_and_it_or_none_before(
    directories: Directories,
) -> None:
    for key in KEYS:
        for directory in directories:
            known = directory.place_of(key)
            claimed = await directory.claim(key)
            assert known in (None, claimed)
            assert directory.place_of(key) == claimed


@pytest.mark.parametrize("directories", ["nodes"], indirect=True)
async def test_an_unreachable_node_is_forgotten_as_a_place_and_found_again_by_the_next_claim(
    directories: Directories,
) -> None:
    """It owns the key as long as it lives."""
    for key in KEYS:
        for directory in directories:
            if isinstance(place := await directory.claim(key), Member):
                directory.unreachable(place, UnreachableError("refused", is_refused=True))
                assert directory.place_of(key) is None
                assert await directory.claim(key) == place
