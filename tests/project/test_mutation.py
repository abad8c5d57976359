"""Holds `make mutate` to what it is for: a fault changes one place, and no excuse is stale."""

import ast
import sys

import pytest

from tools.mutation.__main__ import excused, main
from tools.mutation.faults import faults_of, parsed

PATH = "payments/rate_limiter.py"
UNITS = "core/instants.py"


def test_a_fault_changes_one_place_and_leaves_a_module_that_compiles() -> None:
    """Each of a module's faults makes another module of it."""
    found = list(faults_of(PATH))
    changed = {ast.dump(each.tree()) for each in found}

    assert len(changed) == len(found) > 20
    assert ast.dump(parsed(PATH)) not in changed
    for each in found:
        compile(each.tree(), PATH, "exec")


def test_a_fault_is_known_by_its_function_and_by_its_words() -> None:
    """What is made while modules are imported is in no function."""
    functions = {each.key: each.function for each in faults_of(PATH)}
    compared = "RateLimiter.take: self._used >= self.limit → self._used > self.limit"
    units = {each.function for each in faults_of(UNITS) if "module: 1000 → " in each.key}

    assert (functions[f"{PATH}: {compared}"], units) == ("RateLimiter.take", {None})


def test_every_excuse_is_of_a_fault_that_there_is() -> None:
    """Code that has changed has to be looked at again."""
    paths = {each.partition(": ")[0] for each in excused()}

    assert excused() <= {each.key for path in paths for each in faults_of(path)}


def test_no_fault_to_try_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["mutation", "--only", "no line has this"])
    monkeypatch.setattr("tools.mutation.__main__.modules", lambda: [PATH])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
