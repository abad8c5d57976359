"""Holds what a node remembers of others to be believed for a while, and no longer."""

import logging

import pytest

from payments_sandbox.cluster import known_places
from payments_sandbox.cluster.known_places import (
    FORGIVEN_AFTER,
    KNOWN_AT_MOST,
    KNOWN_FOR,
    KNOWN_USES,
    PATIENCE,
    TRIED_AFTER,
    KnownPlaces,
)
from payments_sandbox.cluster.places import NoOwnerError
from payments_sandbox.cluster.store import Member

OTHER = Member("other", "10.0.0.2", 8080)
MEMBERS = {OTHER.name: OTHER}
KEY = "sk_test_a"


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


def is_refused(places: KnownPlaces) -> bool:
    """Whether it is said that the node cannot be reached."""
    try:
        places.check(OTHER)
    except NoOwnerError:
        return True
    return False


def test_a_place_is_believed_for_a_while_and_so_many_uses(clock: Clock) -> None:
    """And not of a node that leaves, or is no member any more."""
    places = KnownPlaces()
    assert places.get(KEY, MEMBERS) is None
    node = places.remember(KEY, OTHER)
    assert places.get(KEY, MEMBERS) == node
    assert places.get(KEY, {}) is None
    assert places.get(KEY, {OTHER.name: OTHER._replace(is_leaving=True)}) is None
    uses = [places.get(KEY, MEMBERS) for _ in range(KNOWN_USES)]
    assert (uses[0], uses[-1]) == (node, None)
    places.remember(KEY, OTHER)
    clock.now += KNOWN_FOR + 0.1
    assert places.get(KEY, MEMBERS) is None


def test_any_number_of_keys_is_asked_for(clock: Clock) -> None:  # noqa: ARG001 - it stands still
    """What is remembered of them is bounded."""
    places = KnownPlaces()
    for number in range(KNOWN_AT_MOST + 1):
        places.remember(f"sk_test_{number}", OTHER)
    assert places.get("sk_test_0", MEMBERS) is None


def test_a_node_that_is_not_reached_is_tried_each_second_and_after_a_while_not_waited_for(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The log tells of it once; and it is never given up: the next try may go well."""
    places = KnownPlaces()
    node = places.remember(KEY, OTHER)
    assert not places.is_unreachable(OTHER.name)
    began = clock.now
    with caplog.at_level(logging.WARNING):
        while clock.now - began <= PATIENCE:
            assert not is_refused(places)
            places.unreachable(node, "refused")
            assert places.get(KEY, MEMBERS) is None
            assert places.is_unreachable(OTHER.name)
            clock.now += TRIED_AFTER
            assert not places.is_unreachable(OTHER.name)
        places.unreachable(node, "refused")
    assert caplog.messages == ["other at 10.0.0.2:8080 cannot be reached: refused"]
    with pytest.raises(NoOwnerError, match=r"other owns the key, and is not reached at 10\.0\.0"):
        places.check(OTHER)
    clock.now += TRIED_AFTER
    assert not is_refused(places)


def test_what_was_long_ago_counts_no_more(clock: Clock) -> None:
    """A node that is not reached now and then has been reached in between."""
    places = KnownPlaces()
    node = places.remember(KEY, OTHER)
    for _ in range(4):
        places.unreachable(node, "refused")
        clock.now += FORGIVEN_AFTER
    places.unreachable(node, "refused")
    assert not is_refused(places)
