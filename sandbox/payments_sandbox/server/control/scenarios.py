"""Owns the routes of scenarios: the library, the active ones, checking and writing one."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from payments_sandbox.contract import representations
from payments_sandbox.contract.schema_errors import Path, pointer
from payments_sandbox.core.errors import InvalidRequest, InvalidScenario
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios import activation
from payments_sandbox.scenarios.diagnostics import Problem
from payments_sandbox.scenarios.journal_export import scenario_from_journal
from payments_sandbox.scenarios.library import Library, UnknownScenario, library_of
from payments_sandbox.scenarios.loader import Loaded, load, load_list, load_value
from payments_sandbox.scenarios.scenario_schema import schema
from payments_sandbox.scenarios.yaml_writer import text_of
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.slices import run_in_slices
from payments_sandbox.world.world import ResetScope

FROM_JOURNAL: Final = "from-journal"
"""The default name of a scenario that is written from the journal."""


async def list_scenarios(request: ControlRequest) -> dict[str, object]:
    """List the library; invalid files are left out here, and `scenarios/check` names them."""
    loaded = await request.runtime.run_beside(lambda: list(library_of(request.settings)))
    items = [_summary(each.scenario) for each in loaded if each.scenario is not None]
    return representations.page(items, has_more=False)


def list_active_scenarios(request: ControlRequest) -> dict[str, object]:
    """List the active scenarios, in the order in which they apply."""
    items = [
        _summary(scenario) | {"scenario": dict(scenario.source)}
        for scenario in request.world.rules.scenarios
    ]
    return representations.page(items, has_more=False)


async def put_active_scenarios(request: ControlRequest) -> dict[str, object]:
    """Replace the active scenarios by these."""
    scenarios = await _read_scenarios(request, is_list=True)
    await _judge_ending(request, lambda each: each not in scenarios)
    await run_in_slices(activation.setting_active(request.world, scenarios))
    request.runtime.reset(request.world, {ResetScope.RULES})
    return list_active_scenarios(request)


async def add_active_scenario(request: ControlRequest) -> dict[str, object]:
    """Activate one more scenario."""
    [scenario] = await _read_scenarios(request, is_list=False)
    await run_in_slices(activation.activating(request.world, scenario))
    request.runtime.reset(request.world, {ResetScope.RULES})
    return list_active_scenarios(request)


async def remove_active_scenarios(request: ControlRequest) -> None:
    """Deactivate one scenario, or all."""
    name = request.query.get("name")
    await _judge_ending(request, lambda each: name in (None, each.name))
    activation.remove(request.world, name)
    request.runtime.reset(request.world, {ResetScope.RULES})


async def _judge_ending(request: ControlRequest, is_leaving: Callable[[Scenario], bool]) -> None:
    """Judge the scenarios that are about to end, if reports are kept."""
    if (reports := request.runtime.reports) is not None:
        leaving = [each for each in request.world.rules.scenarios if is_leaving(each)]
        await reports.before_scenarios_end(request.world, leaving)


async def check_scenario(request: ControlRequest) -> dict[str, object]:
    """Check a scenario: return its warnings, or raise if it has errors."""
    loaded = await request.runtime.run_beside(partial(_check_body, request))
    warnings = loaded.problems if isinstance(loaded, Loaded) else ()
    return {"problems": [problem.as_json() for problem in warnings]}


def _check_body(request: ControlRequest) -> Loaded | UnknownScenario:
    [value] = _body_values(request, is_list=False).values()
    library = library_of(request.settings)
    loaded = _load(library, value)
    resolve_scenarios(library, {(): loaded})
    return loaded


def retrieve_scenario_schema(_: ControlRequest) -> dict[str, object]:
    """Return the JSON schema of scenarios, which explains each of their keys."""
    return schema()


def write_scenario(request: ControlRequest) -> dict[str, object]:
    """Write a scenario that reproduces what some requests of the journal have met."""
    name = request.body.get("name", FROM_JOURNAL)
    scenario = scenario_from_journal(request.world, request.body["requests"], name)
    return {"scenario": scenario, "yaml": text_of(scenario)}


async def _read_scenarios(request: ControlRequest, *, is_list: bool) -> list[Scenario]:
    """Read the scenarios of a body in a thread: one may have thousands of lines."""
    return await request.runtime.run_beside(
        lambda: resolve_scenarios(
            library_of(request.settings), _body_values(request, is_list=is_list)
        )
    )


def resolve_scenarios(library: Library, values: Mapping[Path, object]) -> list[Scenario]:
    """Find scenarios by their names in the library, and read those that are JSON objects.

    Args:
        library: the scenarios that can be named.
        values: names, JSON objects, and scenarios that were read already, each by its path in the
            body, which prefixes its problems.

    Raises:
        InvalidRequest: the library has no scenario of a name.
        InvalidScenario: one or more have problems; all of them are listed.
    """
    loaded = {path: _load(library, value) for path, value in values.items()}
    unknown = [
        f"{pointer(path) or '/'}: {each}"
        for path, each in loaded.items()
        if isinstance(each, UnknownScenario)
    ]
    problems = [
        problem._replace(path=(*path, *problem.path))
        for path, each in loaded.items()
        for problem in _problems_of(each)
    ]
    if unknown and len(unknown) == len(problems):
        raise InvalidRequest(f"{' '.join(unknown)} GET /_sandbox/scenarios lists what exists.")
    refuse_problems(problems)
    return [each.scenario for each in loaded.values() if isinstance(each, Loaded) and each.scenario]


def _load(library: Library, value: object) -> Loaded | UnknownScenario:
    match value:
        case Loaded() | UnknownScenario():
            return value
        case str():
            try:
                return library.load(value)
            except UnknownScenario as error:
                return error
        case _:
            return load_value(value, longest_wait=library.longest_wait)


def _problems_of(loaded: Loaded | UnknownScenario) -> Sequence[Problem]:
    """Return the problems of one of several scenarios; none if it has only warnings."""
    if isinstance(loaded, UnknownScenario):
        return [Problem((), str(loaded).removesuffix("."))]
    return () if loaded.scenario is not None else loaded.problems


def refuse_problems(problems: Sequence[Problem]) -> None:
    """Raise if there are problems other than warnings.

    Raises:
        InvalidScenario: a problem is more than a warning; it lists all of them.
    """
    wrong = [problem for problem in problems if not problem.is_warning]
    if wrong:
        first = wrong[0]
        where = f"{first.place[0]}:{first.place[1]}" if first.place else pointer(first.path)
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        details = f"{where or '/'}: {first.sentence}"[:900] + more
        raise InvalidScenario(details, [problem.as_json() for problem in problems])


def _body_values(request: ControlRequest, *, is_list: bool) -> dict[Path, Any]:
    """Return the names and scenarios of a body by their paths; YAML is already read."""
    text, longest_wait = request.text, request.settings.max_wall_delay
    if not is_list:
        one = request.body if text is None else load(text, name=None, longest_wait=longest_wait)
        return {(): one}
    if text is None:
        return {(n,): each for n, each in enumerate(request.body)}
    return {**load_list(text, longest_wait=longest_wait)}


def _summary(scenario: Scenario) -> dict[str, object]:
    return {"name": scenario.name, "about": scenario.about, "tags": list(scenario.tags)}
