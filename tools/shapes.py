"""Owns the typed shapes of the control API's answers, made of the JSON Schemas.

A shape is called as its schema's title says, which is its name in the OpenAPI document, too. What a
schema writes out in place is called after where it stands: `DeliveryAttempt` of `Delivery`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from payments_sandbox.contract.control_route_table import CONTROL_ROUTES
from payments_sandbox.contract.schema_files import Schema, component, schema_files, target

SHOWN: Final = 20
"""Values of a closed set that a type lists; larger sets are plain texts."""

_OBJECTS: Final = '''\
"""Owns the shapes of what the control API is about; `make client` makes them of the schemas."""

from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar

T = TypeVar("T")


class Page(TypedDict, Generic[T]):
    """One page of a list, and what to send as `starting_after` for the next one."""

    data: list[T]
    has_more: bool
    next_cursor: str | None
'''
_RESPONSES: Final = '''\
"""Owns the shapes of what the control API answers; `make client` makes them of the schemas."""

from typing import Any, Literal, NotRequired, TypedDict

from payments_sandbox.client.models.objects import *
'''
_PAGE: Final = ["data", "has_more", "next_cursor"]
_PLAIN: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}


def modules() -> dict[str, str]:
    """The text of each module of shapes, by its path."""
    drawer = Drawer(schema_files())
    for route in CONTROL_ROUTES:
        if route.response is not None:
            drawer.named(route.response)
    objects = {name: text for name, text in drawer.drawn.items() if name in drawer.objects}
    rest = {name: text for name, text in drawer.drawn.items() if name not in drawer.objects}
    names = ",\n    ".join(sorted({"Page", *objects}))
    imported = f"from payments_sandbox.client.models.objects import (\n    {names},\n)"
    head = _RESPONSES.replace("from payments_sandbox.client.models.objects import *", imported)
    return {
        "sandbox/payments_sandbox/client/models/objects.py": "\n\n".join(
            [_OBJECTS, *objects.values()]
        ),
        "sandbox/payments_sandbox/client/models/responses.py": "\n\n".join([head, *rest.values()]),
    }


class Drawer:
    """Draws shapes, those first that others are made of.

    Attributes:
        drawn: the definitions, by name.
        objects: the names of those that several answers may be made of.
    """

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self.drawn: dict[str, str] = {}
        self.objects: set[str] = set()

    def named(self, name: str) -> str:
        """The type of a schema that has a file: a shape of its own where it is an object."""
        schema = self._schemas[name]
        return self._type(schema, name, component(schema))

    def _type(self, schema: Schema, name: str, called: str) -> str:
        """The type of a part of the file of `name`; `called` is for what has no name itself."""
        if "$ref" in schema:
            return self.named(target(schema["$ref"], name))
        if len(schema.get("enum", ())) in range(1, SHOWN):
            return f"Literal{schema['enum']}"
        kinds = schema.get("type", "any")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        known = [self._kind(kind, schema, name, called) for kind in kinds if kind != "null"]
        return " | ".join(known + ["None"] * ("null" in kinds))

    def _kind(self, kind: str, schema: Schema, name: str, called: str) -> str:
        if kind == "array":
            return f"list[{self._type(schema['items'], name, called.removesuffix('s'))}]"
        if kind != "object":
            return _PLAIN.get(kind, "Any")
        if list(schema.get("properties", ())) == _PAGE:
            items = schema["properties"]["data"]["items"]
            return f"Page[{self._type(items, name, _item(called.removesuffix('Response')))}]"
        more = schema["additionalProperties"]
        if more:
            value = "Any" if more is True else self._type(more, name, called)
            return f"dict[str, {value}]"
        return self._shape(schema, name, called)

    def _shape(self, schema: Schema, name: str, called: str) -> str:
        if called not in self.drawn:
            fields = "\n".join(self._fields(schema, name, called))
            head = f'class {called}(TypedDict):\n    """{_sentence(schema)}"""'
            self.drawn[called] = f"{head}\n\n{fields}\n"
            if "objects/" in name:
                self.objects.add(called)
        return called

    def _fields(self, schema: Schema, name: str, called: str) -> Iterator[str]:
        for field, part in schema["properties"].items():
            inner = called.removesuffix("Response") + component({"title": field.replace("_", " ")})
            kind = self._type(part, name, inner)
            yield f"    {field}: {kind if field in schema['required'] else f'NotRequired[{kind}]'}"


def _item(several: str) -> str:
    """What one of them is called."""
    return several.removesuffix("s") if several.endswith("s") else f"{several}Item"


def _sentence(schema: Schema) -> str:
    first, dot, _ = str(schema["description"]).partition(". ")
    return first + dot.strip()
