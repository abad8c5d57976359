"""Owns the marks: what they are called, and all that can be wrong with them, told at collection."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from payments_sandbox.pytest_plugin.options import OPTIONS, SEEDS, server_at

SCENARIO: Final = "sandbox_scenario"
CLOCK: Final = "sandbox_clock"
MARKS: Final = (
    f"{SCENARIO}(*scenarios, seed=None): let the test's world follow these, by name or path",
    f"{CLOCK}(instant): let the clock of the test's world stand still there",
)
FIXTURE: Final = "sandbox"
"""Makes the world that the marks are about."""

Node = pytest.Item | pytest.Collector


def problems(node: Node) -> list[str]:
    """What is wrong with the marks of a test or a class, a line each.

    Those of a module are its tests': to look at itself would import it here, where nobody is
    ready for what its import raises.
    """
    if isinstance(node, pytest.Class):
        getattr(node, "obj", None)  # it has its marks once it has its object
    elif not isinstance(node, pytest.Item):
        return []
    scenarios, clocks = list(node.iter_markers(SCENARIO)), list(node.iter_markers(CLOCK))
    if not scenarios and not clocks:
        return []
    checks = [partial(_check_use, node)]
    checks += [partial(_check_scenarios, mark) for mark in scenarios]
    checks += [partial(_check_name, name, node) for mark in scenarios for name in mark.args]
    checks += [partial(_check_instant, mark) for mark in clocks]
    found_problems = (_problem_of(check) for check in checks)
    return [f"{node.nodeid}: {line}" for line in found_problems if line is not None]


def found(name: str, node: Node) -> str | Path:
    """The file that a mark means, or the name where the server has to know it.

    Raises:
        UnknownScenario: it is a path, and there is no such file.
    """
    from payments_sandbox.testing.scenario_files import find_scenario

    return find_scenario(name, node.config.stash[OPTIONS].folders, beside=node.path.parent)


def _problem_of(check: partial[None]) -> str | None:
    try:
        check()
    except ValueError as error:
        return str(error)
    return None


def _check_use(node: Node) -> None:
    """A mark of a test without a world would be ignored; one of its class or module may be."""
    own = [mark.name for mark in node.own_markers if mark.name in (SCENARIO, CLOCK)]
    if own and FIXTURE not in getattr(node, "fixturenames", (FIXTURE,)):
        raise ValueError(f"{own[0]} is for tests that use the fixture {FIXTURE!r}")


def _check_scenarios(mark: pytest.Mark) -> None:
    if not mark.args or not all(isinstance(name, str) for name in mark.args):
        raise ValueError(f"{SCENARIO}: expected names or paths of scenarios")
    if unknown := sorted(mark.kwargs.keys() - {"seed"}):
        raise ValueError(f"{SCENARIO}: expected no {unknown[0]!r}; seed=N is all there is")
    seed = mark.kwargs.get("seed", 0)
    if not isinstance(seed, int) or seed not in range(SEEDS):
        raise ValueError(f"{SCENARIO}: expected a seed that is a whole number below 2**53")


def _check_name(name: object, node: Node) -> None:
    """See that a scenario is there, or known to the server that will be asked for it."""
    from payments_sandbox.scenarios.library import check_known
    from payments_sandbox.testing.scenario_files import names_in, shipped

    if not isinstance(name, str) or not isinstance(found(name, node), str):
        return
    options = node.config.stash[OPTIONS]
    known = shipped() if options.url is None else _known_at(options.url)
    check_known(name, [*known, *names_in(options.folders)])


def _known_at(url: str) -> Iterable[str]:
    """The scenarios that a running server knows."""
    from payments_sandbox.testing import ControlError

    try:
        with server_at(url).client() as client:
            return [each["name"] for each in client.list_scenarios()["data"]]
    except ControlError as error:
        raise ValueError(str(error)) from error


def _check_instant(mark: pytest.Mark) -> None:
    """See that a mark has one instant."""
    from payments_sandbox.core.instants import read_instant

    if len(mark.args) != 1 or mark.kwargs:
        raise ValueError(f"{CLOCK}: expected one instant, such as 2030-01-15T09:00:00Z")
    try:
        read_instant(str(mark.args[0]))
    except ValueError as error:
        raise ValueError(f"{CLOCK}: {error}") from None
