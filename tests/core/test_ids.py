"""Holds ids to their promise: a bijection of a counter, made by seed and prefix alone."""

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
def test_an_id_leads_back_to_its_number(prefix: str, seed: int, number: int) -> None:
    """Reading is the inverse of writing, for every seed."""
    ids = IdSequence(prefix, seed)

    assert ids.number_of(ids.nth(number)) == number


@given(PREFIXES, SEEDS, COUNTS)
def test_an_id_looks_as_documented(prefix: str, seed: int, number: int) -> None:
    """The prefix, then letters and digits, always as many."""
    assert re.fullmatch(f"{prefix}[0-9a-f]{{16}}", IdSequence(prefix, seed).nth(number))


@given(SEEDS)
def test_ids_of_a_sequence_differ(seed: int) -> None:
    """No two numbers share an id."""
    ids = IdSequence("pay_", seed)

    assert len({ids.nth(number) for number in range(200)}) == 200


def test_seeds_and_prefixes_do_not_collide() -> None:
    """Worlds and kinds do not share the digits of an id either."""
    digits = [
        IdSequence(prefix, seed).nth(number)[4:]
        for prefix in ("pay_", "ref_", "evt_", "chb_", "req_")
        for seed in range(50)
        for number in range(50)
    ]

    assert len(set(digits)) == len(digits)


def test_equal_seeds_give_equal_ids() -> None:
    """A run can be repeated, on another machine and in another year."""
    assert [PAYMENTS.nth(number) for number in range(3)] == [
        "pay_89a87720e551cafb",
        "pay_aafd0a6e4f3fe0ee",
        "pay_cc519dbbb92df6e1",
    ]


@given(SEEDS.filter(lambda seed: seed != 7), st.integers(0, 1_000))
def test_an_id_of_another_world_is_far_away(seed: int, number: int) -> None:
    """Where it can be read at all, its number is none that a world has reached."""
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
def test_what_no_sequence_wrote_has_no_number(text: str) -> None:
    """An id has one spelling, and `int` reads more than that."""
    assert PAYMENTS.number_of(text) is None


@given(st.text(alphabet="0123456789abcdefABCDEF_+- x", min_size=16, max_size=16))
def test_a_number_is_only_read_from_its_own_id(digits: str) -> None:
    """Whatever is read would be written the same."""
    number = PAYMENTS.number_of(f"pay_{digits}")

    assert number is None or PAYMENTS.nth(number) == f"pay_{digits}"


@given(st.integers(-1_000_000, -1), st.integers(0, 1_000_000))
def test_numbers_below_zero_have_ids_of_their_own(first: int, number: int) -> None:
    """They are read back where somebody uses them, and are no numbers elsewhere."""
    assert PAYMENTS.number_of(PAYMENTS.nth(first), first) == first
    assert PAYMENTS.number_of(PAYMENTS.nth(number), first) == number
    far = PAYMENTS.number_of(PAYMENTS.nth(first))
    assert far is not None
    assert far > 2**63
