"""Owns the check of journal entries that come from outside, in a snapshot.

Anybody can write a snapshot and seal it. Entries that no request could have left are rejected when
it is restored, because the exports, the audit and the dashboard rely on their types.
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
"""The check of each required field."""

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
"""The check of each field that may also be null."""


def check_row(row: Mapping[str, object]) -> None:
    """Check the row of a journal entry.

    Its body may be any JSON. The step in `decided` is not checked here: that takes the parser of
    scenarios, in a higher layer.

    Raises:
        ValueError: a field has an invalid value.
        KeyError: a field is missing.
    """
    for name, is_right in {**_FIELDS, **_OPTIONAL}.items():
        if not is_right(row[name]) and not (name in _OPTIONAL and row[name] is None):
            raise ValueError(f"{name} is none of an entry")
    if row["decided"] is not None and row["operation"] is None:
        raise ValueError("nobody decides about what is no operation")
