"""Owns the messages for schema violations in the bodies of requests and in scenario files.

A violation is one of three kinds: an unknown key, a missing key, or a wrong value. There are two
sets of messages. Those for a body never quote the value, which may contain a card number; they name
the field by its JSON pointer. Those for a file are shown next to the line in question, so they
quote a word of it, and a hint says what would have worked.

The words come from the schema:

- `x-expected` completes "expected …", and `x-hint` says what would have worked.
- `x-keys` lists the keys of which a mapping needs one.
- `x-kind` is what the mapping is called.
- `x-also` lists valid keys other than properties, such as `header.NAME` for a whole family.
- `x-elsewhere` lists keys that similar mappings have and this one does not.
- `x-valued` says how a word is written that needs a value, and so a mapping instead of a word.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple, assert_never, cast

import jsonschema_rs

from payments_sandbox.contract.schema_files import Schema
from payments_sandbox.core.masking import mask_target
from payments_sandbox.core.wording import counted, nearest

MAX_BODY_ERRORS: Final = 20
MAX_FILE_ERRORS: Final = 200
SURELY: Final = 0.8
"""How similar an unknown key is to a known one if its value is checked as that key's."""

_SIMILAR: Final = 0.6
"""How similar an unknown word is to a known one that is suggested for it."""

_MANY: Final = 40
"""Of more words than this, such as currency codes, one is always similar, so `SURELY` counts."""

LONGEST_NAME: Final = 64
LONG_NUMBER: Final = re.compile(r"\d(?:[ ._-]?\d){5,}")

UNEXPLAINED: Final = "/: does not follow the documentation."
"""The details of an error for which the validator gives no reason, which is a bug of ours."""

Path = tuple[str | int, ...]
"""The keys and positions that lead to a value, such as `("rules", 0, "do")`."""

Kind = jsonschema_rs.ValidationErrorKind


class SchemaError(NamedTuple):
    """One error, with its message.

    Attributes:
        path: the path of the value, or of the missing or unknown key.
        message: what is wrong; a sentence for a body, without its full stop for a file.
        hint: what would have worked, if the message does not say so; only for files.
        is_about_key: whether the key is wrong rather than its value.
        is_missing: whether a key is missing.
    """

    path: Path
    message: str
    hint: str | None = None
    is_about_key: bool = False
    is_missing: bool = False


class UnknownKey(NamedTuple):
    """A mapping has a key that is not in its schema."""

    path: Path
    name: str
    part: Schema


class MissingKey(NamedTuple):
    """A mapping, `value`, lacks a key that its schema requires."""

    path: Path
    name: str
    part: Schema
    value: object


class WrongValue(NamedTuple):
    """A value is not what its schema expects.

    Attributes:
        kind: the keyword that the value violates.
        is_optional: whether the value may be left out.
    """

    path: Path
    kind: object
    part: Schema
    value: object
    is_optional: bool


Refusal = UnknownKey | MissingKey | WrongValue


class CompiledSchema:
    """A self-contained schema with its validator, which decides and explains errors.

    Args:
        schema: a schema without references to others.

    Attributes:
        is_valid: whether a value follows the schema; raises ValueError for half a surrogate pair.
    """

    __slots__ = ("_schema", "_validator", "is_valid")

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._validator = jsonschema_rs.Draft202012Validator(schema)
        self.is_valid = self._validator.is_valid

    def body_errors(self, value: object, *, noun: str = "field") -> list[SchemaError]:
        """Explain what is wrong with a body, a query or a header.

        Args:
            value: the value, from a strict reader.
            noun: what messages call a key of the value.

        Returns:
            At most 20 errors, in the order of the documentation; none for a valid value.
        """
        found = (_body_error(each, noun) for each in self.refusals(value))
        first = list(islice(dict.fromkeys(found), MAX_BODY_ERRORS))
        return sorted(first, key=lambda error: _rank(self._schema, error.path))

    def file_errors(self, value: object) -> Iterator[SchemaError]:
        """Explain what is wrong with a part of a scenario: at most 200 errors, in any order."""
        for refusal in islice(self.refusals(value), MAX_FILE_ERRORS):
            yield from self._file_error(refusal)

    def misspelt(self, value: object) -> Iterator[tuple[SchemaError, str]]:
        """Find each unknown key of a scenario that is clearly a misspelt known key.

        Returns:
            Pairs of the error, whose path leads to the key, and the key that was meant.
        """
        for refusal in self.refusals(value):
            match refusal:
                case UnknownKey(path, name, part):
                    keys = list(part.get("properties") or part["x-keys"])
                case WrongValue(path, Kind.Not(), part, dict() as mapping):
                    part = self._resolved(part)
                    keys = part["x-keys"]
                    name = next((each for each in mapping if nearest(each, keys)), "")
                case _:
                    continue
            if intended := nearest(name, keys, SURELY):
                yield _unknown_in_file(path, name, part), intended

    def refusals(self, value: object) -> Iterator[Refusal]:
        """Yield all violations of the schema in a value; none for a valid one."""
        for error in self._validator.iter_errors(_encodable(value)):
            path, kind, part = tuple(error.instance_path), error.kind, self._part(error.schema_path)
            match kind:
                case Kind.AdditionalProperties():
                    yield from (UnknownKey(path, name, part) for name in kind.unexpected)
                case Kind.Required():
                    yield MissingKey(path, kind.property, part, error.instance)
                case _:
                    is_optional = self._is_optional(error.schema_path)
                    yield WrongValue(path, kind, part, error.instance, is_optional)

    def _is_optional(self, schema_path: list[str | int]) -> bool:
        """Whether the value that violates a keyword belongs to a key that is not required."""
        if schema_path[-3:-2] != ["properties"]:
            return False
        mapping = self._part([*schema_path[:-3], "required"])
        return schema_path[-2] not in mapping.get("required", ())

    def _part(self, schema_path: list[str | int]) -> Schema:
        """The part of the schema that contains the keyword at the end of a path."""
        found: Any = self._schema
        for step in schema_path[: -1 if "propertyNames" not in schema_path else -2]:
            found = found[step]
        return cast("Schema", found)

    def _resolved(self, part: Schema) -> Schema:
        """Merge a part with the definition it refers to; keys next to the reference win."""
        reference = part.get("$ref")
        if reference is None:
            return part
        return self._resolved(self._schema["$defs"][reference.rpartition("/")[2]]) | part

    def _file_error(self, refusal: Refusal) -> Iterator[SchemaError]:
        """The message for a violation; none for a missing key that is reported as misspelt."""
        match refusal:
            case UnknownKey(path, name, part):
                yield _unknown_in_file(path, name, part)
            case MissingKey(path, name, part, value):
                properties: Schema = part.get("properties", {})
                unknown = [key for key in cast("Schema", value) if key not in properties]
                if not any(nearest(key, properties) == name for key in unknown):
                    whose = f"'{path[-1]}'" if path and isinstance(path[-1], str) else "this"
                    hint = self._resolved(properties.get(name, {})).get("x-hint")
                    message = f"{whose} needs '{name}'"
                    yield SchemaError(path, message, hint, is_about_key=True, is_missing=True)
            case WrongValue(path, kind, part, value):
                error = _wrong_in_file(path, kind, self._resolved(part), value)
                if value is None and refusal.is_optional and error.hint is None:
                    error = error._replace(hint="leave it out if there is none")
                yield error
            case _:
                assert_never(refusal)


def render(errors: Iterable[SchemaError]) -> str:
    """Write errors as the `details` of an error, which start with the JSON pointer of the first."""
    texts = [f"{pointer(error.path) or '/'}: {error.message}" for error in errors]
    if not texts:
        return UNEXPLAINED
    *others, last = texts
    return "; ".join([*(text.removesuffix(".") for text in others), last])


def pointer(path: Path) -> str:
    """The JSON pointer (RFC 6901) of a path, with names that are safe to show."""
    steps = (presentable(str(step)) for step in path)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def presentable(name: str) -> str:
    """A name from a client, shortened, and without anything that may be a card number or code."""
    start = LONG_NUMBER.sub(lambda found: "*" * len(found[0]), name[: 4 * LONGEST_NAME])
    masked = mask_target(start)
    return "".join(sign if sign.isprintable() else "?" for sign in masked[:LONGEST_NAME])


def _encodable(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Replace half surrogate pairs in a value, which the validator cannot read."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_encodable(key): _encodable(item) for key, item in value.items()}
        case list():
            return [_encodable(item) for item in value]
        case _:
            return value


# Bodies


def _body_error(refusal: Refusal, noun: str) -> SchemaError:
    match refusal:
        case UnknownKey(path, name, part):
            known = list(part.get("properties", {}))
            return SchemaError((*path, name), _undocumented(name, known, noun), is_about_key=True)
        case MissingKey(path, name, part):
            expected = part.get("properties", {}).get(name, {}).get("x-expected")
            what = f": expected {expected}" if expected else ""
            return SchemaError((*path, name), f"is required{what}.", is_about_key=True)
        case WrongValue(path, _, part, value, is_optional):
            expected = f"expected {part.get('x-expected', 'a documented value')}"
            if value is None and is_optional:
                expected += "; leave it out if there is none"
            return SchemaError(path, f"{expected}.")
        case _:
            assert_never(refusal)


def _undocumented(name: str, known: list[str], noun: str) -> str:
    start = f"is not a documented {noun}"
    if close := nearest(presentable(name).casefold(), known):
        return f"{start}; did you mean '{close}'?"
    return f"{start}; expected one of {', '.join(known)}." if known else f"{start}; there are none."


def _rank(schema: Schema, path: Path) -> list[tuple[int, str]]:
    """A sort key for the order of the documentation; what is undocumented comes last, by name."""
    ranks: list[tuple[int, str]] = []
    for step in path:
        if isinstance(step, int):
            ranks.append((step, ""))
            schema = schema.get("items", {})
        else:
            known = schema.get("properties", {})
            place = list(known).index(step) if step in known else len(known)
            ranks.append((place, step))
            schema = known.get(step, {})
    return ranks


# Files


def _unknown_in_file(path: Path, name: str, part: Schema) -> SchemaError:
    keys = list(part.get("properties") or part["x-keys"])
    also: list[str] = part.get("x-also", [])
    message = f"unknown key '{presentable(name)}'"
    is_elsewhere = name in part.get("x-elsewhere", ())
    if not is_elsewhere and (close := nearest(name, keys) or _nearest_in_family(name, also)):
        return SchemaError((*path, name), message, f"did you mean '{close}'?", is_about_key=True)
    *others, last = keys + also
    known = f"{', '.join(others)} and {last}" if others else last
    start = f"{part['x-kind']} has" if "x-kind" in part else "the keys here are"
    return SchemaError((*path, name), message, f"{start} {known}", is_about_key=True)


def _nearest_in_family(name: str, forms: list[str]) -> str | None:
    """The key that was meant by a misspelt one of a family, such as `header.X-Test`."""
    start, dot, rest = name.partition(".")
    stems = {form.partition(".")[0]: form for form in forms}
    stem = nearest(start.lower(), stems)
    if stem is None or (stem == start and rest):
        return None
    return f"{stem}{dot}{presentable(rest)}" if rest else stems[stem]


def _wrong_in_file(path: Path, kind: object, part: Schema, value: object) -> SchemaError:
    expected, hint = part.get("x-expected", ""), part.get("x-hint")
    match kind:
        case Kind.Not():
            return _missing_key_error(path, part, value)
        case Kind.PropertyNames():
            message, hint = f"expected each key to be {part['propertyNames']['x-expected']}", None
        case Kind.Enum() | Kind.Constant() if isinstance(value, str):
            message, hint = _unknown_word(value, part)
        case Kind.Pattern() if isinstance(value, str):
            message = f"{_quoted(value)} is not {expected}"
        case Kind.MaxProperties() if kind.limit:
            message = f"expected {expected}, with at most {counted(kind.limit, 'key')}"
        case Kind.MaxLength() | Kind.MaxItems() if kind.limit:
            noun = "item" if isinstance(kind, Kind.MaxItems) else "character"
            message = f"expected {expected}, at most {counted(kind.limit, noun)}"
        case Kind.AnyOf() | Kind.OneOfNotValid() | Kind.OneOfMultipleValid():
            message, hint = str(hint), None
        case Kind.MinItems() if kind.limit > 1:
            message = f"expected {expected}, at least {kind.limit} items"
        case Kind.MinLength() | Kind.MinItems() | Kind.MinProperties():
            message = f"expected {expected} that is not empty"
        case _:
            message = f"expected {expected}"
    return SchemaError(path, message, hint)


def _missing_key_error(path: Path, part: Schema, value: object) -> SchemaError:
    """The error for a mapping without any of the keys that it needs; one may be misspelt."""
    for name in value if isinstance(value, dict) else ():
        if nearest(name, part["x-keys"]):
            return _unknown_in_file(path, name, part)
    return SchemaError(path, f"expected {part['x-expected']}", part["x-hint"])


def _unknown_word(word: str, part: Schema) -> tuple[str, str | None]:
    known = [str(each) for each in part.get("enum", [part.get("const")])]
    valued: dict[str, str] = part.get("x-valued", {})
    if word in valued:
        return f"'{word}' needs a value", f"write {valued[word]}"
    message = "unknown value" if LONG_NUMBER.search(word) else f"unknown value {_quoted(word)}"
    least = SURELY if len(known) > _MANY else _SIMILAR
    candidates = [*known, *valued]
    if close := nearest(word, candidates, least) or nearest(word.upper(), known, least):
        return message, f"did you mean '{close}'?"
    return message, part.get("x-hint") or f"expected one of {', '.join(known)}"


def _quoted(word: str) -> str:
    """Quote a word of a file in a message; `this` if it may be a card number."""
    return "this" if LONG_NUMBER.search(word) else f"'{presentable(word)}'"
