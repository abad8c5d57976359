"""Owns what a card number says by itself: brand, check digit, expiry, and how it is masked.

Nothing here keeps a number. A payment keeps the brand and the last four digits, and of a card that
a rule names, which is no secret, a fingerprint that tells it from others.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple
from zlib import crc32

from sandbox.domain.errors import CardRefused
from sandbox.domain.instants import Instant, next_month


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
_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")
_DIGIT_GROUPS: Final = re.compile(r"[0-9]+(?:[ .-][0-9]+)*")
_ENOUGH_DIGITS: Final = re.compile(r"[0-9](?:[ .-]?[0-9]){12}")
_SHORTEST: Final = 13
_LONGEST: Final = 19


class Card(NamedTuple):
    """What a payment keeps of its card; `fingerprint` is 0 where no rule names the card."""

    brand: Brand
    last4: str
    fingerprint: int

    def forgotten(self) -> "Card":
        """The card without its fingerprint: with brand and last four it would narrow a number."""
        return self._replace(fingerprint=0)


def brand_of(number: str) -> Brand | None:
    """The brand whose prefix and length a string of digits has, or None."""
    if len(number) < _SHORTEST:
        return None
    prefix = int(number[:4])
    low, high, brand = _RANGES[bisect_right(_LOWS, prefix) - 1]
    return brand if low <= prefix <= high and len(number) in LENGTHS[brand] else None


def passes_luhn(number: str) -> bool:
    """Whether the check digit of a string of digits is right (ISO/IEC 7812-1, annex B)."""
    digits = number.encode()
    total = sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLED))
    return (total - ord("0") * len(digits)) % 10 == 0


def fingerprint(number: str) -> int:
    """32 bits that tell test cards apart."""
    return crc32(number.encode())


def check(number: str, *, exp_year: int, exp_month: int, cvc: str, now: Instant) -> Card:
    """Check a well-formed card in the decided order: number, expiry, security code.

    Raises:
        CardRefused: `invalid_card`, `expired_card` or `invalid_cvc`; no payment is kept.
    """
    brand = brand_of(number)
    if brand is None or not passes_luhn(number):
        raise CardRefused("invalid_card")
    if now >= next_month(exp_year, exp_month):
        raise CardRefused("expired_card", "The card's expiry lies before the world's clock.")
    digits = 4 if brand is Brand.AMEX else 3
    if len(cvc) != digits:
        raise CardRefused("invalid_cvc", f"The cvc of this brand has {digits} digits.")
    return Card(brand, number[-4:], fingerprint(number))


def mask(number: str) -> str:
    """Every digit but the last four as `*`; all of them where it is too short for a card."""
    shown = number[-4:] if len(number) >= _SHORTEST else ""
    hidden = number.removesuffix(shown)
    return ("*" * len(hidden) if hidden.isdigit() else re.sub("[0-9]", "*", hidden)) + shown


def mask_in(text: str) -> str:
    """The text with each card number in it masked; other digits stay."""
    if len(text) < _SHORTEST or not _ENOUGH_DIGITS.search(text):
        return text
    return _DIGIT_GROUPS.sub(_mask_groups, text)


def _mask_groups(found: re.Match[str]) -> str:
    text = found.group()
    shown = list(text)
    for start, end, digits in _windows(text):
        if brand_of(digits) is not None and passes_luhn(digits):
            for place, sign in enumerate(mask(text[start:end]), start):
                shown[place] = "*" if sign == "*" else shown[place]
    return "".join(shown)


def _windows(text: str) -> Iterator[tuple[int, int, str]]:
    """Stretches of whole digit groups that are as long as a card number, and their digits."""
    groups = [(found.start(), found.end()) for found in re.finditer("[0-9]+", text)]
    for first, (start, _) in enumerate(groups):
        digits = ""
        for begin, end in groups[first : first + _LONGEST]:
            digits += text[begin:end][: _LONGEST + 1]
            if len(digits) > _LONGEST:
                break
            if len(digits) >= _SHORTEST:
                yield start, end, digits
