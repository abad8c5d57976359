"""Calls that came back before the rate limit was reset."""

import pytest

from payments_sandbox.core.instants import HOUR, SECOND
from tests.support.in_process import History


def test_the_calls_of_one_wait_are_one_finding() -> None:
    """All of one wait in one finding."""
    history = History()
    history.world.limiter.turn(history.world.clock.now())
    history.world.limiter.set(limit=None, remaining=0)
    ids = []
    for _ in range(3):
        ids.append(history.look())
        history.wait(5 * SECOND)

    assert history.found() == [("ignored_rate_limit", tuple(ids))]
    assert [each.message for each in history.findings()] == [
        "2 calls came back before the rate limit was reset."
    ]


def test_a_client_that_waits_on_either_clock_ignores_nothing() -> None:
    """On the world's clock, or as long as it said in real time; or somebody has raised it."""
    live, frozen, raised = History(), History(frozen=True), History()
    for history in (live, frozen, raised):
        history.world.limiter.turn(history.world.clock.now())
        history.world.limiter.set(limit=None, remaining=0)
        history.look()
    live.wait(HOUR)
    frozen.wait(HOUR)
    raised.world.limiter.set(limit=None, remaining=5)
    for history in (live, frozen, raised):
        history.look()

    assert [history.found() for history in (live, frozen, raised)] == [[], [], []]


@pytest.mark.parametrize(
    ("took", "after", "has_seen"), [(50.0, 10, False), (0.9, 0, True), (1.2, 0, False)]
)
def test_calls_under_way_at_once_ignore_nothing(took: float, after: int, *, has_seen: bool) -> None:
    """The second had not seen the refusal of the first; the wall is read in whole milliseconds."""
    history = History()
    history.world.limiter.turn(history.world.clock.now())
    history.world.limiter.set(limit=None, remaining=0)
    history.look()
    first = next(history.world.journal.before(None))
    first.duration_ms = took
    history.wait(after)
    history.look()

    assert [kind for kind, _ in history.found()] == ["ignored_rate_limit"] * has_seen
