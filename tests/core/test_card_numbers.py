"""Tests the prefixes, lengths and check digit of card numbers."""

from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.card_numbers import (
    LENGTHS,
    LONGEST,
    SHORTEST,
    Brand,
    brand_of,
    passes_luhn,
)
from payments_sandbox.core.masking import mask_text
from tests.support.tables import for_each
from tests.support.values import with_check_digit

PREFIXES = {  # the first and the last four digits of each range, from the brands' own tables
    Brand.VISA: ("4000", "4999"),
    Brand.MASTERCARD: ("2221", "2720", "5100", "5599"),
    Brand.AMEX: ("3400", "3499", "3700", "3799"),
    Brand.DISCOVER: ("6011", "6440", "6499", "6500", "6599"),
    Brand.DINERS: ("3000", "3059", "3095", "3600", "3699", "3800", "3899", "3900", "3999"),
    Brand.JCB: ("3528", "3589"),
    Brand.UNIONPAY: ("6200", "6299", "8100", "8199"),
}
ENDS = {prefix: brand for brand, prefixes in PREFIXES.items() for prefix in prefixes}
NEITHER = (
    "0000", "0001", "1000", "1111", "2220", "2721", "2999", "3060", "3094", "3096", "3399", "3500",
    "3527", "3590", "3599", "5000", "5099", "5600", "6010", "6012", "6199", "6300", "6439", "6600",
    "8099", "8200", "9999",
)  # fmt: skip


@for_each("prefix", ENDS)
def test_a_brand_is_recognised_by_its_prefixes_and_lengths_only(prefix: str) -> None:
    """At both ends of each range."""
    brand = ENDS[prefix]

    assert [brand_of(prefix.ljust(length, "0")) for length in range(4, 25)] == [
        brand if length in LENGTHS[brand] else None for length in range(4, 25)
    ]


@for_each("prefix", NEITHER)
def test_numbers_outside_the_ranges_have_no_brand(prefix: str) -> None:
    """All zeros pass the check digit, but no brand begins so."""
    assert [brand_of(prefix.ljust(length, "0")) for length in range(4, 25)] == [None] * 21


def test_each_brand_has_its_own_lengths() -> None:
    """A length that a brand does not issue is invalid."""
    assert min(map(min, LENGTHS.values())) == SHORTEST == 13
    assert max(map(max, LENGTHS.values())) == LONGEST == 19
    assert {brand.value: sorted(lengths) for brand, lengths in LENGTHS.items()} == {
        "visa": [13, 16, 19],
        "mastercard": [16],
        "amex": [15],
        "discover": [16, 17, 18, 19],
        "diners": [14, 15, 16, 17, 18, 19],
        "jcb": [16, 17, 18, 19],
        "unionpay": [16, 17, 18, 19],
    }


@given(st.text("0123456789", min_size=1, max_size=30))
def test_exactly_one_check_digit_is_valid_for_each_number(digits: str) -> None:
    """The one that the standard's sum gives."""
    total = sum(
        sum(divmod(2 * int(digit), 10)) if place % 2 == 0 else int(digit)
        for place, digit in enumerate(reversed(digits))
    )

    assert [last for last in "0123456789" if passes_luhn(digits + last)] == [str(-total % 10)]


@given(st.text("0123456789", min_size=12, max_size=18), st.integers(0, 18), st.integers(1, 9))
def test_a_number_with_one_wrong_digit_fails_the_luhn_check(
    digits: str, place: int, by: int
) -> None:
    number = with_check_digit(digits)
    place %= len(number)
    wrong = (int(number[place]) + by) % 10

    assert not passes_luhn(f"{number[:place]}{wrong}{number[place + 1 :]}")


SPACES = (
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u202f\u205f\u3000"
)
NO_WIDTH = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufe0f\ufeff"
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
DOTS_AND_LINES = "\u00b7\u2022\u30fb\uff0e\uff0f\uff3f"


@for_each("sign", SPACES + NO_WIDTH + DASHES + DOTS_AND_LINES, show=ascii)
def test_a_card_number_split_by_any_unicode_separator_is_masked(sign: str) -> None:
    """Spaces, dashes and dots of every alphabet, including those without width."""
    groups = ("411", "11111", "1111", "1111")
    hidden = ("***", "*****", "****", "1111")

    assert mask_text(f"my {sign.join(groups)}.") == f"my {sign.join(hidden)}."
