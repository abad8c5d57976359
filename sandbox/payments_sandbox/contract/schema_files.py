"""Owns the JSON Schema files: reading them, resolving their references, naming them.

The name of a schema is its path below `schemas/` without the suffix: `requests/create_payment`.
The files refer to each other by relative paths. `inline` replaces every reference by its target, so
a validator gets one self-contained document: no reference leaves the folder, nothing is fetched.
"""

import json
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, Final

from payments_sandbox.core.resources import data_files

Schema = dict[str, Any]
"""A JSON Schema document or a part of one, as read from JSON."""

IDENTITY: Final = frozenset({"$schema", "$id"})
SUFFIX: Final = ".json"
APART: Final = ".schema.json"
"""The suffix of schemas that are for editors, and not part of the wire contract."""

OBJECTS: Final = "control/objects/"
PAGES: Final = "control/pages/"
"""Schemas without a file: `control/pages/event` is a page of `control/objects/event`."""


def schema_files() -> Mapping[str, Schema]:
    """Return every schema, as in its file, by name, in order of the names.

    Raises:
        FileNotFoundError: the schemas are neither in the package nor next to it.
    """
    return _Files(data_files("schemas"))


class _Files(Mapping[str, Schema]):
    """The schemas, each read at its first use, since a server needs few of them."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._read: dict[str, Schema] = {}

    def __getitem__(self, name: str) -> Schema:
        if name not in self._read:
            self._read[name] = self._page(name) if name.startswith(PAGES) else self._file(name)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return (
            name.removesuffix(SUFFIX)
            for name in self._texts
            if name.endswith(SUFFIX) and not name.endswith(APART)
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _file(self, name: str) -> Schema:
        try:
            schema: Schema = json.loads(self._texts[name + SUFFIX])
        except KeyError:
            raise KeyError(f"there is no schema {name}: write schemas/{name}{SUFFIX}") from None
        return schema

    def _page(self, name: str) -> Schema:
        item = name.removeprefix(PAGES)
        return _page_of(f"../objects/{item}{SUFFIX}", self._file(f"{OBJECTS}{item}"))


def _page_of(reference: str, item: Schema) -> Schema:
    """Make the schema of one page of a list.

    Args:
        reference: a path from the folder of the pages to the schema of an item.
        item: that schema.
    """
    data: Schema = {
        "description": "The items of this page.",
        "type": "array",
        "maxItems": 1000,
        "items": {"$ref": reference, "x-provenance": "decided"},
    }
    has_more: Schema = {"description": "Whether more items follow this page.", "type": "boolean"}
    next_cursor: Schema = {
        "description": "What to send as starting_after for the next page; null on the last one.",
        "type": ["string", "null"],
        "maxLength": 255,
    }
    fields = {"data": data, "has_more": has_more, "next_cursor": next_cursor}
    return {
        "title": f"{item['title']} page",
        "description": f"One page of a list; its items are of the schema {item['title']}.",
        "x-source": "control API",
        "x-provenance": "decided",
        "type": "object",
        "required": list(fields),
        "properties": {name: {"x-provenance": "decided"} | each for name, each in fields.items()},
        "additionalProperties": False,
        "examples": [
            {"data": [item["examples"][0]], "has_more": False, "next_cursor": None},
        ],
    }


def target(reference: str, name: str) -> str:
    """The name of the schema that a relative `reference` in the schema `name` leads to."""
    path = posixpath.join(posixpath.dirname(name), reference)
    return posixpath.normpath(path).removesuffix(SUFFIX)


def component(schema: Schema) -> str:
    """The name in generated code: the title "Payment id" becomes `PaymentId`."""
    return "".join(word[:1].upper() + word[1:] for word in schema["title"].split())


def inline(name: str, schemas: Mapping[str, Schema]) -> Schema:
    """Replace every reference in a schema by its target; keys next to a reference win.

    Raises:
        KeyError: the schema, or one that it refers to, is not in `schemas`.
    """
    return _inline(schemas[name], name, schemas)


def _inline(part: Schema, name: str, schemas: Mapping[str, Schema]) -> Schema:
    written = {key: _value(value, name, schemas) for key, value in part.items()}
    reference = written.pop("$ref", None)
    if reference is None:
        return written
    return _anonymous(inline(target(reference, name), schemas)) | written


def _value(value: Any, name: str, schemas: Mapping[str, Schema]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return _inline(value, name, schemas)
    return [_value(item, name, schemas) for item in value] if isinstance(value, list) else value


def _anonymous(schema: Schema) -> Schema:
    """Remove `$id`, which would start a separate document inside another one."""
    return {key: value for key, value in schema.items() if key not in IDENTITY}


def without_undocumented(schema: Schema, value: object) -> object:
    """Remove the keys that are not in the closed objects of an inlined schema.

    A value of a wrong type stays as it is, for the validator to report.
    """
    if isinstance(value, dict) and "properties" in schema:
        return _known_keys(schema, value)
    if isinstance(value, list) and "items" in schema:
        return [without_undocumented(schema["items"], item) for item in value]
    return value


def _known_keys(schema: Schema, value: dict[str, object]) -> dict[str, object]:
    properties = schema["properties"]
    is_closed = schema.get("additionalProperties") is False
    return {
        key: without_undocumented(properties.get(key, {}), item)
        for key, item in value.items()
        if key in properties or not is_closed
    }
