"""Owns what every test shares: how Hypothesis draws, what is measured and what is compiled once.

`HYPOTHESIS_PROFILE=nightly` draws anew on every run and looks longer; the default draws the same
examples every time, so that a red build is red for everybody.
"""

import gc
import os
import signal
import sys
from collections.abc import Generator
from typing import Final

import pytest
from hypothesis import settings

UNMEASURED: Final = (
    "tests/browser/",
    "tests/cli/test_golden.py",
    "tests/cli/test_standard_streams.py",
    "tests/cli/test_webhook_receivers.py",
    "tests/contract/test_schemathesis.py",
    "tests/docs/",
    "tests/library/",
    "tests/payments/test_ledger_machine.py",
    "tests/project/",
    "tests/server/faults/test_clients.py",
    "tests/server/test_leaks.py",
    "tests/server/webhooks/test_many.py",
    "tests/server/webhooks/test_sameness.py",
    "tests/webhooks/test_leaks.py",
)
"""Tests that run for long and reach no line that others do not reach.

To measure makes an interpreter twice as slow, whatever code it runs.
"""

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile(
    "nightly", derandomize=False, deadline=None, print_blob=True, max_examples=1_000
)
settings.register_profile("mutate", derandomize=True, deadline=None, max_examples=10)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Hundreds of processes start from this checkout, and each would compile all of it again where
# images of containers forbid Python to keep what it has compiled.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Whoever runs the suite in the background ignores these, and processes inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the files be written that tests hold outputs against."""
    parser.addoption(
        "--update-golden", action="store_true", help="write the files of tests/cli/golden anew"
    )


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Half as many again as there are cores: tests of processes wait for those."""
    cores = yield
    return cores if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else cores + (cores + 1) // 2


def pytest_collection_finish() -> None:
    """Let the collector of garbage never look at thirteen thousand tests again: they stay."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let coverage rest during the tests that need not be measured."""
    if "COVERAGE_PROCESS_START" not in os.environ or not item.nodeid.startswith(UNMEASURED):
        return (yield)
    from coverage import Coverage  # noqa: PLC0415 - it is only there when something is measured

    measured = Coverage.current()
    assert measured is not None
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
            patch.delenv(name, raising=False)  # what such a test starts
        measured.stop()
        try:
            return (yield)
        finally:
            measured.start()
