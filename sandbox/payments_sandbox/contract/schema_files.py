"""Owns the files of the JSON Schemas: reading them, writing their references out, naming them.

A schema is named by its path below `schemas/`, without the suffix: `requests/create_payment`.
The files refer to each other by relative paths. `inline` writes every reference out, so that what
a validator gets is one closed document: no reference can leave the folder, nothing is fetched.
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
"""The ending of a schema that is for editors, and no part of what is sent or answered."""

OBJECTS: Final = "control/objects/"
PAGES: Final = "control/pages/"
"""Schemas without a file: `control/pages/event` is a page of `control/objects/event`."""


def schema_files() -> Mapping[str, Schema]:
    """Every schema as its file has it, by name, in the order of the names.

    Raises:
        FileNotFoundError: the schemas are neither shipped with the package nor beside it.
    """
    return _Files(data_files("schemas"))


class _Files(Mapping[str, Schema]):
    """The schemas, each read when it is first asked for: a server needs few of them."""

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
    """The schema of one page of a list.

    Args:
        reference: leads to the schema of an item, from the folder of the pages.
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
    """The name of the schema that a relative `reference` in the file of `name` means."""
    path = posixpath.join(posixpath.dirname(name), reference)
    return posixpath.normpath(path).removesuffix(SUFFIX)


def component(schema: Schema) -> str:
    """The name for generated code: of the title "Payment id" it is `PaymentId`."""
    return "".join(word[:1].upper() + word[1:] for word in schema["title"].split())


def inline(name: str, schemas: Mapping[str, Schema]) -> Schema:
    """The schema with every reference written out; what stands beside a reference wins.

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
    """Without `$id`, which would start a document of its own inside another one."""
    return {key: value for key, value in schema.items() if key not in IDENTITY}


def without_undocumented(schema: Schema, value: object) -> object:
    """The value without the keys that a closed object of the inlined schema does not name.

    What is not of the expected type stays as it is: the validator names it better.
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
