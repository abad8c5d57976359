"""Owns payments that look like those of a real shop: as many as wanted, all from the seed.

Names and phrases are drawn by faker once, into small tables; each payment is then put together
from a hash of its number, so that a hundred thousand take a second or two.
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from faker import Faker

from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.instants import EPOCH, Instant
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.ledger import HistoricalPayment, NewPayment
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.scenario import Generated

_TABLE: Final = 256
"""Rows of a table; a byte of a hash picks one."""

_CARDS: Final = (
    Card(Brand.VISA, "4242", 0),
    Card(Brand.VISA, "1111", 0),
    Card(Brand.MASTERCARD, "4444", 0),
    Card(Brand.AMEX, "0005", 0),
)
_CURRENCIES: Final = ("USD", "USD", "USD", "USD", "EUR", "EUR", "EUR", "GBP")
_PRICES: Final = (490, 990, 1_290, 1_999, 2_500, 2_990, 3_950, 4_999, 7_900, 12_000, 24_900, 59_900)
_FAILED: Final = 13
"""Of 256 payments, how many have failed: one in twenty."""


class _Tables(NamedTuple):
    customers: Sequence[str]
    phrases: Sequence[str]


def generate_history(seed: int, wanted: Generated, now: Instant) -> Iterator[HistoricalPayment]:
    """Draw payments of the past, oldest first; equal arguments give equal payments.

    Args:
        seed: of the scenario, or of the world.
        wanted: how many, of how many customers, over how many milliseconds.
        now: on the world's clock; the last one is before it.
    """
    tables = _tables(seed, wanted.customers)
    start = max(EPOCH, now - wanted.over)
    stretch = now - start
    for number in range(wanted.payments):
        digest = blake2b(f"{seed}\0payment\0{number}".encode(), digest_size=12).digest()
        at = start + stretch * (number * _TABLE + digest[0]) // (wanted.payments * _TABLE)
        status = Status.FAILED if digest[1] < _FAILED else Status.COMPLETED
        yield HistoricalPayment(Instant(at), _order(digest, number, tables), status)


def _order(digest: bytes, number: int, tables: _Tables) -> NewPayment:
    whose = int.from_bytes(digest[8:], "big") % len(tables.customers)
    return NewPayment(
        amount=_PRICES[digest[2] % len(_PRICES)] * (1 + digest[3] % 3) + digest[4] % 2 * 490,
        currency=_CURRENCIES[digest[5] % len(_CURRENCIES)],
        card=_CARDS[digest[6] % len(_CARDS)],
        description=f"Order {10_000 + number}: {tables.phrases[digest[7]]}",
        customer_id=tables.customers[whose],
    )


def _tables(seed: int, customers: int) -> _Tables:
    fake = Faker("en_US")
    fake.seed_instance(seed)
    phrases = [fake.catch_phrase().lower() for _ in range(_TABLE)]
    rows = min(_TABLE, customers)
    first = [_letters(fake.first_name()) for _ in range(rows)]
    last = [_letters(fake.last_name()) for _ in range(rows)]
    return _Tables([_customer(number, first, last) for number in range(customers)], phrases)


def _customer(number: int, first: Sequence[str], last: Sequence[str]) -> str:
    """A customer's id: two have the same name now and then, and never the same number."""
    turn, place = divmod(number, len(first))
    return f"cust_{first[place]}_{last[(place + turn) % len(last)]}_{number + 1}"


def _letters(name: str) -> str:
    return re.sub("[^a-z]", "", name.lower())
