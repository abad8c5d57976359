"""The places of keys that a node remembers: for how long it believes them."""

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
    """The time of the loop, moved by the test."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that the module reads."""
    clock = Clock()
    monkeypatch.setattr(known_places, "_now", clock)
    return clock


def test_a_known_place_ends_with_time_uses_membership_or_a_leaving_node(clock: Clock) -> None:
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


def test_the_oldest_known_place_is_forgotten_above_the_maximum_number(clock: Clock) -> None:  # noqa: ARG001 - it stands still
    places = KnownPlaces()
    for number in range(KNOWN_AT_MOST + 1):
        places.remember(f"sk_test_{number}", OTHER, LEASE)
    assert places.get("sk_test_0", MEMBERS) is None


def test_an_unreachable_owner_is_retried_at_intervals_then_given_up_with_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Although it renews its lease."""

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


def test_waiting_for_an_unreachable_owner_ends_when_its_lease_ends() -> None:
    """The engine is then asked who owns its keys."""

    async def story() -> float:
        places = KnownPlaces()
        places.remember(KEY, OTHER, TRIED_AFTER / 4)
        places.unreachable(OTHER, SILENT)
        assert await places.until_worth_a_try(KEY) is None
        return asyncio.get_running_loop().time()

    assert simulated(story()) == pytest.approx(TRIED_AFTER / 4)


def test_an_owner_that_refuses_connections_is_asked_about_at_once_then_retried_soon() -> None:
    """The engine may not know yet that it has died; an old refusal does not count."""

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


def test_failures_to_reach_a_node_that_are_far_apart_do_not_make_it_given_up() -> None:
    """It must have been reached in between."""

    async def story() -> None:
        places = KnownPlaces()
        for _ in range(5):
            places.remember(KEY, OTHER, LEASE)
            places.unreachable(OTHER, SILENT)
            assert await places.until_worth_a_try(KEY) is not None
            await asyncio.sleep(FORGIVEN_AFTER)  # noqa: TID251 - of virtual time

    simulated(story())
