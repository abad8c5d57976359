"""Owns the validation of scenarios against their schema, and the removal of invalid parts."""

import functools
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

from payments_sandbox.contract.schema_errors import (
    CompiledSchema,
    Path,
    Refusal,
    UnknownKey,
)
from payments_sandbox.contract.schema_files import Schema
from payments_sandbox.core.resources import data_files
from payments_sandbox.scenarios.diagnostics import KEY, Problem

FILE: Final = "scenario.schema.json"


@functools.cache
def schema() -> Schema:
    """The scenario schema, which editors use as well."""
    return cast("Schema", json.loads(data_files("schemas")[FILE]))


@functools.cache
def _compiled_schema() -> CompiledSchema:
    return CompiledSchema(schema())


def accepts(value: object) -> bool:
    """Whether the value has the shape of a scenario."""
    return _compiled_schema().is_valid(value)


def schema_problems(value: object) -> Iterator[Problem]:
    """Yield violations of the schema as problems, without places and in any order."""
    for error in _compiled_schema().file_errors(value):
        path = (*error.path, KEY) if error.is_about_key else error.path
        yield Problem(path, error.message, error.hint, is_missing=error.is_missing)


class CorrectedKeys(NamedTuple):
    """A scenario with corrected keys.

    Attributes:
        value: the scenario with the keys that were meant.
        problems: the problems of the misspelt keys.
        written: the misspelt keys, by the paths of the corrected ones.
    """

    value: object
    problems: tuple[Problem, ...] = ()
    written: Mapping[Path, str] = MappingProxyType({})

    def as_written(self, problem: Problem) -> Problem:
        """The problem with its path in the scenario as it was written."""
        ends = range(1, len(problem.path) + 1)
        names = (self.written.get(problem.path[:end], problem.path[end - 1]) for end in ends)
        return problem._replace(path=tuple(names))


def correct_keys(value: object) -> CorrectedKeys:
    """Correct misspelt keys, so that problems in their values are found, too.

    If a mapping already has the corrected key as well, both stay as they are.
    """
    corrected = CorrectedKeys(json.loads(json.dumps(value)))
    problems: list[Problem] = []
    written: dict[Path, str] = {}
    is_new = True
    while is_new:
        is_new = False
        for error, name in list(_compiled_schema().misspelt(corrected.value)):
            container: Any = corrected.value
            for step in error.path[:-1]:
                container = container[step]
            wrong = cast("str", error.path[-1])
            if wrong in container and name not in container:
                problem = Problem((*error.path, KEY), error.message, error.hint)
                problems.append(CorrectedKeys(None, (), written).as_written(problem))
                written[*error.path[:-1], name] = wrong
                pairs = [(name if key == wrong else key, item) for key, item in container.items()]
                container.clear()
                container.update(pairs)
                is_new = True
    return CorrectedKeys(corrected.value, tuple(problems), written)


def drop_invalid_parts(value: object) -> dict[str, object]:
    """Remove the parts of a scenario that have a wrong shape, so that the rest can be checked.

    Removing a part may make an enclosing one invalid, so this repeats until everything is valid.

    Returns:
        The rest. Lists keep their length, so that paths stay valid: None replaces removed items.
    """
    rest: dict[str, Any] = json.loads(json.dumps(value)) if isinstance(value, dict) else {}
    while wrong := list(_compiled_schema().refusals(_without_gaps(rest))):
        for refusal, place in [(each, _locate(rest, each.path)) for each in wrong]:
            _remove_part(rest, refusal, *place)
    return rest


def _without_gaps(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _without_gaps(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_gaps(item) for item in value if item is not None]
    return value


def _remove_part(
    whole: dict[str, Any],
    refusal: Refusal,
    parent: Any,  # noqa: ANN401 - JSON, as all of these
    key: Any,  # noqa: ANN401 - as above
    found: Any,  # noqa: ANN401 - as above
) -> None:
    if isinstance(refusal, UnknownKey):
        found.pop(refusal.name, None)
    elif parent is None:
        whole.setdefault("scenario", "unnamed")
        whole.setdefault("expect", [{"audit": "clean"}])
    elif isinstance(parent, list):
        parent[key] = None
    else:
        parent.pop(key, None)


def _locate(value: Any, path: Path) -> tuple[Any, Any, Any]:  # noqa: ANN401 - JSON
    """Return the container, the key and the value of a path whose positions skip gaps."""
    parent, key = None, None
    for step in path:
        parent, key = value, step
        if isinstance(parent, list):
            key = [n for n, item in enumerate(parent) if item is not None][cast("int", step)]
        value = parent[key]
    return parent, key, value
