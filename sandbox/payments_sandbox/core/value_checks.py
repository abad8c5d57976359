"""Owns the checks of the values in the rows of snapshots, for which there is no schema.

Anybody can write a snapshot and seal it. Values that no server would write are rejected when the
snapshot is restored, because later code relies on their types.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from payments_sandbox.core.instants import EPOCH, LAST

Check = Callable[[object], bool]
"""A function that tells whether a value is valid."""


def is_text(value: object) -> bool:
    """Whether a value is a text."""
    return isinstance(value, str)


def is_fact(value: object) -> bool:
    """Whether a value is true or false."""
    return isinstance(value, bool)


def is_duration(value: object) -> bool:
    """Whether a value is a number of milliseconds, which may have a fraction."""
    return isinstance(value, int | float | Decimal) and not is_fact(value) and value >= 0


def whole(low: int, high: int) -> Check:
    """Make a check for an integer in a range, both ends included."""
    return lambda value: type(value) is int and low <= value <= high


is_number: Final = whole(0, 2**63 - 1)
is_instant: Final = whole(EPOCH, LAST)
is_seed: Final = whole(-(2**63), 2**64 - 1)


def maybe(check: Check) -> Check:
    """Make a check that also accepts null."""
    return lambda value: value is None or check(value)


def list_of(check: Check) -> Check:
    """Make a check for a list of any length, each of whose items passes the check."""
    return lambda value: isinstance(value, list) and all(map(check, value))


def map_of(check: Check) -> Check:
    """Make a check for an object with any keys, each of whose values passes the check."""
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def row(*checks: Check) -> Check:
    """Make a check for a list with one item for each of the checks."""
    return lambda value: (
        isinstance(value, list | tuple)
        and len(value) == len(checks)
        and all(check(item) for check, item in zip(checks, value, strict=True))
    )
