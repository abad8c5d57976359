"""Tests that the OpenAPI documents are usable by code generators."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from payments_sandbox.contract.control_openapi import control_document
from payments_sandbox.contract.openapi import document
from payments_sandbox.contract.published_schemas import VALUES, published, references
from payments_sandbox.contract.schema_files import schema_files

SCHEMAS: Final = schema_files()
API: Final[dict[str, Any]] = document(SCHEMAS, server_url="http://127.0.0.1:8080/v3")
CONTROL: Final[dict[str, Any]] = control_document(
    SCHEMAS, server_url="http://127.0.0.1:8080/_sandbox"
)
BOTH: Final = {"api": API, "control": CONTROL}
REFERENCE: Final = "#/components/schemas/"

each_document = pytest.mark.parametrize("name", BOTH)


def nodes(node: object) -> Iterator[dict[str, Any]]:
    """Yield every object of a document, except examples and other values."""
    if isinstance(node, dict):
        yield node
        node = [value for word, value in node.items() if word not in {*VALUES, "example"}]
    if isinstance(node, list):
        for child in node:
            yield from nodes(child)


def kinds(node: dict[str, Any]) -> list[str]:
    """Return the types that a schema allows; none for what is not a schema."""
    kind = node.get("type", [])
    return [kind] if isinstance(kind, str) else kind


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each operation, without webhooks."""
    for methods in document["paths"].values():
        yield from methods.values()


def reached(document: dict[str, Any], *parts: object) -> set[str]:
    """Return the components that parts of a document refer to, directly or not."""
    found: set[str] = set()
    waiting = list(parts)
    while waiting:
        used = {node["$ref"].removeprefix(REFERENCE) for node in nodes(waiting) if "$ref" in node}
        used &= document["components"]["schemas"].keys()
        waiting = [document["components"]["schemas"][each] for each in used - found]
        found |= used
    return found


def written(schema: dict[str, Any], *, is_closed: bool = False) -> object:
    """Return a part of a file as the documents publish it."""
    return published(schema, lambda path: {"$ref": f"#/{path}"}, is_closed=is_closed)


def test_components_are_named_after_things_not_operations() -> None:
    """Generators name their own types after operations."""
    assert list(API["components"]["schemas"]) == [
        *("Amount", "Card", "ChargebackCreatedEvent", "ChargebackId", "CreatedPayment", "Currency"),
        *("CustomerId", "Description", "ErrorDetail", "ErrorResponse", "EventId", "NewPayment"),
        *("NewRefund", "Payment", "PaymentCompletedEvent", "PaymentFailedEvent", "PaymentId"),
        *("PaymentPage", "PaymentStatus", "PaymentSummary", "Reason", "Refund"),
        *("RefundCreatedEvent", "RefundId", "StoredCard", "Timestamp", "WebhookEvent"),
    ]
    endings = [each for each in CONTROL["components"]["schemas"] if each.endswith("Response")]
    assert endings == ["ErrorResponse"]


@each_document
def test_no_schema_has_a_date_time_with_a_pattern(name: str) -> None:
    """Generated Ruby and PHP match the pattern against a parsed date, and always raise."""
    dates = [node for node in nodes(BOTH[name]) if node.get("format") == "date-time"]

    assert dates
    assert not [node for node in dates if node.keys() & {"pattern", "maxLength", "minLength"}]


@each_document
def test_every_integer_that_may_exceed_int32_has_the_format_int64(name: str) -> None:
    """Including one without a maximum, such as a time in seconds."""
    large = [
        node
        for node in nodes(BOTH[name])
        if "integer" in kinds(node) and node.get("maximum", 2**31) > 2**31 - 1
    ]

    assert large
    assert {node.get("format") for node in large} == {"int64"}


@each_document
def test_no_list_of_types_contains_object(name: str) -> None:
    """Generated Go would not compile."""
    lists = [node["type"] for node in nodes(BOTH[name]) if isinstance(node.get("type"), list)]

    assert not [each for each in lists if "object" in each]


def test_an_object_that_is_an_alternative_to_a_string_is_a_component() -> None:
    """Generated Java would not compile with an inline object."""
    choices = [node["anyOf"] for node in nodes(CONTROL) if "anyOf" in node]
    others = [choice[1:] for choice in choices if {"type": "null"} not in choice]

    assert others
    assert all(list(other) == ["$ref"] for [other] in others)


@each_document
def test_no_published_schema_has_unique_items(name: str) -> None:
    """Generated Java makes a set of such a list, and does not compile."""
    assert not [node for node in nodes(BOTH[name]) if "uniqueItems" in node]


def test_a_scenario_in_a_request_is_a_name_or_the_scenario_component() -> None:
    """Its keys are those of the scenario language."""
    schemas = CONTROL["components"]["schemas"]
    choice = schemas["ScenarioOrName"]["anyOf"]

    assert choice == [
        {"type": "string", "minLength": 1, "maxLength": 80},
        {"$ref": "#/components/schemas/Scenario"},
    ]
    language = SCHEMAS["scenario.schema"]
    assert list(schemas["Scenario"]["properties"]) == list(language["properties"])
    assert schemas["Scenario"]["required"] == language["required"]


def test_the_webhook_event_is_one_union_told_apart_by_constant_types() -> None:
    """Without a discriminator, which makes generators write the constant a second time."""
    schemas = API["components"]["schemas"]
    event = schemas["WebhookEvent"]
    names = [each["$ref"].removeprefix(REFERENCE) for each in event["oneOf"]]

    assert "discriminator" not in event
    assert [schemas[each]["properties"]["type"]["const"] for each in names] == list(API["webhooks"])
    assert [schemas[each]["properties"]["data"]["title"] for each in names] == [
        SCHEMAS[f"events/{each}"]["title"].replace("event", "data") for each in API["webhooks"]
    ]


def test_inline_enumerations_have_titles() -> None:
    """So that a generated client has no `Type5`."""
    schemas = API["components"]["schemas"]
    titles = [
        schemas[component]["properties"][name]["title"]
        for component, name in (
            ("Card", "type"),
            ("StoredCard", "type"),
            ("StoredCard", "brand"),
            ("Refund", "status"),
        )
    ]

    assert titles == ["Card type", "Card type", "Card brand", "Refund status"]


@each_document
def test_request_schemas_are_closed_and_response_schemas_are_open(name: str) -> None:
    """A new key in a reply or an event breaks no client."""
    whole = BOTH[name]
    taken = [each.get("requestBody", {}) for each in operations(whole)]
    sent = [*(each["responses"] for each in operations(whole)), whole.get("webhooks", {})]
    answered = reached(whole, *sent)
    asked = reached(whole, *taken) - answered
    schemas = whole["components"]["schemas"]
    closed = {
        each
        for each in schemas
        if any(node.get("additionalProperties") is False for node in nodes(schemas[each]))
    }

    assert not closed & answered
    assert closed == {
        each
        for each in asked
        if "object" in kinds(schemas[each]) and "additionalProperties" in schemas[each]
    }
    assert closed


@each_document
def test_every_operation_has_a_default_error_response(name: str) -> None:
    """No client has to guess its shape."""
    for operation in operations(BOTH[name]):
        content = operation["responses"]["default"]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}
        assert "method_not_allowed" in content["examples"]


@each_document
def test_every_parameter_has_an_example(name: str) -> None:
    """One that the server accepts: tools send it unchanged."""
    hooks = [each["post"] for each in BOTH[name].get("webhooks", {}).values()]
    parameters = [
        parameter
        for operation in (*operations(BOTH[name]), *hooks)
        for parameter in operation.get("parameters", [])
    ]

    assert parameters
    assert [each["name"] for each in parameters if "example" not in each] == []


def test_webhooks_document_their_signature_headers_as_optional() -> None:
    """An endpoint may sign in another way."""
    for methods in API["webhooks"].values():
        parameters = methods["post"]["parameters"]
        assert [(each["name"], each["in"], each["required"]) for each in parameters] == [
            ("webhook-id", "header", False),
            ("webhook-timestamp", "header", False),
            ("webhook-signature", "header", False),
        ]
        assert {each["x-provenance"] for each in parameters} == {"decided"}


@each_document
def test_the_error_code_is_an_extensible_enumeration_of_all_shown_codes(name: str) -> None:
    """The type stays a string."""
    code = BOTH[name]["components"]["schemas"]["ErrorDetail"]["properties"]["code"]
    shown = {
        example["value"]["error"]["code"]
        for operation in operations(BOTH[name])
        for status, response in operation["responses"].items()
        if status >= "400"
        for example in response["content"]["application/json"]["examples"].values()
        if "error" in example["value"]
    }

    assert code["type"] == "string"
    assert "enum" not in code
    assert set(code["x-extensible-enum"]) == shown


def test_every_401_response_documents_www_authenticate() -> None:
    """In both documents."""
    for whole in BOTH.values():
        for operation in operations(whole):
            if "401" in operation["responses"]:
                assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]


def test_publishing_leaves_examples_unchanged() -> None:
    """Even an example that looks like a schema."""
    example = {"type": ["object", "null"], "additionalProperties": False}

    assert written({"type": "object", "examples": [example]}) == {
        "type": "object",
        "examples": [example],
    }


def test_an_object_or_null_is_published_as_any_of_two() -> None:
    """Each with its own keywords."""
    schema = {
        "description": "What was answered.",
        "type": ["object", "null"],
        "required": ["a"],
        "properties": {"a": {"type": "integer", "maximum": 5}},
        "additionalProperties": False,
    }

    assert written(schema) == {
        "description": "What was answered.",
        "anyOf": [
            {"type": "null"},
            {
                "type": "object",
                "required": ["a"],
                "properties": {"a": {"type": "integer", "maximum": 5}},
            },
        ],
    }
    assert list(references(schema, "a")) == []


@pytest.mark.parametrize(
    ("schema", "is_large"),
    [
        ({"type": "integer"}, True),
        ({"type": ["integer", "null"], "maximum": 2**31}, True),
        ({"type": "integer", "maximum": 2**31 - 1}, False),
        ({"type": "number"}, False),
    ],
    ids=["unbounded", "above 32 bits or null", "within 32 bits", "not an integer"],
)
def test_an_integer_is_published_as_int64_if_it_may_exceed_int32(
    schema: dict[str, Any], *, is_large: bool
) -> None:
    """Whether null is allowed or not."""
    assert written(schema) == (schema | {"format": "int64"} if is_large else schema)
