"""Holds card numbers to their prefixes, lengths, check digit, expiry and security code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.card_numbers import LENGTHS, Brand, brand_of, passes_luhn
from payments_sandbox.core.errors import CardRefused
from payments_sandbox.core.instants import Instant, read_instant
from payments_sandbox.payments.cards import Card, check, fingerprint
from tests.support.values import of_length, with_check_digit

VISA, AMEX = "4111111111111111", "378282246310005"
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


@pytest.mark.parametrize("prefix", ENDS)
def test_a_brand_is_known_by_its_prefixes_and_lengths(prefix: str) -> None:
    """Both ends of each range are of the brand, in its lengths and no other."""
    brand = ENDS[prefix]

    assert [brand_of(prefix.ljust(length, "0")) for length in range(4, 25)] == [
        brand if length in LENGTHS[brand] else None for length in range(4, 25)
    ]


@pytest.mark.parametrize("prefix", NEITHER)
def test_prefixes_between_brands_belong_to_no_brand(prefix: str) -> None:
    """All zeros pass the check, but no brand begins so; nor do the neighbours of each range."""
    assert [brand_of(prefix.ljust(length, "0")) for length in range(4, 25)] == [None] * 21


def test_lengths_are_those_of_the_brands() -> None:
    """A length that a brand does not issue is invalid."""
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
def test_one_check_digit_fits(digits: str) -> None:
    """Of the ten, one passes; it is the one that the standard's sum gives."""
    total = sum(
        sum(divmod(2 * int(digit), 10)) if place % 2 == 0 else int(digit)
        for place, digit in enumerate(reversed(digits))
    )

    assert [last for last in "0123456789" if passes_luhn(digits + last)] == [str(-total % 10)]


@given(st.text("0123456789", min_size=12, max_size=18), st.integers(0, 18), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(digits: str, place: int, by: int) -> None:
    """That is what the check digit is for."""
    number = with_check_digit(digits)
    place %= len(number)
    wrong = (int(number[place]) + by) % 10

    assert not passes_luhn(f"{number[:place]}{wrong}{number[place + 1 :]}")


EXPIRIES = {  # year, month: the first instant at which such a card has expired
    (2030, 1): "2030-02-01T00:00:00Z",
    (2029, 12): "2030-01-01T00:00:00Z",
    (2028, 2): "2028-03-01T00:00:00Z",
    (2099, 12): "2100-01-01T00:00:00Z",
}


@pytest.mark.parametrize("expiry", EXPIRIES, ids=str)
def test_a_card_is_valid_through_its_month(expiry: tuple[int, int]) -> None:
    """The last millisecond of the month is good, the next one is not."""
    year, month = expiry
    end = read_instant(EXPIRIES[expiry])

    card = check(VISA, exp_year=year, exp_month=month, cvc="123", now=Instant(end - 1))
    with pytest.raises(CardRefused) as caught:
        check(VISA, exp_year=year, exp_month=month, cvc="123", now=end)

    assert card == Card(Brand.VISA, "1111", fingerprint(VISA))
    assert caught.value.args == (
        "expired_card", "The card's expiry lies before the world's clock.", None,
    )  # fmt: skip


@pytest.mark.parametrize("brand", Brand)
def test_cvc_has_as_many_digits_as_the_brand_says(brand: Brand) -> None:
    """Four for American Express, three for every other."""
    number = of_length(PREFIXES[brand][0], min(LENGTHS[brand]))
    right, wrong = ("1234", "123") if brand is Brand.AMEX else ("123", "1234")

    card = check(number, exp_year=2030, exp_month=1, cvc=right, now=Instant(0))
    with pytest.raises(CardRefused) as caught:
        check(number, exp_year=2030, exp_month=1, cvc=wrong, now=Instant(0))

    assert card == Card(brand, number[-4:], fingerprint(number))
    assert caught.value.args == (
        "invalid_cvc", f"The cvc of this brand has {len(right)} digits.", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "number",
    ["0" * 16, "4111111111111112", "1234567812345670", "411111111111", of_length("4000", 15)],
)
def test_a_number_that_is_no_card_is_invalid(number: str) -> None:
    """An unknown prefix, a wrong length, a wrong check digit: the documented error alone."""
    with pytest.raises(CardRefused) as caught:
        check(number, exp_year=2030, exp_month=1, cvc="123", now=Instant(0))

    assert caught.value.args == ("invalid_card", None, None)


def test_checks_go_in_the_decided_order() -> None:
    """Number, then expiry, then security code; the first that fails is the answer."""
    late = read_instant("2031-01-01")
    codes = []
    for number in ("4111111111111112", VISA):
        for now in (late, Instant(0)):
            with pytest.raises(CardRefused) as caught:
                check(number, exp_year=2030, exp_month=1, cvc="12345", now=now)
            codes.append(caught.value.code)

    assert codes == ["invalid_card", "invalid_card", "expired_card", "invalid_cvc"]


def test_a_card_keeps_no_number() -> None:
    """Brand, last four digits and 32 bits are all that is left of it."""
    card = check(AMEX, exp_year=2030, exp_month=1, cvc="8731", now=Instant(0))

    assert repr(card) == (
        f"Card(brand=<Brand.AMEX: 'amex'>, last4='0005', fingerprint={card.fingerprint})"
    )
    assert 0 <= card.fingerprint < 2**32


def test_fingerprints_tell_cards_apart() -> None:
    """Rules find a card by it."""
    numbers = {with_check_digit(f"400000{place:09}") for place in range(1_000)}

    assert len({fingerprint(number) for number in numbers}) == len(numbers)
