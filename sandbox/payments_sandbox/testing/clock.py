"""Owns a world's clock and rate limit, as a test holds them."""

from datetime import datetime, timedelta

from payments_sandbox.client.client import SandboxClient
from payments_sandbox.client.models import DueJobModel, HappenedJobModel

__tracebackhide__ = True


class Clock:
    """The clock of one world."""

    def __init__(self, control: SandboxClient) -> None:
        self._control = control

    @property
    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.fromisoformat(self._control.retrieve_clock()["now"])

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self._control.retrieve_clock()["mode"] == "frozen"

    @property
    def due(self) -> list[DueJobModel]:
        """What is going to happen, soonest first."""
        return self._control.retrieve_clock()["due"]

    def freeze(self, at: str | datetime | None = None) -> None:
        """Stand still, now or at a later instant; what falls due on the way happens."""
        self._control.freeze_clock(at=_instant(at))

    def resume(self) -> None:
        """Go on at wall speed."""
        self._control.resume_clock()

    def advance(
        self, by: str | timedelta | None = None, *, to: str | datetime | None = None
    ) -> list[HappenedJobModel]:
        """Move on, by a duration such as `3d` or to an instant.

        Returns:
            What has happened on the way, in order; webhooks have been sent and answered.
        """
        return self._control.advance_clock(by=_duration(by), to=_instant(to))["happened"]

    def next(self) -> list[HappenedJobModel]:
        """Move on to what is due next, whatever it is."""
        return self._control.advance_clock(next=True)["happened"]

    def __repr__(self) -> str:
        clock = self._control.retrieve_clock()
        return f"<Clock {clock['mode']} at {clock['now']}, {len(clock['due'])} due>"


class RateLimit:
    """The rate limit of one world."""

    def __init__(self, control: SandboxClient) -> None:
        self._control = control

    @property
    def limit(self) -> int:
        """Requests in an hour of the world's clock."""
        return self._control.retrieve_rate_limit()["limit"]

    @property
    def remaining(self) -> int:
        """Requests that this hour has left."""
        return self._control.retrieve_rate_limit()["remaining"]

    @property
    def reset(self) -> int:
        """When the hour turns, in epoch seconds of the world's clock."""
        return self._control.retrieve_rate_limit()["reset"]

    def set(self, *, limit: int | None = None, remaining: int | None = None) -> None:
        """Change the limit for good, or what remains of this hour."""
        self._control.set_rate_limit(limit=limit, remaining=remaining)

    def exhaust(self) -> None:
        """Let every request be refused until the hour turns."""
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


def _duration(given: str | timedelta | None) -> str | None:
    if not isinstance(given, timedelta):
        return given
    return f"{given // timedelta(milliseconds=1)}ms"
