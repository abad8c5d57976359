"""Owns the judgement of a scenario's shape by its schema, in words, and what is left of a bad one.

The words come from the schema: `x-expected` finishes "expected …", `x-hint` says what would have
worked, `x-keys` are the keys of which a mapping has one.
"""

import functools
import json
from collections.abc import Iterator
from typing import Any, Final, cast

import jsonschema_rs

from payments_sandbox.contract.schema_errors import Path, presentable
from payments_sandbox.contract.schema_files import Schema
from payments_sandbox.core.resources import root
from payments_sandbox.core.suggestions import nearest
from payments_sandbox.scenarios.diagnostics import KEY, Problem

FILE: Final = "scenario.schema.json"
MOST_PROBLEMS: Final = 200

Kind = jsonschema_rs.ValidationErrorKind


@functools.cache
def schema() -> Schema:
    """The scenario schema, as editors get it."""
    text = root("schemas").joinpath(FILE).read_text(encoding="utf-8")
    return cast("Schema", json.loads(text))


@functools.cache
def _judge(part: str | None) -> jsonschema_rs.Draft202012Validator:
    """The validator of the whole schema, or of one of its definitions."""
    wanted = schema()
    if part is not None:
        wanted = {"$ref": f"#/$defs/{part}", "$defs": wanted["$defs"]}
    return jsonschema_rs.Draft202012Validator(wanted)


def accepts(value: object, part: str | None = None) -> bool:
    """Whether the value has the shape of a scenario, or of one of the schema's definitions."""
    return _judge(part).is_valid(value)


def shape_problems(value: object, part: str | None = None) -> Iterator[Problem]:
    """What the schema says is wrong, in words; without places, in no order."""
    for count, error in enumerate(_judge(part).iter_errors(value)):
        if count == MOST_PROBLEMS:
            return
        yield from _worded(error)


def salvaged(value: object) -> dict[str, object]:
    """What is left of a scenario without its parts of a wrong shape, so that more can be said.

    Lists keep their length, so that paths stay true: what is taken off becomes None. A pass takes
    off all that is wrong, which may leave something around it wrong, until the whole is good.
    """
    left: dict[str, Any] = json.loads(json.dumps(value)) if isinstance(value, dict) else {}
    while wrong := list(_judge(None).iter_errors(_without_gaps(left))):
        for error, place in [(error, _find(left, error.instance_path)) for error in wrong]:
            _take_off(left, error, *place)
    return left


def _without_gaps(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _without_gaps(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_gaps(item) for item in value if item is not None]
    return value


def _take_off(
    whole: dict[str, Any],
    error: jsonschema_rs.ValidationError,
    parent: Any,  # noqa: ANN401 - JSON, as all of these
    key: Any,  # noqa: ANN401 - as above
    found: Any,  # noqa: ANN401 - as above
) -> None:
    if isinstance(error.kind, Kind.AdditionalProperties):
        for name in error.kind.unexpected:
            found.pop(name, None)
    elif parent is None:
        whole.setdefault("scenario", "unnamed")
        whole.setdefault("expect", [{"audit": "clean"}])
    elif isinstance(parent, list):
        parent[key] = None
    else:
        parent.pop(key, None)


def _find(value: Any, path: list[str | int]) -> tuple[Any, Any, Any]:  # noqa: ANN401 - JSON
    """What holds the value of a path, under which key, and the value; gaps are not counted."""
    parent, key = None, None
    for step in path:
        parent, key = value, step
        if isinstance(parent, list):
            key = [n for n, item in enumerate(parent) if item is not None][cast("int", step)]
        value = parent[key]
    return parent, key, value


def _worded(error: jsonschema_rs.ValidationError) -> Iterator[Problem]:
    path, kind = tuple(error.instance_path), error.kind
    part = _part(error.schema_path)
    if isinstance(kind, Kind.AdditionalProperties):
        yield from (_unknown(path, name, part) for name in kind.unexpected)
    elif isinstance(kind, Kind.Required):
        yield from _missing(path, kind.property, part, error.instance)
    elif isinstance(kind, Kind.Not):
        yield _triggerless(path, part, error.instance)
    elif isinstance(kind, Kind.PropertyNames):
        yield Problem(path, f"expected {_names(part)['x-expected']} as each key")
    else:
        yield Problem(path, *_wrong(error, part))


def _part(schema_path: list[str | int]) -> Schema:
    """The schema that holds the keyword at the end of a path."""
    found: Any = schema()
    for step in schema_path[: -1 if "propertyNames" not in schema_path else -2]:
        found = found[step]
    return cast("Schema", found)


def _names(part: Schema) -> Schema:
    return cast("Schema", part.get("propertyNames", part))


def _unknown(path: Path, name: str, part: Schema) -> Problem:
    shown = presentable(name)
    if close := nearest(name, _keys(part)):
        return Problem((*path, name, KEY), f"unknown key '{shown}'", f"did you mean '{close}'?")
    also: list[str] = part.get("x-also", [])
    *others, last = _keys(part) + also
    known = f"{', '.join(others)} and {last}" if others else last
    start = f"{part['x-kind']} has" if "x-kind" in part else "known here are"
    return Problem((*path, name, KEY), f"unknown key '{shown}'", f"{start} {known}")


def _keys(part: Schema) -> list[str]:
    return list(part.get("properties") or part["x-keys"])


def _missing(path: Path, name: str, part: Schema, given: object) -> Iterator[Problem]:
    """A key that is not there; nothing where it is misspelt, which is said already."""
    properties: Schema = part.get("properties", {})
    unknown = [key for key in given if key not in properties] if isinstance(given, dict) else []
    if any(nearest(key, properties) == name for key in unknown):
        return
    whose = f"'{path[-1]}'" if path and isinstance(path[-1], str) else "this"
    hint = _resolved(properties.get(name, {})).get("x-hint")
    yield Problem((*path, KEY), f"{whose} needs '{name}'", hint)


def _resolved(part: Schema) -> Schema:
    """The part with what it refers to; what stands beside a reference wins."""
    reference = part.get("$ref")
    if reference is None:
        return part
    return _resolved(schema()["$defs"][reference.rpartition("/")[2]]) | part


def _triggerless(path: Path, part: Schema, value: object) -> Problem:
    """A mapping that has none of the keys which say what it is; perhaps one is misspelt."""
    for name in value if isinstance(value, dict) else ():
        if nearest(name, part["x-keys"]):
            return _unknown(path, name, part)
    return Problem(path, f"expected {part['x-expected']}", part["x-hint"])


def _wrong(error: jsonschema_rs.ValidationError, part: Schema) -> tuple[str, str | None]:
    """Message and hint for a value that is there and is not what it should be."""
    part = _resolved(part)
    expected, hint, value = part.get("x-expected", ""), part.get("x-hint"), error.instance
    match error.kind:
        case Kind.Enum() | Kind.Constant() if isinstance(value, str):
            return _unknown_word(value, part)
        case Kind.Pattern() if isinstance(value, str):
            return f"'{presentable(value)}' is not {expected}", hint
        case Kind.MaxLength() | Kind.MaxItems() | Kind.MaxProperties() as kind if kind.limit:
            return f"expected {expected}, at most {kind.limit} long", hint
        case Kind.AnyOf() | Kind.OneOfNotValid() | Kind.OneOfMultipleValid():
            return str(hint), None
        case Kind.MinLength() | Kind.MinItems() | Kind.MinProperties():
            return f"expected {expected} that is not empty", hint
        case _:
            return f"expected {expected}", hint


def _unknown_word(word: str, part: Schema) -> tuple[str, str | None]:
    known = [str(each) for each in part.get("enum", [part.get("const")])]
    shown = presentable(word)
    if close := nearest(word, known):
        return f"'{shown}' is not known", f"did you mean '{close}'?"
    return f"'{shown}' is not known", part.get("x-hint") or f"known are {', '.join(known)}"
