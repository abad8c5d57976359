"""A hanging worker is ended, even if its test catches every exception."""

import subprocess
import sys
from typing import Final

import pytest

from tests.project.tree import ROOT
from tests.support.values import LONGEST_WAIT
from tests.support.watchdog import HANGS, Watchdog

HANGING: Final = """
from tests.support.watchdog import Watchdog

def hang():
    Watchdog(-59.99).pytest_runtest_setup()
    while True:
        pass

hang()
"""


def test_a_hanging_test_is_ended_with_a_traceback() -> None:
    """The traceback goes to the stream that pytest does not capture."""
    ended = subprocess.run(
        [sys.executable, "-c", HANGING],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=LONGEST_WAIT,
    )
    assert ended.returncode == 1
    assert "Timeout (0:00:00.01" in ended.stderr
    assert "in hang\n" in ended.stderr


def test_the_watchdog_starts_no_timer_per_test(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[float] = []
    with monkeypatch.context() as patch:
        patch.setattr("faulthandler.dump_traceback_later", lambda limit, **_: begun.append(limit))
        patch.setattr("faulthandler.cancel_dump_traceback_later", lambda: None)
        watchdog = Watchdog()
        for _ in range(1_000):
            watchdog.pytest_runtest_setup()
        watchdog.pytest_unconfigure()
    assert 1 <= len(begun) < 1_000
    assert set(begun) == {HANGS + 60}
