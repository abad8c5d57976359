"""Builds the reference validator, `jsonschema`, with which ours must agree."""

import functools
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.protocols import Validator

from payments_sandbox.contract.schema_files import Schema


@functools.cache
def reference_validator() -> type[Validator]:
    """Return the validator of jsonschema with two keywords mended.

    As it is, the `$` of a pattern matches before a newline too, and digits of every script are
    digits; and `uniqueItems` compares each item with each, even of a list that is too long anyway.
    """

    def pattern(
        _: Validator, value: str, instance: object, __: Schema
    ) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not ecma(value).search(instance):
            yield ValidationError("does not match")

    def unique_items(
        validator: Validator, value: object, instance: object, schema: Schema
    ) -> Iterator[ValidationError]:
        if isinstance(instance, list) and len(instance) <= schema["maxItems"]:
            yield from unique(validator, value, instance, schema) or ()

    unique: Any = Draft202012Validator.VALIDATORS["uniqueItems"]
    mended: type[Validator] = validators.extend(  # type: ignore[no-untyped-call]  # jsonschema has no types there
        Draft202012Validator, {"pattern": pattern, "uniqueItems": unique_items}
    )
    return mended


@functools.cache
def ecma(pattern: str) -> re.Pattern[str]:
    """Compile the pattern as ECMA 262 means it: `$` is the end, and a digit is one of ten."""
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), re.ASCII)
