"""Owns the conditions of rules: parsing them, testing values, and saying why one fails."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any, Final

from payments_sandbox.core.masking import mask_number, mask_text
from payments_sandbox.rules.fields import HEADER, QUERY, Fields
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.rules.model import Condition, When

Predicate = Callable[[object], bool]
"""Tells whether a value matches a condition; None stands for a missing value."""

LONGEST_SHOWN: Final = 60
SECRETS: Final = frozenset({"header.authorization", "header.cookie", "header.sandbox-token"})

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "gt": gt,
    "gte": ge,
    "lt": lt,
    "lte": le,
}
_NUMBERS: Final = frozenset({int, float, Decimal})
"""The types of numbers that JSON readers return, which excludes true and false."""

_PREDICATES: Final[dict[str, Callable[[Any], Predicate]]] = {
    "eq": lambda operand: lambda value: value == operand and value is not True,
    "ne": lambda operand: lambda value: value != operand,
    "in": lambda operand: lambda value: value in operand and value is not True,
    "not_in": lambda operand: lambda value: value not in operand,
    # Each is written out for speed, as every rule of an operation is tested at every call.
    "gt": lambda operand: lambda value: type(value) in _NUMBERS and value > operand,
    "gte": lambda operand: lambda value: type(value) in _NUMBERS and value >= operand,
    "lt": lambda operand: lambda value: type(value) in _NUMBERS and value < operand,
    "lte": lambda operand: lambda value: type(value) in _NUMBERS and value <= operand,
    "prefix": lambda operand: lambda value: isinstance(value, str) and value.startswith(operand),
    "suffix": lambda operand: lambda value: isinstance(value, str) and value.endswith(operand),
    "contains": lambda operand: lambda value: isinstance(value, str) and operand in value,
    "exists": lambda operand: lambda value: (value is not None) is operand,
    "every": lambda operand: lambda value: isinstance(value, int) and value % operand == 0,
}
"""For each operator, a function that makes the test of a value from the operand."""

_NUMBER: Final = re.compile("-?[0-9]{1,18}")
_NAMES: Final = {card.number: card.name for card in MAGIC_CARDS}


def compile_condition(condition: Condition) -> Predicate:
    """Turn a condition into a function of the value, once for all calls."""
    field, operator, operand = condition
    if not field.startswith((HEADER, QUERY)) or operator == "exists":
        return _PREDICATES[operator](operand)
    # Headers and parameters are text, but may be compared as numbers.
    if operator in _COMPARISONS:
        order = _COMPARISONS[operator]
        return lambda value: (
            isinstance(value, str)
            and _NUMBER.fullmatch(value) is not None
            and order(int(value), operand)
        )
    if isinstance(operand, tuple):
        return _PREDICATES[operator](tuple(map(str, operand)))
    return _PREDICATES[operator](str(operand))


def matches(when: When, fields: Fields) -> bool:
    """Whether all conditions hold; each is compiled anew, so this is for a single use."""
    return all(compile_condition(each)(fields.get(each.field)) for each in when)


def listed_values(condition: Condition) -> tuple[object, ...] | None:
    """The only values that meet a condition with `eq` or `in`; None for any other condition."""
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
    """Say why a value does not match, such as `amount 4200 is not gte 5000`."""
    field, operator, operand = condition
    if value is None or operator == "exists":
        return f"{field} is {'missing' if value is None else 'present'}"
    if field in SECRETS:
        return f"{field} does not match"
    shown, wanted = _shown(field, value), _shown(field, operand)
    match operator:
        case "eq":
            return f"{field} {shown} is not {wanted}"
        case "in":
            return f"{field} {shown} is not one of {wanted}"
        case "every":
            return f"{field} {shown} is not a multiple of {wanted}"
        case _:
            return f"{field} {shown} is not {operator} {wanted}"


def _shown(field: str, value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_shown(field, each) for each in value[:5])
    text = str(value)
    if field == "card":
        return _NAMES.get(text) or mask_number(text)
    return mask_text(text)[:LONGEST_SHOWN]


CARD_NUMBERS: Final = {card.name: card.number for card in MAGIC_CARDS}
"""The magic cards' numbers by name."""

_TEXT_OF_CARD: Final = frozenset({"prefix", "suffix", "contains"})


def parse_when(plain: Mapping[str, object] | None) -> When:
    """Parse a mapping of matchers into conditions, in its order; header names in lower case."""
    found: list[Condition] = []
    for key, value in (plain or {}).items():
        field = key.lower() if key.startswith("header.") else key
        found += (_condition(field, *each) for each in _operators(value))
    return tuple(found)


def _operators(value: object) -> list[tuple[str, object]]:
    match value:
        case dict():
            return list(value.items())
        case list():
            return [("in", value)]
        case _:
            return [("eq", value)]


def _condition(field: str, operator: str, operand: object) -> Condition:
    if isinstance(operand, list):
        operands = (_operand(field, operator, each) for each in operand if each is not None)
        return Condition(field, operator, tuple(operands))
    if operator == "exists":
        return Condition(field, operator, operand is True)
    return Condition(field, operator, _operand(field, operator, operand))


def _operand(field: str, operator: str, operand: object) -> int | str:
    if field == "card":
        text = str(operand)
        return text if operator in _TEXT_OF_CARD else CARD_NUMBERS.get(text, text)
    return operand if isinstance(operand, int) else str(operand)
