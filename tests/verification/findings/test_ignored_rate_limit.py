"""The finding `ignored_rate_limit`: calls before the rate limit was reset."""

import pytest

from payments_sandbox.core.instants import HOUR, SECOND
from tests.support.in_process import History


def test_calls_before_one_reset_are_one_finding() -> None:
    history = History()
    history.world.limiter.turn(history.world.clock.now())
    history.world.limiter.set(limit=None, remaining=0)
    ids = []
    for _ in range(3):
        ids.append(history.look())
        history.wait(5 * SECOND)

    assert history.found() == [("ignored_rate_limit", tuple(ids))]
    assert [each.message for each in history.findings()] == [
        "2 calls did not wait until the rate limit was reset."
    ]


def test_waiting_on_either_clock_or_a_raised_limit_is_not_a_finding() -> None:
    """The wait may be virtual or real time."""
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
def test_concurrent_calls_are_not_a_finding(took: float, after: int, *, has_seen: bool) -> None:
    """The second call was sent before the first was answered, in whole milliseconds."""
    history = History()
    history.world.limiter.turn(history.world.clock.now())
    history.world.limiter.set(limit=None, remaining=0)
    history.look()
    first = next(history.world.journal.before(None))
    first.duration_ms = took
    history.wait(after)
    history.look()

    assert [kind for kind, _ in history.found()] == ["ignored_rate_limit"] * has_seen
