"""Owns the way from a scenario's text to the scenario, or to all its problems.

1. The text is read into plain values, with the place of each (`yaml_reader`). A text that is not
   valid YAML is a problem, but the part before the error is still checked. JSON is read by the JSON
   reader, and also as YAML, to get the places.
2. The values are validated against the schema (`scenario_schema`). A misspelt key is a problem, but
   it is treated as the key that was meant, so that problems in its value are found, too. A part of
   a wrong shape is a problem and is removed, so that later steps can rely on the shape of the rest.
   Lists keep their length: None stands for a removed item.
3. The keys of rules are checked in the scenario as written, because a removed value could hide that
   a key next to it is missing (`lint_rules.check_keys`).
4. The lint checks the rest for problems that a schema cannot express, such as a step that is never
   reached (`lint`). It uses the parser, which therefore must not fail on a right shape.
5. All problems get the places of their paths, in the order of the text (`diagnostics`). If the text
   could not be read to its end, problems that the rest might solve are left out.
6. If there are only warnings, everything is parsed into the model (`parser`).
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast

from payments_sandbox.contract.schema_errors import Path
from payments_sandbox.contract.schemas import load_contract
from payments_sandbox.core import strict_json
from payments_sandbox.core.settings import Settings
from payments_sandbox.rules.scenario import Expectation, Scenario
from payments_sandbox.scenarios.diagnostics import KEY, Place, Problem, locate
from payments_sandbox.scenarios.lint import check_scenario
from payments_sandbox.scenarios.lint_rules import LintContext, check_keys
from payments_sandbox.scenarios.parser import parse_scenario
from payments_sandbox.scenarios.scenario_schema import (
    CorrectedKeys,
    accepts,
    correct_keys,
    drop_invalid_parts,
    schema_problems,
)
from payments_sandbox.scenarios.yaml_reader import DEEPEST, MOST, Document, read_document
from payments_sandbox.verification.expectations import parse_expectation

LONGEST_WAIT: Final = Settings().max_wall_delay
"""How many wall milliseconds a client may wait, by default."""

_POSITION: Final = re.compile(r" at line (\d+), column (\d+)$")


class Loaded(NamedTuple):
    """The result of reading a scenario.

    Attributes:
        scenario: the scenario; None if it has problems other than warnings.
        problems: all problems and warnings, in the order of the text.
    """

    scenario: Scenario | None
    problems: tuple[Problem, ...] = ()


def load(text: str, *, name: str | None, longest_wait: int = LONGEST_WAIT) -> Loaded:
    """Read a scenario in YAML or JSON.

    Args:
        text: the text of a file or a body.
        name: the name of its file without the suffix, which must be the scenario's name; None if
            there is no file.
        longest_wait: how many wall milliseconds a client may wait (`--max-wall-delay`).
    """
    document = read_document(text)  # also for JSON, which is nearly YAML, to get the places
    if text.lstrip()[:1] == "{":
        try:
            value = strict_json.read(text.encode("utf-8", "replace")[: 4 * MOST], deepest=DEEPEST)
        except strict_json.BadJson as error:
            if not document.is_readable:
                document.problems[-1] = _clearer_error(error, document.problems[-1])
        else:
            is_read = all(each.is_warning for each in document.problems)
            document = Document(_without_decimals(value), document.places if is_read else {})
    return _check(document, name, longest_wait)


def load_list(text: str, *, longest_wait: int = LONGEST_WAIT) -> dict[Path, str | Loaded]:
    """Read a list of scenarios in YAML, or a single one.

    Args:
        text: names and scenarios.
        longest_wait: as for `load`.

    Returns:
        For each item, by its path: a name, or the result of reading a scenario. Problems have
        their places in the whole text; those of the text itself belong to the first item.
    """
    document = read_document(text)
    if not isinstance(document.data, list):
        return {(): load(text, name=None, longest_wait=longest_wait)}
    places: dict[int | str, dict[Path, Place]] = defaultdict(dict)
    for (position, *inside), place in ((path, at) for path, at in document.places.items() if path):
        places[position][tuple(inside)] = place
    found: dict[Path, str | Loaded] = {}
    cut_at, *cut_in = document.cut or (None,)
    for position, each in enumerate(document.data):
        cut = tuple(cut_in) if cut_at == position else None
        problems = [
            problem._replace(path=problem.path[1:])
            for problem in document.problems
            if problem.path[:1] in ((position,), () if position == 0 else (position,))
        ]
        is_name = isinstance(each, str) and not problems
        part = Document(each, places[position], problems, cut)
        found[position,] = each if is_name else _check(part, None, longest_wait)
    return found


def load_value(value: object, *, longest_wait: int = LONGEST_WAIT) -> Loaded:
    """Read a scenario from a JSON value, as `load` does; its problems have no places."""
    return _check(Document(_without_decimals(value)), None, longest_wait)


def read_scenario(source: object) -> Scenario:
    """Read a scenario from a snapshot, which was valid once.

    Raises:
        ValueError: it has problems.
    """
    loaded = load_value(source)
    if loaded.scenario is None:
        raise ValueError("not a valid scenario")
    return loaded.scenario


def load_expectations(values: Sequence[object]) -> tuple[list[Expectation], list[Problem]]:
    """Read expectations without a scenario: the valid ones, and the problems of the others."""
    if not values:
        return [], []
    whole = {"scenario": "expectations", "expect": _without_decimals(list(values))}
    context = LintContext(load_contract(), LONGEST_WAIT, has_rules=True)
    corrected = correct_keys(whole)
    problems = _problems(
        Document(whole), corrected, drop_invalid_parts(corrected.value), None, context
    )
    wrong = {problem.path[:2] for problem in problems if not problem.is_warning}
    good = [each for n, each in enumerate(whole["expect"]) if ("expect", n) not in wrong]
    return [parse_expectation(each) for each in good], problems


def _clearer_error(error: strict_json.BadJson, problem: Problem) -> Problem:
    """Choose the error for a text in braces: that of JSON, unless YAML could read further."""
    message, at = str(error), _POSITION.search(str(error))
    place = (int(at[1]), int(at[2])) if at else (1, 1)
    if at and problem.place and problem.place > place:
        return problem
    return Problem((), _POSITION.sub("", message), None, place)


def _check(document: Document, name: str | None, longest_wait: int) -> Loaded:
    data = document.data
    if data is None:
        hint = "a scenario starts with scenario: NAME"
        empty = Problem((), "the file is empty", hint, (1, 1))
        return Loaded(None, tuple(document.problems) or (empty,))
    is_shaped = accepts(data)
    corrected = CorrectedKeys(data) if is_shaped else correct_keys(data)
    valid_parts = cast("dict[str, Any]", data) if is_shaped else drop_invalid_parts(corrected.value)
    if not (isinstance(data, dict) and "scenario" in data):
        name = None  # there is no name to compare with
    context = LintContext(load_contract(), longest_wait)
    problems = _problems(document, corrected, valid_parts, name, context)
    is_good = is_shaped and all(each.is_warning for each in problems)
    return Loaded(parse_scenario(valid_parts) if is_good else None, tuple(problems))


def _problems(
    document: Document,
    corrected: CorrectedKeys,
    valid_parts: Mapping[str, Any],
    name: str | None,
    context: LintContext,
) -> list[Problem]:
    """All problems with their places; `valid_parts` are the parts of the right shape."""
    data, cut = corrected.value, document.cut
    has_seed = cut is not None or (isinstance(data, dict) and "seed" in data)
    shape_problems = list(schema_problems(data))
    of_corrected = [
        *shape_problems,
        *check_keys(data, has_seed=has_seed),
        *check_scenario(
            valid_parts, name, context._replace(unsure=_rules_with_lost_conditions(shape_problems))
        ),
    ]
    found = [*corrected.problems, *map(corrected.as_written, of_corrected)]
    known = [each for each in found if cut is None or not _may_be_completed_later(each.path, cut)]
    found = sorted([*document.problems, *known], key=lambda each: each.is_warning)
    return locate(found, document.places)  # of a value, what is wrong comes before a warning


def _rules_with_lost_conditions(shape_problems: Sequence[Problem]) -> frozenset[int | str]:
    """The positions of rules that lose a condition because of its wrong shape."""
    paths = (problem.path for problem in shape_problems)
    return frozenset(
        path[1] for path in paths if path[0:1] == ("rules",) and {"when", "chance"} & {*path[2:3]}
    )


def _may_be_completed_later(path: Path, cut: Path) -> bool:
    """Whether the part of the text that was not read may solve a problem."""
    path = path[:-1] if path[-1:] == (KEY,) else path
    return path == cut[: len(path)]


def _without_decimals(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Convert decimals in a value to floats, or to text if they are too large."""
    match value:
        case dict():
            return {key: _without_decimals(item) for key, item in value.items()}
        case list():
            return [_without_decimals(item) for item in value]
        case Decimal():
            number = float(value)
            return number if math.isfinite(number) else str(value)
        case _:
            return value
