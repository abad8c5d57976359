"""Owns what ends a worker whose test swallows its timeout: every thread is shown, and it exits.

pytest's `faulthandler_timeout` does the same with a thread for each test, which costs more than
most tests; here there is a new one only where the last one is old.
"""

import faulthandler
import os
import time
from typing import Final

HANGS: Final = 300.0
"""Seconds that no test runs for: its timeout is shorter."""

_OLD: Final = 60.0


class Watchdog:
    """A plugin of pytest; made while nothing is captured."""

    def __init__(self, hangs: float = HANGS) -> None:
        self._limit, self._begun = hangs + _OLD, -_OLD
        self._stderr = os.dup(2)

    def pytest_runtest_setup(self) -> None:
        """Begin to wait anew, unless that was just done."""
        now = time.monotonic()
        if now - self._begun >= _OLD:
            self._begun = now
            faulthandler.dump_traceback_later(self._limit, exit=True, file=self._stderr)

    def pytest_unconfigure(self) -> None:
        """Wait no longer."""
        faulthandler.cancel_dump_traceback_later()
        os.close(self._stderr)
