"""Owns the generation of payments that look like those of a real shop, from a seed.

Each payment is made from a hash of its number and tables of names and phrases, so a hundred
thousand take only a second or two.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.instants import EPOCH, Instant
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.ledger import HistoricalPayment, NewPayment
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.scenario import Generated
from payments_sandbox.scenarios.generated_names import FIRST_NAMES, LAST_NAMES, PHRASES

_TABLE: Final = 256
"""How many rows a table has, so that a byte of a hash picks one."""

_FIRST_NAMES: Final = FIRST_NAMES.split()
_LAST_NAMES: Final = LAST_NAMES.split()
_PHRASES: Final = [phrase.replace("_", " ") for phrase in PHRASES.split()]

_CARDS: Final = (
    Card(Brand.VISA, "4242", 0),
    Card(Brand.VISA, "1111", 0),
    Card(Brand.MASTERCARD, "4444", 0),
    Card(Brand.AMEX, "0005", 0),
)
_CURRENCIES: Final = ("USD", "USD", "USD", "USD", "EUR", "EUR", "EUR", "GBP")
_PRICES: Final = (490, 990, 1_290, 1_999, 2_500, 2_990, 3_950, 4_999, 7_900, 12_000, 24_900, 59_900)
_FAILED_OF_256: Final = 13
"""How many of 256 payments have failed: one in twenty."""


def generate_history(seed: int, wanted: Generated, now: Instant) -> Iterator[HistoricalPayment]:
    """Generate past payments, oldest first; equal arguments give equal payments.

    Args:
        seed: the seed of the scenario, or of the world.
        wanted: how many, of how many customers, over how many milliseconds.
        now: the instant on the world's clock, before which all of them are.
    """
    start = max(EPOCH, now - wanted.over)
    stretch = now - start
    for number in range(wanted.payments):
        digest = blake2b(f"{seed}\0payment\0{number}".encode(), digest_size=12).digest()
        at = start + stretch * (number * _TABLE + digest[0]) // (wanted.payments * _TABLE)
        status = Status.FAILED if digest[1] < _FAILED_OF_256 else Status.COMPLETED
        yield HistoricalPayment(
            Instant(at), _new_payment(digest, number, seed, wanted.customers), status
        )


def _new_payment(digest: bytes, number: int, seed: int, customers: int) -> NewPayment:
    customer = int.from_bytes(digest[8:], "big") % customers
    return NewPayment(
        amount=_PRICES[digest[2] % len(_PRICES)] * (1 + digest[3] % 3) + digest[4] % 2 * 490,
        currency=_CURRENCIES[digest[5] % len(_CURRENCIES)],
        card=_CARDS[digest[6] % len(_CARDS)],
        description=f"Order {10_000 + number}: {_PHRASES[digest[7]]}",
        customer_id=_customer(seed, customer),
    )


def _customer(seed: int, number: int) -> str:
    """A customer's id; two may have the same name, but never the same number."""
    first, last = blake2b(f"{seed}\0customer\0{number}".encode(), digest_size=2).digest()
    return f"cust_{_FIRST_NAMES[first]}_{_LAST_NAMES[last]}_{number + 1}"
