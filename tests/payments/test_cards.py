"""Tests the checks of a card and their order: number, expiry, security code."""

import pytest

from payments_sandbox.core.card_numbers import Brand, brand_of
from payments_sandbox.core.errors import CardRefused
from payments_sandbox.core.instants import Instant, read_instant
from payments_sandbox.payments.cards import Card, check, fingerprint
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from tests.support.tables import for_each
from tests.support.values import of_length, with_check_digit

VISA, AMEX = "4111111111111111", "378282246310005"

EXPIRIES = {  # year, month: the first instant at which such a card has expired
    (2030, 1): "2030-02-01T00:00:00Z",
    (2029, 12): "2030-01-01T00:00:00Z",
    (2028, 2): "2028-03-01T00:00:00Z",
    (2099, 12): "2100-01-01T00:00:00Z",
}


@pytest.mark.parametrize("expiry", EXPIRIES, ids=str)
def test_a_card_is_valid_until_the_last_millisecond_of_its_expiry_month(
    expiry: tuple[int, int],
) -> None:
    year, month = expiry
    end = read_instant(EXPIRIES[expiry])

    card = check(
        VISA, exp_year=year, exp_month=month, cvc="123", now=Instant(end - 1), named_fingerprints=()
    )
    with pytest.raises(CardRefused) as caught:
        check(VISA, exp_year=year, exp_month=month, cvc="123", now=end, named_fingerprints=())

    assert card == Card(Brand.VISA, "1111", 0)
    assert caught.value.args == (
        "expired_card", "The card's expiry date is in the past on the world's clock.", None,
    )  # fmt: skip


@for_each("brand", Brand)
def test_a_cvc_of_the_wrong_length_for_its_brand_is_rejected(brand: Brand) -> None:
    """Four digits for American Express, three for every other brand."""
    number = next(card.number for card in MAGIC_CARDS if brand_of(card.number) is brand)
    right, wrong = ("1234", "123") if brand is Brand.AMEX else ("123", "1234")

    card = check(
        number, exp_year=2030, exp_month=1, cvc=right, now=Instant(0), named_fingerprints=()
    )
    with pytest.raises(CardRefused) as caught:
        check(number, exp_year=2030, exp_month=1, cvc=wrong, now=Instant(0), named_fingerprints=())

    assert card == Card(brand, number[-4:], 0)
    assert caught.value.args == (
        "invalid_cvc", f"The cvc of this brand has {len(right)} digits.", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "number",
    ["0" * 16, "4111111111111112", "1234567812345670", "411111111111", of_length("4000", 15)],
)
def test_an_invalid_card_number_is_rejected_with_the_documented_error_alone(number: str) -> None:
    """An unknown prefix, a wrong length, a wrong check digit."""
    with pytest.raises(CardRefused) as caught:
        check(number, exp_year=2030, exp_month=1, cvc="123", now=Instant(0), named_fingerprints=())

    assert caught.value.args == ("invalid_card", None, None)


def test_a_card_is_checked_by_number_then_expiry_then_security_code() -> None:
    """The first check that fails is the answer."""
    late = read_instant("2031-01-01")
    codes = []
    for number in ("4111111111111112", VISA):
        for now in (late, Instant(0)):
            with pytest.raises(CardRefused) as caught:
                check(
                    number, exp_year=2030, exp_month=1, cvc="12345", now=now, named_fingerprints=()
                )
            codes.append(caught.value.code)

    assert codes == ["invalid_card", "invalid_card", "expired_card", "invalid_cvc"]


def test_a_card_that_a_rule_names_keeps_brand_last4_and_fingerprint_only() -> None:
    named = {fingerprint(AMEX)}

    card = check(
        AMEX, exp_year=2030, exp_month=1, cvc="8731", now=Instant(0), named_fingerprints=named
    )

    assert repr(card) == (
        f"Card(brand=<Brand.AMEX: 'amex'>, last4='0005', fingerprint={card.fingerprint})"
    )
    assert 0 < card.fingerprint < 2**32


def test_fingerprints_of_different_cards_differ() -> None:
    """Rules find a card by its fingerprint."""
    numbers = {with_check_digit(f"400000{place:09}") for place in range(1_000)}

    assert len({fingerprint(number) for number in numbers}) == len(numbers)


def test_a_card_that_no_rule_names_is_kept_without_its_fingerprint() -> None:
    """Together with brand and last four digits it would narrow down the number."""
    others = {fingerprint(AMEX)}

    card = check(
        VISA, exp_year=2030, exp_month=1, cvc="123", now=Instant(0), named_fingerprints=others
    )

    assert card == Card(Brand.VISA, "1111", 0)
