"""Owns when coverage looks: while a test runs, at threads of its fixtures, and at nothing else.

To measure makes an interpreter twice as slow, whatever code it runs. So it rests while tests are
collected, chosen and reported, while fixtures are made, and during tests that reach next to nothing
that others do not.
Commands that tests fork are looked at, too. What has an interpreter of its own is not: it would
begin four times as slowly, and reaches what others reach.

What modules do as they are imported is looked at once, while workers begin.
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
"""Variables that let every interpreter be measured that begins."""

LOOKS_AT_FORKS: Final = "TESTS_LOOK_AT_FORKS"
"""The variable that lets a process be measured that is forked."""

UNMEASURED: Final = tuple(
    (Path(__file__).parent / "unmeasured.txt").read_text(encoding="utf-8").splitlines()
)
"""What the ids of tests begin with that run for long and reach next to nothing that others do not.

Of a single test of a module, `…py::test_it`, the fixtures' threads are looked at: others may use
them, too. Those of a row, `…py::test_it[row]`, are made for it, and are not.
"""

_WITH_FIXTURES: Final = tuple(each for each in UNMEASURED if "::" not in each or "[" in each)


class Measuring:
    """A plugin of pytest that lets coverage look, and rest, where it was begun with Python.

    Args:
        is_worker: whether others do the same, and who has begun them has looked at imports.
        has_workers: whether it begins workers, which are looked at, and nothing else.
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
        """Look at imports, while workers that have begun do theirs."""
        begun = yield
        if self._imports:
            import_all()
            self._rest()
        return begun

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let no process of an unmeasured test be measured."""
        with pytest.MonkeyPatch.context() as patch:
            if item.nodeid.startswith(UNMEASURED):
                patch.delenv(LOOKS_AT_FORKS, raising=False)
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Look at the threads that fixtures start."""
        if item.nodeid.startswith(_WITH_FIXTURES):
            return (yield)
        threading.settrace(self._look_at_threads)
        try:
            return (yield)
        finally:
            threading.settrace(None)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Look at what a test does."""
        if item.nodeid.startswith(UNMEASURED):
            return (yield)
        sys.settrace(self._look)
        threading.settrace(self._look_at_threads)
        try:
            return (yield)
        finally:
            self._rest()

    def _rest(self) -> None:
        """Threads that are looked at go on being so."""
        sys.settrace(None)
        threading.settrace(None)


def import_all() -> None:
    """Import all modules of the package."""
    for each in pkgutil.walk_packages(payments_sandbox.__path__, f"{payments_sandbox.__name__}."):
        if not each.name.endswith("__main__"):
            import_module(each.name)


def is_measured(variables: Mapping[str, str]) -> bool:
    """Whether an interpreter that has begun with these variables is measured."""
    return any(map(variables.get, COVERAGE))
