"""Holds the schemas to their form: closed, bounded, explained, with examples that follow them."""

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
from tests.contract.reference_validator import reference_validator
from tests.support.tables import for_each

SCHEMAS: Final = schema_files()
OPEN: Final = {
    "control/objects/snapshot",
    "control/objects/event",  # one that was sent by hand says what it likes
    "control/requests/create_event",
    "control/objects/scenario",  # the lint judges what is in it, with better words
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
    """The schema and every schema written inside it, with where it stands."""
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
def test_every_schema_is_json_schema_2020_12(name: str) -> None:
    """The metaschema accepts it, and it says which one that is."""
    Draft202012Validator.check_schema(SCHEMAS[name])

    assert SCHEMAS[name]["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@each_schema
def test_every_schema_introduces_itself(name: str) -> None:
    """Identity, title, description, source and provenance are there."""
    schema = SCHEMAS[name]

    assert schema["$id"] == f"https://payments-sandbox.example/schemas/{name}.json"
    assert re.fullmatch(r"[A-Z][a-z]*(?: [a-z]+)*", schema["title"])
    assert schema["description"].endswith(".")
    assert schema["x-source"] in SECTIONS
    assert schema["x-provenance"] in {"documented", "decided"}


def test_the_titles_of_schemas_are_unique() -> None:
    """Generated code is named after them, in either document; both have a `Payment`."""
    for is_control in (False, True):
        names = [name for name in SCHEMAS if name.startswith("control/") == is_control]
        assert len({component(SCHEMAS[name]) for name in names}) == len(names)


@each_schema
def test_every_example_follows_its_schema(name: str) -> None:
    """There is an example at least, and both validators accept each."""
    contract = Contract(SCHEMAS)
    judge = reference_validator()(contract.schema(name))

    assert SCHEMAS[name]["examples"]
    for example in SCHEMAS[name]["examples"]:
        assert contract.accepts(name, example), contract.explain(name, example)
        assert judge.is_valid(example)


@each_schema
def test_every_property_says_where_it_is_from(name: str) -> None:
    """Documented or decided; and what the property is, here or in the schema it refers to."""
    for place, part in _parts(SCHEMAS[name]):
        assert part["x-provenance"] in {"documented", "decided"}, place
        described = SCHEMAS[target(part["$ref"], name)] if "$ref" in part else part
        assert described["description"].endswith("."), place


@each_schema
def test_every_object_is_closed_and_everything_is_bounded(name: str) -> None:
    """No undocumented keys, no endless strings and lists."""
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
def test_no_schema_uses_a_word_that_explains_badly(name: str) -> None:
    """One typo must not end in "not valid under any of the given schemas"."""
    for place, part in _parts(SCHEMAS[name]):
        assert not part.keys() & {"oneOf", "anyOf", "allOf", "not", "$defs", "$dynamicRef"}, place


@each_schema
def test_a_format_is_never_relied_upon(name: str) -> None:
    """Validators do not check formats unless told: a pattern says the same."""
    for place, part in _parts(SCHEMAS[name]):
        if "format" in part:
            assert part["format"] == "date-time", place
            assert "pattern" in part, place


@each_request
def test_whatever_can_be_refused_says_what_was_expected(name: str) -> None:
    """The end of the sentence "expected …" is in the schema, without its full stop."""
    for place, part in _parts(inline(name, SCHEMAS)):
        assert re.search(r"[^.]\Z", part["x-expected"]), place


@each_request
def test_null_is_never_a_request(name: str) -> None:
    """Absent means absent."""
    for place, part in _parts(inline(name, SCHEMAS)):
        assert "null" not in part["type"], place


@for_each("pattern", PATTERNS)
def test_every_pattern_is_portable(pattern: str) -> None:
    """Anchored, and with no class that means something else in another language."""
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert not re.search(r"\\[dDwWsSbB]|\(\?", pattern)


@for_each("pattern", PATTERNS)
@pytest.mark.parametrize("near_miss", ["1", "a", "Aa0", "pay_", "2025-01-15T10:30:00.1"])
def test_every_pattern_is_fast_on_a_near_miss(pattern: str, near_miss: str) -> None:
    """A hundred thousand characters that nearly match: whoever looks back would take minutes."""
    start = pattern[1:].partition("[")[0].replace("\\", "")
    text = start + near_miss * 20_000 + "\n"
    validator = CompiledSchema({"pattern": pattern})

    assert not validator.is_valid(text)


def test_every_currency_is_money_that_one_can_pay_with() -> None:
    """Alphabetic codes of money one can pay with; not of funds, metals and tests."""
    currencies = SCHEMAS["objects/currency"]["enum"]

    assert currencies == sorted(set(currencies))
    assert all(re.fullmatch("[A-Z]{3}", code) for code in currencies)
    assert {"USD", "EUR", "JPY", "BHD", "XOF", "XAF", "XPF", "XCD", "SLE", "ZWG"} <= set(currencies)
    assert not {"XXX", "XTS", "XAU", "XAG", "XDR", "XUA", "USN", "CHE", "BOV", "CLF", "UYI"} & set(
        currencies
    )
    assert not {"HRK", "SLL", "ZWL", "CUC", "DEM", "EEK", "VEF", "MRO", "STD"} & set(currencies)


def test_a_payment_can_be_failed_with_every_decline() -> None:
    """The control API's list of codes is the table's."""
    codes = SCHEMAS["control/requests/fail_payment"]["properties"]["code"]["enum"]

    assert codes == [name for name, code in CODES.items() if code.is_decline]


def test_every_operation_has_its_schemas() -> None:
    """What the table of operations names is there."""
    named = {name for op in OPERATIONS for name in (op.request, op.query, op.response) if name}

    assert named <= SCHEMAS.keys()


def test_references_are_written_out() -> None:
    """What a validator gets refers to nothing, and what stands beside a reference wins."""
    schemas: dict[str, Schema] = {
        "a/outer": {"properties": {"x": {"$ref": "../b/inner.json", "description": "mine"}}},
        "b/inner": {"$id": "b", "type": "string", "description": "its own"},
    }

    assert inline("a/outer", schemas) == {
        "properties": {"x": {"type": "string", "description": "mine"}}
    }


def test_a_reference_cannot_leave_the_folder() -> None:
    """Only what was read can be referred to."""
    with pytest.raises(KeyError):
        inline("a", {"a": {"$ref": "../../../secrets.json"}})


def test_undocumented_keys_are_dropped_at_every_depth() -> None:
    """Only from closed objects; what is of another type is left to the validator."""
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
def test_a_query_is_read_as_the_standard_library_reads_it(query: str) -> None:
    """The quick way, where nothing is escaped, leaves out and changes nothing."""
    assert read_pairs(query) == parse_qsl(query, keep_blank_values=True)


def test_a_schema_without_a_file_is_an_error_that_says_which_to_write() -> None:
    with pytest.raises(KeyError, match=r"write schemas/control/objects/refund\.json"):
        schema_files()["control/pages/refund"]
