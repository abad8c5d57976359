"""The scenario schema, and what remains of a scenario that does not match it."""

import json
from collections.abc import Iterator
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from payments_sandbox.contract.error_codes import CODES, documented_for
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.contract.schema_errors import MAX_FILE_ERRORS
from payments_sandbox.rules.fields import FIELDS
from payments_sandbox.scenarios.scenario_schema import (
    accepts,
    drop_invalid_parts,
    schema,
    schema_problems,
)
from tests.support.tables import for_each

SCHEMA: Final = schema()
DEFS: Final[dict[str, Any]] = SCHEMA["$defs"]
LOGIC: Final = {"if", "then", "else", "not", "anyOf", "oneOf", "propertyNames"}
OPEN: Final = {"patch", "data"}
"""Mappings with arbitrary keys."""


def parts(part: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - JSON Schema
    """Yield every subschema that validates a value, with its place."""
    if isinstance(part, dict):
        if isinstance(part.get("type"), str | list):
            yield place, part
        for key, value in part.items():
            if key not in ("examples", "x-hint", "if"):
                yield from parts(value, f"{place}/{key}")
    elif isinstance(part, list):
        for position, value in enumerate(part):
            yield from parts(value, f"{place}/{position}")


def test_the_schema_is_self_contained_json_schema_2020_12() -> None:
    """Editors can therefore use it."""
    Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    references = set(_references(SCHEMA))
    assert references == {f"#/$defs/{name}" for name in DEFS}


def _references(part: Any) -> Iterator[str]:  # noqa: ANN401 - JSON Schema
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def test_the_examples_of_the_schema_are_valid() -> None:
    """Both validators accept them."""
    for example in SCHEMA["examples"]:
        assert accepts(example)
        assert Draft202012Validator(SCHEMA).is_valid(example)


def test_every_part_of_the_schema_is_bounded_closed_and_has_x_expected() -> None:
    """No text is endless, no unknown key is accepted, and every rejection has a message."""
    for place, part in parts(SCHEMA):
        kinds = part.get("type", "string")
        name = place.rpartition("/")[2]
        if "object" in kinds and name not in OPEN:
            assert part.get("additionalProperties") is not None or "x-keys" in str(part), place
        if "string" in kinds:
            assert part.keys() & {"maxLength", "enum", "const"}, place
        if "array" in kinds:
            assert "maxItems" in part, place
        if "integer" in kinds:
            assert {"minimum", "maximum"} <= part.keys(), place
        assert "x-expected" in part or place.endswith("/propertyNames"), place


def test_every_part_of_the_schema_has_a_description() -> None:
    """Editors show the descriptions."""
    for place, part in parts(SCHEMA):
        if not any(f"/{word}" in place for word in LOGIC):
            assert part["description"].endswith("."), place


def test_matchers_of_the_schema_are_the_fields_of_rules() -> None:
    assert list(DEFS["when"]["properties"]) == [field.name for field in FIELDS]


def test_error_names_of_the_schema_are_the_documented_ones() -> None:
    """The `fail` action has only declines."""
    documented = {name for operation in BY_NAME for name in documented_for(operation)}
    fail = DEFS["action_mapping"]["properties"]["fail"]["properties"]["error"]["enum"]

    assert set(DEFS["respond"]["properties"]["error"]["enum"]) == documented
    assert fail == [name for name, code in CODES.items() if code.is_decline]


def test_at_most_200_problems_are_reported() -> None:
    rules = [{"request": "x", "do": ["pass"]}] * (2 * MAX_FILE_ERRORS)

    assert len(list(schema_problems({"scenario": "x", "rules": rules}))) == MAX_FILE_ERRORS


SALVAGED = {
    "not a mapping": (5, {"scenario": "unnamed", "expect": [{"audit": "clean"}]}),
    "unknown key": (
        {"scenario": "x", "expct": 1, "expect": [{"audit": "clean"}]},
        {"scenario": "x", "expect": [{"audit": "clean"}]},
    ),
    "invalid name": (
        {"scenario": 5, "expect": [{"audit": "clean"}]},
        {"scenario": "unnamed", "expect": [{"audit": "clean"}]},
    ),
    "invalid step between two valid ones": (
        {"scenario": "x", "rules": [{"request": "*", "do": ["pass", "pas", {"delay": "1s"}]}]},
        {"scenario": "x", "rules": [{"request": "*", "do": ["pass", None, {"delay": "1s"}]}]},
    ),
    "two invalid rules of three": (
        {"scenario": "x", "rules": [{}, {"request": "*", "do": ["pass"]}, {"request": "*"}]},
        {"scenario": "x", "rules": [None, {"request": "*", "do": ["pass"]}, None]},
    ),
    "step without its required part": (
        {"scenario": "x", "rules": [{"request": "*", "do": ["pass", {"malform": {"as": "x"}}]}]},
        {"scenario": "x", "rules": [{"request": "*", "do": ["pass", None]}]},
    ),
    "nothing left": (
        {"scenario": "x", "rules": [{"request": "*", "do": ["pas"]}]},
        {"scenario": "x", "expect": [{"audit": "clean"}]},
    ),
}  # fmt: skip


@for_each("case", SALVAGED)
def test_invalid_parts_are_dropped_and_the_rest_keeps_its_place(case: str) -> None:
    value, left = SALVAGED[case]
    before = json.dumps(value)

    assert drop_invalid_parts(value) == left
    assert json.dumps(value) == before


KEYS = st.sampled_from(
    ["scenario", "rules", "expect", "given", "request", "do", "when", "event", "at", "respond",
     "error", "drop", "commit", "delay", "uniform", "amount", "payments", "settle", "to", "zzz"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    | st.sampled_from(["pass", "*", "create_payment", "pending", "1s", "internal_error", "EUR"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)  # fmt: skip


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_what_remains_after_dropping_invalid_parts_is_valid(value: dict[str, Any]) -> None:
    """Gaps in lists are `None`."""
    left = drop_invalid_parts(value)

    assert accepts(_dense(left))
    assert bool(list(schema_problems(value))) is not accepts(value)


def _dense(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _dense(item) for key, item in value.items()}
    return (
        [_dense(item) for item in value if item is not None] if isinstance(value, list) else value
    )
