"""Owns the checks of matchers: the cards that they name, and whether anything can meet them.

Whether conditions can be met is found by trying out values that the conditions themselves suggest.
If none of these values meets the conditions, nothing does.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from typing import Final

from payments_sandbox.contract.schema_errors import Path, presentable
from payments_sandbox.core.card_numbers import brand_of, passes_luhn
from payments_sandbox.core.wording import nearest
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.conditions import CARD_NUMBERS, compile_condition, listed_values
from payments_sandbox.rules.fields import has_field
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.rules.model import Condition, When
from payments_sandbox.rules.schema_parts import Json
from payments_sandbox.scenarios.diagnostics import KEY, Problem

_PARTIAL_OPERATORS: Final = frozenset({"prefix", "suffix", "contains"})
_MAGIC_NUMBERS: Final = tuple(card.number for card in MAGIC_CARDS)


def check_card(value: object, path: Path) -> Iterator[Problem]:
    """Check that a value is a valid card number or the name of a magic card."""
    text = str(value)
    if text.isdecimal():
        if brand_of(text) is None or not passes_luhn(text):
            hint = "a magic card's name such as declined works too"
            yield Problem(
                path, "this is not a card number: its length or check digit is wrong", hint
            )
    elif text not in CARD_NUMBERS:
        close = nearest(text, CARD_NUMBERS)
        hint = f"did you mean '{close}'?" if close else f"expected one of {', '.join(CARD_NUMBERS)}"
        yield Problem(path, f"'{presentable(text)}' is not a magic card", hint)


def check_cards(plain: Json | None, path: Path) -> Iterator[Problem]:
    """Check the cards that `when` names."""
    matcher = (plain or {}).get("card")
    path = (*path, "card")
    match matcher:
        case None:
            pass
        case dict():
            for operator, operand in matcher.items():
                yield from _check_operand(operator, operand, (*path, operator))
        case _:
            yield from _check_operand("in", matcher, path)


def _check_operand(operator: str, operand: object, path: Path) -> Iterator[Problem]:
    if operator in _PARTIAL_OPERATORS:
        if not str(operand).isdecimal():
            yield Problem(
                path, "a card number consists of digits only", "write a card's name with eq or in"
            )
    elif isinstance(operand, list):
        for position, each in enumerate(operand):
            if each is not None:
                yield from check_card(each, (*path, position))
    elif operator != "exists":
        yield from check_card(operand, path)


def check_matchable(
    subject: str | None, when: When, matchers: Json, path: Path, start: str
) -> Iterator[Problem]:
    """Report conditions, parsed from matchers at a path, that nothing can meet.

    `start` is the beginning of the message.
    """
    if (found := _why_unmatchable(subject, when)) is not None:
        field, reason = found
        key = next((each for each in matchers if each.lower() == field), field)
        yield Problem((*path, key, KEY), f"{start}: {reason}")


def _why_unmatchable(subject: str | None, when: When) -> tuple[str, str] | None:
    """The field and the reason why nothing can meet the conditions; None if something can.

    Args:
        subject: an operation, or one of `event`, `webhook` and `at`; None stands for the records
            of an expectation, whose schema allows only fields that they have.
        when: the conditions.
    """
    by_field: dict[str, list[Condition]] = defaultdict(list)
    for condition in when:
        by_field[condition.field].append(condition)
    for field, conditions in by_field.items():
        if subject is not None and not has_field(subject, field):
            if not _meets_all(None, conditions):
                return field, f"{_subject_name(subject)} has no {field}"
        elif not any(
            _meets_all(value, conditions) for value in _candidate_values(field, conditions)
        ):
            return field, f"no {field} meets all of these conditions"
    if {"card", "brand"} <= by_field.keys() and not _can_match_together(
        by_field["card"], by_field["brand"]
    ):
        return "brand", "no such card has such a brand"
    return None


def _subject_name(subject: str) -> str:
    return {"event": "an event", "webhook": "a delivery", "at": "a payment"}.get(subject, subject)


def _meets_all(value: object, conditions: list[Condition]) -> bool:
    return all(compile_condition(each)(value) for each in conditions)


def _can_match_together(cards: list[Condition], brands: list[Condition]) -> bool:
    """Whether a card that meets the conditions can have such a brand; misspelt cards pass."""
    named = (value for each in cards for value in listed_values(each) or ())
    if any(value is not None and not str(value).isdecimal() for value in named):
        return True
    return any(
        _meets_all(number, cards) and _meets_all(_brand(number), brands)
        for number in _candidate_values("card", cards)
    )


def _brand(number: object) -> str | None:
    """The brand of a card number, or None if it is not a number."""
    text = str(number)
    return brand_of(text) if text.isdecimal() else None


def _candidate_values(field: str, conditions: list[Condition]) -> Iterator[object]:
    """Yield values that the conditions of a field suggest; one meets them if any value does."""
    yield None
    if field == "status":
        yield from Status
        return
    for _, _, operand in conditions:
        yield from operand if isinstance(operand, tuple) else [operand]
    if field == "card":
        yield from _MAGIC_NUMBERS
    yield from _candidate_numbers(conditions)
    yield from _candidate_texts(conditions)


def _candidate_numbers(conditions: list[Condition]) -> Iterator[object]:
    """Yield each bound and its neighbours, with any last digit, as numbers and as text."""
    bounds, periods = set[int](), set[int]()
    for _, operator, operand in conditions:
        operands = operand if isinstance(operand, tuple) else (operand,)
        numbers = {each for each in operands if isinstance(each, int)}
        bounds |= numbers
        periods |= numbers if operator == "every" else set()
    for period in periods:
        bounds |= {period * (bound // period + 1) for bound in bounds}
    for bound, step in product(sorted(bounds), range(-1, 11)):
        yield bound + step
        yield str(bound + step)


def _candidate_texts(conditions: list[Condition]) -> Iterator[str]:
    parts: dict[str, list[str]] = defaultdict(list)
    for _, operator, operand in conditions:
        parts[operator].append(str(operand))
    start = max(parts["prefix"], key=len, default="")
    end = max(parts["suffix"], key=len, default="")
    middle = "".join(parts["contains"])
    yield from (start + middle + end, start + end, start + middle + "x" + end)
