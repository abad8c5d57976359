"""Owns ending a worker whose test ignores its timeout: it shows all threads, and exits.

pytest's `faulthandler_timeout` does the same with a thread for each test, which costs more than
most tests; here a new thread is started only if the last one is old.
"""

import faulthandler
import os
import time
from typing import Final

HANGS: Final = 300.0
"""More seconds than any test may run: the timeout of tests is shorter."""

_OLD: Final = 60.0


class Watchdog:
    """A pytest plugin, created before output is captured."""

    def __init__(self, hangs: float = HANGS) -> None:
        self._limit, self._begun = hangs + _OLD, -_OLD
        self._stderr = os.dup(2)

    def pytest_runtest_setup(self) -> None:
        """Restart the timer, unless it was started recently."""
        now = time.monotonic()
        if now - self._begun >= _OLD:
            self._begun = now
            faulthandler.dump_traceback_later(self._limit, exit=True, file=self._stderr)

    def pytest_unconfigure(self) -> None:
        """Cancel the timer."""
        faulthandler.cancel_dump_traceback_later()
        os.close(self._stderr)
