"""Owns the matchers of `when`: reading them into conditions."""

from collections.abc import Mapping
from typing import Final

from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.rules.model import Condition, When

CARD_NUMBERS: Final = {card.name: card.number for card in MAGIC_CARDS}
"""The magic cards' numbers by name."""

_TEXT_OF_CARD: Final = frozenset({"prefix", "suffix", "contains"})


def parse_when(plain: Mapping[str, object] | None) -> When:
    """The conditions of a mapping of matchers, in its order; header names in lower case."""
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
        given = (_operand(field, operator, each) for each in operand if each is not None)
        return Condition(field, operator, tuple(given))
    if operator == "exists":
        return Condition(field, operator, operand is True)
    return Condition(field, operator, _operand(field, operator, operand))


def _operand(field: str, operator: str, operand: object) -> int | str:
    if field == "card":
        text = str(operand)
        return text if operator in _TEXT_OF_CARD else CARD_NUMBERS.get(text, text)
    return operand if isinstance(operand, int) else str(operand)
