"""Owns the documented rate limit: a number of requests per clock hour of the world's clock.

A rule may make the window shorter or longer than the documented hour.

Source: section "RATE LIMITING". The documented reset, 1642262400, is on the hour.
"""

from payments_sandbox.core.instants import HOUR, SECOND, Instant


class RateLimiter:
    """Counts one world's requests within the hour, without a clock: callers pass the instant.

    Attributes:
        limit: how many requests an hour has.
        reset_at: when the next hour begins, in epoch seconds.
    """

    __slots__ = ("_default", "_hour", "_used", "_window", "limit", "reset_at")

    _hour: int
    _window: int

    def __init__(self, limit: int) -> None:
        self._default = limit
        self._used = 0
        self.limit = limit
        self._begin(0, HOUR)

    @property
    def window(self) -> str:
        """What error texts call it: `hour`, or `window` if a rule has changed its length."""
        return "hour" if self._window == HOUR else "window"

    @property
    def remaining(self) -> int:
        """How many requests remain in this window."""
        return self.limit - self._used if self._used < self.limit else 0

    def turn(self, now: Instant) -> None:
        """Start counting from zero if a new hour has begun."""
        if (hour := now // self._window) != self._hour:
            self._begin(hour, self._window)
            self._used = 0

    def take(self, now: Instant) -> bool:
        """Count one request; return False, without counting it, if none remains."""
        self.turn(now)
        if self._used >= self.limit:
            return False
        self._used += 1
        return True

    def uncount(self) -> None:
        """Take back one counted request."""
        self._used = max(0, self._used - 1)

    def move(
        self,
        now: Instant,
        *,
        remaining: int | None = None,
        limit: int | None = None,
        window: int | None = None,
    ) -> None:
        """Change the limiter as a rule says; what is None stays as it is.

        Args:
            now: the instant on the world's clock.
            remaining: how many requests remain in this window.
            limit: how many requests a window has, permanently.
            window: its length in virtual milliseconds, permanently.
        """
        if window is not None and window != self._window:
            self._begin(now // window, window)
            self._used = 0
        self.turn(now)
        self.set(limit=limit, remaining=remaining)

    def set(self, *, limit: int | None, remaining: int | None) -> None:
        """Change the limit permanently, or how many requests remain in this window.

        A new limit alone leaves the number of used requests as it is.
        """
        if limit is not None:
            self.limit = limit
        if remaining is not None:
            self._used = max(0, self.limit - remaining)

    def reset(self) -> None:
        """Go back to the limit that the world was made with, and to an unused hour."""
        self.limit, self._used = self._default, 0
        if self._window != HOUR:
            self._begin(0, HOUR)  # a new hour begins at the next call

    def snapshot(self) -> dict[str, int]:
        """Return every field."""
        return {
            "default": self._default,
            "limit": self.limit,
            "used": self._used,
            "hour": self._hour,
            "window": self._window,
        }

    def restore(self, snapshot: dict[str, int]) -> None:
        """Restore a snapshot.

        Raises:
            ValueError: a value is not valid in a limiter.
        """
        if any(type(each) is not int for each in snapshot.values()) or snapshot["window"] < 1:
            raise ValueError("a limiter needs whole numbers and a window longer than 0")
        self._default = snapshot["default"]
        self.limit = snapshot["limit"]
        self._used = snapshot["used"]
        self._begin(snapshot["hour"], snapshot["window"])

    def _begin(self, hour: int, window: int) -> None:
        """Begin an hour, by its number since the epoch."""
        self._hour, self._window = hour, window
        self.reset_at = -(-(hour + 1) * window // SECOND)
