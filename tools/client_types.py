"""Owns the Python types of JSON Schemas: typed dicts for objects, aliases of `Literal` for enums.

A class is named after its schema's title, with the suffix `Model`. A schema that is written in
place is named after where it is: `DeliveryAttemptModel` is part of `Delivery`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from payments_sandbox.contract.control_routes.route import TEXT, ControlRoute
from payments_sandbox.contract.schema_files import Schema, component, target

_PLAIN: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
_ENDINGS: Final = ("Response", "Request")


class TypeWriter:
    """Writes types, and collects the definitions that they refer to.

    Args:
        schemas: the schemas of the files, by name.

    Attributes:
        aliases: the definitions of enumeration types, by name.
        models: the definitions of typed dicts, by name, each after those that it uses.
    """

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self._names: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.models: dict[str, str] = {}

    def result_of(self, route: ControlRoute) -> str:
        """The type of a route's response."""
        if route.page_of is not None:
            return f"Page[{self.named(f'control/objects/{route.page_of}', is_input=False)}]"
        if route.response is not None:
            return self.named(route.response, is_input=False)
        if route.media_type == TEXT:
            return "str"
        return "None" if route.success == 204 else "dict[str, Any]"  # noqa: PLR2004 - of HTTP

    def named(self, name: str, *, is_input: bool) -> str:
        """The type of a schema that has a file.

        Args:
            name: of the schema.
            is_input: whether the type is for a parameter, which accepts any sequence or mapping.
        """
        schema = self._schemas[name]
        return self.part(schema, name, _base(component(schema)), is_input=is_input)

    def part(self, schema: Schema, name: str, called: str, *, is_input: bool) -> str:
        """The type of a part of the file of `name`; `called` names a part that has no title."""
        if "$ref" in schema:
            return self.named(target(schema["$ref"], name), is_input=is_input)
        if "const" in schema:
            return f"Literal[{schema['const']!r}]"
        kinds = schema.get("type", "any")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        called = _base(component(schema)) if "title" in schema else called
        if "enum" in schema:
            known = [self._enumeration(schema["enum"], called)]
        else:
            known = [
                self._kind(kind, schema, name, called, is_input=is_input)
                for kind in kinds
                if kind != "null"
            ]
        return " | ".join(known + ["None"] * ("null" in kinds))

    def _enumeration(self, values: list[str], called: str) -> str:
        literal = f"Literal[{', '.join(map(repr, values))}]"
        if len(values) == 1:
            return literal
        return self._defined(self.aliases, f"{called}Literal", literal)

    def _kind(self, kind: str, schema: Schema, name: str, called: str, *, is_input: bool) -> str:
        if kind == "array":
            item = self.part(schema["items"], name, _singular(called), is_input=is_input)
            return f"{'Sequence' if is_input else 'list'}[{item}]"
        if kind != "object":
            return _PLAIN.get(kind, "Any")
        more = schema["additionalProperties"]
        if more is False:
            return self._model(schema, name, called)
        if more is True:
            return "Mapping[str, object]" if is_input else "dict[str, Any]"
        value = self.part(more, name, called, is_input=is_input)
        return f"{'Mapping' if is_input else 'dict'}[str, {value}]"

    def _model(self, schema: Schema, name: str, called: str) -> str:
        required = schema.get("required", ())
        fields = "\n".join(self._fields(schema, required, name, called))
        text = f'"""{_sentence(schema)}"""\n\n{fields}\n'
        return self._defined(self.models, f"{called}Model", text)

    def _fields(self, schema: Schema, required: list[str], name: str, called: str) -> Iterator[str]:
        for field, part in schema["properties"].items():
            inner = called + component({"title": field.replace("_", " ")})
            kind = self.part(part, name, inner, is_input=False)
            yield f"    {field}: {kind if field in required else f'NotRequired[{kind}]'}"

    def _defined(self, definitions: dict[str, str], name: str, text: str) -> str:
        """The name of a definition; equal definitions share the name of the first."""
        known = self._names.setdefault(text.partition('"""\n')[2] or text, name)
        definitions.setdefault(known, text)
        return known


def _base(called: str) -> str:
    for ending in _ENDINGS:
        called = called.removesuffix(ending)
    return called


def _singular(called: str) -> str:
    return called.removesuffix("s")


def _sentence(schema: Schema) -> str:
    first, dot, _ = str(schema["description"]).partition(". ")
    return first + dot.strip()
