"""Owns how schemas look in the OpenAPI documents, so that generated clients work.

The schema files say exactly what is sent and accepted, and the server checks every reply against
them. Client generators need slightly different schemas: each rule here avoids a problem that a
generator has had.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from payments_sandbox.contract.schema_files import IDENTITY, Schema, target

VALUES: Final = frozenset({"examples", "default", "const", "enum"})
"""Keywords whose values are plain JSON, in which `type` is not a keyword."""

_LARGEST_INT32: Final = 2**31 - 1
_OF_STRINGS: Final = ("minLength", "maxLength", "pattern")
_OF_OBJECTS: Final = (
    "required",
    "properties",
    "additionalProperties",
    "minProperties",
    "maxProperties",
)


def references(part: object, name: str) -> Iterator[str]:
    """Yield the names of the schemas that a part of the schema `name` refers to directly."""
    if isinstance(part, list):
        for item in part:
            yield from references(item, name)
    elif isinstance(part, dict):
        if "$ref" in part:
            yield target(part["$ref"], name)
        if "x-object" in part:
            yield target(part["x-object"], name)
        for word, value in part.items():
            if word not in VALUES:
                yield from references(value, name)


def published(
    part: Any,  # noqa: ANN401 - JSON
    refer: Callable[[str], Schema],
    *,
    is_closed: bool,
) -> Any:  # noqa: ANN401 - JSON
    """Convert a part of a schema for the OpenAPI documents.

    Args:
        part: the part, as in its file.
        refer: turns a relative path in a file into a reference to a component.
        is_closed: whether undocumented keys are an error. They are in requests; in what the
            server sends, they may be new fields.
    """
    if isinstance(part, list):
        return [published(item, refer, is_closed=is_closed) for item in part]
    if not isinstance(part, dict):
        return part
    written = {
        word: value if word in VALUES else published(value, refer, is_closed=is_closed)
        for word, value in part.items()
        if word not in IDENTITY
    }
    if "$ref" in written:
        return written | refer(written["$ref"])
    if not is_closed and written.get("additionalProperties") is False:
        del written["additionalProperties"]
    written.pop("uniqueItems", None)  # a set of enumeration values does not compile in Java
    return _in_one_type(_for_generators(written), refer)


def _for_generators(schema: Schema) -> Schema:
    """Drop the pattern of dates, and mark integers that do not fit into 32 bits as 64-bit."""
    if schema.get("format") == "date-time":
        # Generated Ruby and PHP match the pattern against the parsed date, and fail on every reply.
        return {word: schema[word] for word in schema if word not in _OF_STRINGS}
    kinds = schema.get("type", ())
    is_integer = "integer" in ([kinds] if isinstance(kinds, str) else kinds)
    if is_integer and schema.get("maximum", _LARGEST_INT32 + 1) > _LARGEST_INT32:
        return schema | {"format": "int64"}
    return schema


def _in_one_type(schema: Schema, refer: Callable[[str], Schema]) -> Schema:
    """Turn a type that is an object or another into `anyOf`: Go accepts no such list of types."""
    kinds = schema.get("type", ())
    if isinstance(kinds, str) or "object" not in kinds:
        return schema
    words = {word: schema.pop(word) for word in (*_OF_STRINGS, *_OF_OBJECTS) if word in schema}
    [other] = [kind for kind in schema.pop("type") if kind != "object"]
    simple = {"type": other} | {word: words[word] for word in _OF_STRINGS if word in words}
    whole = {"type": "object"} | {word: words[word] for word in _OF_OBJECTS if word in words}
    named = schema.pop("x-object", None)
    return schema | {"anyOf": [simple, whole if named is None else refer(named)]}
