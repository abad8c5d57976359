"""Owns the lag of the event loop: how late it does what was to be done at a time.

It is measured once a second, and only once somebody has asked: an idle server that nobody watches
sleeps.
"""

import asyncio
from collections import deque
from typing import Final

_EVERY: Final = 1.0
"""Seconds between two measurements."""

_RECENT: Final = 60
"""Measurements among which the largest is looked for."""


class LoopLag:
    """Measures the loop that runs, until it is stopped.

    Attributes:
        measured: how often it was measured.
        total: the seconds of all measurements.
    """

    def __init__(self) -> None:
        self.measured = 0
        self.total = 0.0
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._loop = asyncio.get_running_loop()
        self._timer = self._next_timer()

    @property
    def largest(self) -> float:
        """The seconds of the largest of the last measurements."""
        return max(self._recent, default=0.0)

    def stop(self) -> None:
        """Measure no more."""
        self._timer.cancel()

    def _next_timer(self) -> asyncio.TimerHandle:
        wanted = self._loop.time() + _EVERY
        return self._loop.call_at(wanted, self._measure, wanted)

    def _measure(self, wanted: float) -> None:
        late = max(0.0, self._loop.time() - wanted)
        self.measured += 1
        self.total += late
        self._recent.append(late)
        self._timer = self._next_timer()
