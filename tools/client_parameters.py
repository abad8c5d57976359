"""Owns the parameters of the client's methods: their names and types, from the routes."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from payments_sandbox.contract.control_routes.route import ControlRoute
from payments_sandbox.contract.openapi_parts import variables
from payments_sandbox.contract.schema_files import component, schema_files, target
from tools.client_types import TypeWriter

STREAM: Final = "text/event-stream"
SCHEMAS: Final = schema_files()


class Parameter(NamedTuple):
    """One parameter of a method.

    Attributes:
        name: the name of its field.
        type: its type, without the None of an optional one.
        text: its sentence in the docstring.
        kind: where it goes: `path`, `query`, `field`, `body` or `special`.
        is_required: whether it must be given.
    """

    name: str
    type: str
    text: str
    kind: str
    is_required: bool


def parameters_of(route: ControlRoute, types: TypeWriter) -> list[Parameter]:
    """List the parameters of a route, the required ones first."""
    found = [
        *_of_path(route),
        *_of_body(route, types),
        *_of_schema(route.query_schema, "query", types),
        *_special(route),
    ]
    return sorted(found, key=lambda each: not each.is_required)


def _of_path(route: ControlRoute) -> Iterator[Parameter]:
    for name in variables(route.path):
        text = (
            "name of the inbox." if name == "name" else f"id of the {name[:-3].replace('_', ' ')}."
        )
        yield Parameter(name, "str", text, "path", is_required=True)


def _of_body(route: ControlRoute, types: TypeWriter) -> Iterator[Parameter]:
    if route.raw_body:
        yield Parameter("body", "bytes", "what to send.", "special", is_required=True)
        headers = "Mapping[str, str]"
        yield Parameter("headers", headers, "what to send with it.", "special", is_required=True)
    elif route.body_name is not None:
        kind = types.named(str(route.request), is_input=True)
        kind = f"{kind} | bytes" if route.takes_yaml else kind
        text = "the whole body; bytes are YAML." if route.takes_yaml else "the whole body."
        yield Parameter(route.body_name, kind, text, "body", is_required=True)
    elif route.request is not None:
        yield from _of_schema(route.request, "field", types)


def _of_schema(name: str, kind: str, types: TypeWriter) -> Iterator[Parameter]:
    schema = SCHEMAS[name]
    called = component(schema).removesuffix("Request").removesuffix("Query")
    for field, part in schema["properties"].items():
        inner = called + component({"title": field.replace("_", " ")})
        described = SCHEMAS[target(part["$ref"], name)] if "$ref" in part else {}
        yield Parameter(
            field,
            types.part(part, name, inner, is_input=True),
            part.get("description") or described["description"],
            kind,
            field in schema.get("required", ()),
        )


def _special(route: ControlRoute) -> Iterator[Parameter]:
    if route.media_type == STREAM:
        text = "`id` of the message to go on after; goes before `last`."
        yield Parameter("last_event_id", "str", text, "special", is_required=False)
        text = "called once, when the stream begins."
        yield Parameter("on_connected", "Callable[[], None]", text, "special", is_required=False)
