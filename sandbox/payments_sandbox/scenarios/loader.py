"""Owns the way from a scenario's text to the scenario, or to every problem that it has.

1. The text is read into plain values, with the place of each (`yaml_reader`). What is no YAML is a
   problem; JSON is read as JSON, and asked for its places as YAML.
2. The schema is asked. What has a wrong shape is a problem, and is dropped, so that what follows
   can rely on the shape of the rest (`schema_errors`). Lists keep their length: a gap is None.
3. The lint looks at the rest for what no schema can see, such as a step that is never reached
   (`lint`). It reads parts of it with the parser, so the parser must not fail on a right shape.
4. All problems get the places of their paths, in the order of the text; of those at one place the
   first stays (`diagnostics`).
5. Where nothing but warnings is left, the whole is parsed into the model (`parser`).
"""

import functools
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast

from payments_sandbox.contract.schema_errors import Path
from payments_sandbox.contract.schemas import Contract, load_contract
from payments_sandbox.core import strict_json
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios.diagnostics import Place, Problem, locate
from payments_sandbox.scenarios.lint.scenario import check_expectation, check_scenario
from payments_sandbox.scenarios.parser.scenario import parse_scenario
from payments_sandbox.scenarios.schema_errors import accepts, drop_invalid_parts, schema_problems
from payments_sandbox.scenarios.yaml_reader import DEEPEST, MOST, Document
from payments_sandbox.verification.expectations import parse_expectation
from payments_sandbox.verification.expectations.expectation import Expectation

_AT: Final = re.compile(r" at line (\d+), column (\d+)$")


class Loaded(NamedTuple):
    """The result of reading a text.

    Attributes:
        scenario: None when something is wrong; warnings alone do not refuse it.
        problems: all of them, in the order of the text.
    """

    scenario: Scenario | None
    problems: tuple[Problem, ...] = ()


def load(text: str, *, name: str | None) -> Loaded:
    """Read a scenario in YAML or JSON.

    Args:
        text: what a file, or a body, says.
        name: the name of its file without the ending, which has to be its own; None when it came
            without one.
    """
    if text.lstrip()[:1] == "{":
        try:
            return _load_json(text, name)
        except strict_json.BadJson as error:
            return _load_flow(text, name, error)
    document = Document(text)
    return _check(document.data, document.places, document.problems, name)


def load_value(value: object, *, name: str | None = None) -> Loaded:
    """Read a scenario that is a JSON value; its problems have paths and no places."""
    return _check(_plain(value), {}, [], name)


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
    """Read expectations without a scenario.

    Args:
        values: as JSON has them.

    Returns:
        The good ones, and what is wrong with the others.
    """
    found: list[Expectation] = []
    problems: list[Problem] = []
    for position, value in enumerate(map(_plain, values)):
        path: Path = ("expect", position)
        if (
            wrong := [
                each._replace(path=(*path, *each.path))
                for each in schema_problems(value, "expectation")
            ]
        ) or (wrong := list(check_expectation(value, path, has_rules=True))):
            problems += wrong
        else:
            found.append(parse_expectation(value))
    return found, locate(problems, {})


def _load_json(text: str, name: str | None) -> Loaded:
    value = strict_json.read(text.encode("utf-8", "replace")[: 4 * MOST], deepest=DEEPEST)
    document = Document(text)  # JSON is nearly YAML, whose parser knows the places
    return _check(_plain(value), document.places if not document.problems else {}, [], name)


def _load_flow(text: str, name: str | None, error: strict_json.BadJson) -> Loaded:
    """Read a text in braces that is not JSON as YAML, or else say what is wrong with it as JSON."""
    document = Document(text)
    if document.is_readable:
        return _check(document.data, document.places, document.problems, name)
    message, at = str(error), _AT.search(str(error))
    place = (int(at[1]), int(at[2])) if at else (1, 1)
    return Loaded(None, (Problem((), _AT.sub("", message), None, place),))


def _check(
    data: object, places: dict[Path, Place], problems: list[Problem], name: str | None
) -> Loaded:
    if data is None:
        empty = Problem(
            (), "there is nothing in it", "a scenario starts with scenario: NAME", (1, 1)
        )
        return Loaded(None, tuple(problems) or (empty,))
    is_shaped = accepts(data)
    kept = cast("dict[str, Any]", data) if is_shaped else drop_invalid_parts(data)
    found = [] if is_shaped else list(schema_problems(data))
    found = locate([*problems, *found, *check_scenario(kept, name, _contract())], places)
    is_good = is_shaped and all(each.is_warning for each in found)
    return Loaded(parse_scenario(kept) if is_good else None, tuple(found))


@functools.cache
def _contract() -> Contract:
    return load_contract()


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
