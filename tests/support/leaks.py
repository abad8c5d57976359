"""Owns the search for card numbers and security codes in whatever a server has put out."""

import json
from collections.abc import Iterable

from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.support.numbers import digits_of

CVC3, CVC4 = "873", "8731"
"""Security codes that no id, date, amount or secret of these tests holds between other signs."""


def leaks(outputs: Iterable[object], numbers: Iterable[str] | None = None) -> list[str]:
    """The card numbers that the outputs hold, written in one piece or in groups."""
    sought = list(numbers or (card.number for card in MAGIC_CARDS))
    text = "\n".join(map(written, outputs))
    texts = (text, digits_of(text))
    return sorted({number for number in sought if any(number in text for text in texts)})


def codes_in(outputs: Iterable[object]) -> list[str]:
    """The outputs in which the security code stands as a value of its own."""
    texts = (written(output) for output in outputs)
    return [text for text in texts if any(sign in text for sign in _AS_VALUES)]


def written(output: object) -> str:
    """An output as text: as it is, as JSON, or as Python shows it."""
    if isinstance(output, str):
        return output
    if isinstance(output, bytes):
        return output.decode("utf-8", "replace")
    try:
        return json.dumps(output, ensure_ascii=False)
    except TypeError:
        return repr(output)


_AS_VALUES = tuple(
    form.format(code)
    for code in (CVC3, CVC4)
    for form in ('"{}"', "'{}'", ": {},", ": {}}}", ":{},", "={}&")
)
