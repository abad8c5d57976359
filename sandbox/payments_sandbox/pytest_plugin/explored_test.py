"""Owns a test that is explored: its body is run once for every failure that could have met it.

How a test becomes an exploration:

1. Before its own protocol begins, it is run without a failure, twice, and then with each one. Its
   fixtures are set up, it is called, they are torn down, as pytest does it, and nothing is
   reported. What belongs to its module and to the session stays.
2. The worlds that `make_sandbox` gives it follow the scenario of the run. What they have seen is
   recorded in the server when the fixture drops them.
3. A failed assertion is what the test says; any other exception is a crash.
4. Then its own protocol runs, in which the report takes the place of its body: a subtest for each
   run where pytest has subtests, and else one failure that lists what was found.
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
_SAID: Final = (
    AssertionError, pytest.fail.Exception, pytest.skip.Exception, ExpectationFailed,
    WebhookNotReceived,
)  # fmt: skip
"""What a test raises to say that not all is well."""


class NotExploredError(Exception):
    """A fixture has failed, or the test is skipped: its own protocol shows that."""


def explore_item(item: pytest.Function) -> None:
    """Explore a test, and leave what its own protocol is to report in its place."""
    mark = item.get_closest_marker(EXPLORE)
    assert mark is not None  # noqa: S101 - whoever calls has looked
    if item.config.getoption("setuponly", default=False):
        return
    try:
        result = explore(ItemFlow(item), exploration_options(**mark.kwargs))
    except NotExploredError:
        del item.stash[EXPLORED_SCENARIO]  # it is a test like any other
    except CannotExploreError as error:
        problem = f"{EXPLORE}: {error}"
        item.stash[EXPLORED_SCENARIO] = None
        item.stash[REPORT] = lambda _: pytest.fail(problem, pytrace=False)
    else:
        item.stash[REPORT] = lambda own: report_runs(own, result)
        item.stash[EXPLORED_SCENARIO] = None
    finally:
        _begin_anew(item)


class ItemFlow:
    """Runs a test with a scenario, or with none, and records what its worlds have seen."""

    def __init__(self, item: pytest.Function) -> None:
        self._item = item
        self._sections = len(_sections(item))
        self._server: InThisProcess | None = None

    def __call__(self, scenario: Mapping[str, Any] | None) -> RunRecord:
        """Make a run.

        Raises:
            NotExploredError: without a failure, a fixture fails or the test is skipped.
        """
        item = self._item
        item.stash[EXPLORED_SCENARIO] = scenario
        _begin_anew(item)
        # What fixtures do is recorded, too, as soon as the server is known.
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
        # The parent stands for a next test: what is wider than this one stays.
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
    """Records the worlds of a server from now on, as they end."""

    def __init__(self, server: "InThisProcess") -> None:
        self._server = server
        if not hasattr(server, "use_runtime"):
            kind = type(server).__name__
            raise CannotExploreError(
                f"{_SERVER!r} gives {kind}, which is no server in this process"
            )
        server.use_runtime(_begin)

    def end(self) -> tuple[WorldRecord, ...]:
        return self._server.use_runtime(_end)


async def _begin(runtime: "WorldRuntime") -> None:
    runtime.reports = RecordedWorlds(runtime.notifier)


async def _end(runtime: "WorldRuntime") -> tuple[WorldRecord, ...]:
    reports, runtime.reports = runtime.reports, None
    assert isinstance(reports, RecordedWorlds)  # noqa: S101 - `_begin` has put it there
    return await reports.recorded(())


def _phase(
    item: pytest.Function, when: Literal["setup", "call", "teardown"], work: Callable[[], object]
) -> pytest.CallInfo[object]:
    """Do a part of a run; its report is for fixtures that look at one, such as `tmp_path`."""
    done = pytest.CallInfo.from_call(work, when=when, reraise=_ENDING)
    # To write the traceback of a failure takes longer than the run, and nobody reads it.
    shown = done if done.excinfo is None else pytest.CallInfo.from_call(_nothing, when=when)
    item.ihook.pytest_runtest_makereport(item=item, call=shown)
    return done


def _nothing() -> None:
    """Do nothing."""


def _raised(phase: pytest.CallInfo[object], *errors: type[BaseException]) -> bool:
    return phase.excinfo is not None and phase.excinfo.errisinstance(errors)


def _end_of(*phases: pytest.CallInfo[object]) -> FlowEnd:
    """How a run has ended; a fixture that cannot be set up says nothing, and is a crash."""
    failed = next((phase for phase in phases if phase.excinfo is not None), None)
    if failed is None or failed.excinfo is None:
        return FlowEnd(0)
    said = f"{failed.excinfo.typename}: {failed.excinfo.value}"
    is_word = failed.when != "setup" and _raised(failed, *_SAID)
    return FlowEnd(1, said, crash=None if is_word else said)


def _begin_anew(item: pytest.Function) -> None:
    """Let a test have fixtures of its own again, as plugins do that run one several times."""
    item._initrequest()  # noqa: SLF001 - there is no public way


def _is_of_session(item: pytest.Function) -> bool:
    """Whether the server is the same in each run."""
    return item._fixtureinfo.name2fixturedefs[_SERVER][-1].scope == "session"  # noqa: SLF001 - as above


def _sections(item: pytest.Item) -> list[tuple[str, str, str]]:
    """What was captured of a test: a thousand runs of it are not for the report."""
    return item._report_sections  # noqa: SLF001 - as above


# The report


def report_runs(own: pytest.Function, result: ExplorationResult) -> None:
    """Report an exploration as a test that runs: it fails where something was found."""
    spread = ", ".join(f"{count} {verdict}" for verdict, count in counts(result).items())
    own.add_report_section("call", EXPLORE, f"{len(result.runs)} runs: {spread}")
    if not result.has_tried:
        pytest.fail(
            f"{EXPLORE}: nothing is known: no call of the test meets such a failure, or its worlds"
            " are none that make_sandbox made",
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
    met = "" if run.is_met else " (it has not come up)"
    return f"{run.planned}{met}"


def _story(run: JudgedRun, result: ExplorationResult) -> str:
    """What has happened in a run, and the scenario that makes it happen again."""
    name = scenario_name(f"{run.planned.number:03}-{run.verdict}-{run.planned.slug}")
    lines = [
        f"{run.verdict}: {' '.join(run.why.evidence)}",
        *(f"  {line}" for line in call_by_call(run.record)),
        f"{name}.yaml, for a mark sandbox_scenario:",
        *(f"  {line}" for line in text_of(scenario_of_run(run, name, result)).splitlines()),
    ]
    return "\n".join(lines)
