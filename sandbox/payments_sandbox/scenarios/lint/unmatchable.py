"""Owns the dry run: whether there is any call, event or payment that a rule applies to at all.

Each rule is played against made-up subjects of its trigger, with values that its own conditions
suggest. A rule that none of them meets can never fire, and says why.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from typing import Final

from payments_sandbox.core.card_numbers import brand_of
from payments_sandbox.rules.conditions import compile_condition
from payments_sandbox.rules.fields import has_field
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.rules.model import Condition, When

_NUMBERS: Final = tuple(card.number for card in MAGIC_CARDS)
_STATUSES: Final = ("pending", "completed", "failed")


def why_unmatchable(trigger: str, when: When) -> tuple[str, str] | None:
    """The field and the reason why nothing meets the conditions; None when something does.

    Args:
        trigger: an operation, or one of `event`, `webhook`, `at`, `payments` and `refunds`.
        when: the conditions.
    """
    by_field: dict[str, list[Condition]] = defaultdict(list)
    for condition in when:
        by_field[condition.field].append(condition)
    for field, conditions in by_field.items():
        if not has_field(trigger, field):
            if not _meets(None, conditions):
                return field, f"{_whose(trigger)} has no {field}"
        elif not any(_meets(value, conditions) for value in _suggested(field, conditions)):
            return field, f"no {field} is all of that"
    if {"card", "brand"} <= by_field.keys() and not _fit(by_field["card"], by_field["brand"]):
        return "brand", "no such card is of such a brand"
    return None


def _whose(trigger: str) -> str:
    return {"event": "an event", "webhook": "a delivery", "at": "a payment"}.get(trigger, trigger)


def _meets(value: object, conditions: list[Condition]) -> bool:
    return all(compile_condition(each)(value) for each in conditions)


def _fit(cards: list[Condition], brands: list[Condition]) -> bool:
    return any(
        _meets(number, cards) and _meets(None if number is None else brand_of(str(number)), brands)
        for number in _suggested("card", cards)
    )


def _suggested(field: str, conditions: list[Condition]) -> Iterator[object]:
    """Values that the conditions of a field suggest, one of which meets them if any does."""
    yield None
    for _, _, operand in conditions:
        yield from operand if isinstance(operand, tuple) else [operand]
    if field == "card":
        yield from _NUMBERS
    elif field == "status":
        yield from _STATUSES
    yield from _numbers(conditions)
    yield from _texts(conditions)


def _numbers(conditions: list[Condition]) -> Iterator[object]:
    """Each bound and its neighbours, as numbers and as the text of a header."""
    bounds = {0, 1, 2}
    for _, operator, operand in conditions:
        given = operand if isinstance(operand, tuple) else (operand,)
        bounds |= {each for each in given if isinstance(each, int)}
        if operator == "every" and isinstance(operand, int):
            bounds |= {operand * (bound // operand + 1) for bound in tuple(bounds)}
    for bound, step in product(sorted(bounds), range(-1, 5)):
        yield bound + step
        yield str(bound + step)


def _texts(conditions: list[Condition]) -> Iterator[str]:
    parts: dict[str, list[str]] = defaultdict(list)
    for _, operator, operand in conditions:
        parts[operator].append(str(operand))
    start = max(parts["prefix"], key=len, default="")
    end = max(parts["suffix"], key=len, default="")
    middle = "".join(parts["contains"])
    yield from (start + middle + end, start + end, start + middle + "x" + end)
