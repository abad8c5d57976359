"""Owns how a schema looks in the OpenAPI documents: so that the clients made of it can be used.

The files say exactly what is sent and taken, and the server holds every reply against them. Whoever
generates a client needs a little less of it, and in other words; each rule here is one over which
a generator has stumbled.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from payments_sandbox.contract.schema_files import IDENTITY, Schema, target

VALUES: Final = frozenset({"examples", "default", "const", "enum"})
"""Words whose values are JSON of a user's, in which `type` is no word of a schema."""

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
    """The names of the schemas that a part of the file of `name` refers to directly."""
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
    """A part of a schema, as the documents show it.

    Args:
        part: as the file has it.
        refer: makes a reference to the component of what a file calls by a relative path.
        is_closed: whether it is a request's, in which a key that is not documented is a mistake;
            in what the server sends it may be news.
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
    written.pop("uniqueItems", None)  # a set of an enumeration does not compile in Java
    return _in_one_type(_plain(written), refer)


def _plain(schema: Schema) -> Schema:
    """Dates are dates alone, and an integer that 32 bits do not hold has 64."""
    if schema.get("format") == "date-time":
        # Generated Ruby and PHP hold the pattern against the parsed date, and raise on every reply.
        return {word: schema[word] for word in schema if word not in _OF_STRINGS}
    kinds = schema.get("type", ())
    is_integer = "integer" in ([kinds] if isinstance(kinds, str) else kinds)
    if is_integer and schema.get("maximum", _LARGEST_INT32 + 1) > _LARGEST_INT32:
        return schema | {"format": "int64"}
    return schema


def _in_one_type(schema: Schema, refer: Callable[[str], Schema]) -> Schema:
    """What is an object or something else, as a choice of two; Go takes no list of such types."""
    kinds = schema.get("type", ())
    if isinstance(kinds, str) or "object" not in kinds:
        return schema
    words = {word: schema.pop(word) for word in (*_OF_STRINGS, *_OF_OBJECTS) if word in schema}
    [other] = [kind for kind in schema.pop("type") if kind != "object"]
    simple = {"type": other} | {word: words[word] for word in _OF_STRINGS if word in words}
    whole = {"type": "object"} | {word: words[word] for word in _OF_OBJECTS if word in words}
    named = schema.pop("x-object", None)
    return schema | {"anyOf": [simple, whole if named is None else refer(named)]}
