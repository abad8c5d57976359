"""Owns the checks of card numbers and magic cards' names."""

from collections.abc import Iterator
from typing import Final

from payments_sandbox.contract.schema_errors import Path, presentable
from payments_sandbox.core.card_numbers import brand_of, passes_luhn
from payments_sandbox.core.suggestions import nearest
from payments_sandbox.rules.matchers import CARD_NUMBERS
from payments_sandbox.scenarios.diagnostics import Problem
from payments_sandbox.scenarios.parser.values import Plain

_PARTS: Final = frozenset({"prefix", "suffix", "contains"})


def check_card(value: object, path: Path) -> Iterator[Problem]:
    """A number that can be a card's, or the name of a magic card."""
    text = str(value)
    if text.isdecimal():
        if brand_of(text) is None or not passes_luhn(text):
            hint = "a magic card's name such as declined does as well"
            yield Problem(path, "this is no card number: its length or check digit is wrong", hint)
    elif text not in CARD_NUMBERS:
        close = nearest(text, CARD_NUMBERS)
        hint = f"did you mean '{close}'?" if close else f"known are {', '.join(CARD_NUMBERS)}"
        yield Problem(path, f"'{presentable(text)}' is no magic card", hint)


def check_matcher(plain: Plain | None, path: Path) -> Iterator[Problem]:
    """The cards that `when` names."""
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
    if operator in _PARTS:
        if not str(operand).isdecimal():
            yield Problem(
                path, "a card number has digits only", "write a card's name with eq or in"
            )
    elif isinstance(operand, list):
        for position, each in enumerate(operand):
            if each is not None:
                yield from check_card(each, (*path, position))
    elif operator != "exists":
        yield from check_card(operand, path)
