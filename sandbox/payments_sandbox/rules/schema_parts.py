"""Owns the building blocks of the schemas of outcomes, actions and faults.

Each block says what is expected (`x-expected`) and, if that is not enough, what would have worked
(`x-hint`). The lint uses these words in its messages.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

Json = Mapping[str, Any]
"""A mapping of JSON."""

COMMIT: Final[Json] = {
    "description": (
        "Whether the operation happens before the fault: it decides whether a retry charges twice."
    ),
    "type": "boolean",
    "x-expected": "true or false",
    "x-hint": "true: the operation happened before the fault; false: it never did",
}
"""The property `commit` of an outcome for which it is required."""

OPTIONAL_COMMIT: Final[Json] = {
    **COMMIT,
    "description": "Whether the operation happens anyway; default: false.",
}


_NOT_ZERO: Final = r"^0*(?:[1-9][0-9]*(?:\.[0-9]+)?(?:ms|s|m|h|d)|\.[0-9]*[1-9][0-9]*(?:s|m|h|d))$"
"""Durations of a millisecond or more; fractions of a millisecond count as zero."""


def mapping(
    description: str,
    example: str,
    properties: Mapping[str, Json],
    required: Iterable[str] = (),
    **more: object,
) -> Json:
    """Make the schema of a mapping with these keys and no others.

    Args:
        description: a sentence for editors.
        example: an example such as `{reason: fraudulent}`; more words may follow it.
        properties: the schema of each key's value.
        required: the required keys, except `commit`, which the lint checks.
        more: other keywords, with underscores instead of the dashes in their names.
    """
    return {
        "description": description,
        "type": "object",
        "x-expected": f"a mapping such as {example}",
        **({"required": list(required)} if required else {}),
        "properties": dict(properties),
        **{key.replace("_", "-"): value for key, value in more.items()},
        "additionalProperties": False,
    }


def word(description: str, expected: str, words: Iterable[str], hint: str | None = None) -> Json:
    """Make the schema of a choice of words."""
    part = {"description": description, "type": "string", "enum": [str(each) for each in words]}
    return _worded(part, expected, hint)


def text(description: str, most: int, *, least: int = 1, hint: str | None = None) -> Json:
    """Make the schema of a text with `least` to `most` characters."""
    part = {"description": description, "type": "string", "minLength": least, "maxLength": most}
    return _worded(part, "text", hint)


def whole(description: str, least: int, most: int, hint: str | None = None) -> Json:
    """Make the schema of a whole number from `least` to `most`."""
    part = {"description": description, "type": "integer", "minimum": least, "maximum": most}
    return _worded(part, f"a whole number from {least} to {most}", hint)


def flag(description: str, hint: str | None = None) -> Json:
    """Make the schema of a key that is either true or left out."""
    part = {"description": description, "type": "boolean", "const": True}
    return _worded(part, "true (or leave it out)", hint)


def duration(description: str, hint: str | None = None) -> Json:
    """Make the schema of a duration."""
    part = {"description": description, "$ref": "#/$defs/duration"}
    return part | ({"x-hint": hint} if hint else {})


def positive_duration(description: str) -> Json:
    """Make the schema of a duration of a millisecond or more."""
    expected = "a duration of 1ms or more"
    return {**duration(description), "pattern": _NOT_ZERO, "x-expected": expected}


def count_or_bounds(description: str) -> Json:
    """Make the schema of a whole number or `{min, max}`."""
    return {"description": description, "$ref": "#/$defs/count"}


def without_none(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that are not None."""
    return {key: value for key, value in fields.items() if value is not None}


def _worded(part: dict[str, Any], expected: str, hint: str | None) -> dict[str, Any]:
    return part | {"x-expected": expected} | ({"x-hint": hint} if hint else {})
