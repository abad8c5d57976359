"""Tests that schemas are closed, bounded and explained, and that their examples follow them."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl

import pytest
from jsonschema import Draft202012Validator

from payments_sandbox.contract.error_codes import CODES
from payments_sandbox.contract.operations import OPERATIONS
from payments_sandbox.contract.schema_errors import CompiledSchema
from payments_sandbox.contract.schema_files import (
    Schema,
    component,
    inline,
    schema_files,
    target,
    without_undocumented,
)
from payments_sandbox.contract.schemas import Contract, read_pairs
from payments_sandbox.core.errors import InvalidRequest
from tests.contract.reference_validator import reference_validator
from tests.support.tables import for_each

SCHEMAS: Final = schema_files()
OPEN: Final = {
    "control/objects/snapshot",
    "control/objects/event",  # a custom event has any data
    "control/requests/create_event",
    "control/objects/scenario",  # the lint checks it with better messages
    "control/objects/whole_scenario",
    "control/requests/create_world",
    "control/requests/put_scenarios",
    "control/responses/written_scenario",
    "control/requests/verify",
    "control/requests/decide_held_call",
    "control/objects/active_scenario",
    "control/responses/report",
    "control/responses/verified",
}
REQUESTS: Final = ("requests/", "queries/", "control/requests/", "control/queries/")
SECTIONS: Final = {
    "AUTHENTICATION",
    "ENDPOINTS",
    "1. CREATE PAYMENT",
    "2. RETRIEVE PAYMENT",
    "3. LIST PAYMENTS",
    "4. REFUND PAYMENT",
    "ERROR HANDLING",
    "RATE LIMITING",
    "WEBHOOKS",
    "control API",
}


def _parts(schema: Schema, place: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield the schema and every schema written inside it, with its place."""
    yield place, schema
    for name, part in schema.get("properties", {}).items():
        yield from _parts(part, f"{place}/{name}")
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from _parts(schema[word], f"{place}/{word}")


PATTERNS: Final = sorted(
    {
        part["pattern"]
        for schema in SCHEMAS.values()
        for _, part in _parts(schema)
        if "pattern" in part
    }
)

each_schema = for_each("name", SCHEMAS)
each_request = for_each("name", [name for name in SCHEMAS if name.startswith(REQUESTS)])


@each_schema
def test_every_schema_is_valid_json_schema_2020_12(name: str) -> None:
    """And declares its metaschema."""
    Draft202012Validator.check_schema(SCHEMAS[name])

    assert SCHEMAS[name]["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@each_schema
def test_every_schema_has_an_id_title_description_source_and_provenance(name: str) -> None:
    schema = SCHEMAS[name]

    assert schema["$id"] == f"https://payments-sandbox.example/schemas/{name}.json"
    assert re.fullmatch(r"[A-Z][a-z]*(?: [a-z]+)*", schema["title"])
    assert schema["description"].endswith(".")
    assert schema["x-source"] in SECTIONS
    assert schema["x-provenance"] in {"documented", "decided"}


def test_the_titles_of_schemas_are_unique() -> None:
    """In each document: generated code is named after them."""
    for is_control in (False, True):
        names = [name for name in SCHEMAS if name.startswith("control/") == is_control]
        assert len({component(SCHEMAS[name]) for name in names}) == len(names)


@each_schema
def test_every_schema_has_examples_that_both_validators_accept(name: str) -> None:
    contract = Contract(SCHEMAS)
    judge = reference_validator()(contract.schema(name))

    assert SCHEMAS[name]["examples"]
    for example in SCHEMAS[name]["examples"]:
        assert contract.accepts(name, example), contract.explain(name, example)
        assert judge.is_valid(example)


@each_schema
def test_every_property_has_a_provenance_and_a_description(name: str) -> None:
    """The description may be in the schema that it refers to."""
    for place, part in _parts(SCHEMAS[name]):
        assert part["x-provenance"] in {"documented", "decided"}, place
        described = SCHEMAS[target(part["$ref"], name)] if "$ref" in part else part
        assert described["description"].endswith("."), place


@each_schema
def test_every_object_is_closed_and_every_string_and_list_is_bounded(name: str) -> None:
    for place, part in _parts(inline(name, SCHEMAS)):
        kinds = part.get("type", [])
        if "object" in kinds and name not in OPEN:
            assert part["additionalProperties"] is not True, place
            assert part["additionalProperties"] is False or "maxProperties" in part, place
        if "string" in kinds:
            assert part.keys() & {"maxLength", "enum", "const"}, place
        if "array" in kinds:
            assert "maxItems" in part, place
            assert "items" in part, place


@each_schema
def test_no_schema_uses_a_keyword_with_unclear_error_messages(name: str) -> None:
    """One typo must not end in "not valid under any of the given schemas"."""
    for place, part in _parts(SCHEMAS[name]):
        assert not part.keys() & {"oneOf", "anyOf", "allOf", "not", "$defs", "$dynamicRef"}, place


@each_schema
def test_every_format_is_backed_by_a_pattern(name: str) -> None:
    """Validators ignore formats by default."""
    for place, part in _parts(SCHEMAS[name]):
        if "format" in part:
            assert part["format"] == "date-time", place
            assert "pattern" in part, place


@each_request
def test_every_part_of_a_request_schema_has_the_text_of_what_is_expected(name: str) -> None:
    """The end of the sentence "expected …", without its full stop."""
    for place, part in _parts(inline(name, SCHEMAS)):
        assert re.search(r"[^.]\Z", part["x-expected"]), place


@each_request
def test_no_request_schema_allows_null(name: str) -> None:
    for place, part in _parts(inline(name, SCHEMAS)):
        assert "null" not in part["type"], place


@for_each("pattern", PATTERNS)
def test_every_pattern_is_anchored_and_has_no_class_that_differs_between_languages(
    pattern: str,
) -> None:
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert not re.search(r"\\[dDwWsSbB]|\(\?", pattern)


@for_each("pattern", PATTERNS)
@pytest.mark.parametrize("near_miss", ["1", "a", "Aa0", "pay_", "2025-01-15T10:30:00.1"])
def test_every_pattern_rejects_a_long_near_miss_without_backtracking(
    pattern: str, near_miss: str
) -> None:
    """A hundred thousand characters that nearly match: backtracking would take minutes."""
    start = pattern[1:].partition("[")[0].replace("\\", "")
    text = start + near_miss * 20_000 + "\n"
    validator = CompiledSchema({"pattern": pattern})

    assert not validator.is_valid(text)


def test_currencies_are_current_money_without_funds_metals_or_test_codes() -> None:
    currencies = SCHEMAS["objects/currency"]["enum"]

    assert currencies == sorted(set(currencies))
    assert all(re.fullmatch("[A-Z]{3}", code) for code in currencies)
    assert {"USD", "EUR", "JPY", "BHD", "XOF", "XAF", "XPF", "XCD", "SLE", "ZWG"} <= set(currencies)
    assert not {"XXX", "XTS", "XAU", "XAG", "XDR", "XUA", "USN", "CHE", "BOV", "CLF", "UYI"} & set(
        currencies
    )
    assert not {"HRK", "SLL", "ZWL", "CUC", "DEM", "EEK", "VEF", "MRO", "STD"} & set(currencies)


def test_fail_payment_accepts_exactly_the_decline_codes() -> None:
    codes = SCHEMAS["control/requests/fail_payment"]["properties"]["code"]["enum"]

    assert codes == [name for name, code in CODES.items() if code.is_decline]


def test_every_schema_that_an_operation_names_exists() -> None:
    named = {name for op in OPERATIONS for name in (op.request, op.query, op.response) if name}

    assert named <= SCHEMAS.keys()


def test_inlining_replaces_references_and_keeps_overriding_keywords() -> None:
    """What stands next to a reference wins."""
    schemas: dict[str, Schema] = {
        "a/outer": {"properties": {"x": {"$ref": "../b/inner.json", "description": "mine"}}},
        "b/inner": {"$id": "b", "type": "string", "description": "its own"},
    }

    assert inline("a/outer", schemas) == {
        "properties": {"x": {"type": "string", "description": "mine"}}
    }


def test_a_reference_outside_the_schemas_folder_raises_key_error() -> None:
    with pytest.raises(KeyError):
        inline("a", {"a": {"$ref": "../../../secrets.json"}})


def test_undocumented_keys_are_dropped_at_every_depth() -> None:
    """Only from closed objects; values of another type are left to the validator."""
    inner: Schema = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    outer: Schema = {
        "properties": {"one": inner, "many": {"items": inner}},
        "additionalProperties": True,
    }
    value = {"one": {"a": {"b": 1}, "x": 1}, "many": [{"x": 1}, 7], "other": {"x": 1}}

    assert without_undocumented(outer, value) == {
        "one": {"a": {"b": 1}},
        "many": [{}, 7],
        "other": {"x": 1},
    }


@for_each(
    "query",
    [
        "",
        "a=1",
        "a=1&b=2",
        "a&b=",
        "=1",
        "&&a=1&",
        "a=1=2",
        "a=1&a=2",
        "a%20b=c+d",
        "a+b=%31",
        "ä=ö",
    ],
)
def test_a_query_is_parsed_as_the_standard_library_parses_it(query: str) -> None:
    """Including by the fast path for queries without escapes."""
    assert read_pairs(query) == parse_qsl(query, keep_blank_values=True)


QUERIES: Final = [name for name in SCHEMAS if "queries/" in name]


@for_each("name", QUERIES)
def test_a_query_without_parameters_is_accepted_unless_one_is_required(name: str) -> None:
    """No validator is asked about it."""
    contract = Contract(SCHEMAS, lenient=False)
    if contract.accepts(name, {}):
        properties = contract.schema(name)["properties"].items()
        defaults = {key: each["default"] for key, each in properties if "default" in each}
        assert contract.read_query(name, []) == defaults
    else:
        with pytest.raises(InvalidRequest):
            contract.read_query(name, [])


def test_a_missing_schema_raises_key_error_that_names_the_file_to_write() -> None:
    with pytest.raises(KeyError, match=r"write schemas/control/objects/refund\.json"):
        schema_files()["control/pages/refund"]
