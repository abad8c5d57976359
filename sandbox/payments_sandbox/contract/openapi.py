"""Owns the OpenAPI 3.1 document of the emulated API, made from the schemas and the two tables.

Nothing is repeated here that a table or a schema contains: a code, a field or an operation that is
added there appears in the document.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from payments_sandbox.contract.error_codes import documented_for
from payments_sandbox.contract.openapi_parts import (
    CHALLENGE,
    DESCRIPTIONS,
    KEY,
    UNAUTHORIZED,
    VERSION,
    DocumentParts,
    by_status,
    pick,
)
from payments_sandbox.contract.operations import DOCUMENTED_URL, OPERATIONS, Operation
from payments_sandbox.contract.schema_files import Schema

RATE_LIMIT: Final = "headers/rate_limit"
RATE_LIMIT_HEADERS: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
COUNTED: Final = {name: {"$ref": f"#/components/headers/{name}"} for name in RATE_LIMIT_HEADERS}
"""The headers of every response to a valid key."""
EVENTS: Final = "events/"
SIGNATURE: Final = "headers/webhook_signature"
OTHER_CODES: Final = ("not_found", "method_not_allowed", "request_too_large")
"""The error codes that any path may answer with, and that belong to no operation."""


SENTENCES: Final = {
    "create_payment": "Creates a new payment transaction.",
    "retrieve_payment": "Retrieves details for a specific payment.",
    "list_payments": "Retrieves a list of payments with optional filtering.",
    "create_refund": "Creates a refund for a completed payment.",
}
TAGS: Final = {
    "Payments": "Create, retrieve and list payments.",
    "Refunds": "Refund completed payments.",
    "Webhooks": "Real-time notifications about payment events.",
}
LINKS: Final = {
    "create_payment": {"retrieve_payment": "id", "create_refund": "id"},
    "create_refund": {"retrieve_payment": "payment_id"},
}
"""For each operation: the operations to call next, and the field with the payment's id."""


def document(schemas: Mapping[str, Schema], *, server_url: str) -> dict[str, object]:
    """Make the OpenAPI 3.1 document of the emulated API.

    Args:
        schemas: the schemas by name, as in their files.
        server_url: the base URL of the emulated API; it ends in `/v3`.
    """
    parts = DocumentParts(schemas)
    paths = _paths(parts)
    events = [name for name in schemas if name.startswith(EVENTS)]
    webhooks = {
        name.removeprefix(EVENTS): {"post": _webhook(name, parts, schemas)} for name in events
    }
    headers = {name: parts.header(RATE_LIMIT, name) for name in RATE_LIMIT_HEADERS}
    return {
        "openapi": VERSION,
        "info": _info(),
        "servers": [{"url": server_url, "description": _server(server_url)}],
        "security": [{KEY: []}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "securitySchemes": {KEY: _security()},
            "headers": headers,
            "schemas": parts.components() | {"WebhookEvent": _any_event(parts, events)},
        },
    }


def _server(url: str) -> str:
    return "The Payments API." if url == DOCUMENTED_URL else "The sandbox."


def _info() -> dict[str, object]:
    return {
        "title": "Payments API",
        "version": "3.2",
        "summary": "Payment processing, emulated by a local sandbox.",
        "description": (
            "The documented Payments API, version 3.2. `x-source` names the section of its "
            "documentation; `x-provenance` is `documented`, or `decided` where the documentation"
            " says nothing."
        ),
        "contact": {"name": "Developer Support", "email": "developers@payments.example.com"},
        "license": {"name": "MIT", "identifier": "MIT"},
    }


def _security() -> dict[str, object]:
    return {
        "type": "http",
        "scheme": "bearer",
        "description": "The API key: `Authorization: Bearer your_api_key_here`.",
        "x-source": "AUTHENTICATION",
        "x-provenance": "documented",
    }


def _paths(parts: DocumentParts) -> dict[str, dict[str, object]]:
    paths: dict[str, dict[str, object]] = {}
    for operation in OPERATIONS:
        methods = paths.setdefault(operation.path, {})
        methods[operation.method.lower()] = _operation(operation, parts)
    return paths


def _operation(operation: Operation, parts: DocumentParts) -> dict[str, object]:
    written: dict[str, object] = {
        "operationId": operation.name,
        "summary": operation.section.partition(" ")[2].capitalize(),
        "description": (
            f'{SENTENCES[operation.name]} Section "{operation.section}" of the documentation.'
        ),
        "tags": ["Refunds" if "refund" in operation.name else "Payments"],
        "x-source": operation.section,
        "x-provenance": "documented",
    }
    if parameters := _parameters(operation, parts):
        written["parameters"] = parameters
    if operation.request:
        written["requestBody"] = {"required": True, "content": parts.body(operation.request)}
    return written | {"responses": _responses(operation, parts)}


def _parameters(operation: Operation, parts: DocumentParts) -> list[dict[str, object]]:
    schema_of = {"payment_id": "objects/payment_id"}
    in_path = parts.path_parameters(operation.path, schema_of, "documented")
    in_query = parts.query_parameters(operation.query) if operation.query else ()
    return [*in_path, *in_query]


def _responses(operation: Operation, parts: DocumentParts) -> dict[str, object]:
    success = _response(operation.success, parts.sent_body(operation.response))
    if links := LINKS.get(operation.name):
        success["links"] = {name: _link(name, field) for name, field in links.items()}
    refusals = {
        str(status): _response(status, parts.error(codes))
        for status, codes in by_status(documented_for(operation.name)).items()
    }
    other = parts.any_error(pick(OTHER_CODES)) | {"headers": COUNTED}
    return {str(operation.success): success, **refusals, "default": other}


def _response(status: int, content: Mapping[str, object]) -> dict[str, object]:
    response: dict[str, object] = {
        "description": DESCRIPTIONS[status],
        "x-source": "ERROR HANDLING",
        "x-provenance": "documented",
    }
    response["headers"] = CHALLENGE if status == UNAUTHORIZED else COUNTED
    return response | {"content": content}


def _link(operation: str, field: str) -> dict[str, object]:
    return {
        "operationId": operation,
        "description": f"The payment of `{field}`.",
        "parameters": {"payment_id": f"$response.body#/{field}"},
    }


def _any_event(parts: DocumentParts, events: Iterable[str]) -> dict[str, object]:
    """The schema of any webhook body; it needs no discriminator, since each `type` is constant."""
    return {
        "title": "Webhook event",
        "description": "The body of any webhook; `type` says which event it is.",
        "x-source": "WEBHOOKS",
        "x-provenance": "documented",
        "oneOf": [parts.reference(name) for name in events],
    }


def _webhook(name: str, parts: DocumentParts, schemas: Mapping[str, Schema]) -> dict[str, object]:
    schema = schemas[name]
    return {
        "operationId": name.removeprefix(EVENTS).replace(".", "_"),
        "summary": schema["title"],
        "description": f"{schema['description']} The request carries a signature header.",
        "tags": ["Webhooks"],
        "x-source": "WEBHOOKS",
        "x-provenance": schema["x-provenance"],
        "security": [],
        "parameters": list(parts.query_parameters(SIGNATURE, "header")),
        "requestBody": {"required": True, "content": parts.sent_body(name)},
        "responses": {
            "2XX": {
                "description": "The event has arrived.",
                "x-provenance": "decided",
            }
        },
    }
