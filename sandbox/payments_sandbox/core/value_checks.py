"""Owns the checks of values that come from outside in rows, for which there is no schema.

Anybody can seal a snapshot. What no server has written is refused when it is put back, since
whoever reads it later takes it for what it is.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from payments_sandbox.core.instants import EPOCH, LAST

Check = Callable[[object], bool]
"""Whether a value is what it has to be."""


def is_text(value: object) -> bool:
    """Whether it is a text."""
    return isinstance(value, str)


def is_fact(value: object) -> bool:
    """Whether it is true or false."""
    return isinstance(value, bool)


def is_duration(value: object) -> bool:
    """Whether it is a number of milliseconds, of which there may be parts."""
    return isinstance(value, int | float | Decimal) and not is_fact(value) and value >= 0


def whole(low: int, high: int) -> Check:
    """Make the check of an integer and its bounds."""
    return lambda value: type(value) is int and low <= value <= high


is_number: Final = whole(0, 2**63 - 1)
is_instant: Final = whole(EPOCH, LAST)
is_seed: Final = whole(-(2**63), 2**64 - 1)


def maybe(check: Check) -> Check:
    """Make the check of a value that may be null."""
    return lambda value: value is None or check(value)


def list_of(check: Check) -> Check:
    """Make the check of a list, of any length, whose items are alike."""
    return lambda value: isinstance(value, list) and all(map(check, value))


def map_of(check: Check) -> Check:
    """Make the check of an object with any keys, whose values are alike."""
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def row(*checks: Check) -> Check:
    """Make the check of a list with so many items, each with a check of its own."""
    return lambda value: (
        isinstance(value, list | tuple)
        and len(value) == len(checks)
        and all(check(item) for check, item in zip(checks, value, strict=True))
    )
