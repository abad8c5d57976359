"""The finding `ignored_rate_limit`: calls before the rate limit was reset."""

import pytest

from payments_sandbox.core.instants import HOUR, SECOND
from tests.support.in_process import History, rules_of
from tests.support.tables import for_each


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


BUSY = rules_of("- {request: list_payments, do: [{drop: {}, times: 3}]}")


def looks_rejected(headers: dict[str, str], *waits: int) -> History:
    """Return a history of looks that a rule answers with 429, with these waits between them."""
    history = History(BUSY)
    for wait in (0, *waits):
        history.wait(wait)
        history.look()
        entry = next(history.world.journal.before(None))
        entry.fault = "respond_raw"
        entry.replied(429, {"X-RateLimit-Reset": "9999999999", **headers}, b"")
    return history


def test_waiting_for_the_retry_after_of_a_rule_is_not_a_finding() -> None:
    """Each 429 asks anew, in seconds or by a date."""
    date = {"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT"}
    for headers, waits, kinds in (
        ({"retry-after": "2"}, (2 * SECOND, 2 * SECOND), []),
        ({"Retry-After": "2"}, (SECOND, 3 * SECOND), ["ignored_rate_limit"]),
        ({"Retry-After": "2"}, (2 * SECOND, SECOND), ["ignored_rate_limit"]),
        (date, (SECOND,), []),
        ({"Retry-After": "soon"}, (SECOND,), ["ignored_rate_limit"]),
    ):
        assert [kind for kind, _ in looks_rejected(headers, *waits).found()] == kinds


@for_each("reset", ["soon", "-5", "12.5", "٣", "9" * 5_000, ""])
def test_a_reset_that_is_no_instant_cannot_be_ignored(reset: str) -> None:
    """A rule may send any text."""
    assert looks_rejected({"X-RateLimit-Reset": reset}, 5 * SECOND).found() == []


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
