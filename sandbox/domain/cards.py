"""Owns what a card number says by itself: brand, check digit, expiry, and how it is masked.

Nothing here keeps a number. A payment keeps the brand, the last four digits and a 32-bit
fingerprint, which tells test cards apart and cannot be turned back into a number.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Final

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
_DOUBLED: Final = str.maketrans("0123456789", "0246813579")
_DIGIT_GROUPS: Final = re.compile(r"[0-9]+(?:[ .-][0-9]+)*")
_SHORTEST, _LONGEST = 13, 19


@dataclass(frozen=True, slots=True)
class Card:
    """What a payment keeps of its card."""

    brand: Brand
    last4: str
    fingerprint: int


def brand_of(number: str) -> Brand | None:
    """The brand whose prefix and length a string of digits has, or None."""
    if len(number) < _SHORTEST:
        return None
    prefix = int(number[:4])
    _, high, brand = _RANGES[bisect_right(_LOWS, prefix) - 1]
    return brand if prefix <= high and len(number) in LENGTHS[brand] else None


def passes_luhn(number: str) -> bool:
    """Whether the check digit of a string of digits is right (ISO/IEC 7812-1, annex B)."""
    doubled = number[-2::-2].translate(_DOUBLED)
    return sum(map(int, number[-1::-2] + doubled)) % 10 == 0


def fingerprint(number: str) -> int:
    """32 bits that tell test cards apart; far too few to get a number back from."""
    return int.from_bytes(blake2b(number.encode(), digest_size=4).digest(), "big")


def check(number: str, *, exp_year: int, exp_month: int, cvc: str, now: Instant) -> Card:
    """Check a well-formed card in the documented order: number, expiry, security code.

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
    return re.sub("[0-9]", "*", number.removesuffix(shown)) + shown


def mask_in(text: str) -> str:
    """The text with each card number in it masked; other digits stay."""
    if sum(map(text.count, "0123456789")) < _SHORTEST:
        return text
    return _DIGIT_GROUPS.sub(_mask_groups, text)


def _mask_groups(found: re.Match[str]) -> str:
    text = found.group()
    for start, end in _windows(text):
        digits = re.sub("[^0-9]", "", text[start:end])
        if brand_of(digits) is not None and passes_luhn(digits):
            return mask_in(text[:start]) + mask(text[start:end]) + mask_in(text[end:])
    return text


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Stretches of whole digit groups that are as long as a card number, longest first."""
    groups = [(found.start(), found.end()) for found in re.finditer("[0-9]+", text)]
    for first, (start, _) in enumerate(groups):
        for _, end in reversed(groups[first : first + _LONGEST]):
            if _SHORTEST <= sum(map(str.isdigit, text[start:end])) <= _LONGEST:
                yield start, end
