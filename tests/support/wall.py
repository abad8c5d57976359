"""Owns the wall clock of tests: it shows what it is set to."""

from payments_sandbox.core.instants import Instant, read_instant

NOON = read_instant("2030-01-15T12:00:00Z")
"""Where tests begin: on the hour, so that limits and windows are round."""


class Wall:
    """A `WallClock` that moves when it is told to, backwards too."""

    def __init__(self, at: Instant = NOON) -> None:
        self.at = at

    def __call__(self) -> Instant:
        """What it is set to."""
        return self.at

    def move(self, milliseconds: int) -> None:
        """Go on, or back where it is negative."""
        self.at = Instant(self.at + milliseconds)
