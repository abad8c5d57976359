"""Owns the OpenAPI 3.1 document of the control API, made from its routes and the schemas."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from payments_sandbox import __version__
from payments_sandbox.contract.control_routes import CONTROL_ROUTES
from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.contract.openapi_parts import (
    CHALLENGE,
    DESCRIPTIONS,
    JSON,
    KEY,
    UNAUTHORIZED,
    VERSION,
    DocumentParts,
    by_status,
    pick,
    variables,
)
from payments_sandbox.contract.schema_files import Schema


class PathVariable(NamedTuple):
    """A variable of a path.

    Attributes:
        schema: the name of its schema.
        unknown: the error code if nothing has that id; None if that cannot happen.
    """

    schema: str
    unknown: str | None = "not_found"


TAGS: Final = {
    "Server": "The server itself, and what all worlds share.",
    "World": "The state that belongs to one API key.",
    "Clock": "The world's time: live or frozen, and moved forward.",
    "Rate limit": "The limiter of the emulated API.",
    "Scenarios": "The failures to cause, and what must be true in spite of them.",
    "Payments": "Payments moved by hand.",
    "Webhooks": "Where events are sent, how their deliveries went, and the built-in receivers.",
    "Records": "What the world received and did.",
}
PATH_VARIABLES: Final = {
    "payment_id": PathVariable("objects/payment_id", "payment_not_found"),
    "request_id": PathVariable("control/objects/request_id"),
    "event_id": PathVariable("objects/event_id"),
    "endpoint_id": PathVariable("control/objects/webhook_endpoint_id"),
    "held_id": PathVariable("control/objects/held_call_id"),
    "delivery_id": PathVariable("control/objects/delivery_id"),
    "name": PathVariable("control/objects/inbox_name", None),  # it exists once it is named
}
TOKEN: Final = "sandboxToken"  # noqa: S105 - the name of a scheme
NOT_ADMITTED: Final = "Unauthorized (invalid API key or token)"
YAML: Final = {"application/yaml": {"schema": {"type": "string"}}}
REFUSED: Final = "control/responses/refused_scenario"


def control_document(schemas: Mapping[str, Schema], *, server_url: str) -> dict[str, object]:
    """Make the OpenAPI 3.1 document of the control API.

    Args:
        schemas: the schemas by name, as in their files.
        server_url: the base URL of the control API; it ends in `/_sandbox`.
    """
    parts = DocumentParts(schemas)
    paths: dict[str, dict[str, object]] = {}
    for route in CONTROL_ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, parts, schemas)
    return {
        "openapi": VERSION,
        "info": _info(),
        "servers": [{"url": server_url, "description": "The sandbox."}],
        "security": _security(needs_key=True, needs_token=True),
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "securitySchemes": _schemes(),
            "schemas": parts.components(),
        },
    }


def _info() -> dict[str, object]:
    return {
        "title": "Payments sandbox control API",
        "version": __version__,
        "summary": "The remote control of the sandbox: time, state and failure.",
        "description": "Nothing here is part of the documented Payments API.",
        "contact": {"name": "payments-sandbox"},
        "license": {"name": "MIT", "identifier": "MIT"},
    }


def _schemes() -> dict[str, object]:
    return {
        KEY: {
            "type": "http",
            "scheme": "bearer",
            "description": "The API key names the world: `Authorization: Bearer sk_test_checkout`.",
            "x-provenance": "decided",
        },
        TOKEN: {
            "type": "apiKey",
            "in": "header",
            "name": "Sandbox-Token",
            "description": (
                "The control token, if the server has one; it always has one beyond loopback."
            ),
            "x-provenance": "decided",
        },
    }


def _security(*, needs_key: bool, needs_token: bool) -> list[dict[str, list[str]]]:
    """The credentials of a request; a token is an alternative, since not every server has one."""
    key: dict[str, list[str]] = {KEY: []} if needs_key else {}
    return [key, key | {TOKEN: []}] if needs_token else [key]


def _operation(
    route: ControlRoute, parts: DocumentParts, schemas: Mapping[str, Schema]
) -> dict[str, object]:
    written: dict[str, object] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": route.description,
        "tags": [route.tag],
        "x-source": "control API",
        "x-provenance": "decided",
    }
    if not (route.needs_key and route.needs_token):
        written["security"] = _security(needs_key=route.needs_key, needs_token=route.needs_token)
    if parameters := _parameters(route, parts):
        written["parameters"] = parameters
    if route.request:
        written["requestBody"] = {
            "required": _needs_body(schemas[route.request]),
            "content": parts.body(route.request) | (YAML if route.takes_yaml else {}),
        }
    return written | {"responses": _responses(route, parts)}


def _parameters(route: ControlRoute, parts: DocumentParts) -> list[dict[str, object]]:
    schema_of = {name: each.schema for name, each in PATH_VARIABLES.items()}
    in_path = parts.path_parameters(route.path, schema_of, "decided")
    in_query = parts.query_parameters(route.query_schema)
    return [*in_path, *in_query]


def _needs_body(schema: Schema) -> bool:
    """Whether a body is required; if everything in it is optional, it may be left out."""
    return bool(
        schema.get("required") or schema.get("minProperties") or schema.get("type") != "object"
    )


def _responses(route: ControlRoute, parts: DocumentParts) -> dict[str, object]:
    answers = {status: _content(route, parts) for status in (route.success, *route.also)}
    refusals = {
        status: {"content": parts.error(codes, _envelope(codes))}
        | ({"headers": CHALLENGE} if status == UNAUTHORIZED else {})
        for status, codes in by_status(pick(_codes(route))).items()
    }
    descriptions = DESCRIPTIONS | {UNAUTHORIZED: NOT_ADMITTED}
    listed: dict[str, object] = {
        str(status): {"description": descriptions[status], "x-provenance": "decided"} | answer
        for status, answer in (answers | refusals).items()
    }
    return listed | {"default": parts.any_error(pick(["method_not_allowed"]))}


def _envelope(codes: Collection[str]) -> str:
    """The schema of an error's body; an invalid scenario also lists its problems."""
    return REFUSED if "invalid_scenario" in codes else "responses/error"


def _content(route: ControlRoute, parts: DocumentParts) -> dict[str, object]:
    if route.response_schema:
        others = {each: {"schema": {"type": "string"}} for each in route.also_as}
        return {"content": parts.sent_body(route.response_schema) | others}
    if route.success == HTTPStatus.NO_CONTENT:
        return {}
    kind = "object" if route.media_type == JSON else "string"
    return {"content": {route.media_type: {"schema": {"type": kind}}}}


def _codes(route: ControlRoute) -> list[str]:
    """The error codes that a route may answer with, including those of the origin guard."""
    return [
        "invalid_request",
        *route.refusals,
        *(["invalid_token"] if route.needs_token else []),
        *(["invalid_api_key"] if route.needs_key else []),
        *([] if route.method == "GET" else ["cross_site_request"]),
        *(code for each in variables(route.path) if (code := PATH_VARIABLES[each].unknown)),
        *(["request_too_large"] if route.request else []),
        "unknown_host",
        "internal_error",
    ]
