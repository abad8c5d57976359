"""Owns what the digits of a card number say by themselves, and where one stands in a text."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

SHORTEST: Final = 13
"""Digits that a card number has at least."""

LONGEST: Final = 19
"""Digits that a card number has at most."""


class Brand(StrEnum):
    """The card brands that the sandbox knows."""

    VISA = "visa"
    MASTERCARD = "mastercard"
    AMEX = "amex"
    DISCOVER = "discover"
    DINERS = "diners"
    JCB = "jcb"
    UNIONPAY = "unionpay"


LENGTHS: Final[dict[Brand, frozenset[int]]] = {
    Brand.VISA: frozenset({13, 16, 19}),
    Brand.MASTERCARD: frozenset({16}),
    Brand.AMEX: frozenset({15}),
    Brand.DISCOVER: frozenset(range(16, 20)),
    Brand.DINERS: frozenset(range(14, 20)),
    Brand.JCB: frozenset(range(16, 20)),
    Brand.UNIONPAY: frozenset(range(16, 20)),
}

_RANGES: Final[tuple[tuple[int, int, Brand], ...]] = (  # first four digits, both ends included
    (2221, 2720, Brand.MASTERCARD),
    (3000, 3059, Brand.DINERS),
    (3095, 3095, Brand.DINERS),
    (3400, 3499, Brand.AMEX),
    (3528, 3589, Brand.JCB),
    (3600, 3699, Brand.DINERS),
    (3700, 3799, Brand.AMEX),
    (3800, 3999, Brand.DINERS),
    (4000, 4999, Brand.VISA),
    (5100, 5599, Brand.MASTERCARD),
    (6011, 6011, Brand.DISCOVER),
    (6200, 6299, Brand.UNIONPAY),
    (6440, 6599, Brand.DISCOVER),
    (8100, 8199, Brand.UNIONPAY),
)
_LOWS: Final = tuple(low for low, _, _ in _RANGES)
_DIGITS: Final = b"0123456789"
_DOUBLED: Final = bytes.maketrans(_DIGITS, b"0246813579")

_DIGIT_GROUPS: Final = re.compile(r"[0-9]+(?:(?:[^\w*]|_){1,16}[0-9]+)*")
_CLOSE: Final = re.compile(r"[ \t._/-]{0,3}")
"""What stands between two groups that may have any length."""

_LAYOUTS: Final = frozenset({(4, 6, 5), (4, 6, 4)})
"""Groups of card numbers that are not all of one length, the last one aside."""

_PAIR: Final = 2
"""Digits of a group that is more often a part of a time or a date."""

_ENOUGH_DIGITS: Final = re.compile(r"\d(?:\D{0,16}\d){12}")
_OTHER_DIGIT: Final = re.compile(r"[^\D0-9]")
_OTHER_BLANKS: Final = dict.fromkeys(
    (
        0xA0, 0xAD, 0xB7, 0x1680, *range(0x2000, 0x2010), *range(0x2010, 0x2016), 0x2022, 0x202F,
        0x205F, 0x2060, 0x2212, 0x3000, 0x30FB, 0xFE0F, 0xFE58, 0xFE63, 0xFEFF, 0xFF0D, 0xFF0E,
        0xFF0F, 0xFF3F,
    ),
    " ",
)  # fmt: skip
"""Spaces, dashes and dots beyond ASCII, those of no width among them, and what each counts as."""

_EXPIRY: Final = re.compile(r"(?:0[1-9]|1[0-2])[0-9]{0,6}")
"""Digits that may touch the end of a card number: its month, its year and a code."""

_TOUCHING: Final = 8
"""Digits that may touch a card number: an expiry date and a code."""


def brand_of(number: str) -> Brand | None:
    """The brand whose prefix and length a string of digits has, or None."""
    if len(number) < SHORTEST:
        return None
    prefix = int(number[:4])
    low, high, brand = _RANGES[bisect_right(_LOWS, prefix) - 1]
    return brand if low <= prefix <= high and len(number) in LENGTHS[brand] else None


def passes_luhn(number: str) -> bool:
    """Whether the check digit of a string of digits is right (ISO/IEC 7812-1, annex B)."""
    digits = number.encode()
    total = sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLED))
    return (total - ord("0") * len(digits)) % 10 == 0


def has_few_digits(text: str) -> bool:
    """Whether there are too few for a card number, which is so of nearly every text."""
    if len(text) < SHORTEST:
        return True
    return text.isascii() and len(text) - len(text.encode().translate(None, _DIGITS)) < SHORTEST


def mask_digits(text: str) -> str:
    """The text with the digits masked that belong to a card number, but not to its end."""
    if not _ENOUGH_DIGITS.search(text):
        return text
    shown = list(text)
    for groups in _DIGIT_GROUPS.finditer(in_ascii(text)):
        for place in _hidden_places(groups[0]):
            shown[groups.start() + place] = "*"
    return "".join(shown)


def in_ascii(text: str) -> str:
    """The text, sign for sign, with any script's digits as 0 to 9 and any blank as a space."""
    if text.isascii():
        return text
    return _OTHER_DIGIT.sub(lambda digit: str(int(digit[0])), text.translate(_OTHER_BLANKS))


def _hidden_places(text: str) -> Iterator[int]:
    """Where the digits are that belong to a card number, but not to its last four signs."""
    groups = [found.span() for found in re.finditer("[0-9]+", text)]
    for first, (start, _) in enumerate(groups):
        for end in _ends(text, groups[first : first + LONGEST]):
            yield from (place for place in range(start, end - 4) if text[place].isdigit())


def _ends(text: str, groups: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Where the card numbers end that begin with the first of these groups."""
    digits, is_close = "", True
    sizes: tuple[int, ...] = ()
    for place, (begin, end) in enumerate(groups):
        before, digits = len(digits), digits + text[begin:end][: LONGEST + _TOUCHING]
        sizes = (*sizes, end - begin)
        is_close = is_close and (
            place == 0 or bool(_CLOSE.fullmatch(text[groups[place - 1][1] : begin]))
        )
        if before >= LONGEST:
            return
        if len(digits) >= SHORTEST and (is_close or _is_layout(sizes)):
            if _is_card(digits):
                yield end
            yield from (begin + size - before for size in _touched(digits, before))


def _touched(digits: str, before: int) -> Iterator[int]:
    """How many digits a card number has that other digits touch: an expiry date, a code."""
    for size in range(max(SHORTEST, before + 1), min(LONGEST, len(digits) - 2) + 1):
        if _EXPIRY.fullmatch(digits, size) and _is_card(digits[:size]):
            yield size


def _is_layout(sizes: Sequence[int]) -> bool:
    """Whether groups of these lengths are how card numbers are written."""
    *whole, last = sizes
    is_even = len(set(whole)) == 1 and last <= whole[0] != _PAIR
    return is_even or sizes in _LAYOUTS


def _is_card(digits: str) -> bool:
    return brand_of(digits) is not None and passes_luhn(digits)
