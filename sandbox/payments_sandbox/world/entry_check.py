"""Owns what an entry of the journal can be: one that comes from outside is held against it.

Anybody can seal a snapshot. What no request leaves behind is refused when it is put back, since
whoever reads the journal later, to export it, to judge it or to show it, takes it for what it is.
"""

from collections.abc import Mapping
from typing import Final

from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.value_checks import (
    Check,
    is_duration,
    is_fact,
    is_instant,
    is_number,
    is_text,
    whole,
)
from payments_sandbox.rules.faults import FAULT_NAMED
from payments_sandbox.rules.faults.fault import ABANDONED


def _is_fault(value: object) -> bool:
    return isinstance(value, str) and (value == ABANDONED or value in FAULT_NAMED)


def _is_operation(value: object) -> bool:
    return isinstance(value, str) and value in BY_NAME


_is_status: Final = whole(100, 999)

_FIELDS: Final[Mapping[str, Check]] = {
    "number": is_number,
    "at": is_instant,
    "wall": is_instant,
    "method": is_text,
    "path": is_text,
    "leaked": is_fact,
}
"""What each field has to be."""

_OPTIONAL: Final[Mapping[str, Check]] = {
    "operation": _is_operation,
    "card": is_text,
    "status": _is_status,
    "fault": _is_fault,
    "rule": is_text,
    "step": is_number,
    "committed": is_fact,
    "duration_ms": is_duration,
    "error_code": is_text,
    "error_details": is_text,
    "payment_status": is_text,
    "connection": is_number,
    "made": is_text,
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
