"""Owns what all tests share: the profiles of Hypothesis, and what is compiled or read once.

`HYPOTHESIS_PROFILE=nightly` draws more and new examples on every run. The default draws the same
examples every time, so that a failing build fails for everybody.
"""

import gc
import os
import signal
import sys
from collections.abc import Generator

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from tests.support.authorities import read_once
from tests.support.measuring import Measuring, is_measured
from tests.support.watchdog import Watchdog

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True, max_examples=50)
settings.register_profile(
    "nightly", derandomize=False, deadline=None, print_blob=True, max_examples=1_000
)
settings.register_profile("mutate", derandomize=True, deadline=None, max_examples=10)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Hundreds of processes start from this checkout. In container images that forbid bytecode files,
# each of them would compile everything again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# For compilers that run for two seconds, full JIT compilation does not pay off.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# A suite that runs in the background ignores these signals, and processes inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    """Measure coverage in tests only, and end tests that hang."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    read_once(patch)
    config.pluginmanager.register(Watchdog())
    if is_measured(os.environ):
        is_worker = hasattr(config, "workerinput")
        has_workers = not is_worker and bool(config.getoption("numprocesses", None))
        config.pluginmanager.register(Measuring(is_worker=is_worker, has_workers=has_workers))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that rewrites golden files."""
    parser.addoption(
        "--update-golden", action="store_true", help="write the files of tests/cli/golden anew"
    )


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session: pytest.Session) -> Generator[None, object, object]:
    """Write a file while workers start, for which each of them would need a second.

    Hypothesis stores its table of characters in `.hypothesis`.
    """
    begun = yield
    if not hasattr(session.config, "workerinput"):
        st.text().validate()
    return begun


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with browser tests, which share the browser, and the long tests of pages and examples.

    A long test that begins last would leave the other workers without work.
    """
    places = {name: place for place, name in enumerate(("browser", "docs"))}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(places)))


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Use one and a half workers per core, because tests often wait for processes."""
    cores = yield
    return cores if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else cores + (cores + 1) // 2


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Exclude the thousands of collected tests from garbage collection: they are kept anyway."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
