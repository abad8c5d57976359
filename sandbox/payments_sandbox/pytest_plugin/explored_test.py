"""Owns explored tests: the body of such a test is run once for every failure it could meet.

How a test is explored:

1. Before its own protocol begins, the test is run twice without a failure, and then once with each
   failure. Each run sets up its fixtures, calls it and tears them down, as pytest does, but nothing
   is reported. Fixtures of the module and of the session stay.
2. The worlds that `make_sandbox` makes for it have the scenario of the run. What they have seen is
   recorded in the server when the fixture drops them.
3. A failed assertion is the test's verdict; any other exception is a crash.
4. Then its own protocol runs, and reports the exploration instead of calling the body: with a
   subtest for each run if pytest has subtests, otherwise with one failure that lists the findings.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import pytest

from payments_sandbox.client.errors import ExpectationFailed, WebhookNotReceived
from payments_sandbox.exploration.exploration import (
    CannotExploreError,
    ExplorationResult,
    explore,
)
from payments_sandbox.exploration.findings import JudgedRun, scenario_name
from payments_sandbox.exploration.report import counts, scenario_of_run
from payments_sandbox.exploration.run_record import (
    FlowEnd,
    RecordedWorlds,
    RunRecord,
    WorldRecord,
    call_by_call,
)
from payments_sandbox.pytest_plugin.marks import (
    EXPLORE,
    EXPLORED_SCENARIO,
    REPORT,
    exploration_options,
)
from payments_sandbox.scenarios.yaml_writer import text_of

if TYPE_CHECKING:
    from payments_sandbox.server.world_runtime import WorldRuntime
    from payments_sandbox.testing import MemorySandbox, RunningSandbox

    InThisProcess = RunningSandbox | MemorySandbox

_SERVER: Final = "sandbox_server"
_ENDING: Final = (pytest.exit.Exception, KeyboardInterrupt)
_VERDICTS: Final = (
    AssertionError, pytest.fail.Exception, pytest.skip.Exception, ExpectationFailed,
    WebhookNotReceived,
)  # fmt: skip
"""The exceptions by which a test gives its verdict; any other one is a crash."""


class NotExploredError(Exception):
    """A fixture has failed, or the test was skipped: its own protocol then reports that."""


def explore_item(item: pytest.Function) -> None:
    """Explore a test, and store the report that its own protocol shows instead of its body."""
    mark = item.get_closest_marker(EXPLORE)
    assert mark is not None  # noqa: S101 - checked by the caller
    if item.config.getoption("setuponly", default=False):
        return
    try:
        result = explore(ItemFlow(item), exploration_options(**mark.kwargs))
    except NotExploredError:
        del item.stash[EXPLORED_SCENARIO]  # it is treated as an ordinary test
    except CannotExploreError as error:
        problem = f"{EXPLORE}: {error}"
        item.stash[EXPLORED_SCENARIO] = None
        item.stash[REPORT] = lambda _: pytest.fail(problem, pytrace=False)
    else:
        item.stash[REPORT] = lambda own: report_runs(own, result)
        item.stash[EXPLORED_SCENARIO] = None
    finally:
        _renew_fixtures(item)


class ItemFlow:
    """Runs a test with or without a scenario, and records what its worlds have seen."""

    def __init__(self, item: pytest.Function) -> None:
        self._item = item
        self._sections = len(_sections(item))
        self._server: InThisProcess | None = None

    def __call__(self, scenario: Mapping[str, Any] | None) -> RunRecord:
        """Run the test once.

        Args:
            scenario: the scenario of a failure; None for a run without one.

        Raises:
            NotExploredError: in a run without a failure, a fixture fails or the test is skipped.
        """
        item = self._item
        item.stash[EXPLORED_SCENARIO] = scenario
        _renew_fixtures(item)
        # From the second run on the server is known, and what fixtures do is recorded, too.
        recording = [_Recording(self._server)] if self._server is not None else []

        def call() -> None:
            if not recording:
                server = item._request.getfixturevalue(_SERVER)  # noqa: SLF001 - as below
                recording.append(_Recording(server))
                self._server = server if _is_of_session(item) else None
            item.ihook.pytest_runtest_call(item=item)

        hook = item.ihook
        set_up = _phase(item, "setup", lambda: hook.pytest_runtest_setup(item=item))
        called = None if set_up.excinfo else _phase(item, "call", call)
        # With the parent as the next item, fixtures of a wider scope stay.
        torn_down = _phase(
            item,
            "teardown",
            lambda: hook.pytest_runtest_teardown(item=item, nextitem=item.parent),
        )
        del _sections(item)[self._sections :]
        records = [record for each in recording for record in each.end()]
        if scenario is None and (called is None or _raised(called, pytest.skip.Exception)):
            raise NotExploredError
        if called and called.excinfo and _raised(called, CannotExploreError):
            raise called.excinfo.value
        return RunRecord(_end_of(set_up, called or set_up, torn_down), tuple(records))


class _Recording:
    """Records the worlds of a server that end from now on."""

    def __init__(self, server: "InThisProcess") -> None:
        self._server = server
        if not hasattr(server, "use_runtime"):
            kind = type(server).__name__
            raise CannotExploreError(
                f"{_SERVER!r} returns {kind}, which is not a server in this process"
            )
        server.use_runtime(_begin)

    def end(self) -> tuple[WorldRecord, ...]:
        return self._server.use_runtime(_end)


async def _begin(runtime: "WorldRuntime") -> None:
    runtime.reports = RecordedWorlds(runtime.notifier)


async def _end(runtime: "WorldRuntime") -> tuple[WorldRecord, ...]:
    reports, runtime.reports = runtime.reports, None
    assert isinstance(reports, RecordedWorlds)  # noqa: S101 - set by `_begin`
    return await reports.recorded(())


def _phase(
    item: pytest.Function, when: Literal["setup", "call", "teardown"], work: Callable[[], object]
) -> pytest.CallInfo[object]:
    """Do one phase of a run, and make its report, since fixtures such as `tmp_path` need one."""
    done = pytest.CallInfo.from_call(work, when=when, reraise=_ENDING)
    # Formatting a traceback takes longer than the run, and nobody reads it: so a failed phase is
    # reported as one that has passed.
    shown = done if done.excinfo is None else pytest.CallInfo.from_call(_nothing, when=when)
    item.ihook.pytest_runtest_makereport(item=item, call=shown)
    return done


def _nothing() -> None:
    """Do nothing."""


def _raised(phase: pytest.CallInfo[object], *errors: type[BaseException]) -> bool:
    return phase.excinfo is not None and phase.excinfo.errisinstance(errors)


def _end_of(*phases: pytest.CallInfo[object]) -> FlowEnd:
    """Return how a run has ended; a fixture that fails to set up is always a crash."""
    failed = next((phase for phase in phases if phase.excinfo is not None), None)
    if failed is None or failed.excinfo is None:
        return FlowEnd(0)
    text = f"{failed.excinfo.typename}: {failed.excinfo.value}"
    is_verdict = failed.when != "setup" and _raised(failed, *_VERDICTS)
    return FlowEnd(1, text, crash=None if is_verdict else text)


def _renew_fixtures(item: pytest.Function) -> None:
    """Give a test new fixtures, as plugins that run a test several times do."""
    item._initrequest()  # noqa: SLF001 - there is no public way


def _is_of_session(item: pytest.Function) -> bool:
    """Whether the server fixture is session-scoped, so that it is the same in each run."""
    return item._fixtureinfo.name2fixturedefs[_SERVER][-1].scope == "session"  # noqa: SLF001 - as above


def _sections(item: pytest.Item) -> list[tuple[str, str, str]]:
    """Return the captured output of a test; that of its runs is removed from it again."""
    return item._report_sections  # noqa: SLF001 - as above


# The report


def report_runs(own: pytest.Function, result: ExplorationResult) -> None:
    """Report an exploration in place of the test's body; fail for each finding."""
    spread = ", ".join(f"{count} {verdict}" for verdict, count in counts(result).items())
    own.add_report_section("call", EXPLORE, f"{len(result.runs)} runs: {spread}")
    if not result.has_tried:
        pytest.fail(
            f"{EXPLORE}: no failure was tried: no call of the test can meet one, or its worlds were"
            " not made by make_sandbox",
            pytrace=False,
        )
    if own.config.pluginmanager.hasplugin("subtests"):
        subtests = own._request.getfixturevalue("subtests")  # noqa: SLF001 - as above
        for run in result.runs:
            with subtests.test(msg=_title(run)):
                if not run.verdict.is_well:
                    pytest.fail(_story(run, result), pytrace=False)
    elif result.found:
        stories = [f"{_title(each.run)}: {_story(each.run, result)}" for each in result.found]
        pytest.fail("\n".join(stories), pytrace=False)


def _title(run: JudgedRun) -> str:
    met = "" if run.is_met else " (did not occur)"
    return f"{run.planned}{met}"


def _story(run: JudgedRun, result: ExplorationResult) -> str:
    """Describe what has happened in a run, with a scenario that reproduces it."""
    name = scenario_name(f"{run.planned.number:03}-{run.verdict}-{run.planned.slug}")
    lines = [
        f"{run.verdict}: {' '.join(run.why.evidence)}",
        *(f"  {line}" for line in call_by_call(run.record)),
        f"{name}.yaml, for a mark sandbox_scenario:",
        *(f"  {line}" for line in text_of(scenario_of_run(run, name, result)).splitlines()),
    ]
    return "\n".join(lines)
