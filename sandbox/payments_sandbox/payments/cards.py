"""Owns the card of a payment: how it is checked, and what is kept of it.

No card number is ever kept. A payment keeps the brand and the last four digits. If a rule names the
card, so that its number is no secret, the payment also keeps a fingerprint of it.
"""

from collections.abc import Container
from typing import NamedTuple
from zlib import crc32

from payments_sandbox.core.card_numbers import Brand, brand_of, passes_luhn
from payments_sandbox.core.errors import CardRefused
from payments_sandbox.core.instants import Instant, next_month


class Card(NamedTuple):
    """What a payment keeps of its card; `fingerprint` is 0 if no rule names the card."""

    brand: Brand
    last4: str
    fingerprint: int


def fingerprint(number: str) -> int:
    """32 bits that tell the test cards apart."""
    return crc32(number.encode())


def check(  # noqa: PLR0913 - each by its name
    number: str,
    *,
    exp_year: int,
    exp_month: int,
    cvc: str,
    now: Instant,
    named_fingerprints: Container[int],
) -> Card:
    """Check a well-formed card: first its number, then its expiry date, then its security code.

    Args:
        number: its digits.
        exp_year: the year with its century.
        exp_month: 1 to 12.
        cvc: its digits.
        now: the instant on the world's clock.
        named_fingerprints: the fingerprints of cards that rules name.

    Raises:
        CardRefused: with the code `invalid_card`, `expired_card` or `invalid_cvc`.
    """
    brand = brand_of(number)
    if brand is None or not passes_luhn(number):
        raise CardRefused("invalid_card")
    if now >= next_month(exp_year, exp_month):
        raise CardRefused(
            "expired_card", "The card's expiry date is in the past on the world's clock."
        )
    digits = 4 if brand is Brand.AMEX else 3
    if len(cvc) != digits:
        raise CardRefused("invalid_cvc", f"The cvc of this brand has {digits} digits.")
    return stored_card(number, brand, named_fingerprints)


def stored_card(number: str, brand: Brand, named_fingerprints: Container[int]) -> Card:
    """Return what a payment keeps of a card.

    A card that no rule names gets no fingerprint: together with the brand and the last four digits,
    it would help somebody to guess the number.

    Args:
        number: its digits.
        brand: its brand.
        named_fingerprints: the fingerprints of cards that rules name.
    """
    card_fingerprint = fingerprint(number)
    return Card(
        brand, number[-4:], card_fingerprint if card_fingerprint in named_fingerprints else 0
    )
