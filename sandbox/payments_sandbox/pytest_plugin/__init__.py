"""Owns the pytest plugin: its fixtures, marks and options; the first fixture imports the rest.

Every run of every project imports this module, so it imports nothing that pytest has not.
"""

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest

from payments_sandbox import __version__
from payments_sandbox.pytest_plugin.after_test import (
    EARLIER,
    ENDED,
    JOURNALS,
    JUDGED,
    OWNER,
    WORLDS,
    JournalFolder,
    begin,
    end,
    hear_of_worlds,
    judge,
    section_of,
    shorten,
    take,
)
from payments_sandbox.pytest_plugin.marks import (
    CLOCK,
    EXPLORE,
    EXPLORED_SCENARIO,
    FIXTURE,
    MARKS,
    NAMES,
    REPORT,
    SCENARIO,
    WORLD,
    found,
    problems,
    scenario_marks,
    wants_server,
)
from payments_sandbox.pytest_plugin.options import (
    OPTIONS,
    SEED,
    add_options,
    options_in,
    server_at,
    why_unusable,
)
from payments_sandbox.pytest_plugin.plain_imports import import_plainly

if TYPE_CHECKING:
    from typing import Any, Protocol

    from payments_sandbox.testing import MakeSandbox, Options, Sandbox, Server

    class Node(Protocol):
        """A worker of pytest-xdist, as its main process sees it."""

        config: pytest.Config
        workerinput: dict[str, object]


UNUSABLE: Final = "payments_sandbox_unusable"
"""What a report of collection is marked with, so that the main process hears of it from workers."""


SERVER: Final = "sandbox_server"
"""The fixture whose worlds are judged, whoever has asked for them."""

MARKED: Final = pytest.StashKey[list["Sandbox"]]()
"""The worlds of a test that have what its marks want."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options and ini keys; the command line wins, then the environment."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options of the session."""
    import_plainly(config)
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    options = options_in(config)
    config.stash[OPTIONS] = options
    if options.coverage:
        from payments_sandbox.pytest_plugin.coverage import SessionCoverage

        config.pluginmanager.register(SessionCoverage(options), "payments-sandbox-coverage")
    if not options.worker:
        config.pluginmanager.register(SessionEnd(), "payments-sandbox-session-end")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: "Node") -> None:
    """Tell a worker of pytest-xdist the seed, which may have been drawn."""
    node.workerinput[SEED] = node.config.stash[OPTIONS].seed


def pytest_report_header(config: pytest.Config) -> str:
    """Version, seed and server, for whoever wants to repeat a run."""
    options = config.stash[OPTIONS]
    folders = [f"scenarios in {folder}" for folder in options.folders]
    server = options.url or "a server of its own"
    return ", ".join([f"payments-sandbox {__version__}: seed {options.seed}", server, *folders])


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A mark that names no scenario, or no instant, is an error of collection.

    So is a server that cannot be used, for the first test that wants it: of the whole session.
    """
    report = yield
    config, items = collector.config, report.result or ()
    if any(map(wants_server, items)) and (unusable := why_unusable(config)) is not None:
        report.outcome, report.result, report.longrepr = "failed", [], unusable
        vars(report)[UNUSABLE] = unusable
        return report
    if wrong := [line for item in items for line in problems(item)]:
        report.outcome, report.result = "failed", []
        report.longrepr = "\n".join([f"{collector.nodeid}:", *wrong])
    return report


class SessionEnd:
    """Ends a session whose server cannot be used with one usage error, whoever has met it.

    It is a plugin of the main process alone: in a worker of pytest-xdist the error would end that.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Look whether a collector has met it.

        Raises:
            UsageError: one has.
        """
        if (unusable := vars(report).get(UNUSABLE)) is not None:
            raise pytest.UsageError(unusable)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Explore a test that is marked so, before its own protocol reports what was found."""
    if isinstance(item, pytest.Function) and item.get_closest_marker(EXPLORE) is not None:
        from payments_sandbox.pytest_plugin.explored_test import explore_item

        explore_item(item)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Let the report of an exploration take the place of the test's body."""
    if (report := pyfuncitem.stash.get(REPORT, None)) is None:
        return None
    report(pyfuncitem)
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Begin without worlds, each time that a test is run."""
    item.stash[WORLDS] = []
    item.stash[MARKED] = []
    item.stash[EARLIER], item.stash[JUDGED] = {}, {}
    if ENDED in item.stash:  # it is run once more
        del item.stash[ENDED]
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: "pytest.FixtureDef[Any]", request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Let a fixture of the suite that has our name be judged, and follow marks.

    What a fixture of a test is given by `sandbox_server` is the test's, what a wider one is given
    is nobody's.
    """
    stash, is_own = request.config.stash, fixturedef.scope == "function"
    before = stash.get(OWNER, None)
    stash[OWNER] = request.node if is_own else None
    try:
        result = yield
    finally:
        stash[OWNER] = before
    if fixturedef.argname == FIXTURE and is_own:
        _watch(request.node, result)
    if fixturedef.argname == SERVER:
        hear_of_worlds(request.config, result)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Unmet expectations fail the test itself; its own failure comes first."""
    given = getattr(item, "funcargs", {})
    if FIXTURE in given:  # one of a wider scope was there already
        _watch(item, given[FIXTURE])
    begin(item)
    item.config.stash[OWNER] = item
    try:
        result = yield
    finally:
        item.config.stash[OWNER] = None
        end(item)
    if EXPLORED_SCENARIO in item.stash:
        return result  # an exploration judges its worlds itself
    if item.stash[WORLDS] and (reason := judge(item)) is not None:
        pytest.fail(reason, pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what its worlds have seen, and keeps all of it as a file."""
    report = yield
    if call.excinfo is not None:
        shorten(report, call.excinfo.value)
    is_kept = call.when == "call" and item.config.stash[OPTIONS].journal == "on"
    is_wanted = (report.failed or is_kept) and EXPLORED_SCENARIO not in item.stash
    if is_wanted and call.when != "teardown" and item.stash.get(WORLDS, None):
        report.sections.append(("payments sandbox", section_of(item)))
    return report


@pytest.fixture(scope="session")
def sandbox_options(request: pytest.FixtureRequest) -> "Options":
    """Settings of the server of this run; override it to change some."""
    options = request.config.stash[OPTIONS]
    return {"seed": options.seed, "scenario_dirs": options.folders}


@pytest.fixture(scope="session")
def sandbox_server(
    request: pytest.FixtureRequest, sandbox_options: "Options"
) -> Iterator["Server"]:
    """One server for each process that runs tests, or the one of `--sandbox-url`."""
    from payments_sandbox.core.settings import settings_from
    from payments_sandbox.testing import RunningSandbox

    request.config.stash[JOURNALS] = JournalFolder(request.config)
    given = request.config.stash[OPTIONS]
    if given.url is not None:
        yield server_at(given.url)
        return
    # No world is idle for longer than its test; one that travels in time is not to lose its own.
    options: Options = {"world_ttl": "36500d", "max_worlds": 10**6, "coverage": given.coverage}
    options |= sandbox_options
    with RunningSandbox(settings_from(options), number=given.worker) as own:
        yield own


@pytest.fixture
def make_sandbox(
    request: pytest.FixtureRequest, sandbox_server: "Server"
) -> Iterator["MakeSandbox"]:
    """Makes worlds for one test, when one is not enough."""
    from payments_sandbox.client.errors import Unreachable, describe_unreachable
    from payments_sandbox.core.ids import derived_seed

    options, node = request.config.stash[OPTIONS], request.node
    made: list[Sandbox] = []

    def make(
        *scenarios: str,
        key: str | None = None,
        seed: int | None = None,
        clock: str | None = None,
        rate_limit: int | None = None,
    ) -> "Sandbox":
        if seed is None:  # the same for a test in every run, whatever runs beside it
            seed = derived_seed(options.seed, node.nodeid, len(made))
        try:
            world = sandbox_server.new_world(
                key=key,
                name=node.nodeid,
                seed=seed,
                clock=clock,
                rate_limit=rate_limit,
                folders=options.folders,
            )
        except Unreachable as gone:
            why = describe_unreachable(gone, sandbox_server.url, "--sandbox-url")
            raise pytest.fail.Exception(why, pytrace=False) from None
        made.append(world)
        take(node, world)
        world.use(*scenarios)
        if explored := node.stash.get(EXPLORED_SCENARIO, None):
            world.control.add_active_scenario(explored)
        return world

    yield make
    for world in reversed(made):
        with suppress(Exception):  # whatever keeps it from being dropped, the result stands
            world.close()


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, make_sandbox: "MakeSandbox") -> "Sandbox":
    """A world of the test's own, as its marks want it."""
    node = request.node
    clock, key = node.get_closest_marker(CLOCK), node.get_closest_marker(WORLD)
    seeds = [mark.kwargs["seed"] for mark in scenario_marks(node) if "seed" in mark.kwargs]
    world = make_sandbox(
        key=None if key is None else key.kwargs["key"],
        clock=None if clock is None else clock.args[0],
        seed=seeds[-1] if seeds else None,
    )
    node.stash[MARKED].append(world)
    _use_marked(node, world)
    return world


@pytest.fixture
def payments_env(
    sandbox: "Sandbox", sandbox_server: "Server", monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Tells code under test where the API is, in the variables of `payments-sandbox run`."""
    from payments_sandbox.client.environment import sandbox_variables, without_proxy

    variables = sandbox_variables(
        base_url=sandbox.base_url,
        api_key=sandbox.api_key,
        webhook_secret=sandbox.webhook_secret,
        sandbox_url=sandbox.sandbox_url,
        token=sandbox.token,
        tls_faults=sandbox_server.tls_faults,
        ca_file=sandbox_server.ca_file,
        ca_bundle=sandbox_server.ca_bundle,
    )
    for name, value in {**variables, **without_proxy(sandbox.base_url, os.environ)}.items():
        monkeypatch.setenv(name, value)
    return variables


def _watch(node: pytest.Item, value: object) -> None:
    """Take the world that a fixture has given for one of the test's, with what its marks want.

    It is the world itself, or an attribute of an object around it. What a fixture of our name gives
    otherwise is no business of ours, but for marks, which would be ignored.
    """
    marked, given = node.stash[MARKED], []
    if testing := sys.modules.get("payments_sandbox.testing.sandbox"):
        around = getattr(value, "__dict__", {}).values()
        given = [each for each in (value, *around) if isinstance(each, testing.Sandbox)]
    for world in given:
        take(node, world)
        if world not in marked:
            marked.append(world)
            _use_marks(node, world)
    marks = [mark.name for mark in node.iter_markers() if mark.name in NAMES]
    if marks and not given:
        pytest.fail(
            f"{marks[0]}: the fixture {FIXTURE!r} of this suite gives {type(value).__name__}, which"
            " is no world; return what make_sandbox() or sandbox_server.new_world() makes",
            pytrace=False,
        )


def _use_marks(node: pytest.Item, world: "Sandbox") -> None:
    """Give what marks want to a world that was made without them, and may outlive the test."""
    if (clock := node.get_closest_marker(CLOCK)) is not None:
        world.clock.freeze(clock.args[0])
    if node.get_closest_marker(SCENARIO) is not None:
        before = _active(world)
        _use_marked(node, world)
        node.addfinalizer(lambda: _stop_using(world, _active(world) - before))


def _active(world: "Sandbox") -> set[str]:
    with suppress(Exception):  # after a test, the result stands whatever is met
        return {each["name"] for each in world.control.list_active_scenarios()["data"]}
    return set()


def _stop_using(world: "Sandbox", scenarios: set[str]) -> None:
    with suppress(Exception):  # as above
        for name in scenarios:
            world.control.remove_active_scenarios(name=name)


def _use_marked(node: pytest.Item, world: "Sandbox") -> None:
    world.use(*(found(name, node) for mark in scenario_marks(node) for name in mark.args))
