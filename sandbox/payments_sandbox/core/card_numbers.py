"""Owns what the digits of a card number say by themselves: its brand, and its check digit."""

from bisect import bisect_right
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
