"""Owns the marks: their names, their checks at collection, and how they change a world."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from payments_sandbox.pytest_plugin.options import OPTIONS, SEEDS, server_at

if TYPE_CHECKING:
    from payments_sandbox.exploration.exploration import ExplorationOptions
    from payments_sandbox.testing import Sandbox

SCENARIO: Final = "sandbox_scenario"
CLOCK: Final = "sandbox_clock"
WORLD: Final = "sandbox_world"
EXPLORE: Final = "sandbox_explore"
MARKS: Final = (
    f"{SCENARIO}(*scenarios, seed=None): activate scenarios, by name or path, in the test's world",
    f"{CLOCK}(instant): freeze the clock of the test's world at this instant",
    f"{WORLD}(key): give the test's world this API key, for services that know it",
    f"{EXPLORE}(depth=1, faults=None): run the test once for every failure that could affect it",
)
NAMES: Final = (SCENARIO, CLOCK, WORLD, EXPLORE)
FIXTURE: Final = "sandbox"
"""The fixture that makes the world which the marks apply to."""

EXPLORED_SCENARIO: Final = pytest.StashKey[Mapping[str, Any] | None]()
"""The scenario in the worlds of an explored test; None in a run without a failure."""

REPORT: Final = pytest.StashKey[Callable[[pytest.Function], None]]()
"""The function that is called instead of the body of a test that was explored."""

_NEEDS: Final = (
    f"it must call a world of {FIXTURE!r} or 'make_sandbox'; those of a server that the test"
    " makes itself, such as MemorySandbox(), are not seen"
)
_OURS: Final = "payments_sandbox.pytest_plugin"

Node = pytest.Item | pytest.Collector


def scenario_marks(node: Node) -> list[pytest.Mark]:
    """Return the marks that name scenarios: the module's, then the class's, then the test's."""
    return list(node.iter_markers(SCENARIO))[::-1]


def wants_server(node: Node) -> bool:
    """Whether a test uses the server, or a class has a mark whose check needs the server."""
    if isinstance(node, pytest.Class):
        getattr(node, "obj", None)  # pytest reads a class's marks when it gets the class itself
        return node.get_closest_marker(SCENARIO) is not None
    return "sandbox_server" in getattr(node, "fixturenames", ())


def problems(node: Node) -> list[str]:
    """Return the problems of the marks of a test or a class, a line each.

    The marks of a module are checked with its tests. Checking the module itself would import it
    here, where an error of the import is not handled.
    """
    if isinstance(node, pytest.Class):
        getattr(node, "obj", None)  # as above
    elif not isinstance(node, pytest.Item):
        return []
    scenarios, clocks = list(node.iter_markers(SCENARIO)), list(node.iter_markers(CLOCK))
    worlds, explored = list(node.iter_markers(WORLD)), list(node.iter_markers(EXPLORE))
    if not scenarios and not clocks and not worlds and not explored:
        return []
    checks = [partial(_check_use, node), partial(_check_fixture, node)]
    checks += [partial(_check_world, mark) for mark in worlds]
    checks += [partial(_check_scenarios, mark) for mark in scenarios]
    checks += [partial(_check_name, name, node) for mark in scenarios for name in mark.args]
    checks += [partial(_check_instant, mark) for mark in clocks]
    checks += [partial(_check_explored, mark, node) for mark in explored]
    found_problems = (_problem_of(check) for check in checks)
    return [f"{node.nodeid}: {line}" for line in found_problems if line is not None]


def found(name: str, node: Node) -> str | Path:
    """Return the file that a mark names, or else the name, which the server has to know.

    Raises:
        UnknownScenario: it is a path, and there is no such file.
    """
    from payments_sandbox.testing.scenario_files import find_scenario

    return find_scenario(name, node.config.stash[OPTIONS].folders, beside=node.path.parent)


def exploration_options(*, depth: int = 1, faults: str | None = None) -> "ExplorationOptions":
    """Return the options of an exploration from the arguments of a mark.

    Raises:
        ValueError: a value is invalid; the text says what would be valid.
    """
    from payments_sandbox.exploration.exploration import ExplorationOptions
    from payments_sandbox.exploration.failures import read_failures

    if depth not in {1, 2}:
        raise ValueError(f"expected depth=1 or depth=2, not {depth!r}")
    among = None if faults is None else read_failures(faults)
    return ExplorationOptions(depth, among, needs=_NEEDS)


def _problem_of(check: partial[None]) -> str | None:
    try:
        check()
    except ValueError as error:
        return str(error)
    return None


def _check_use(node: Node) -> None:
    """Refuse a test's own mark if the test has no world; a mark of its class may be for others."""
    own = [mark.name for mark in node.own_markers if mark.name in NAMES]
    if own and FIXTURE not in getattr(node, "fixturenames", (FIXTURE,)):
        raise ValueError(
            f"{own[0]} requires the fixture {FIXTURE!r}; if only steps of the test use it, or"
            f" getfixturevalue, add @pytest.mark.usefixtures({FIXTURE!r})"
        )


def _check_fixture(node: Node) -> None:
    """Refuse marks that a suite's own fixture `sandbox` cannot follow."""
    info = getattr(node, "_fixtureinfo", None)
    fixtures = info.name2fixturedefs.get(FIXTURE, ()) if info is not None else ()
    if not fixtures or fixtures[-1].func.__module__ == _OURS:
        return
    fixture = fixtures[-1]
    if fixture.scope != "function":
        raise ValueError(
            f"marks require a world for each test, but the fixture {FIXTURE!r} of this suite has"
            f" the scope {fixture.scope!r}; give it the scope 'function'"
        )
    seeds = [mark for mark in node.iter_markers(SCENARIO) if "seed" in mark.kwargs]
    is_built_on_ours = len(fixtures) > 1 and FIXTURE in fixture.argnames
    if (seeds or node.get_closest_marker(WORLD)) and not is_built_on_ours:
        raise ValueError(
            f"a world gets its key and seed when it is made, but the fixture {FIXTURE!r} of this"
            f" suite makes its own; base it on ours: def {FIXTURE}({FIXTURE})"
        )


def _check_world(mark: pytest.Mark) -> None:
    from payments_sandbox.core.ids import API_KEY, DEFAULT_API_KEY

    key = mark.kwargs.get("key")
    if mark.args or mark.kwargs.keys() != {"key"} or not isinstance(key, str):
        raise ValueError(f"{WORLD}: expected a key, as in {WORLD}(key='sk_test_shop')")
    if not API_KEY.fullmatch(key) or key == DEFAULT_API_KEY:
        raise ValueError(
            f"{WORLD}: expected sk_test_ and 1 to 64 letters, digits, '-' or '_', but not"
            f" {DEFAULT_API_KEY}, which every server has"
        )


def _check_scenarios(mark: pytest.Mark) -> None:
    if not mark.args or not all(isinstance(name, str) for name in mark.args):
        raise ValueError(f"{SCENARIO}: expected names or paths of scenarios")
    if unknown := sorted(mark.kwargs.keys() - {"seed"}):
        raise ValueError(f"{SCENARIO}: unexpected argument {unknown[0]!r}; expected seed=N")
    seed = mark.kwargs.get("seed", 0)
    if not isinstance(seed, int) or seed not in range(SEEDS):
        raise ValueError(f"{SCENARIO}: expected a seed that is a whole number below 2**53")


def _check_name(name: object, node: Node) -> None:
    """Check that a scenario's file exists, or that the server knows its name."""
    from payments_sandbox.scenarios.library import check_known
    from payments_sandbox.testing.scenario_files import names_in, shipped

    if not isinstance(name, str) or not isinstance(found(name, node), str):
        return
    options = node.config.stash[OPTIONS]
    known = shipped() if options.url is None else _known_at(options.url)
    check_known(name, [*known, *names_in(options.folders)])


def _known_at(url: str) -> Iterable[str]:
    """Return the names of the scenarios that a running server knows."""
    with server_at(url).client() as client:
        return [each["name"] for each in client.list_scenarios()["data"]]


def _check_instant(mark: pytest.Mark) -> None:
    """Check that a mark has exactly one argument, an instant."""
    from payments_sandbox.core.instants import read_instant

    if len(mark.args) != 1 or mark.kwargs:
        raise ValueError(f"{CLOCK}: expected one instant, such as 2030-01-15T09:00:00Z")
    try:
        read_instant(str(mark.args[0]))
    except ValueError as error:
        raise ValueError(f"{CLOCK}: {error}") from None


def _check_explored(mark: pytest.Mark, node: Node) -> None:
    """Check the arguments of an exploration, and that the server runs in this process."""
    if mark.args or mark.kwargs.keys() - {"depth", "faults"}:
        raise ValueError(f"{EXPLORE}: expected only depth and faults, as in {EXPLORE}(depth=2)")
    try:
        exploration_options(**mark.kwargs)
    except ValueError as error:
        raise ValueError(f"{EXPLORE}: {error}") from None
    if node.config.stash[OPTIONS].url is not None:
        raise ValueError(
            f"{EXPLORE} requires a server in this process; not allowed with --sandbox-url"
        )


def use_marks(node: pytest.Item, world: "Sandbox") -> None:
    """Apply the marks to a world that was made without them, and may outlive the test."""
    if (clock := node.get_closest_marker(CLOCK)) is not None:
        world.clock.freeze(clock.args[0])
    if node.get_closest_marker(SCENARIO) is not None:
        before = _active(world)
        use_marked(node, world)
        node.addfinalizer(lambda: _stop_using(world, _active(world) - before))


def _active(world: "Sandbox") -> set[str]:
    with suppress(Exception):  # an error after the test does not change its result
        return {each["name"] for each in world.control.list_active_scenarios()["data"]}
    return set()


def _stop_using(world: "Sandbox", scenarios: set[str]) -> None:
    with suppress(Exception):  # as above
        for name in scenarios:
            world.control.remove_active_scenarios(name=name)


def use_marked(node: pytest.Item, world: "Sandbox") -> None:
    """Activate the scenarios of the marks in a world."""
    world.use(*(found(name, node) for mark in scenario_marks(node) for name in mark.args))
