"""Holds what a node remembers of others to be believed for a while, and no longer."""

import asyncio
import logging

import pytest

from benchmarks.scale.virtual_time import simulated
from payments_sandbox.cluster import known_places
from payments_sandbox.cluster.known_places import (
    FORGIVEN_AFTER,
    KNOWN_AT_MOST,
    KNOWN_FOR,
    KNOWN_USES,
    PATIENCE,
    REFUSED_AGAIN,
    TRIED_AFTER,
    KnownPlaces,
)
from payments_sandbox.cluster.places import Member, NoOwnerError, UnreachableError

OTHER = Member("other", "10.0.0.2", 8080)
MEMBERS = {OTHER.name: OTHER}
KEY = "sk_test_a"
LEASE = 3.0
SILENT = UnreachableError("no answer")
REFUSED = UnreachableError("refused", is_refused=True)


class Clock:
    """The loop's time, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What tells the time."""
    clock = Clock()
    monkeypatch.setattr(known_places, "_now", clock)
    return clock


def test_a_place_is_believed_for_a_while_and_so_many_uses(clock: Clock) -> None:
    """And not of a node that leaves, or is no member any more."""
    places = KnownPlaces()
    assert places.get(KEY, MEMBERS) is None
    places.remember(KEY, OTHER, LEASE)
    assert places.get(KEY, MEMBERS) == OTHER
    assert places.get(KEY, {}) is None
    assert places.get(KEY, {OTHER.name: OTHER._replace(is_leaving=True)}) is None
    uses = [places.get(KEY, MEMBERS) for _ in range(KNOWN_USES)]
    assert (uses[0], uses[-1]) == (OTHER, None)
    places.remember(KEY, OTHER, LEASE)
    clock.now += KNOWN_FOR + 0.1
    assert places.get(KEY, MEMBERS) is None


def test_any_number_of_keys_is_asked_for(clock: Clock) -> None:  # noqa: ARG001 - it stands still
    """What is remembered of them is bounded."""
    places = KnownPlaces()
    for number in range(KNOWN_AT_MOST + 1):
        places.remember(f"sk_test_{number}", OTHER, LEASE)
    assert places.get("sk_test_0", MEMBERS) is None


def test_a_node_that_is_not_reached_is_waited_for_tried_each_second_and_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """For a while, as often as its lease is renewed; the log tells of it once."""

    async def story() -> tuple[int, str]:
        places, tries = KnownPlaces(), 0
        places.remember(KEY, OTHER, LEASE)
        assert await places.until_worth_a_try(KEY) is None  # it has not been tried
        while True:
            places.unreachable(OTHER, SILENT)
            places.remember(KEY, OTHER, LEASE)  # it has renewed its lease
            assert places.get(KEY, MEMBERS) is None
            before = asyncio.get_running_loop().time()
            try:
                assert await places.until_worth_a_try(KEY) == OTHER
            except NoOwnerError as error:
                return tries, str(error)
            assert asyncio.get_running_loop().time() - before == pytest.approx(TRIED_AFTER)
            assert not places.is_unreachable(OTHER.name)
            tries += 1

    with caplog.at_level(logging.WARNING):
        tries, refusal = simulated(story())
    assert tries > PATIENCE / TRIED_AFTER
    assert refusal == "other owns the key, but cannot be reached at 10.0.0.2:8080"
    assert caplog.messages == ["other at 10.0.0.2:8080 cannot be reached: no answer"]


def test_a_node_that_is_not_reached_is_waited_for_until_its_lease_ends() -> None:
    """Then, and not before, it is asked who owns its keys."""

    async def story() -> float:
        places = KnownPlaces()
        places.remember(KEY, OTHER, TRIED_AFTER / 4)
        places.unreachable(OTHER, SILENT)
        assert await places.until_worth_a_try(KEY) is None
        return asyncio.get_running_loop().time()

    assert simulated(story()) == pytest.approx(TRIED_AFTER / 4)


def test_of_a_node_that_refuses_it_is_asked_at_once_whether_it_has_died() -> None:
    """As long as that was just now, and again soon: the engine may not know yet."""

    async def story() -> tuple[list[str], list[str]]:
        places = KnownPlaces()
        places.remember(KEY, OTHER, LEASE)
        places.unreachable(OTHER, REFUSED)
        assert await places.until_worth_a_try(KEY) is None
        assert asyncio.get_running_loop().time() == 0
        places.remember(KEY, OTHER, LEASE)
        assert await places.until_worth_a_try(KEY) == OTHER
        assert asyncio.get_running_loop().time() == pytest.approx(REFUSED_AGAIN)
        refusing = list(places.refusing())
        await asyncio.sleep(2 * TRIED_AFTER)  # noqa: TID251 - of virtual time
        return refusing, list(places.refusing())

    assert simulated(story()) == ([OTHER.name], [])


def test_what_was_long_ago_counts_no_more() -> None:
    """A node that is not reached now and then has been reached in between."""

    async def story() -> None:
        places = KnownPlaces()
        for _ in range(5):
            places.remember(KEY, OTHER, LEASE)
            places.unreachable(OTHER, SILENT)
            assert await places.until_worth_a_try(KEY) is not None
            await asyncio.sleep(FORGIVEN_AFTER)  # noqa: TID251 - of virtual time

    simulated(story())
