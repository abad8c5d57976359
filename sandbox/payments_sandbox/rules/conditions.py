"""Owns what conditions mean: whether a value matches one, and in words why it does not."""

import re
from collections.abc import Callable
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any, Final, TypeGuard

from payments_sandbox.core.masking import mask_number, mask_text
from payments_sandbox.rules.fields import HEADER, QUERY, Fields
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.rules.model import Condition, When

Predicate = Callable[[object], bool]
"""Whether a value matches a condition; None stands for a value that is not there."""

LONGEST_SHOWN: Final = 60
SECRETS: Final = frozenset({"header.authorization", "header.cookie", "header.sandbox-token"})

_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}
_NUMBERS: Final = frozenset({int, float, Decimal})
_NUMBER: Final = re.compile("-?[0-9]{1,18}")
_NAMES: Final = {card.number: card.name for card in MAGIC_CARDS}


def compile_condition(condition: Condition) -> Predicate:
    """The condition as a function of the value, made once."""
    field, operator, operand = condition
    if field.startswith((HEADER, QUERY)):
        return _compiled_loosely(operator, operand)
    return _compiled(operator, operand)


def matches(when: When, fields: Fields) -> bool:
    """Whether all conditions hold; for one look, as each is compiled for it."""
    return all(compile_condition(each)(fields.get(each.field)) for each in when)


def equals_one_of(condition: Condition) -> tuple[object, ...] | None:
    """The values of a condition that only these meet; None for any other condition."""
    match condition.operator, condition.operand:
        case "in", tuple(values):
            found: tuple[object, ...] = values
        case "eq", value:
            found = (value,)
        case _:
            return None
    if condition.field.startswith((HEADER, QUERY)):
        return tuple(str(value) for value in found)
    return found


def why_not(condition: Condition, value: object) -> str:
    """In words: `amount 4200 is not gte 5000`."""
    field, operator, operand = condition
    if value is None:
        return f"{field} is not there"
    if operator == "exists":
        return f"{field} is there"
    shown = "…" if field in SECRETS else _shown(field, value)
    wanted = "another" if field in SECRETS else _shown(field, operand)
    match operator:
        case "eq":
            return f"{field} {shown} is not {wanted}"
        case "in":
            return f"{field} {shown} is not one of {wanted}"
        case "every":
            return f"{field} {shown} is no multiple of {wanted}"
        case _:
            return f"{field} {shown} is not {operator} {wanted}"


def _shown(field: str, value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_shown(field, each) for each in value[:5])
    text = str(value)
    if field == "card":
        return _NAMES.get(text) or mask_number(text)
    return mask_text(text)[:LONGEST_SHOWN]


def _compiled(operator: str, operand: object) -> Predicate:  # noqa: PLR0911 - one an operator
    match operator, operand:
        case "eq", _:
            return lambda value: value == operand and value is not True
        case "ne", _:
            return lambda value: value != operand
        case "in", tuple(values):
            return lambda value: value in values and value is not True
        case "not_in", tuple(values):
            return lambda value: value not in values
        case "exists", _:
            return lambda value: (value is not None) is operand
        case "every", int(step):
            return lambda value: isinstance(value, int) and value % step == 0
        case (("prefix" | "suffix" | "contains"), str(part)):
            return _compiled_text(operator, part)
        case _:
            order = _ORDERS[operator]
            return lambda value: is_number(value) and order(value, operand)


def _compiled_text(operator: str, part: str) -> Predicate:
    match operator:
        case "prefix":
            return lambda value: isinstance(value, str) and value.startswith(part)
        case "suffix":
            return lambda value: isinstance(value, str) and value.endswith(part)
        case _:
            return lambda value: isinstance(value, str) and part in value


def _compiled_loosely(operator: str, operand: object) -> Predicate:
    """Headers and parameters are text, and may be compared as the number that they write."""
    match operator, operand:
        case (("gt" | "gte" | "lt" | "lte"), _):
            order = _ORDERS[operator]
            return lambda value: (
                isinstance(value, str)
                and _NUMBER.fullmatch(value) is not None
                and order(int(value), operand)
            )
        case _, tuple(values):
            return _compiled(operator, tuple(str(each) for each in values))
        case "exists", _:
            return _compiled(operator, operand)
        case _:
            return _compiled(operator, str(operand))


def is_number(value: object) -> TypeGuard[int | Decimal | float]:
    """Whether a value of JSON is a number; true and false are none."""
    return type(value) in _NUMBERS  # a reader of JSON makes no subclasses
