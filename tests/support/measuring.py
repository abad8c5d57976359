"""Owns when coverage is measured: in running tests and threads of their fixtures only.

Measuring makes an interpreter twice as slow. It is therefore off while tests are collected and
reported, while fixtures are set up, and in tests that reach hardly any code that others do not.
Commands that tests fork are measured too. Processes with their own interpreter are not: they would
start four times as slowly, and reach the same code.

The import of modules is measured once, while workers start.
"""

import os
import pkgutil
import sys
import threading
from collections.abc import Generator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest

import payments_sandbox

COVERAGE: Final = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
"""Variables that make every new interpreter measure."""

LOOKS_AT_FORKS: Final = "TESTS_LOOK_AT_FORKS"
"""The variable that makes forked processes measure."""

UNMEASURED: Final = tuple(
    (Path(__file__).parent / "unmeasured.txt").read_text(encoding="utf-8").splitlines()
)
"""Prefixes of ids of tests that run for long and reach hardly any code that others do not.

For a single test, `…py::test_it`, the threads of fixtures are still measured, because other tests
may use them. For a row, `…py::test_it[row]`, they are not.
"""

_WITH_FIXTURES: Final = tuple(each for each in UNMEASURED if "::" not in each or "[" in each)


class Measuring:
    """A pytest plugin that switches coverage on and off if the interpreter started with it.

    Args:
        is_worker: whether this is an xdist worker, whose controller has measured imports.
        has_workers: whether this is a controller, in which only imports are measured.
    """

    def __init__(self, *, is_worker: bool, has_workers: bool) -> None:
        self._imports = not is_worker
        if not has_workers:
            for name in COVERAGE:
                os.environ.pop(name, None)
            os.environ[LOOKS_AT_FORKS] = "1"
        self._look, self._look_at_threads = sys.gettrace(), threading.gettrace()
        if is_worker:
            self._rest()

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self) -> Generator[None, object, object]:
        """Measure imports while the workers do theirs."""
        begun = yield
        if self._imports:
            import_all()
            self._rest()
        return begun

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Switch off measuring for the processes of an unmeasured test."""
        with pytest.MonkeyPatch.context() as patch:
            if item.nodeid.startswith(UNMEASURED):
                patch.delenv(LOOKS_AT_FORKS, raising=False)
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Measure the threads that fixtures start."""
        if item.nodeid.startswith(_WITH_FIXTURES):
            return (yield)
        threading.settrace(self._look_at_threads)
        try:
            return (yield)
        finally:
            threading.settrace(None)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Measure the test itself."""
        if item.nodeid.startswith(UNMEASURED):
            return (yield)
        sys.settrace(self._look)
        threading.settrace(self._look_at_threads)
        try:
            return (yield)
        finally:
            self._rest()

    def _rest(self) -> None:
        """Stop measuring, except in threads that are measured already."""
        sys.settrace(None)
        threading.settrace(None)


def import_all() -> None:
    """Import all modules of the package."""
    for each in pkgutil.walk_packages(payments_sandbox.__path__, f"{payments_sandbox.__name__}."):
        if not each.name.endswith("__main__"):
            import_module(each.name)


def is_measured(variables: Mapping[str, str]) -> bool:
    """Return whether an interpreter with these variables is measured."""
    return any(map(variables.get, COVERAGE))
