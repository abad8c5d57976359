"""What generated payments are: the same of the same seed, in every version."""

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
"""Of seed 7: its number, how long ago, amount, currency, brand, last digits, status, customer."""


def test_a_seed_gives_the_payments_that_it_always_gave() -> None:
    """Scenarios of other people count on them; names are faker's and may be others one day."""
    found = list(generate_history(7, WANTED, NOON))

    shown = [
        (number, NOON - past.at, past.order.amount, past.order.currency, past.order.card.brand,
         past.order.card.last4, past.status, int(str(past.order.customer_id).rpartition("_")[2]))
        for number, past in enumerate(found)
    ]  # fmt: skip
    assert [shown[number] for number, *_ in KNOWN] == KNOWN
    assert len(found) == 200
    assert sum(past.order.amount for past in found) == 4_387_303


def test_payments_are_spread_over_the_time_until_now() -> None:
    """Each in its own two hundredth, in order; the last one lies before now."""
    found = [past.at for past in generate_history(7, WANTED, NOON)]

    assert [(at - (NOON - 30 * DAY)) * 200 // (30 * DAY) for at in found] == list(range(200))
    assert all(before < after for before, after in pairwise(found))


def test_nothing_is_older_than_the_epoch() -> None:
    """Time is measured from there."""
    found = list(generate_history(7, Generated(10, 1, 30 * DAY), Instant(DAY)))

    assert all(EPOCH <= past.at < DAY for past in found)


def test_customers_have_numbers_that_differ_although_names_repeat() -> None:
    """Three hundred customers share 256 names; an order has a number of its own."""
    found = list(generate_history(7, Generated(3_000, 300, DAY), NOON))
    customers = {str(past.order.customer_id) for past in found}
    names = {customer.rpartition("_")[0] for customer in customers}

    assert {int(each.rpartition("_")[2]) for each in customers} == set(range(1, 301))
    assert 150 < len(names) <= 300
    assert [str(past.order.description).partition(":")[0] for past in found[:2]] == [
        "Order 10000",
        "Order 10001",
    ]


def test_one_in_twenty_has_failed() -> None:
    """13 of 256, about."""
    found = list(generate_history(7, Generated(3_000, 300, DAY), NOON))

    assert sum(past.status == "failed" for past in found) == 159


def test_cards_are_not_those_that_rules_name() -> None:
    """They have no fingerprint: no rule about a card is about the past."""
    assert {past.order.card.fingerprint for past in generate_history(7, WANTED, NOON)} == {0}
