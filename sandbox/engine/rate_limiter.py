"""Owns the documented rate limit: so many requests per clock hour of the world's clock.

Source: section "RATE LIMITING". The documented reset, 1642262400, is on the hour.
"""

from typing import Final

from sandbox.domain.instants import HOUR, SECOND, Instant

DOCUMENTED_LIMIT: Final = 1_000


class RateLimiter:
    """Counts one world's requests within the hour; the hour turns by the instant it is given."""

    __slots__ = ("_default", "_hour", "limit", "remaining")

    def __init__(self, limit: int) -> None:
        self._default = limit
        self._hour = 0
        self.limit = limit
        self.remaining = limit

    def turn(self, now: Instant) -> None:
        """Start afresh when the hour has turned."""
        if (hour := now // HOUR) != self._hour:
            self._hour = hour
            self.remaining = self.limit

    def take(self, now: Instant) -> bool:
        """Count one request; False, and nothing counted, when none remains."""
        self.turn(now)
        if self.remaining <= 0:
            return False
        self.remaining -= 1
        return True

    @property
    def reset_at(self) -> int:
        """When the hour turns, in epoch seconds."""
        return (self._hour + 1) * HOUR // SECOND

    def set(self, *, limit: int | None, remaining: int | None) -> None:
        """Change the limit for good, and what remains of this hour; what was used stays used."""
        if limit is not None:
            self.remaining = max(0, self.remaining + limit - self.limit)
            self.limit = limit
        if remaining is not None:
            self.remaining = remaining

    def reset(self) -> None:
        """Back to the limit the world was made with, unused."""
        self.limit = self.remaining = self._default

    def snapshot(self) -> dict[str, int]:
        """Every field."""
        return {
            "default": self._default,
            "limit": self.limit,
            "remaining": self.remaining,
            "hour": self._hour,
        }

    def restore(self, kept: dict[str, int]) -> None:
        """Take over a snapshot.

        Raises:
            ValueError: a count is less than nothing.
        """
        self._default = int(kept["default"])
        self.limit = int(kept["limit"])
        self.remaining = int(kept["remaining"])
        self._hour = int(kept["hour"])
        if min(self._default, self.limit, self.remaining, self._hour) < 0:
            raise ValueError("a count of the rate limit is less than nothing")
