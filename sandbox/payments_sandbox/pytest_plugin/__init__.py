"""Owns the pytest plugin: its hooks and fixtures; the first fixture imports the rest.

Every run of pytest imports this module, in every project that has the package installed. So it
imports nothing that pytest has not imported already.
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
    judge,
    section_of,
    shorten,
    take,
    track_worlds,
)
from payments_sandbox.pytest_plugin.marks import (
    CLOCK,
    EXPLORE,
    EXPLORED_SCENARIO,
    FIXTURE,
    MARKS,
    NAMES,
    REPORT,
    WORLD,
    problems,
    scenario_marks,
    use_marked,
    use_marks,
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
"""The attribute of a collection report that tells the main process why the server is unusable."""


SERVER: Final = "sandbox_server"
"""The fixture of the server; the worlds that it makes are judged, whichever fixture uses it."""

MARKED: Final = pytest.StashKey[list["Sandbox"]]()
"""The worlds of a test that its marks were applied to."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and ini keys."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options of the session, and register marks and further plugins."""
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
    """Pass the seed to a worker of pytest-xdist, since it may be random."""
    node.workerinput[SEED] = node.config.stash[OPTIONS].seed


def pytest_report_header(config: pytest.Config) -> str:
    """Show version, seed and server, which are needed to repeat a run."""
    options = config.stash[OPTIONS]
    folders = [f"scenarios in {folder}" for folder in options.folders]
    server = options.url or "its own server"
    return ", ".join([f"payments-sandbox {__version__}: seed {options.seed}", server, *folders])


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Report an invalid mark as a collection error.

    If the server cannot be used, the first test that needs it becomes a collection error, which
    then ends the whole session.
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
    """Ends a session whose server cannot be used with a single usage error.

    It is registered only in the main process: in a worker of pytest-xdist, the error would crash
    the worker.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """End the session if a collection report says that the server cannot be used.

        Raises:
            UsageError: it does.
        """
        if (unusable := vars(report).get(UNUSABLE)) is not None:
            raise pytest.UsageError(unusable)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Explore a test with the mark, before its own protocol reports the findings."""
    if isinstance(item, pytest.Function) and item.get_closest_marker(EXPLORE) is not None:
        from payments_sandbox.pytest_plugin.explored_test import explore_item

        explore_item(item)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Report the exploration of an explored test instead of calling its body."""
    if (report := pyfuncitem.stash.get(REPORT, None)) is None:
        return None
    report(pyfuncitem)
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Reset what is known of a test's worlds, each time that the test is run."""
    item.stash[WORLDS] = []
    item.stash[MARKED] = []
    item.stash[EARLIER], item.stash[JUDGED] = {}, {}
    if ENDED in item.stash:  # the test is run again
        del item.stash[ENDED]
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: "pytest.FixtureDef[Any]", request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Attribute worlds to the test whose fixture makes them, and watch a suite's own `sandbox`.

    A world that a function-scoped fixture gets from `sandbox_server` belongs to the test. A world
    of a wider fixture belongs to no test; `pytest_runtest_call` sees to a wider `sandbox`.
    """
    stash, is_own = request.config.stash, fixturedef.scope == "function"
    before = stash.get(OWNER, None)
    stash[OWNER] = request.node if is_own else None
    try:
        result = yield
    except TimeoutError:
        raise  # the server does not start, and each further try would take as long
    except BaseException:
        if fixturedef.argname == SERVER and fixturedef.func.__module__ == __name__:
            # Another test may be able to start it; pytest would give all of them this error.
            fixturedef.finish(request)  # type: ignore[arg-type]  # it is a SubRequest
        raise
    finally:
        stash[OWNER] = before
    if fixturedef.argname == FIXTURE and is_own:
        _watch(request.node, result)
    if fixturedef.argname == SERVER:
        track_worlds(request.config, result)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that has passed but whose worlds did not do as expected."""
    given = getattr(item, "funcargs", {})
    if FIXTURE in given:  # one of a wider scope may be set up already
        _watch(item, given[FIXTURE])
    begin(item)
    item.config.stash[OWNER] = item
    try:
        result = yield
    finally:
        item.config.stash[OWNER] = None
        end(item)
    if EXPLORED_SCENARIO in item.stash:
        return result  # an exploration judges its own worlds
    if item.stash[WORLDS] and (reason := judge(item)) is not None:
        pytest.fail(reason, pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what its worlds have seen to the report of a failed test, and write it to files."""
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
    """Settings of this run's server; override the fixture to change some."""
    options = request.config.stash[OPTIONS]
    return {"seed": options.seed, "scenario_dirs": options.folders}


@pytest.fixture(scope="session")
def sandbox_server(
    request: pytest.FixtureRequest, sandbox_options: "Options"
) -> Iterator["Server"]:
    """The server: one for each process that runs tests, or the one at `--sandbox-url`."""
    from payments_sandbox.core.settings import settings_from
    from payments_sandbox.testing import RunningSandbox

    request.config.stash[JOURNALS] = JournalFolder(request.config)
    given = request.config.stash[OPTIONS]
    if given.url is not None:
        yield server_at(given.url)
        return
    # Worlds end with their tests. A test that moves the real time must not lose its world as idle.
    options: Options = {"world_ttl": "36500d", "max_worlds": 10**6, "coverage": given.coverage}
    options |= sandbox_options
    with RunningSandbox(settings_from(options), number=given.worker) as own:
        yield own


@pytest.fixture
def make_sandbox(
    request: pytest.FixtureRequest, sandbox_server: "Server"
) -> Iterator["MakeSandbox"]:
    """Make further worlds for a test, if one is not enough.

    Each has its own seed, which is the same in every run, and is dropped after the test.
    """
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
        if seed is None:  # the same for a test in every run, whichever other tests run
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
        with suppress(Exception):  # a world that cannot be dropped changes no test's result
            world.close()


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, make_sandbox: "MakeSandbox") -> "Sandbox":
    """The test's own world, set up as its marks say."""
    node = request.node
    clock, key = node.get_closest_marker(CLOCK), node.get_closest_marker(WORLD)
    seeds = [mark.kwargs["seed"] for mark in scenario_marks(node) if "seed" in mark.kwargs]
    world = make_sandbox(
        key=None if key is None else key.kwargs["key"],
        clock=None if clock is None else clock.args[0],
        seed=seeds[-1] if seeds else None,
    )
    node.stash[MARKED].append(world)
    use_marked(node, world)
    return world


@pytest.fixture
def payments_env(
    sandbox: "Sandbox", sandbox_server: "Server", monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Set the environment variables of `payments-sandbox run`, so that your code finds the API."""
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
    """Make the world in a `sandbox` fixture's value one of the test's, and apply the marks to it.

    The value is a world, or an object with a world as an attribute. Any other value of a suite's
    own `sandbox` is left alone; but a test with marks then fails, since they would be ignored.
    """
    marked, given = node.stash[MARKED], []
    if testing := sys.modules.get("payments_sandbox.testing.sandbox"):
        around = getattr(value, "__dict__", {}).values()
        given = [each for each in (value, *around) if isinstance(each, testing.Sandbox)]
    for world in given:
        take(node, world)
        if world not in marked:
            marked.append(world)
            use_marks(node, world)
    marks = [mark.name for mark in node.iter_markers() if mark.name in NAMES]
    if marks and not given:
        pytest.fail(
            f"{marks[0]}: the fixture {FIXTURE!r} of this suite returns {type(value).__name__},"
            " not a world; return one made by make_sandbox() or sandbox_server.new_world()",
            pytrace=False,
        )
