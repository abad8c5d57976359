"""Owns the storage of payments: the JSON that clients see of each, and its numbers in arrays.

This makes retrieving a payment a look-up. A payment takes little more memory than its JSON, and the
garbage collector never visits it. Payments are numbered in order of creation, which is also their
order in time. Payments that are put before the first one later have negative numbers.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from typing import Any, Final

import orjson

from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.ids import IdSequence, PaymentId
from payments_sandbox.core.instants import LAST, Instant
from payments_sandbox.core.slices import Slices, rows_of
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.payment import Payment, Status

STATUSES: Final = tuple(Status)
_NAMES: Final = tuple(status.value for status in STATUSES)
_CODE_OF: Final = {status: code for code, status in enumerate(STATUSES)}
_BRANDS: Final = {str(brand): brand for brand in Brand}
_NOBODY: Final = array("i")

_COLUMNS: Final = (
    "_shown", "_status", "_created", "_amount", "_refunded", "_charged_back", "_fingerprint",
)  # fmt: skip
"""The attributes that hold one item for each payment, at `number - first`."""

Represent = Callable[[Payment], bytes]
"""Writes a payment as RETRIEVE PAYMENT shows it, and checks it against the contract."""


class PaymentStore:
    """Payments by number, searchable by id, customer, status and time."""

    __slots__ = (
        *_COLUMNS, "_changed", "_codes_of", "_customers", "_failures", "_first", "_ids",
        "_last_read", "_named", "_names", "_represent", "counts",
    )  # fmt: skip

    def __init__(self, ids: IdSequence, represent: Represent, first: int = 0) -> None:
        self._ids = ids
        self._first = first
        self._represent = represent
        self._shown: list[bytes] = []
        self._status = bytearray()
        self._created = array("q")
        self._amount, self._refunded, self._charged_back = array("I"), array("I"), array("I")
        self._fingerprint = array("I")
        self._failures: dict[int, str] = {}
        self._customers: dict[str, array[int]] = {}
        self._codes_of: dict[str, bytearray] = {}
        self._names: dict[int, PaymentId] = {}
        self._named: dict[str, int] = {}
        self._last_read: tuple[int, Payment] | None = None
        self._changed: set[int] | None = None
        self.counts = dict.fromkeys(STATUSES, 0)

    def __len__(self) -> int:
        return len(self._status)

    @property
    def numbers(self) -> range:
        """The numbers of all payments, oldest first."""
        return range(self._first, self.next_number)

    @property
    def earliest(self) -> Instant:
        """When the first payment was made; `LAST` if there is none."""
        return Instant(self._created[0]) if self._created else LAST

    @property
    def latest(self) -> Instant:
        """When the last payment was made; `EPOCH` if there is none."""
        return Instant(self._created[-1] if self._created else 0)

    @property
    def next_number(self) -> int:
        """The number that the next payment will have."""
        return self._first + len(self._status)

    def next_id(self) -> PaymentId:
        """The id that the next payment passed to `add` must have."""
        return self.id_of(self._first + len(self._status))

    def number_of(self, payment_id: str) -> int | None:
        """The number of the payment with an id, or None if this world has none."""
        number = self._ids.number_of(payment_id, self._first)
        end = self._first + len(self._status)
        if number is not None and number < end and number not in self._names:
            return number
        return self._named.get(payment_id)

    def status_of(self, payment_id: str) -> Status | None:
        """The status of the payment with an id, or None if this world has none."""
        number = self.number_of(payment_id)
        return None if number is None else self.status(number)

    def status(self, number: int) -> Status:
        """The status of the payment with a number."""
        return STATUSES[self._status[number - self._first]]

    def find(self, payment_id: str) -> Payment | None:
        """The payment with an id, or None if this world has none."""
        number = self.number_of(payment_id)
        return None if number is None else self.get(number)

    def fingerprint_of(self, number: int) -> int:
        """The fingerprint of a payment's card; 0 if no rule names it."""
        return self._fingerprint[number - self._first]

    def id_of(self, number: int) -> PaymentId:
        """The id of the payment with a number."""
        return self._names.get(number) or PaymentId(self._ids.nth(number))

    def name(self, number: int, payment_id: PaymentId) -> None:
        """Give a payment, which may not exist yet, an id that the user has chosen."""
        self._names[number] = payment_id
        self._named[payment_id] = number

    def add(self, payment: Payment) -> int:
        """Store a new payment and return its number."""
        shown = self._represent(payment)
        number = self._first + len(self._status)
        self._shown.append(shown)
        self._created.append(payment.created)
        self._amount.append(payment.amount)
        self._refunded.append(payment.refunded)
        self._charged_back.append(payment.charged_back)
        self._fingerprint.append(payment.card.fingerprint)
        self._status.append(_CODE_OF[payment.status])
        self.counts[payment.status] += 1
        if payment.failure is not None:
            self._failures[number] = payment.failure
        if payment.customer_id is not None:
            self._index(payment.customer_id, number)
        return number

    def retrieve_json(self, number: int) -> bytes:
        """The payment with a number, as RETRIEVE PAYMENT shows it."""
        return self._shown[number - self._first]

    def retrieve_jsons(self, numbers: Iterable[int]) -> list[bytes]:
        """The payments with these numbers, as RETRIEVE PAYMENT shows them."""
        shown, first = self._shown, self._first
        return [shown[number - first] for number in numbers]

    def get(self, number: int) -> Payment:
        """The payment with a number.

        The last one is cached, because a call that changes a payment reads it twice.
        """
        if self._last_read is not None and self._last_read[0] == number:
            return self._last_read[1]
        payment = self._read(number)
        self._last_read = number, payment
        return payment

    def _read(self, number: int) -> Payment:
        place = number - self._first
        # Fields without a column are read back from the JSON that clients are shown.
        shown: dict[str, Any] = orjson.loads(self._shown[place])
        method = shown["payment_method"]
        return Payment(
            id=shown["id"],
            amount=self._amount[place],
            currency=shown["currency"],
            card=Card(_BRANDS[method["brand"]], method["last4"], self._fingerprint[place]),
            created=Instant(self._created[place]),
            status=STATUSES[self._status[place]],
            description=shown["description"],
            customer_id=shown["customer_id"],
            refunded=self._refunded[place],
            charged_back=self._charged_back[place],
            failure=self._failures.get(number),
        )

    def put(self, number: int, payment: Payment) -> None:
        """Store the new state of a payment; its amount, customer and date never change."""
        self._last_read = None
        if self._changed is not None:
            self._changed.add(number)
        place = number - self._first
        before = STATUSES[self._status[place]]
        if payment.status is not before:
            self._shown[place] = self._represent(payment)
            self._status[place] = _CODE_OF[payment.status]
            self.counts[before] -= 1
            self.counts[payment.status] += 1
            if payment.failure is not None:
                self._failures[number] = payment.failure
            customer_id = payment.customer_id
            if customer_id is not None and customer_id in self._codes_of:
                # Numbers only grow, so those of a customer are sorted.
                among = bisect_left(self._customers[customer_id], number)
                self._codes_of[customer_id][among] = _CODE_OF[payment.status]
        self._refunded[place] = payment.refunded
        self._charged_back[place] = payment.charged_back

    def put_before(self, past: "PaymentStore") -> None:
        """Put the payments of another store before those of this one.

        They must be older than all payments here, and numbered so that they end where these begin.
        """
        self._first = past.numbers.start
        for column in _COLUMNS:
            setattr(self, column, getattr(past, column) + getattr(self, column))
        self._failures |= past._failures  # noqa: SLF001 - another of its own kind
        customers = past._customers  # noqa: SLF001 - the same
        for customer_id, own in self._customers.items():
            customers[customer_id] = customers.get(customer_id, _NOBODY) + own
        # Statuses by customer are built again when they are next needed.
        self._customers, self._codes_of = customers, {}
        for status, count in past.counts.items():
            self.counts[status] += count

    def newest_first(
        self,
        *,
        below: int | None,
        customer_id: str | None,
        status: Status | None,
        created_after: Instant | None,
    ) -> Iterator[int]:
        """Yield the numbers of the matching payments, lazily: a page costs its own length."""
        after = 0 if created_after is None else bisect_right(self._created, created_after)
        lowest = self._first + after
        top = self.next_number if below is None else below
        if customer_id is None:
            return self._by_status(status, lowest, top)
        own = self._customers.get(customer_id, _NOBODY)
        first, last = bisect_left(own, lowest), bisect_left(own, top)
        if status is None or not own:
            return (own[place] for place in range(last - 1, first - 1, -1))
        codes = self._codes(customer_id, own)
        return (own[place] for place in _places(codes, _CODE_OF[status], first, last))

    def _by_status(self, status: Status | None, lowest: int, top: int) -> Iterator[int]:
        if status is None:
            yield from range(top - 1, lowest - 1, -1)
            return
        first = self._first
        for place in _places(self._status, _CODE_OF[status], lowest - first, top - first):
            yield first + place

    def _codes(self, customer_id: str, own: "array[int]") -> bytearray:
        """The statuses of a customer's payments, in order; built at the first use."""
        codes = self._codes_of.get(customer_id)
        if codes is None:
            codes = bytearray(self._status[number - self._first] for number in own)
            self._codes_of[customer_id] = codes
        return codes

    def _index(self, customer_id: str, number: int) -> None:
        own = self._customers.get(customer_id)
        if own is None:
            own = self._customers[customer_id] = array("i")
        own.append(number)
        if (codes := self._codes_of.get(customer_id)) is not None:
            codes.append(self._status[number - self._first])

    def snapshotting(self) -> Slices[list[tuple[object, ...]]]:
        """Return every payment as it is now, as a row of plain values, in slices."""
        kept = copy(self)
        kept.detach()
        return (yield from kept.rows())

    def detach(self) -> None:
        """Copy, after `copy.copy`, what may change; what only grows stays shared."""
        self._shown, self._status = self._shown[:], self._status[:]
        self._refunded, self._charged_back = self._refunded[:], self._charged_back[:]
        self._failures = self._failures.copy()

    def rows(self) -> Slices[list[tuple[object, ...]]]:
        """Return every payment as a row of plain values, in slices."""
        return rows_of(self.numbers, self._row)

    def numbered_rows(self, start: int) -> list[tuple[int, tuple[object, ...]]]:
        """Return the payments from a number on, and those changed since the last call.

        Args:
            start: the number of the first payment that did not exist at the last call.

        Returns:
            Pairs of number and row, in order of the numbers.
        """
        changed, self._changed = self._changed or (), set()
        numbers = (
            *sorted(each for each in changed if each < start),
            *self.numbers[start - self._first :],
        )
        return [(number, self._row(number)) for number in numbers]

    def _row(self, number: int) -> tuple[object, ...]:
        """A payment as a tuple, which the garbage collector stops tracking after one look."""
        place = number - self._first
        # A cluster node does this for each payment, so no `Payment` is built in between.
        shown: dict[str, Any] = orjson.loads(self._shown[place])
        method = shown["payment_method"]
        return (
            self._created[place],
            self._amount[place],
            shown["currency"],
            (method["brand"], method["last4"], self._fingerprint[place]),
            _NAMES[self._status[place]],
            shown["description"],
            shown["customer_id"],
            self._refunded[place],
            self._charged_back[place],
            self._failures.get(number),
        )

    def names(self) -> list[tuple[int, str]]:
        """The ids that users have chosen, with the numbers of their payments."""
        return list(self._names.items())

    def restore(self, rows: list[list[Any]]) -> None:
        """Add the rows of a snapshot, or of a part of it, behind those that are there."""
        for row in rows:
            self.add(_payment(self.next_id(), *row))


def _places(codes: bytearray, code: int, lowest: int, top: int) -> Iterator[int]:
    """Yield the places of a code between two bounds, the last one first, by a search for a byte."""
    while (top := codes.rfind(code, lowest, top)) >= 0:
        yield top


def _payment(  # noqa: PLR0913 - one argument a column
    payment_id: PaymentId,
    created: Instant,
    amount: int,
    currency: str,
    card: tuple[str, str, int],
    status: str,
    description: str | None,
    customer_id: str | None,
    refunded: int,
    charged_back: int,
    failure: str | None,
) -> Payment:
    brand, last4, fingerprint = card
    return Payment(
        id=payment_id,
        amount=amount,
        currency=currency,
        card=Card(Brand(brand), last4, fingerprint),
        created=created,
        status=Status(status),
        description=description,
        customer_id=customer_id,
        refunded=refunded,
        charged_back=charged_back,
        failure=failure,
    )
