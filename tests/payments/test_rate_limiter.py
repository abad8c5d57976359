"""Holds the rate limiter to the documented limit and to the clock hour."""

from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.instants import HOUR, Instant
from payments_sandbox.payments.rate_limiter import RateLimiter
from tests.support.in_process import NOON

DOCUMENTED_RESET = 1_642_262_400


def at(milliseconds: int) -> Instant:
    """So long after noon."""
    return Instant(NOON + milliseconds)


def test_the_documented_reset_is_the_turn_of_an_hour() -> None:
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


def test_a_new_limiter_has_used_nothing() -> None:
    """Before the first request, too; and a reset one is as a new one."""
    limiter = RateLimiter(10)
    limiter.move(NOON, limit=5, remaining=1, window=60_000)
    limiter.reset()
    new = RateLimiter(10)

    assert (new.remaining, new.window) == (10, "hour")
    assert new.snapshot() == {"default": 10, "limit": 10, "used": 0, "hour": 0, "window": HOUR}
    assert limiter.snapshot() == new.snapshot()


def test_the_hour_turns_exactly() -> None:
    """The last millisecond is still refused; refusals do not count."""
    limiter = RateLimiter(2)
    taken = [limiter.take(at(0)) for _ in range(4)]
    turned = [limiter.take(at(after)) for after in (HOUR - 1, HOUR, HOUR + 1, HOUR + 2)]

    assert taken == [True, True, False, False]
    assert turned == [False, True, True, False]


def test_a_turn_shows_the_hour_without_counting() -> None:
    """The control API looks at the limit and uses none of it."""
    limiter = RateLimiter(2)
    limiter.take(at(0))
    limiter.turn(at(HOUR - 1))
    before = limiter.remaining
    limiter.turn(at(HOUR))

    assert (before, limiter.remaining, limiter.reset_at) == (1, 2, (NOON + 2 * HOUR) // 1_000)


def test_a_clock_that_was_reset_begins_an_hour_too() -> None:
    """After `world/reset` of the clock, the hour may be an earlier one."""
    limiter = RateLimiter(2)
    limiter.take(at(HOUR))
    limiter.take(at(0))

    assert (limiter.remaining, limiter.reset_at) == (1, (NOON + HOUR) // 1_000)


def test_what_was_used_stays_used_when_the_limit_changes() -> None:
    """Raised or lowered, and never below nothing; it holds in the next hour."""
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


def test_what_remains_can_be_set_for_this_hour() -> None:
    """For this hour only, alone or together with the limit."""
    limiter = RateLimiter(10)
    limiter.turn(at(0))
    limiter.set(limit=None, remaining=1)
    taken = [limiter.take(at(0)), limiter.take(at(0))]
    limiter.set(limit=7, remaining=3)
    seen = (limiter.limit, limiter.remaining)
    limiter.turn(at(HOUR))

    assert (taken, seen) == ([True, False], (7, 3))
    assert (limiter.limit, limiter.remaining) == (7, 7)


def test_what_a_rule_leaves_is_of_the_hour_in_which_it_says_so() -> None:
    """Not of the one before, in which the last request came; nothing is used when all remains."""
    limiter = RateLimiter(10)
    limiter.take(at(0))
    limiter.move(at(HOUR), remaining=1)
    taken = [limiter.take(at(HOUR)), limiter.take(at(HOUR))]
    seen = []
    for remaining in (10, 11):
        limiter.move(at(HOUR), remaining=remaining)
        seen.append(limiter.remaining)

    assert (taken, seen) == ([True, False], [10, 10])


def test_reset_goes_back_to_the_limit_it_was_made_with() -> None:
    """All of it unused."""
    limiter = RateLimiter(10)
    limiter.take(at(0))
    limiter.set(limit=3, remaining=1)
    limiter.reset()

    assert (limiter.limit, limiter.remaining) == (10, 10)


def test_a_window_of_another_length_turns_by_itself() -> None:
    """It turns by itself, and a reset brings the hour back."""
    limiter = RateLimiter(1_000)
    limiter.move(NOON, limit=1, window=1_500)
    taken = [limiter.take(Instant(NOON + after)) for after in (0, 1_499, 1_500)]
    said = limiter.window, limiter.reset_at
    limiter.reset()
    limiter.turn(NOON)

    assert taken == [True, False, True]
    assert said == ("window", NOON // 1_000 + 3)
    assert (limiter.window, limiter.reset_at) == ("hour", NOON // 1_000 + 3_600)


def test_the_same_window_again_changes_nothing() -> None:
    """A rule says it at each of its calls."""
    limiter = RateLimiter(1_000)
    for _ in range(2):
        limiter.move(NOON, limit=5, window=60_000)
        limiter.take(NOON)

    assert (limiter.remaining, limiter.window) == (3, "window")
    assert limiter.reset_at == NOON // 1_000 + 60


def test_what_is_given_back_can_be_taken_again() -> None:
    """And no more than that."""
    limiter = RateLimiter(2)
    limiter.take(NOON)
    limiter.give_back()
    limiter.give_back()

    assert limiter.remaining == 2


def test_a_snapshot_goes_on_counting() -> None:
    """The limit it was made with, the limit, what remains, and of which hour."""
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
def test_no_hour_has_more_than_the_limit(limit: int, steps: list[int]) -> None:
    """And none that asks for fewer is refused."""
    limiter, now = RateLimiter(limit), NOON
    asked: dict[int, int] = {}
    for step in steps:
        now = Instant(now + step)
        hour = now // HOUR
        asked[hour] = asked.get(hour, 0) + 1

        assert limiter.take(now) == (asked[hour] <= limit)
        assert limiter.remaining == max(0, limit - asked[hour])
