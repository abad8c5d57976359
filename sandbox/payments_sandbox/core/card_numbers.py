"""Owns what the digits of a card number say: its brand, its check digit, its place in a text."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Final

SHORTEST: Final = 13
"""The fewest digits that a card number has."""

LONGEST: Final = 19
"""The most digits that a card number has."""


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
_SORTED_LENGTHS: Final = {brand: tuple(sorted(each)) for brand, each in LENGTHS.items()}
_LOWS: Final = tuple(low for low, _, _ in _RANGES)
_DIGITS: Final = b"0123456789"
_DOUBLED: Final = bytes.maketrans(_DIGITS, b"0246813579")

_DIGIT_GROUPS: Final = re.compile(r"[0-9]+(?:(?:[^\w*]|_){1,16}[0-9]+)*")
_CLOSE: Final = re.compile(r"[ \t._/-]{0,3}")
"""What separates two groups of digits that count as one number whatever their lengths are."""

_LAYOUTS: Final = frozenset({(4, 6, 5), (4, 6, 4)})
"""The layouts of card numbers whose groups differ in length before the last one."""

_PAIR: Final = 2
"""The length of groups that are more often a part of a time or a date."""

_ENOUGH_DIGITS: Final = re.compile(r"(?:\d[^\dA-Za-z*]{0,16}+){12}+\d")
"""Enough digits for a card number, with nothing between them that ends one, such as a letter.

It never backtracks, because the ids of payments have many digits with letters among them.
"""

_OTHER_DIGIT: Final = re.compile(r"[^\D0-9]")
_OTHER_BLANKS: Final = dict.fromkeys(
    (
        0xA0, 0xAD, 0xB7, 0x1680, *range(0x2000, 0x2010), *range(0x2010, 0x2016), 0x2022, 0x202F,
        0x205F, 0x2060, 0x2212, 0x3000, 0x30FB, 0xFE0F, 0xFE58, 0xFE63, 0xFEFF, 0xFF0D, 0xFF0E,
        0xFF0F, 0xFF3F,
    ),
    " ",
)  # fmt: skip
"""Spaces (also of zero width), dashes and dots beyond ASCII; each counts as a space."""

_EXPIRY: Final = re.compile(r"(?:0[1-9]|1[0-2])[0-9]{0,6}")
"""Digits that may directly follow a card number: its month, its year and a code."""

_PREFIX: Final = 4
"""How many digits determine the brand."""


def brand_of(number: str) -> Brand | None:
    """The brand with the prefix and length of a string of digits, or None."""
    if len(number) < SHORTEST:
        return None
    brand = _brand_of_prefix(number[:_PREFIX])
    return None if brand is None or len(number) not in LENGTHS[brand] else brand


@lru_cache(maxsize=1_024)
def _brand_of_prefix(prefix: str) -> Brand | None:
    low, high, brand = _RANGES[bisect_right(_LOWS, int(prefix)) - 1]
    return brand if low <= int(prefix) <= high else None


def passes_luhn(number: str) -> bool:
    """Whether the check digit of a string of digits is correct (ISO/IEC 7812-1, annex B)."""
    digits = number.encode()
    total = sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLED))
    return (total - ord("0") * len(digits)) % 10 == 0


def has_few_digits(text: str) -> bool:
    """Whether a text has too few digits for a card number, as nearly every text does."""
    if len(text) < SHORTEST:
        return True
    return text.isascii() and len(text) - len(text.encode().translate(None, _DIGITS)) < SHORTEST


def mask_digits(text: str) -> str:
    """Mask the digits of each card number in a text, except its last four characters."""
    if not _ENOUGH_DIGITS.search(text):
        return text
    shown = list(text)
    for groups in _DIGIT_GROUPS.finditer(in_ascii(text)):
        for place in _hidden_places(groups[0]):
            shown[groups.start() + place] = "*"
    return "".join(shown)


def in_ascii(text: str) -> str:
    """Replace the digits of any script by 0 to 9 and other blanks by spaces, keeping the length."""
    if text.isascii():
        return text
    return _OTHER_DIGIT.sub(lambda digit: str(int(digit[0])), text.translate(_OTHER_BLANKS))


def _hidden_places(text: str) -> Iterator[int]:
    """Yield the places of the digits to hide: all of a card number but its last four characters."""
    places = [place for place, sign in enumerate(text) if sign.isdigit()]
    digits = "".join(map(text.__getitem__, places))
    groups = _Groups(text)
    hidden = 0  # the end of the places yielded so far: numbers may overlap
    for group, first in enumerate(groups.firsts):
        for length in _lengths(digits[first : first + _PREFIX]):
            end = first + length
            if end > len(digits):
                break
            if groups.may_contain(digits, group, end) and passes_luhn(digits[first:end]):
                start, hidden = max(places[first], hidden), max(places[end - 1] - 3, hidden)
                yield from (place for place in range(start, hidden) if text[place].isdigit())


def _lengths(prefix: str) -> tuple[int, ...]:
    """The lengths of card numbers with this prefix, shortest first."""
    brand = _brand_of_prefix(prefix) if len(prefix) == _PREFIX else None
    return () if brand is None else _SORTED_LENGTHS[brand]


class _Groups:
    """The groups of digits in a text, indexed so that each question takes constant time.

    Attributes:
        firsts: for each group, how many digits precede it.
    """

    def __init__(self, text: str) -> None:
        spans = [found.span() for found in re.finditer("[0-9]+", text)]
        self._sizes = [end - start for start, end in spans]
        self.firsts = [0, *accumulate(self._sizes)][:-1]
        self._group_of = [group for group, size in enumerate(self._sizes) for _ in range(size)]
        between = [text[end:start] for (_, end), (start, _) in pairwise(spans)]
        self._gaps = [0, *accumulate(not _CLOSE.fullmatch(each) for each in between)]
        self._equal = [1] * len(spans)
        for group in range(len(spans) - 2, -1, -1):
            if self._sizes[group] == self._sizes[group + 1]:
                self._equal[group] = self._equal[group + 1] + 1

    def may_contain(self, digits: str, group: int, end: int) -> bool:
        """Whether a card number may begin with a group and end before the digit `end`.

        It has to end with a group, or only an expiry date and a code may follow in that group. Its
        groups have to stand close together, or be laid out like those of a card number.
        """
        last = self._group_of[end - 1]
        group_end = self.firsts[last] + self._sizes[last]
        if end < group_end and not _EXPIRY.fullmatch(digits, end, group_end):
            return False
        return self._gaps[last] == self._gaps[group] or self._is_layout(group, last)

    def _is_layout(self, group: int, last: int) -> bool:
        size, whole = self._sizes[group], last - group
        is_even = self._equal[group] >= whole and self._sizes[last] <= size != _PAIR
        return is_even or tuple(self._sizes[group : last + 1]) in _LAYOUTS
