"""Compares the rate limiter with the documented limit and the clock hour."""

from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.instants import HOUR, Instant
from payments_sandbox.payments.rate_limiter import RateLimiter
from tests.support.in_process import NOON

DOCUMENTED_RESET = 1_642_262_400


def at(milliseconds: int) -> Instant:
    """Return the instant so many milliseconds after noon."""
    return Instant(NOON + milliseconds)


def test_the_documented_reset_is_the_start_of_the_next_clock_hour() -> None:
    """`X-RateLimit-Reset: 1642262400`, shown during the hour before it and not at it."""
    limiter = RateLimiter(1_000)
    seen = []
    for instant in (
        DOCUMENTED_RESET * 1_000 - HOUR,
        DOCUMENTED_RESET * 1_000 - 1,
        DOCUMENTED_RESET * 1_000,
    ):
        limiter.take(Instant(instant))
        seen.append((limiter.limit, limiter.remaining, limiter.reset_at))

    assert seen == [
        (1_000, 999, DOCUMENTED_RESET),
        (1_000, 998, DOCUMENTED_RESET),
        (1_000, 999, DOCUMENTED_RESET + 3_600),
    ]


def test_a_new_or_reset_limiter_has_used_nothing() -> None:
    limiter = RateLimiter(10)
    limiter.move(NOON, limit=5, remaining=1, window=60_000)
    limiter.reset()
    new = RateLimiter(10)

    assert (new.remaining, new.window) == (10, "hour")
    assert new.snapshot() == {"default": 10, "limit": 10, "used": 0, "hour": 0, "window": HOUR}
    assert limiter.snapshot() == new.snapshot()


def test_the_limit_is_renewed_at_the_exact_start_of_the_hour() -> None:
    """The last millisecond is still rejected; rejected requests do not count."""
    limiter = RateLimiter(2)
    taken = [limiter.take(at(0)) for _ in range(4)]
    turned = [limiter.take(at(after)) for after in (HOUR - 1, HOUR, HOUR + 1, HOUR + 2)]

    assert taken == [True, True, False, False]
    assert turned == [False, True, True, False]


def test_turning_the_limiter_to_an_instant_uses_no_request() -> None:
    """For the control API, which shows the limit."""
    limiter = RateLimiter(2)
    limiter.take(at(0))
    limiter.turn(at(HOUR - 1))
    before = limiter.remaining
    limiter.turn(at(HOUR))

    assert (before, limiter.remaining, limiter.reset_at) == (1, 2, (NOON + 2 * HOUR) // 1_000)


def test_a_clock_set_back_starts_a_new_hour() -> None:
    """`world/reset` of the clock may go back to an earlier hour."""
    limiter = RateLimiter(2)
    limiter.take(at(HOUR))
    limiter.take(at(0))

    assert (limiter.remaining, limiter.reset_at) == (1, (NOON + HOUR) // 1_000)


def test_used_requests_stay_used_when_the_limit_changes() -> None:
    """The new limit also applies to the next hour."""
    limiter = RateLimiter(10)
    for _ in range(4):
        limiter.take(at(0))
    seen = []
    for limit in (20, 5, 3, 10):
        limiter.set(limit=limit, remaining=None)
        seen.append((limiter.limit, limiter.remaining))
    limiter.turn(at(HOUR))

    assert seen == [(20, 16), (5, 1), (3, 0), (10, 6)]
    assert (limiter.limit, limiter.remaining) == (10, 10)


def test_setting_what_remains_applies_to_the_current_hour_only() -> None:
    """Alone or together with the limit."""
    limiter = RateLimiter(10)
    limiter.turn(at(0))
    limiter.set(limit=None, remaining=1)
    taken = [limiter.take(at(0)), limiter.take(at(0))]
    limiter.set(limit=7, remaining=3)
    seen = (limiter.limit, limiter.remaining)
    limiter.turn(at(HOUR))

    assert (taken, seen) == ([True, False], (7, 3))
    assert (limiter.limit, limiter.remaining) == (7, 7)


def test_a_rule_sets_what_remains_in_the_current_hour() -> None:
    """Not in the hour of the last request."""
    limiter = RateLimiter(10)
    limiter.take(at(0))
    limiter.move(at(HOUR), remaining=1)
    taken = [limiter.take(at(HOUR)), limiter.take(at(HOUR))]
    seen = []
    for remaining in (10, 11):
        limiter.move(at(HOUR), remaining=remaining)
        seen.append(limiter.remaining)

    assert (taken, seen) == ([True, False], [10, 10])


def test_a_reset_limiter_has_its_initial_limit_unused() -> None:
    limiter = RateLimiter(10)
    limiter.take(at(0))
    limiter.set(limit=3, remaining=1)
    limiter.reset()

    assert (limiter.limit, limiter.remaining) == (10, 10)


def test_a_custom_window_is_renewed_at_its_end_and_ends_with_a_reset() -> None:
    limiter = RateLimiter(1_000)
    limiter.move(NOON, limit=1, window=1_500)
    taken = [limiter.take(Instant(NOON + after)) for after in (0, 1_499, 1_500)]
    said = limiter.window, limiter.reset_at
    limiter.reset()
    limiter.turn(NOON)

    assert taken == [True, False, True]
    assert said == ("window", NOON // 1_000 + 3)
    assert (limiter.window, limiter.reset_at) == ("hour", NOON // 1_000 + 3_600)


def test_setting_the_same_window_again_does_not_restart_it() -> None:
    """A rule sets it at each of its calls."""
    limiter = RateLimiter(1_000)
    for _ in range(2):
        limiter.move(NOON, limit=5, window=60_000)
        limiter.take(NOON)

    assert (limiter.remaining, limiter.window) == (3, "window")
    assert limiter.reset_at == NOON // 1_000 + 60


def test_a_request_given_back_to_the_limiter_can_be_used_again() -> None:
    """Once."""
    limiter = RateLimiter(2)
    limiter.take(NOON)
    limiter.uncount()
    limiter.uncount()

    assert limiter.remaining == 2


def test_a_limiter_restored_from_its_snapshot_continues_counting() -> None:
    limiter = RateLimiter(10)
    limiter.take(at(0))
    limiter.set(limit=5, remaining=None)
    kept = limiter.snapshot()
    other = RateLimiter(99)
    other.restore(kept)
    other.take(at(1))

    assert kept == {"default": 10, "limit": 5, "used": 1, "hour": NOON // HOUR, "window": HOUR}
    assert other.snapshot() == kept | {"used": 2}


@given(st.integers(1, 20), st.lists(st.integers(0, HOUR // 2), max_size=60))
def test_exactly_the_limit_of_requests_is_allowed_in_each_hour(
    limit: int, steps: list[int]
) -> None:
    limiter, now = RateLimiter(limit), NOON
    asked: dict[int, int] = {}
    for step in steps:
        now = Instant(now + step)
        hour = now // HOUR
        asked[hour] = asked.get(hour, 0) + 1

        assert limiter.take(now) == (asked[hour] <= limit)
        assert limiter.remaining == max(0, limit - asked[hour])
