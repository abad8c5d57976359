"""Owns the documented rate limit: so many requests per clock hour of the world's clock.

Source: section "RATE LIMITING". The documented reset, 1642262400, is on the hour.
"""

from typing import Final

from sandbox.domain.instants import HOUR, SECOND, Instant

DOCUMENTED_LIMIT: Final = 1_000


class RateLimiter:
    """Counts one world's requests within the hour; the hour turns by the instant it is given."""

    __slots__ = ("_default", "_hour", "_used", "limit")

    def __init__(self, limit: int) -> None:
        self._default = limit
        self._hour = 0
        self._used = 0
        self.limit = limit

    @property
    def remaining(self) -> int:
        """What remains of the hour."""
        return max(0, self.limit - self._used)

    def turn(self, now: Instant) -> None:
        """Start afresh when the hour has turned."""
        if (hour := now // HOUR) != self._hour:
            self._hour = hour
            self._used = 0

    def take(self, now: Instant) -> bool:
        """Count one request; False, and nothing counted, when none remains."""
        self.turn(now)
        if self._used >= self.limit:
            return False
        self._used += 1
        return True

    @property
    def reset_at(self) -> int:
        """When the hour turns, in epoch seconds."""
        return (self._hour + 1) * HOUR // SECOND

    def set(self, *, limit: int | None, remaining: int | None) -> None:
        """Change the limit for good, and what remains of this hour; what was used stays used."""
        if limit is not None:
            self.limit = limit
        if remaining is not None:
            self._used = self.limit - remaining

    def reset(self) -> None:
        """Back to the limit the world was made with, unused."""
        self.limit, self._used = self._default, 0

    def snapshot(self) -> dict[str, int]:
        """Every field."""
        return {
            "default": self._default,
            "limit": self.limit,
            "used": self._used,
            "hour": self._hour,
        }

    def restore(self, kept: dict[str, int]) -> None:
        """Take over a snapshot.

        Raises:
            ValueError: a count is less than nothing.
        """
        self._default = int(kept["default"])
        self.limit = int(kept["limit"])
        self._used = int(kept["used"])
        self._hour = int(kept["hour"])
        if min(self._default, self.limit, self._used, self._hour) < 0:
            raise ValueError("a count of the rate limit is less than nothing")
