"""Tests ids: a bijection of a counter, determined by seed and prefix alone."""

import re

from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.ids import IdSequence
from tests.support.tables import for_each

PAYMENTS = IdSequence("pay_", 7)
COUNTS = st.integers(0, 2**63)
SEEDS = st.integers(0, 2**53 - 1)
PREFIXES = st.sampled_from(["pay_", "ref_", "evt_", "chb_", "req_"])


@given(PREFIXES, SEEDS, COUNTS)
def test_an_id_is_read_back_as_its_number(prefix: str, seed: int, number: int) -> None:
    """For every seed."""
    ids = IdSequence(prefix, seed)

    assert ids.number_of(ids.nth(number)) == number


@given(PREFIXES, SEEDS, COUNTS)
def test_an_id_is_its_prefix_and_sixteen_hexadecimal_digits(
    prefix: str, seed: int, number: int
) -> None:
    assert re.fullmatch(f"{prefix}[0-9a-f]{{16}}", IdSequence(prefix, seed).nth(number))


@given(SEEDS)
def test_ids_of_a_sequence_are_unique(seed: int) -> None:
    ids = IdSequence("pay_", seed)

    assert len({ids.nth(number) for number in range(200)}) == 200


def test_ids_of_different_seeds_and_prefixes_share_no_digits() -> None:
    digits = [
        IdSequence(prefix, seed).nth(number)[4:]
        for prefix in ("pay_", "ref_", "evt_", "chb_", "req_")
        for seed in range(50)
        for number in range(50)
    ]

    assert len(set(digits)) == len(digits)


def test_equal_seeds_give_equal_ids() -> None:
    """A run can be repeated on another machine."""
    assert [PAYMENTS.nth(number) for number in range(3)] == [
        "pay_89a87720e551cafb",
        "pay_aafd0a6e4f3fe0ee",
        "pay_cc519dbbb92df6e1",
    ]


@given(SEEDS.filter(lambda seed: seed != 7), st.integers(0, 1_000))
def test_an_id_of_another_seed_has_no_number_or_an_unreached_one(seed: int, number: int) -> None:
    foreign = PAYMENTS.number_of(IdSequence("pay_", seed).nth(number))

    assert foreign is None or foreign > 1_000_000


@for_each(
    "text",
    [
        "",
        "pay_",
        "pay_xyz789",
        PAYMENTS.nth(0)[:-1],
        PAYMENTS.nth(0) + "0",
        PAYMENTS.nth(0).upper(),
        PAYMENTS.nth(0).replace("pay_", "PAY_"),
        PAYMENTS.nth(0).replace("pay_", "ref_"),
        "pay_gggggggggggggggg",
        "pay_ffffffffffffffff",  # beyond the prime
        "pay_0x00000000000001",
        "pay_0000_0000_0000_1",
        "pay_+000000000000001",
        "pay_ 00000000000001 ",
        "pay_-000000000000001",
        "pay_" + "\N{ARABIC-INDIC DIGIT ONE}" * 16,
    ],
    show=ascii,
)
def test_a_malformed_id_has_no_number(text: str) -> None:
    """An id has one spelling, and `int` accepts more than that."""
    assert PAYMENTS.number_of(text) is None


@given(st.text(alphabet="0123456789abcdefABCDEF_+- x", min_size=16, max_size=16))
def test_an_id_with_a_number_is_the_only_spelling_of_it(digits: str) -> None:
    number = PAYMENTS.number_of(f"pay_{digits}")

    assert number is None or PAYMENTS.nth(number) == f"pay_{digits}"


@given(st.integers(-1_000_000, -1), st.integers(0, 1_000_000))
def test_negative_numbers_have_ids_that_are_read_back_only_above_a_given_first(
    first: int, number: int
) -> None:
    """Elsewhere they are far above every number in use."""
    assert PAYMENTS.number_of(PAYMENTS.nth(first), first) == first
    assert PAYMENTS.number_of(PAYMENTS.nth(number), first) == number
    far = PAYMENTS.number_of(PAYMENTS.nth(first))
    assert far is not None
    assert far > 2**63
