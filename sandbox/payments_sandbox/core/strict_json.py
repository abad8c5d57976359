"""Owns the strict reading of JSON that clients send, and the writing of JSON that is kept.

The standard reader accepts NaN, repeated keys (the last one wins), other encodings and half
surrogate pairs, and fails in several ways on deep nesting and long numbers. Here each of these
raises `BadJson`. A whole number becomes an `int` however it is written: JSON Schema calls 2500.0 an
integer, and a float must never reach the ledger.
"""

import json
import math
from codecs import BOM_UTF8
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NoReturn

import orjson

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 16
_LONG: Final = 10**MAX_DIGITS
MAX_LITERAL: Final = 24
MAX_EXPONENT: Final = 4
MAX_MAGNITUDE: Final = 308


class BadJson(ValueError):
    """The bytes are not acceptable JSON; the message says why and where, without quoting them."""


def json_bytes(value: object) -> bytes:
    """Write JSON that is to be kept, copied because orjson's result occupies far more memory."""
    return bytes(memoryview(orjson.dumps(value)))


def read(raw: bytes, *, deepest: int = MAX_DEPTH) -> object:
    """Read a JSON value; a number with a fraction becomes a `Decimal`.

    Raises:
        BadJson: it is not UTF-8, not JSON, or JSON that two readers may understand differently.
    """
    # A text has a colon for each key. If there are as many keys as colons, none is repeated, and so
    # few keys cannot nest objects too deeply. Lists are left to the slow reader.
    if (colons := raw.count(b":")) < MAX_DEPTH:
        try:
            value = orjson.loads(raw)
            if isinstance(value, dict) and _keys_in(value) == colons:
                return value
        except orjson.JSONDecodeError:
            pass  # the slow reader says why, or accepts it after all
    return _read_slowly(raw, deepest)


def _keys_in(value: Mapping[str, Any]) -> float:
    """How many keys an object has at any depth; NaN if a value needs the slow reader."""
    total: float = len(value)
    for item in value.values():
        kind = type(item)  # JSON readers do not make subclasses
        if kind is str:
            continue
        if kind is int:
            if not -_LONG < item < _LONG:
                return math.nan
        elif kind is dict:
            total += _keys_in(item)
        elif kind is float or kind is list:
            return math.nan
    return total


def _read_slowly(raw: bytes, deepest: int) -> object:
    if not raw.strip():
        raise BadJson("the body is empty")
    if raw.startswith(BOM_UTF8):
        raise BadJson("it starts with a byte order mark")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson(f"byte {error.start} is not UTF-8") from None
    value = _parse(text)
    _refuse_half_pairs(text, value)
    # Counting is cheap and clears nearly every body; only the others are walked.
    if text.count("[") + text.count("{") > deepest and _depth(value) > deepest:
        raise BadJson(_too_deep(deepest))
    return value


def _parse(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise BadJson(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise BadJson(_too_deep()) from None


def _refuse_half_pairs(text: str, value: object) -> None:
    """Reject half surrogate pairs, which only an escape can express, as UTF-8 has none."""
    if "\\ud" not in text and "\\uD" not in text:
        return
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise BadJson("a string contains an unpaired surrogate") from None
    except RecursionError:
        raise BadJson(_too_deep()) from None


def _too_deep(deepest: int = MAX_DEPTH) -> str:
    return f"nested deeper than {deepest} levels"


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [child for item in level for child in _children(item)]
    return deepest


def _children(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


def _reject_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadJson("an object contains the same key twice")
    return found


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise BadJson(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


def _number(text: str) -> int | Decimal:
    exponent = text.lower().partition("e")[2]
    if len(text) > MAX_LITERAL or len(exponent) > MAX_EXPONENT:
        raise BadJson("a number is out of range")
    value = Decimal(text)
    if abs(value.adjusted()) > MAX_MAGNITUDE:
        raise BadJson("a number is out of range")
    is_whole = value.adjusted() < MAX_DIGITS and value == value.to_integral_value()
    # A fraction stays a fraction, so that the schema can name the field that does not accept it.
    return int(value) if is_whole or not value else value


def _constant(name: str) -> NoReturn:
    raise BadJson(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_reject_repeated_keys,
    parse_int=_integer,
    parse_float=_number,
    parse_constant=_constant,
)
