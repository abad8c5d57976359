"""`make mutate`: mutations change one place, and the list of equivalent ones is current."""

import ast
import sys

import pytest

from tools.mutation.__main__ import excused, main
from tools.mutation.faults import faults_of, parsed

PATH = "payments/rate_limiter.py"
UNITS = "core/instants.py"


def test_every_mutation_changes_the_module_and_compiles() -> None:
    """All mutations of a module are different."""
    found = list(faults_of(PATH))
    changed = {ast.dump(each.tree()) for each in found}

    assert len(changed) == len(found) > 20
    assert ast.dump(parsed(PATH)) not in changed
    for each in found:
        compile(each.tree(), PATH, "exec")


def test_a_mutation_is_identified_by_function_and_change() -> None:
    """Code that runs at import has no function."""
    functions = {each.key: each.function for each in faults_of(PATH)}
    compared = "RateLimiter.take: self._used >= self.limit → self._used > self.limit"
    units = {each.function for each in faults_of(UNITS) if "module: 1000 → " in each.key}

    assert (functions[f"{PATH}: {compared}"], units) == ("RateLimiter.take", {None})


def test_every_equivalent_mutation_still_exists() -> None:
    """After a change of the code the list must be reviewed."""
    paths = {each.partition(": ")[0] for each in excused()}

    assert excused() <= {each.key for path in paths for each in faults_of(path)}


def test_no_mutation_to_try_exits_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["mutation", "--only", "no line has this"])
    monkeypatch.setattr("tools.mutation.__main__.modules", lambda: [PATH])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
