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

from payments_sandbox.core.errors import CardRefused
from payments_sandbox.core.instants import Instant, next_month


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
_DIGIT_GROUPS: Final = re.compile(r"[0-9]+(?:[ \t._/-]{1,3}[0-9]+)*")
_ENOUGH_DIGITS: Final = re.compile(r"\d(?:\D{0,3}\d){12}")
_NUMBER_FIELD: Final = re.compile(r"[0-9* \t._/-]+")
_OTHER_DIGIT: Final = re.compile(r"[^\D0-9]")
_OTHER_BLANKS: Final = dict.fromkeys(
    (
        0xA0, 0xAD, 0xB7, 0x1680, *range(0x2000, 0x2010), *range(0x2010, 0x2016), 0x2022, 0x202F,
        0x205F, 0x2060, 0x2212, 0x3000, 0xFE58, 0xFE63, 0xFEFF, 0xFF0D, 0xFF0E, 0xFF0F, 0xFF3F,
    ),
    " ",
)  # fmt: skip
"""Spaces, dashes and dots beyond ASCII, those of no width among them, and what each counts as."""
_SHORTEST: Final = 13
_LONGEST: Final = 19


class Card(NamedTuple):
    """What a payment keeps of its card; `fingerprint` is 0 where no rule names the card."""

    brand: Brand
    last4: str
    fingerprint: int

    def forgotten(self) -> "Card":
        """The card without its fingerprint: with brand and last four it would narrow a number."""
        return Card(self.brand, self.last4, 0)


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
    """Every digit but the last four as `*`; all of them where it cannot be a card's number."""
    if number.isdigit():
        end = len(number) - 4 if len(number) >= _SHORTEST else len(number)
        return "*" * end + number[end:]
    plain = _in_ascii(number)
    is_long = len(plain) >= _SHORTEST and _NUMBER_FIELD.fullmatch(plain)
    end = len(plain) - 4 if is_long else len(plain)
    hidden = zip(number[:end], plain, strict=False)
    return "".join("*" if sign.isdigit() else shown for shown, sign in hidden) + number[end:]


def mask_in(text: str) -> str:
    """The text with each card number in it masked; other digits stay."""
    if _has_few_digits(text) or not _ENOUGH_DIGITS.search(text):
        return text
    shown = list(text)
    for groups in _DIGIT_GROUPS.finditer(_in_ascii(text)):
        for place in _hidden_in(groups[0]):
            shown[groups.start() + place] = "*"
    return "".join(shown)


def _has_few_digits(text: str) -> bool:
    """Whether there are too few for a card number, which is so of nearly every text."""
    if len(text) < _SHORTEST:
        return True
    return text.isascii() and len(text) - len(text.encode().translate(None, _DIGITS)) < _SHORTEST


def _in_ascii(text: str) -> str:
    """The text, sign for sign, with any script's digits as 0 to 9 and any blank as a space."""
    if text.isascii():
        return text
    return _OTHER_DIGIT.sub(lambda digit: str(int(digit[0])), text.translate(_OTHER_BLANKS))


def _hidden_in(groups: str) -> Iterator[int]:
    """Where the digits are that belong to a card number, but not to its last four signs."""
    for start, end, digits in _windows(groups):
        if brand_of(digits) is not None and passes_luhn(digits):
            yield from (place for place in range(start, end - 4) if groups[place].isdigit())


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
