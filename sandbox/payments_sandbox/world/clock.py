"""Owns a world's time: live or frozen, moved forward by hand, never backward."""

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import LAST, SECOND, Instant, show_instant

MOVES_KEPT: Final = 100
"""How many moves by hand a clock remembers."""

WallClock = Callable[[], Instant]
"""Reads the real time; the composition root provides it."""


class Mode(StrEnum):
    """Whether the clock runs or stands still."""

    LIVE = "live"
    FROZEN = "frozen"


class WorldClock:
    """Real time plus an offset, or one instant that stands still.

    Attributes:
        moves: the last moves by hand, as pairs of instants: from where, and where to.
    """

    __slots__ = ("_is_live", "_latest", "_offset", "_wall", "moves")

    def __init__(self, wall: WallClock, *, frozen_at: Instant | None = None) -> None:
        self._wall = wall
        self._is_live = frozen_at is None
        self._offset = 0
        self.moves: deque[tuple[Instant, Instant]] = deque(maxlen=MOVES_KEPT)
        self._latest = Instant(0) if frozen_at is None else frozen_at

    @property
    def mode(self) -> Mode:
        """Whether the clock runs or stands still."""
        return Mode.LIVE if self._is_live else Mode.FROZEN

    def now(self, wall: Instant | None = None) -> Instant:
        """The world's instant; it never goes back, even if the machine's clock does.

        Args:
            wall: the real time, if the caller has just read it.
        """
        if self._is_live:
            now = (self._wall() if wall is None else wall) + self._offset
            if now > self._latest:
                self._latest = Instant(now) if now < LAST else LAST
        return self._latest

    def reach(self, instant: Instant) -> None:
        """Move forward to an instant; one in the past changes nothing."""
        if instant > self.now():
            self._latest = instant
            self._offset = instant - self._wall()

    def freeze(self) -> None:
        """Stop the clock at the present instant."""
        # It stops at the present instant, not at the last one that was read.
        self.now()
        self._is_live = False

    def resume(self) -> None:
        """Continue at wall speed from the world's present instant."""
        if not self._is_live:
            self._offset = self._latest - self._wall()
            self._is_live = True

    def check_reachable(self, instant: Instant, field: str) -> None:
        """Check that the clock can move to an instant.

        Raises:
            InvalidRequest: it is in the past or after `LAST`; the details name the field.
        """
        now = self.now()
        if instant < now - now % SECOND:  # clients are shown whole seconds
            raise InvalidRequest(
                f"/{field}: expected an instant at or after the world's current time,"
                f" {show_instant(now)}:"
                " time never goes back. POST /_sandbox/worlds creates a world that starts earlier."
            )
        if instant > LAST:
            raise InvalidRequest(
                f"/{field}: expected an instant up to the year 2999. POST /_sandbox/world/reset"
                " with"
                ' {"only": ["payments", "clock"]} resets the clock.'
            )

    def snapshot(self) -> dict[str, object]:
        """Return the mode, the frozen instant or the live offset, and the moves."""
        return {
            "mode": self.mode.value,
            "now": self.now(),
            "offset": self._offset,
            "moves": [list(move) for move in self.moves],
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Restore a snapshot; a live clock continues from the present wall time.

        Raises:
            ValueError: the mode or an instant is invalid.
        """
        self._is_live = Mode(str(snapshot["mode"])) is Mode.LIVE
        self._latest = Instant(int(snapshot["now"]))
        self._offset = int(snapshot["offset"])
        self.moves.extend(
            (Instant(int(start)), Instant(int(end))) for start, end in snapshot["moves"]
        )
