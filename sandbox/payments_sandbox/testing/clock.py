"""Owns `Clock` and `RateLimit`: those of one world, as objects for tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from payments_sandbox.client.client import SandboxClient
from payments_sandbox.client.models import DueJobModel, HappenedJobModel
from payments_sandbox.core.instants import read_duration, read_instant

MoveTo = Callable[[datetime], object]
"""Moves a clock of the test's process to an instant: `move_to` of time-machine or freezegun."""

__tracebackhide__ = True


class Clock:
    """The clock of one world."""

    def __init__(self, control: SandboxClient) -> None:
        self._control = control
        self._followers: list[MoveTo] = []

    @property
    def now(self) -> datetime:
        """The present time of the world, in UTC."""
        return datetime.fromisoformat(self._control.retrieve_clock()["now"])

    @property
    def is_frozen(self) -> bool:
        """Whether the clock is frozen."""
        return self._control.retrieve_clock()["mode"] == "frozen"

    @property
    def due(self) -> list[DueJobModel]:
        """What will happen, soonest first."""
        return self._control.retrieve_clock()["due"]

    def freeze(self, at: str | datetime | None = None) -> None:
        """Stop the clock, now or at a later instant; what falls due until then happens."""
        if at is not None and self._followers and (end := _moment(_instant(at) or "")) > self.now:
            self._control.freeze_clock()
            self._follow_to(end)
            return
        self._control.freeze_clock(at=_instant(at))
        self._move_followers(self.now)

    def resume(self) -> None:
        """Let the clock run at the speed of real time again."""
        self._control.resume_clock()

    def advance(
        self, by: str | timedelta | None = None, *, to: str | datetime | None = None
    ) -> list[HappenedJobModel]:
        """Move the clock forward, by a duration such as `3d` or to an instant.

        Returns:
            What happened on the way, in order; its webhooks have been sent and answered.
        """
        if not self._followers:
            return self._control.advance_clock(by=_duration(by), to=_instant(to))["happened"]
        if by is not None:
            end = self.now + timedelta(milliseconds=read_duration(_duration(by) or ""))
        else:
            end = _moment(_instant(to) or "")
        return self._follow_to(end)

    def next(self) -> list[HappenedJobModel]:
        """Move the clock forward to whatever is due next."""
        if self._followers and (due := self.due):
            return self._move_together(_moment(due[0]["at"]))
        return self._control.advance_clock(next=True)["happened"]

    @contextmanager
    def followed_by(self, move_to: MoveTo) -> Iterator[None]:
        """Let another clock follow this one until the block ends.

        The other clock is moved now, and before each instant at which something falls due, so a
        webhook receiver that is called on the way sees the world's time.

        Args:
            move_to: moves the other clock: `move_to` of time-machine or freezegun, or any function
                that takes an aware datetime.
        """
        self._followers.append(move_to)
        try:
            self._move_followers(self.now)
            yield
        finally:
            self._followers.remove(move_to)

    def _follow_to(self, end: datetime) -> list[HappenedJobModel]:
        happened: list[HappenedJobModel] = []
        while (due := self.due) and (at := _moment(due[0]["at"])) <= end:
            happened += self._move_together(at)
        return happened + self._move_together(end)

    def _move_together(self, end: datetime) -> list[HappenedJobModel]:
        self._move_followers(end)
        return self._control.advance_clock(to=_instant(end))["happened"]

    def _move_followers(self, now: datetime) -> None:
        for move_to in self._followers:
            move_to(now)

    def __repr__(self) -> str:
        clock = self._control.retrieve_clock()
        return f"<Clock {clock['mode']} at {clock['now']}, {len(clock['due'])} due>"


class RateLimit:
    """The rate limit of one world."""

    def __init__(self, control: SandboxClient) -> None:
        self._control = control

    @property
    def limit(self) -> int:
        """Requests per hour of the world's clock."""
        return self._control.retrieve_rate_limit()["limit"]

    @property
    def remaining(self) -> int:
        """Requests left in this hour."""
        return self._control.retrieve_rate_limit()["remaining"]

    @property
    def reset(self) -> int:
        """When the next hour begins on the world's clock, in epoch seconds."""
        return self._control.retrieve_rate_limit()["reset"]

    def set(self, *, limit: int | None = None, remaining: int | None = None) -> None:
        """Change the limit permanently, or what remains of this hour."""
        self._control.set_rate_limit(limit=limit, remaining=remaining)

    def exhaust(self) -> None:
        """Answer every request with 429 until the next hour begins."""
        self.set(remaining=0)

    def __repr__(self) -> str:
        now = self._control.retrieve_rate_limit()
        return f"<RateLimit {now['remaining']} of {now['limit']} left>"


def _instant(given: str | datetime | None) -> str | None:
    if not isinstance(given, datetime):
        return given
    if given.tzinfo is None:
        raise ValueError("expected an instant with a time zone, such as datetime(…, tzinfo=UTC)")
    return given.isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=read_instant(text))


def _duration(given: str | timedelta | None) -> str | None:
    if not isinstance(given, timedelta):
        return given
    return f"{given // timedelta(milliseconds=1)}ms"
