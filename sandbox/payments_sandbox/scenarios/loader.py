"""Owns the way from a scenario's text to the scenario, or to every problem that it has.

1. The text is read into plain values, with the place of each (`yaml_reader`). What is no YAML is a
   problem, and what stands before it is looked at all the same; JSON is read as JSON, and asked for
   its places as YAML.
2. The schema is asked. Misspelt keys are a problem, and are read as those that were meant, so that
   what is wrong behind them is told, too. What has a wrong shape is a problem, and is dropped, so
   that what follows can rely on the shape of the rest (`scenario_schema`). Lists keep their length:
   a gap is None.
3. Which keys rules have is looked at in what was written, as a value that was dropped could hide
   what is missing beside it (`lint_rules.check_keys`).
4. The lint looks at the rest for what no schema can see, such as a step that is never reached
   (`lint`). It reads parts of it with the parser, so the parser must not fail on a right shape.
5. All problems get the places of their paths, in the order of the text (`diagnostics`). Of a text
   that could not be read to its end, those are left out that the rest might have answered.
6. Where nothing but warnings is left, the whole is parsed into the model (`parser`).
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
from payments_sandbox.scenarios.lint import check_minor_units, check_scenario
from payments_sandbox.scenarios.lint_rules import LintContext, check_keys
from payments_sandbox.scenarios.parser import parse_scenario
from payments_sandbox.scenarios.scenario_schema import (
    Meant,
    accepts,
    as_meant,
    drop_invalid_parts,
    schema_problems,
)
from payments_sandbox.scenarios.yaml_reader import DEEPEST, MOST, Document, read_document
from payments_sandbox.verification.expectations import parse_expectation

LONGEST_WAIT: Final = Settings().max_wall_delay
"""Wall milliseconds for which a client waits at most, where no server says otherwise."""

_AT: Final = re.compile(r" at line (\d+), column (\d+)$")


class Loaded(NamedTuple):
    """The result of reading a text.

    Attributes:
        scenario: None when something is wrong; warnings alone do not refuse it.
        problems: all of them, in the order of the text.
    """

    scenario: Scenario | None
    problems: tuple[Problem, ...] = ()


def load(text: str, *, name: str | None, longest_wait: int = LONGEST_WAIT) -> Loaded:
    """Read a scenario in YAML or JSON.

    Args:
        text: what a file, or a body, says.
        name: the name of its file without the ending, which has to be its own; None when it came
            without one.
        longest_wait: wall milliseconds that the server lets a client wait (`--max-wall-delay`).
    """
    document = read_document(text)  # JSON is nearly YAML, whose parser knows the places
    if text.lstrip()[:1] == "{":
        try:
            value = strict_json.read(text.encode("utf-8", "replace")[: 4 * MOST], deepest=DEEPEST)
        except strict_json.BadJson as error:
            if not document.is_readable:
                document.problems[-1] = _in_words_of(error, document.problems[-1])
        else:
            document = Document(_plain(value), {} if document.problems else document.places)
    return _check(document, name, longest_wait)


def load_list(text: str, *, longest_wait: int = LONGEST_WAIT) -> dict[Path, str | Loaded]:
    """Read a list of scenarios in YAML, or one of them.

    Args:
        text: of names and scenarios.
        longest_wait: as for `load`.

    Returns:
        A name, or what came of reading a scenario, by its path; the problems have their
        places in the text, and what is wrong with the text itself is told with the first item.
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
        fractions = {
            tuple(path[1:]): text
            for path, text in document.fractions.items()
            if path[0] == position
        }
        part = Document(each, places[position], problems, fractions, cut)
        found[position,] = each if is_name else _check(part, None, longest_wait)
    return found


def load_value(value: object, *, longest_wait: int = LONGEST_WAIT) -> Loaded:
    """Read a scenario that is a JSON value as `load` does; its problems have no places."""
    return _check(Document(_plain(value)), None, longest_wait)


def read_scenario(source: object) -> Scenario:
    """Read a scenario that was accepted before, as a snapshot has it.

    Raises:
        ValueError: it has problems.
    """
    loaded = load_value(source)
    if loaded.scenario is None:
        raise ValueError("not a valid scenario")
    return loaded.scenario


def load_expectations(values: Sequence[object]) -> tuple[list[Expectation], list[Problem]]:
    """Read expectations without a scenario: the good ones, and what is wrong with the others."""
    if not values:
        return [], []
    whole = {"scenario": "expectations", "expect": _plain(list(values))}
    context = LintContext(load_contract(), LONGEST_WAIT, has_rules=True)
    meant = as_meant(whole)
    problems = _problems(Document(whole), meant, drop_invalid_parts(meant.value), None, context)
    wrong = {problem.path[:2] for problem in problems if not problem.is_warning}
    good = [each for n, each in enumerate(whole["expect"]) if ("expect", n) not in wrong]
    return [parse_expectation(each) for each in good], problems


def _in_words_of(error: strict_json.BadJson, problem: Problem) -> Problem:
    """Say why a text in braces is no JSON; if YAML could read further, say what YAML says."""
    message, at = str(error), _AT.search(str(error))
    place = (int(at[1]), int(at[2])) if at else (1, 1)
    if at and problem.place and problem.place > place:
        return problem
    return Problem((), _AT.sub("", message), None, place)


def _check(document: Document, name: str | None, longest_wait: int) -> Loaded:
    data = document.data
    if data is None:
        hint = "a scenario starts with scenario: NAME"
        empty = Problem((), "there is nothing in it", hint, (1, 1))
        return Loaded(None, tuple(document.problems) or (empty,))
    is_shaped = accepts(data)
    meant = Meant(data) if is_shaped else as_meant(data)
    kept = cast("dict[str, Any]", data) if is_shaped else drop_invalid_parts(meant.value)
    if not (isinstance(data, dict) and "scenario" in data):
        name = None  # there is nothing to compare it with
    context = LintContext(load_contract(), longest_wait)
    problems = _problems(document, meant, kept, name, context)
    is_good = is_shaped and all(each.is_warning for each in problems)
    return Loaded(parse_scenario(kept) if is_good else None, tuple(problems))


def _problems(
    document: Document,
    meant: Meant,
    kept: Mapping[str, Any],
    name: str | None,
    context: LintContext,
) -> list[Problem]:
    """All that is wrong, with its places; `kept` are the parts that have the right shape."""
    data, cut = meant.value, document.cut
    has_seed = cut is not None or (isinstance(data, dict) and "seed" in data)
    misshapen = list(schema_problems(data))
    behind = [
        *misshapen,
        *check_keys(data, has_seed=has_seed),
        *check_minor_units(document.fractions),
        *check_scenario(kept, name, context._replace(unsure=_unsure_rules(misshapen))),
    ]
    found = [*meant.problems, *map(meant.as_written, behind)]
    known = [each for each in found if cut is None or not _may_be_behind(each.path, cut)]
    return locate([*document.problems, *known], document.places)


def _unsure_rules(misshapen: Sequence[Problem]) -> frozenset[int | str]:
    """The positions of rules that lose a condition, since it has a wrong shape."""
    paths = (problem.path for problem in misshapen)
    return frozenset(
        path[1] for path in paths if path[0:1] == ("rules",) and {"when", "chance"} & {*path[2:3]}
    )


def _may_be_behind(path: Path, cut: Path) -> bool:
    """Whether a problem may be due to the part of the text that was not read."""
    path = path[:-1] if path[-1:] == (KEY,) else path
    return path == cut[: len(path)]


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The value with its fractions as floats; one that no float holds becomes text."""
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case Decimal():
            number = float(value)
            return number if math.isfinite(number) else str(value)
        case _:
            return value
