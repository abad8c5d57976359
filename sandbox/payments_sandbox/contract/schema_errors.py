"""Owns the words for what is wrong with a value: a pointer and a sentence, never the value itself.

The value may hold a card number, so a sentence is made of the schema's own words (`x-expected`) and
of the path. Names of fields come from the client as well: they are cut, and long runs of digits
in them are masked.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from payments_sandbox.contract.schema_files import Schema
from payments_sandbox.core.suggestions import nearest

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

MOST_PROBLEMS: Final = 20
LONGEST_NAME: Final = 64
LONG_NUMBER: Final = re.compile(r"\d(?:[ ._-]?\d){5,}")

UNEXPLAINED: Final = "/: does not follow the documentation."
"""The details of a refusal that the explaining validator cannot name: our bug."""

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        pointer: the JSON pointer of the field, "" for the whole body.
        message: the rest of the sentence, with its full stop.
    """

    pointer: str
    message: str


class _Finding(NamedTuple):
    path: Path
    message: str


def find_problems(schema: Schema, value: object, *, noun: str = "field") -> list[Problem]:
    """What is wrong with the value, in the order of the documentation; at most 20 problems.

    Args:
        schema: an inlined schema.
        value: what a strict reader has read.
        noun: what a key of the value is called.
    """
    errors = strict()(schema).iter_errors(cast("Any", value))
    findings = _distinct(finding for error in errors for finding in _findings(error, noun))
    first = sorted(islice(findings, MOST_PROBLEMS), key=lambda found: _rank(schema, found.path))
    problems = (Problem(pointer(found.path), found.message) for found in first)
    return list(dict.fromkeys(problems))


def render(problems: Iterable[Problem]) -> str:
    """The problems as the `details` of an error, which start with the first one's pointer."""
    texts = [f"{problem.pointer or '/'}: {problem.message}" for problem in problems]
    if not texts:
        return UNEXPLAINED
    *others, last = texts
    return "; ".join([*(text.removesuffix(".") for text in others), last])


def pointer(path: Path) -> str:
    """The JSON pointer (RFC 6901) of a path, its names made fit to be shown."""
    steps = (presentable(str(step)) for step in path)
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def presentable(name: str) -> str:
    """A name that a client has sent, cut, and without what may be a card number."""
    masked = LONG_NUMBER.sub(lambda found: "*" * len(found[0]), name[: 4 * LONGEST_NAME])
    return "".join(sign if sign.isprintable() else "?" for sign in masked[:LONGEST_NAME])


@functools.cache
def strict() -> "type[Validator]":
    """The validator of jsonschema with two keywords mended; imported when first needed.

    As it is, the `$` of a pattern matches before a newline too, and digits of every script are
    digits; and `uniqueItems` compares each item with each, even of a list that is too long anyway.
    """
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(
        _: "Validator", value: str, instance: object, __: Schema
    ) -> "Iterator[ValidationError]":
        if isinstance(instance, str) and not ecma(value).search(instance):
            yield ValidationError("does not match")

    def unique_items(
        validator: "Validator", value: object, instance: object, schema: Schema
    ) -> "Iterator[ValidationError]":
        if isinstance(instance, list) and len(instance) <= schema["maxItems"]:
            yield from unique(validator, value, instance, schema) or ()

    unique = Draft202012Validator.VALIDATORS["uniqueItems"]
    mended: type[Validator] = validators.extend(  # type: ignore[no-untyped-call]  # jsonschema has no types there
        Draft202012Validator, {"pattern": pattern, "uniqueItems": unique_items}
    )
    return mended


@functools.cache
def ecma(pattern: str) -> re.Pattern[str]:
    """The pattern as ECMA 262 means it: `$` is the end, and a digit is one of ten."""
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), re.ASCII)


def _distinct(findings: Iterable[_Finding]) -> Iterator[_Finding]:
    """Each once: there is an error for every missing key, and each names all that are missing."""
    seen: set[_Finding] = set()
    for finding in findings:
        if finding not in seen:
            seen.add(finding)
            yield finding


def _findings(error: "ValidationError", noun: str) -> Iterator[_Finding]:
    """The error in our words; a list of missing or unknown keys becomes one finding each."""
    path, schema = tuple(error.absolute_path), cast("Schema", error.schema)
    properties: Schema = schema.get("properties", {})
    match error.validator, error.instance:
        case "required", dict(given):
            for name in (name for name in schema["required"] if name not in given):
                yield _Finding((*path, name), f"is required{_expectation(properties, name)}.")
        case "additionalProperties", dict(given):
            for name in (name for name in given if name not in properties):
                yield _Finding((*path, name), _unknown(name, list(properties), noun))
        case _:
            yield _Finding(path, f"expected {schema.get('x-expected', 'what is documented')}.")


def _expectation(properties: Schema, name: str) -> str:
    expected = properties.get(name, {}).get("x-expected")
    return f": expected {expected}" if expected else ""


def _unknown(name: str, known: list[str], noun: str) -> str:
    start = f"is not a documented {noun}"
    if close := nearest(presentable(name).casefold(), known):
        return f"{start}; did you mean '{close}'?"
    return f"{start}; documented are {', '.join(known)}." if known else f"{start}; there are none."


def _rank(schema: Schema, path: Path) -> list[tuple[int, str]]:
    """Sorts by the order of the documentation; what is not documented comes last, by name."""
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
