"""Owns what an entry of the journal can be: one that comes from outside is held against it.

Anybody can seal a snapshot. What no request leaves behind is refused when it is put back, since
whoever reads the journal later, to export it, to judge it or to show it, takes it for what it is.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.instants import EPOCH, LAST
from payments_sandbox.rules.faults import FAULT_NAMED
from payments_sandbox.rules.faults.fault import ABANDONED

Check = Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_fact(value: object) -> bool:
    return isinstance(value, bool)


def _whole(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not _is_fact(value) and value >= 0


def _is_fault(value: object) -> bool:
    return isinstance(value, str) and (value == ABANDONED or value in FAULT_NAMED)


def _is_operation(value: object) -> bool:
    return isinstance(value, str) and value in BY_NAME


_is_number: Final = _whole(0, 2**63 - 1)
_is_instant: Final = _whole(EPOCH, LAST)
_is_status: Final = _whole(100, 999)

_FIELDS: Final[Mapping[str, Check]] = {
    "number": _is_number,
    "at": _is_instant,
    "wall": _is_instant,
    "method": _is_text,
    "path": _is_text,
    "leaked": _is_fact,
}
"""What each field has to be."""

_OPTIONAL: Final[Mapping[str, Check]] = {
    "operation": _is_operation,
    "card": _is_text,
    "status": _is_status,
    "fault": _is_fault,
    "rule": _is_text,
    "step": _is_number,
    "committed": _is_fact,
    "duration_ms": _is_duration,
    "error_code": _is_text,
    "error_details": _is_text,
    "payment_status": _is_text,
    "connection": _is_number,
    "made": _is_text,
}
"""What each of these has to be, where it is anything."""


def check_row(row: Mapping[str, object]) -> None:
    """Refuse the row of an entry that no request leaves behind.

    Its body may be any JSON; whether a step that was decided is one, those know who read scenarios.

    Raises:
        ValueError: a field is not what it has to be.
        KeyError: one is missing.
    """
    for name, is_right in {**_FIELDS, **_OPTIONAL}.items():
        if not is_right(row[name]) and not (name in _OPTIONAL and row[name] is None):
            raise ValueError(f"{name} is none of an entry")
    if row["decided"] is not None and row["operation"] is None:
        raise ValueError("nobody decides about what is no operation")
