"""Checks both OpenAPI documents against the specification, the tables and the documentation."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from payments_sandbox.contract.control_openapi import TAGS, control_document
from payments_sandbox.contract.control_routes import CONTROL_ROUTES
from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.contract.error_codes import CODES, code_of
from payments_sandbox.contract.openapi import document
from payments_sandbox.contract.operations import DOCUMENTED_URL, OPERATIONS, Operation
from payments_sandbox.contract.schema_files import schema_files
from payments_sandbox.contract.schemas import Contract
from tests.support.tables import for_each

SCHEMAS: Final = schema_files()
API: Final[dict[str, Any]] = document(SCHEMAS, server_url="http://127.0.0.1:8080/v3")
CONTROL: Final[dict[str, Any]] = control_document(
    SCHEMAS, server_url="http://127.0.0.1:8080/_sandbox"
)
BOTH: Final = {"api": API, "control": CONTROL}
RATE_LIMIT: Final = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}

# The documentation, section by section: method, path, the statuses of success and refusal.
DOCUMENTED: Final = {
    ("post", "/payments"): {"201", "400", "401", "429", "500", "default"},
    ("get", "/payments/{payment_id}"): {"200", "400", "401", "404", "429", "500", "default"},
    ("get", "/payments"): {"200", "400", "401", "429", "500", "default"},
    ("post", "/payments/{payment_id}/refunds"): {
        *("201", "400", "401", "404", "429", "500"),
        "default",
    },
}

each_document = pytest.mark.parametrize("name", BOTH)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _nodes(node: object) -> Iterator[dict[str, Any]]:
    """Yield every object of a document."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _nodes(child)


def _is_error(content: dict[str, Any]) -> bool:
    schema = content.get("application/json", {}).get("schema", {})
    return str(schema.get("$ref")).endswith(("/ErrorResponse", "/RefusedScenario"))


def _examples(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the error examples of an operation, by code."""
    return {
        code: example | {"status": status}
        for status, response in operation["responses"].items()
        if "400" <= status <= "599"
        for body in [response["content"]["application/json"]]
        if body["schema"]["$ref"].endswith("/ErrorResponse")
        for code, example in body["examples"].items()
    }


@each_document
def test_the_document_is_valid_openapi_3_1(name: str) -> None:
    """By the specification's own schema."""
    from openapi_spec_validator import OpenAPIV31SpecValidator  # noqa: PLC0415 - it takes long

    OpenAPIV31SpecValidator(BOTH[name]).validate()


@each_document
def test_every_reference_resolves_and_every_component_is_used(name: str) -> None:
    """Except `WebhookEvent`, which receivers parse with."""
    used = {node["$ref"] for node in _nodes(BOTH[name]) if "$ref" in node}
    kinds = ("schemas", "headers")
    there = {
        f"#/components/{kind}/{key}"
        for kind in kinds
        for key in BOTH[name]["components"].get(kind, {})
    }

    assert there - used == ({"#/components/schemas/WebhookEvent"} if name == "api" else set())
    assert used <= there


@each_document
def test_every_component_states_its_provenance_and_section(name: str) -> None:
    for title, schema in BOTH[name]["components"]["schemas"].items():
        assert schema["x-provenance"] in {"documented", "decided"}, title
        assert schema["x-source"], title
        assert not schema.keys() & {"$id", "$schema"}, title


@each_document
def test_operations_parameters_and_responses_state_their_provenance(name: str) -> None:
    """So the document can be read as a list of what we decided."""
    for _, path, operation in _operations(BOTH[name]):
        described = [operation, *operation.get("parameters", []), *operation["responses"].values()]
        for part in described:
            assert part["x-provenance"] in {"documented", "decided"}, path
            assert part["description"], path


@each_document
def test_error_examples_match_the_error_schema_and_the_table_of_codes(name: str) -> None:
    """Each is the envelope with the table's code and message, at the table's status."""
    contract = Contract(SCHEMAS)
    for _, _, operation in _operations(BOTH[name]):
        for code, example in _examples(operation).items():
            row = code_of(code)
            assert contract.accepts("responses/error", example["value"])
            assert example["value"] == {"error": {"code": code, "message": row.message}}
            assert example["x-provenance"] == row.provenance
            assert example["status"] == str(row.status)


def test_operations_and_statuses_are_the_documented_ones() -> None:
    """None is missing and none is added; 405 and 413 belong to no operation."""
    written = {
        (method, path): set(operation["responses"]) for method, path, operation in _operations(API)
    }

    assert written == DOCUMENTED


def test_the_server_the_title_and_the_version_are_the_documented_ones() -> None:
    assert API["servers"][0]["url"].endswith("/v3")
    servers = [
        document(schema_files(), server_url=url)["servers"]
        for url in (DOCUMENTED_URL, "http://127.0.0.1:8080/v3")
    ]
    assert servers == [
        [{"url": DOCUMENTED_URL, "description": "The Payments API."}],
        [{"url": "http://127.0.0.1:8080/v3", "description": "The sandbox."}],
    ]
    assert (API["info"]["title"], API["info"]["version"]) == ("Payments API", "3.2")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_has_an_example_for_each_of_its_error_codes(operation: Operation) -> None:
    """Every row of the table that names the operation, and no other."""
    written = API["paths"][operation.path][operation.method.lower()]

    assert written["operationId"] == operation.name
    assert written["x-source"] == operation.section
    assert set(_examples(written)) == {
        code for code, row in CODES.items() if operation.name in row.operations
    }


def test_every_response_except_401_has_the_rate_limit_headers() -> None:
    """Three required integers."""
    without = {"401": {"WWW-Authenticate"}}
    for _, _, operation in _operations(API):
        for status, response in operation["responses"].items():
            assert set(response.get("headers", {})) == without.get(status, RATE_LIMIT)
    for header in API["components"]["headers"].values():
        assert header["required"] is True
        assert header["schema"]["type"] == "integer"


def test_every_operation_requires_the_api_key() -> None:
    assert API["security"] == [{"bearerAuth": []}]
    assert not any("security" in operation for _, _, operation in _operations(API))


def test_a_created_payment_links_to_retrieving_and_refunding_it() -> None:
    """Tools that follow links reach the payment that they have made."""
    links = API["paths"]["/payments"]["post"]["responses"]["201"]["links"]

    assert {link["operationId"] for link in links.values()} == {"retrieve_payment", "create_refund"}
    assert all(
        link["parameters"] == {"payment_id": "$response.body#/id"} for link in links.values()
    )


def test_the_list_has_the_documented_parameters() -> None:
    """In the query, optional, with the documented default and maximum."""
    parameters = {each["name"]: each for each in API["paths"]["/payments"]["get"]["parameters"]}

    assert list(parameters) == ["limit", "starting_after", "customer_id", "status", "created_after"]
    assert {each["in"] for each in parameters.values()} == {"query"}
    assert not any(each["required"] for each in parameters.values())
    assert parameters["limit"]["schema"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "default": 10,
    }


def test_the_payment_id_in_a_path_has_its_pattern() -> None:
    """So a tool that generates ids generates valid ones."""
    (parameter,) = API["paths"]["/payments/{payment_id}"]["get"]["parameters"]

    assert parameter["required"] is True
    assert parameter["schema"] == {"$ref": "#/components/schemas/PaymentId"}
    assert API["components"]["schemas"]["PaymentId"]["pattern"] == "^pay_[A-Za-z0-9]+$"


def test_webhooks_are_the_documented_events_with_an_example_each() -> None:
    assert set(API["webhooks"]) == {
        "payment.completed",
        "payment.failed",
        "refund.created",
        "chargeback.created",
    }
    for event, methods in API["webhooks"].items():
        content = methods["post"]["requestBody"]["content"]["application/json"]
        assert content["examples"]["example_1"]["value"]["type"] == event


def test_every_request_and_success_body_has_an_example() -> None:
    """They can be tried unchanged."""
    for _, path, operation in _operations(API):
        success = operation["responses"][min(operation["responses"])]
        for part in [success, *([operation["requestBody"]] if "requestBody" in operation else [])]:
            assert part["content"]["application/json"]["examples"], path


def test_the_control_document_lists_every_control_route() -> None:
    written = {
        operation["operationId"]: (method.upper(), path)
        for method, path, operation in _operations(CONTROL)
    }

    assert written == {route.name: (route.method, route.path) for route in CONTROL_ROUTES}
    assert len(written) == len(CONTROL_ROUTES)
    assert CONTROL["servers"][0]["url"].endswith("/_sandbox")


def test_every_schema_and_tag_of_the_control_routes_exists() -> None:
    """And every tag is used."""
    named = {
        name
        for route in CONTROL_ROUTES
        for name in (route.request, route.query_schema, route.response_schema)
        if name is not None
    }

    assert [name for name in sorted(named) if name not in SCHEMAS] == []
    assert {route.tag for route in CONTROL_ROUTES} == set(TAGS)


@for_each("route", CONTROL_ROUTES, show=lambda route: route.name)
def test_every_control_operation_has_the_statuses_body_and_security_of_its_row(
    route: ControlRoute,
) -> None:
    operation = CONTROL["paths"][route.path][route.method.lower()]
    key: dict[str, list[str]] = {"bearerAuth": []} if route.needs_key else {}
    with_token = [key, key | {"sandboxToken": []}]
    answers = {
        status
        for status, response in operation["responses"].items()
        if not _is_error(response.get("content", {}))
    }

    assert answers == {str(route.success), *map(str, route.also)}
    assert operation.get("security", CONTROL["security"]) == (
        with_token if route.needs_token else [key]
    )
    assert ("content" in operation["responses"][str(route.success)]) == (route.success != 204)


def test_only_bodies_with_required_fields_are_required() -> None:
    """If all fields are optional, an absent body means an empty object."""
    required = {
        operation["operationId"]
        for _, _, operation in _operations(CONTROL)
        if operation.get("requestBody", {}).get("required")
    }

    assert required == {
        "add_active_scenario",
        "advance_clock",
        "check_scenario",
        "create_event",
        "create_webhook_endpoint",
        "decide_held_call",
        "put_active_scenarios",
        "restore_snapshot",
        "script_inbox",
        "seed_world",
        "set_rate_limit",
        "verify_webhook",
        "write_scenario",
    }


def test_generating_a_document_does_not_change_the_schemas() -> None:
    """Two documents of one set of schemas are equal."""
    assert schema_files() == SCHEMAS
    assert document(SCHEMAS, server_url="http://127.0.0.1:8080/v3") == API
