"""Tests a world's clock: live or frozen, moved by hand, never backwards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import DAY, HOUR, LAST, SECOND, Instant
from payments_sandbox.world.clock import Mode, WorldClock
from tests.support.in_process import NOON, Wall

MOVES = st.sampled_from(["wall", "reach", "freeze", "resume"])
BY = st.integers(-2 * DAY, 2 * DAY)


def test_a_live_clock_follows_the_wall() -> None:
    """Second by second."""
    wall = Wall()
    clock = WorldClock(wall)
    seen = [clock.now()]
    wall.move(SECOND)
    seen.append(clock.now())

    assert (clock.mode, seen) == (Mode.LIVE, [NOON, NOON + SECOND])


def test_a_live_clock_stands_still_while_the_wall_clock_is_behind_it() -> None:
    """A machine's clock may be set back."""
    wall = Wall()
    clock = WorldClock(wall)
    seen = []
    for by in (0, -HOUR, HOUR - 1, 2):
        wall.move(by)
        seen.append(clock.now())

    assert seen == [NOON, NOON, NOON, NOON + 1]


def test_a_frozen_clock_does_not_follow_the_wall_clock() -> None:
    wall = Wall()
    clock = WorldClock(wall, frozen_at=Instant(5))
    wall.move(DAY)

    assert (clock.mode, clock.now()) == (Mode.FROZEN, 5)


@pytest.mark.parametrize("frozen_at", [None, NOON])
def test_moving_a_clock_to_an_earlier_instant_changes_nothing(frozen_at: Instant | None) -> None:
    """In either mode."""
    wall = Wall()
    clock = WorldClock(wall, frozen_at=frozen_at)
    seen = []
    for instant in (NOON + DAY, NOON, NOON + DAY):
        clock.reach(Instant(instant))
        seen.append(clock.now())

    assert seen == [NOON + DAY] * 3


def test_a_live_clock_keeps_running_from_the_instant_it_was_moved_to() -> None:
    wall = Wall()
    clock = WorldClock(wall)
    clock.reach(Instant(NOON + DAY))
    wall.move(SECOND)

    assert (clock.mode, clock.now()) == (Mode.LIVE, NOON + DAY + SECOND)


def test_a_clock_freezes_and_resumes_at_the_worlds_now() -> None:
    """Not at the wall clock's."""
    wall = Wall()
    clock = WorldClock(wall)
    seen = []
    for by, change in ((SECOND, clock.freeze), (HOUR, clock.resume), (SECOND, clock.resume)):
        wall.move(by)
        change()
        seen.append((clock.mode, clock.now()))

    assert seen == [
        (Mode.FROZEN, NOON + SECOND),
        (Mode.LIVE, NOON + SECOND),
        (Mode.LIVE, NOON + 2 * SECOND),
    ]


def test_a_clock_stops_at_the_last_instant() -> None:
    """Even if the wall clock goes further."""
    wall = Wall(LAST)
    clock = WorldClock(wall)
    wall.move(DAY)

    assert clock.now() == LAST


@pytest.mark.parametrize("mode", Mode)
def test_an_instant_before_the_worlds_now_is_rejected(mode: Mode) -> None:
    """The error names the field and the world's now."""
    clock = WorldClock(Wall(), frozen_at=NOON if mode is Mode.FROZEN else None)
    with pytest.raises(InvalidRequest) as caught:
        clock.check_reachable(Instant(NOON - 1), "to")

    assert caught.value.details == (
        "/to: expected an instant at or after the world's current time, 2030-01-15T12:00:00Z:"
        " time never goes back. POST /_sandbox/worlds creates a world that starts earlier."
    )


def test_an_instant_after_the_year_2999_is_rejected() -> None:
    """Now and the last instant are accepted."""
    clock = WorldClock(Wall())
    clock.check_reachable(NOON, "by")
    clock.check_reachable(LAST, "by")
    with pytest.raises(InvalidRequest) as caught:
        clock.check_reachable(Instant(LAST + 1), "by")

    assert caught.value.details == (
        "/by: expected an instant up to the year 2999. POST /_sandbox/world/reset with"
        ' {"only": ["payments", "clock"]} resets the clock.'
    )


@pytest.mark.parametrize("mode", Mode)
def test_a_restored_clock_has_the_mode_moves_and_time_of_the_original(mode: Mode) -> None:
    """A live one as if it had kept running."""
    wall = Wall()
    clock = WorldClock(wall)
    clock.reach(Instant(NOON + DAY))
    clock.moves.append((NOON, Instant(NOON + DAY)))
    if mode is Mode.FROZEN:
        clock.freeze()
    kept = clock.snapshot()
    wall.move(HOUR)
    other = WorldClock(wall)
    other.restore(kept)

    expected = NOON + DAY + (HOUR if mode is Mode.LIVE else 0)
    moved = [[NOON, NOON + DAY]]
    assert kept == {"mode": mode.value, "now": NOON + DAY, "offset": DAY, "moves": moved}
    assert other.moves == clock.moves
    assert (other.mode, other.now()) == (mode, expected) == (clock.mode, clock.now())


@given(st.booleans(), st.lists(st.tuples(MOVES, BY), max_size=20))
def test_a_clock_never_goes_back_under_random_operations(
    frozen: bool,  # noqa: FBT001 - a parameter of the test
    moves: list[tuple[str, int]],
) -> None:
    wall = Wall()
    clock = WorldClock(wall, frozen_at=NOON if frozen else None)
    seen = [clock.now()]
    for move, by in moves:
        match move:
            case "wall":
                wall.move(by)
            case "reach":
                clock.reach(Instant(NOON + by))
            case "freeze":
                clock.freeze()
            case "resume":
                clock.resume()
        seen.append(clock.now())

    assert seen == sorted(seen)


def test_moving_a_waiting_clock_to_now_does_not_start_it() -> None:
    """The wall clock went back: the world waits until it has caught up."""
    wall = Wall()
    clock = WorldClock(wall)
    clock.now()
    wall.move(-HOUR)
    clock.reach(clock.now())
    wall.move(SECOND)

    assert clock.now() == NOON


def test_a_clock_keeps_its_last_100_moves_also_in_a_snapshot() -> None:
    """They show how the world came to its time."""
    clock = WorldClock(Wall(), frozen_at=NOON)
    for number in range(101):
        clock.moves.append((NOON, Instant(NOON + number)))
    other = WorldClock(Wall())
    other.restore(clock.snapshot())

    assert [end - NOON for _, end in clock.moves] == list(range(1, 101))
    assert other.moves == clock.moves
    other.moves.append((NOON, NOON))
    assert len(other.moves) == 100
