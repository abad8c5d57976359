"""Generated payments: the same seed gives the same payments in every version."""

from itertools import pairwise

from payments_sandbox.core.instants import DAY, EPOCH, Instant
from payments_sandbox.rules.scenario import Generated
from payments_sandbox.scenarios.generated_payments import generate_history
from tests.support.in_process import NOON

WANTED = Generated(payments=200, customers=5, over=30 * DAY)
KNOWN = [
    (0, 2_583_495_000, 8_390, "EUR", "mastercard", "4444", "completed", 4),
    (1, 2_576_407_500, 60_390, "USD", "visa", "1111", "completed", 3),
    (2, 2_557_018_125, 10_488, "USD", "amex", "0005", "completed", 1),
    (3, 2_550_436_875, 980, "EUR", "visa", "4242", "completed", 5),
    (34, 2_147_208_750, 980, "USD", "visa", "1111", "failed", 5),
    (61, 1_795_010_625, 16_290, "USD", "visa", "4242", "failed", 3),
    (199, 4_860_000, 6_470, "EUR", "mastercard", "4444", "completed", 4),
]
"""Payments of seed 7: number, age, amount, currency, brand, last digits, status, customer."""


def test_a_seed_generates_the_same_payments_in_every_version() -> None:
    """Users' scenarios rely on them. Names are not compared: they come from faker."""
    found = list(generate_history(7, WANTED, NOON))

    shown = [
        (number, NOON - past.at, past.order.amount, past.order.currency, past.order.card.brand,
         past.order.card.last4, past.status, int(str(past.order.customer_id).rpartition("_")[2]))
        for number, past in enumerate(found)
    ]  # fmt: skip
    assert [shown[number] for number, *_ in KNOWN] == KNOWN
    assert len(found) == 200
    assert sum(past.order.amount for past in found) == 4_387_303


def test_generated_payments_are_spread_evenly_until_now() -> None:
    """Each lies in its own 200th of the time, in order; the last one is before now."""
    found = [past.at for past in generate_history(7, WANTED, NOON)]

    assert [(at - (NOON - 30 * DAY)) * 200 // (30 * DAY) for at in found] == list(range(200))
    assert all(before < after for before, after in pairwise(found))


def test_generated_payments_are_never_before_the_epoch() -> None:
    found = list(generate_history(7, Generated(10, 1, 30 * DAY), Instant(DAY)))

    assert all(EPOCH <= past.at < DAY for past in found)


def test_customers_have_distinct_numbers_although_names_repeat() -> None:
    """Three hundred customers share 256 names; orders are numbered too."""
    found = list(generate_history(7, Generated(3_000, 300, DAY), NOON))
    customers = {str(past.order.customer_id) for past in found}
    names = {customer.rpartition("_")[0] for customer in customers}

    assert {int(each.rpartition("_")[2]) for each in customers} == set(range(1, 301))
    assert 150 < len(names) <= 300
    assert [str(past.order.description).partition(":")[0] for past in found[:2]] == [
        "Order 10000",
        "Order 10001",
    ]


def test_about_one_in_twenty_generated_payments_failed() -> None:
    """The rate is 13 of 256."""
    found = list(generate_history(7, Generated(3_000, 300, DAY), NOON))

    assert sum(past.status == "failed" for past in found) == 159


def test_cards_of_generated_payments_have_no_fingerprint_for_rules() -> None:
    """Rules for a card therefore never match generated payments."""
    assert {past.order.card.fingerprint for past in generate_history(7, WANTED, NOON)} == {0}
