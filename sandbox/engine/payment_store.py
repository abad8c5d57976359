"""Owns payments at rest: one array per number, one byte of status, one bytes object of notes.

A payment takes about a fifth of what an object would, and the garbage collector never looks at
it. The number of a payment is its position; positions are in order of creation, and so of time.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import orjson

from sandbox.domain.cards import Brand, Card
from sandbox.domain.ids import IdSequence, PaymentId
from sandbox.domain.instants import Instant
from sandbox.domain.payments import Payment, Status

STATUSES: Final = tuple(Status)
_CODE_OF: Final = {status: code for code, status in enumerate(STATUSES)}

COLUMNS: Final = ("created", "amount", "refunded", "charged_back", "fingerprint")


class PaymentStore:
    """Payments by number, found again by id, customer, status and time."""

    __slots__ = ("_columns", "_customers", "_ids", "_notes", "_status", "counts")

    def __init__(self, ids: IdSequence) -> None:
        self._ids = ids
        self.clear()

    def clear(self) -> None:
        """Forget every payment; numbers start again."""
        self._status = bytearray()
        self._notes: list[bytes] = []
        self._columns = {name: array("q" if name == "created" else "I") for name in COLUMNS}
        self._customers: dict[str, array[int]] = {}
        self.counts = dict.fromkeys(STATUSES, 0)

    def __len__(self) -> int:
        return len(self._status)

    @property
    def latest(self) -> Instant:
        """When the last payment was made; the first instant of all when there is none."""
        created = self._columns["created"]
        return Instant(created[-1] if created else 0)

    def next_id(self) -> PaymentId:
        """The id of the payment that `add` will be given next."""
        return PaymentId(self._ids.nth(len(self._status)))

    def number_of(self, payment_id: str) -> int | None:
        """The number of a payment of this world, or None."""
        number = self._ids.number_of(payment_id)
        return number if number is not None and number < len(self._status) else None

    def id_of(self, number: int) -> PaymentId:
        """The id of a payment, by number."""
        return PaymentId(self._ids.nth(number))

    def add(self, payment: Payment) -> int:
        """Keep a new payment; returns its number."""
        number = len(self._status)
        columns = self._columns
        columns["created"].append(payment.created)
        columns["amount"].append(payment.amount)
        columns["refunded"].append(payment.refunded)
        columns["charged_back"].append(payment.charged_back)
        columns["fingerprint"].append(payment.card.fingerprint)
        self._notes.append(_notes(payment))
        self._status.append(_CODE_OF[payment.status])
        self.counts[payment.status] += 1
        if payment.customer_id is not None:
            self._index(payment.customer_id, number)
        return number

    def get(self, number: int) -> Payment:
        """The payment of a number."""
        columns = self._columns
        currency, brand, last4, description, customer_id, failure = orjson.loads(
            self._notes[number]
        )
        return Payment(
            id=PaymentId(self._ids.nth(number)),
            amount=columns["amount"][number],
            currency=currency,
            card=Card(Brand(brand), last4, columns["fingerprint"][number]),
            created=Instant(columns["created"][number]),
            status=STATUSES[self._status[number]],
            description=description,
            customer_id=customer_id,
            refunded=columns["refunded"][number],
            charged_back=columns["charged_back"][number],
            failure=failure,
        )

    def put(self, number: int, payment: Payment) -> None:
        """Keep what a payment has become; amount, customer and date never change."""
        before = STATUSES[self._status[number]]
        if payment.status is not before:
            self.counts[before] -= 1
            self.counts[payment.status] += 1
            self._status[number] = _CODE_OF[payment.status]
            self._notes[number] = _notes(payment)
        self._columns["refunded"][number] = payment.refunded
        self._columns["charged_back"][number] = payment.charged_back

    def newest_first(
        self,
        *,
        below: int | None,
        customer_id: str | None,
        status: Status | None,
        created_after: Instant | None,
    ) -> Iterator[int]:
        """Numbers of the matching payments, walked lazily: a page costs its own length."""
        created = self._columns["created"]
        lowest = 0 if created_after is None else bisect_right(created, created_after)
        top = len(self) if below is None else below
        if customer_id is None:
            return self._by_status(status, lowest, top)
        own = self._customers.get(customer_id, _NOBODY)
        if status is not None and self.counts[status] < len(own):
            return (n for n in self._by_status(status, lowest, top) if _holds(own, n))
        return self._by_customer(own, status, lowest, top)

    def _by_status(self, status: Status | None, lowest: int, top: int) -> Iterator[int]:
        if status is None:
            yield from range(top - 1, lowest - 1, -1)
            return
        code = _CODE_OF[status]
        while (top := self._status.rfind(code, lowest, top)) >= 0:
            yield top

    def _by_customer(
        self, own: "array[int]", status: Status | None, lowest: int, top: int
    ) -> Iterator[int]:
        code = None if status is None else _CODE_OF[status]
        for position in range(bisect_left(own, top) - 1, -1, -1):
            number = own[position]
            if number < lowest:
                return
            if code is None or self._status[number] == code:
                yield number

    def _index(self, customer_id: str, number: int) -> None:
        own = self._customers.get(customer_id)
        if own is None:
            own = self._customers[customer_id] = array("I")
        own.append(number)

    def snapshot(self) -> dict[str, object]:
        """Every column as a list."""
        columns: dict[str, object] = {name: each.tolist() for name, each in self._columns.items()}
        notes = [orjson.loads(note) for note in self._notes]
        return columns | {"status": list(self._status), "notes": notes}

    def restore(self, kept: dict[str, list[object]]) -> None:
        """Take over a snapshot.

        Raises:
            ValueError: the columns do not make sense together.
        """
        self.clear()
        columns = [kept[name] for name in (*COLUMNS, "status", "notes")]
        for row in zip(*columns, strict=True):
            self.add(self._rebuilt(*row))
        created = self._columns["created"]
        if any(later < earlier for earlier, later in pairwise(created)):
            raise ValueError("payments are not in order of creation")

    def _rebuilt(  # noqa: PLR0913 - one argument a column
        self,
        created: int,
        amount: int,
        refunded: int,
        charged_back: int,
        fingerprint: int,
        status: int,
        notes: list[str],
    ) -> Payment:
        currency, brand, last4, description, customer_id, failure = notes
        payment = Payment(
            id=self.next_id(),
            amount=amount,
            currency=currency,
            card=Card(Brand(brand), last4, fingerprint),
            created=Instant(created),
            status=STATUSES[status],
            description=description,
            customer_id=customer_id,
            refunded=refunded,
            charged_back=charged_back,
            failure=failure,
        )
        if payment.left < 0:
            raise ValueError("a payment has given back more than its amount")
        return payment


_NOBODY: Final = array("I")


def _holds(own: "array[int]", number: int) -> bool:
    position = bisect_left(own, number)
    return position < len(own) and own[position] == number


def _notes(payment: Payment) -> bytes:
    card = payment.card
    written = orjson.dumps(
        (
            payment.currency,
            card.brand.value,
            card.last4,
            payment.description,
            payment.customer_id,
            payment.failure,
        )
    )
    return bytes(memoryview(written))  # a kept orjson result would pin the 8 KB it was written in
