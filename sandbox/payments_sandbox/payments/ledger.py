"""Owns one world's money: payments, refunds, chargebacks, and the events that report them.

Every command is synchronous and atomic: it checks first, then stores the new values and exactly
one event. A command that raises has changed nothing.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar, cast

from payments_sandbox.core.errors import InvalidRequest, NotFound
from payments_sandbox.core.ids import ChargebackId, EventId, IdSequence, PaymentId, RefundId
from payments_sandbox.core.instants import SECOND, Instant
from payments_sandbox.core.slices import SLICE, Slices, finish, rows_of
from payments_sandbox.payments import payment as payments
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.events import (
    AnyEvent,
    Chargeback,
    Event,
    EventType,
    MadeEvent,
    Refund,
)
from payments_sandbox.payments.payment import Payment, Status
from payments_sandbox.payments.payment_store import PaymentStore, Represent
from payments_sandbox.payments.record_store import (
    EventLog,
    RecordTable,
)

T = TypeVar("T")

_EVENT_OF: Final = {
    Status.COMPLETED: EventType.PAYMENT_COMPLETED,
    Status.FAILED: EventType.PAYMENT_FAILED,
}


class NewPayment(NamedTuple):
    """A payment that a client has requested and whose card has been checked."""

    amount: int
    currency: str
    card: Card
    description: str | None
    customer_id: str | None


class HistoricalPayment(NamedTuple):
    """A payment that was made before the world began."""

    at: Instant
    order: NewPayment
    status: Status
    id: PaymentId | None = None


class PaymentFilter(NamedTuple):
    """The documented parameters of LIST PAYMENTS, parsed."""

    limit: int = 10
    starting_after: str | None = None
    customer_id: str | None = None
    status: Status | None = None
    created_after: Instant | None = None


class _Sizes(NamedTuple):
    """How large a ledger is: counts, but for payments and events the number of the next one."""

    payments: int
    names: int
    refunds: int
    chargebacks: int
    events: int


class Ledger:
    """Payments and their changes, with one event for each change.

    Attributes:
        payments: every payment.
        preexisting_events: how many events are older than the world; they are not announced.
    """

    __slots__ = (
        "_chargebacks", "_events", "_refunds", "_reported", "_represent", "_seed",
        "payments", "preexisting_events",
    )  # fmt: skip

    def __init__(self, seed: int, represent: Represent, first: int = 0) -> None:
        self._seed = seed
        self._represent = represent
        self.clear(first)

    def clear(self, first: int = 0) -> None:
        """Forget everything; ids start again.

        Args:
            first: the number of the first payment, and of the first event.
        """
        self.payments = PaymentStore(IdSequence("pay_", self._seed), self._represent, first)
        self._refunds = RecordTable(IdSequence("ref_", self._seed))
        self._chargebacks = RecordTable(IdSequence("chb_", self._seed))
        self._events = EventLog(IdSequence("evt_", self._seed), first)
        self.preexisting_events = 0
        self._reported: _Sizes | None = None

    # Commands

    def create(
        self, order: NewPayment, *, at: Instant, status: Status, failure: str | None = None
    ) -> tuple[int, Payment]:
        """Store a new payment; a pending one has no event yet."""
        payment = Payment(
            id=self.payments.next_id(),
            amount=order.amount,
            currency=order.currency,
            card=order.card,
            created=_whole_second(at),
            status=status,
            description=order.description,
            customer_id=order.customer_id,
            failure=failure,
        )
        number = self.payments.add(payment)
        if status is not Status.PENDING:
            self._events.add(_EVENT_OF[status], number, at)
        return number, payment

    def complete(self, number: int, *, at: Instant) -> Payment:
        """Settle a pending payment, or raise IllegalMove."""
        payment = payments.complete(self.payments.get(number))
        self.payments.put(number, payment)
        self._events.add(EventType.PAYMENT_COMPLETED, number, at)
        return payment

    def fail(self, number: int, code: str, *, at: Instant) -> Payment:
        """Fail a pending payment, or raise IllegalMove."""
        payment = payments.fail(self.payments.get(number), code)
        self.payments.put(number, payment)
        self._events.add(EventType.PAYMENT_FAILED, number, at)
        return payment

    def refund(
        self,
        number: int,
        amount: int | None,
        *,
        at: Instant,
        reason: str | None = None,
        description: str | None = None,
    ) -> Refund:
        """Give money back, or raise RefundRefused."""
        payment, amount_taken = payments.refund(self.payments.get(number), amount)
        self.payments.put(number, payment)
        created = _whole_second(at)
        nth = self._refunds.add(number, amount_taken, created, reason, description)
        self._events.add(EventType.REFUND_CREATED, number, at, nth)
        refund_id = RefundId(self._refunds.id_of(nth))
        return Refund(refund_id, payment.id, amount_taken, created, reason, description)

    def charge_back(
        self, number: int, amount: int | None, reason: str, *, at: Instant
    ) -> Chargeback:
        """Take money back, or raise IllegalMove."""
        payment, amount_taken = payments.charge_back(self.payments.get(number), amount)
        self.payments.put(number, payment)
        nth = self._chargebacks.add(number, amount_taken, _whole_second(at), reason, None)
        self._events.add(EventType.CHARGEBACK_CREATED, number, at, nth)
        return self._chargeback(nth)

    def make_event(self, type_: str, data: dict[str, object], *, at: Instant) -> MadeEvent:
        """Store an event that a user makes by hand; nothing else changes."""
        self._events.add_made(type_, data, at)
        event_id = EventId(self._events.id_of(self.events - 1))
        return MadeEvent(id=event_id, type=type_, created=at, data=data)

    def put_before(self, past: "Ledger") -> None:
        """Put the payments and events of another ledger before those of this one.

        Args:
            past: everything in it is older than anything here. Its `first` was chosen so that its
                numbers end where those of this ledger begin. It has neither refunds nor
                chargebacks, and must not be used afterwards.
        """
        self.payments.put_before(past.payments)
        self._events.put_before(past._events)  # noqa: SLF001 - another of its own kind
        self._reported = None

    # Queries

    def number_of(self, payment_id: str) -> int:
        """The number of the payment with an id.

        Raises:
            NotFound: `payment_not_found`.
        """
        if (number := self.payments.number_of(payment_id)) is None:
            raise NotFound("payment_not_found")
        return number

    def page(self, wanted: PaymentFilter) -> tuple[list[bytes], bool]:
        """One page of matching payments, newest first, and whether more follow.

        Each payment is the JSON that RETRIEVE PAYMENT shows.

        Raises:
            InvalidRequest: `starting_after` is not the id of a payment of this world.
        """
        below = None
        if wanted.starting_after is not None:
            below = self.payments.number_of(wanted.starting_after)
            if below is None:
                raise InvalidRequest(
                    "/starting_after: expected the id of a payment,"
                    " such as the next_cursor of the previous page."
                )
        numbers = self.payments.newest_first(
            below=below,
            customer_id=wanted.customer_id,
            status=wanted.status,
            created_after=wanted.created_after,
        )
        found = list(islice(numbers, wanted.limit + 1))
        return self.payments.retrieve_jsons(found[: wanted.limit]), len(found) > wanted.limit

    def last_event(self, type_: EventType, number: int) -> Event | None:
        """The last event of a type about a payment, or None."""
        found = self._events.last(type_, number)
        return None if found is None else self.event(found)

    @property
    def events(self) -> int:
        """The number that the next event will have."""
        return self._events.next_number

    @property
    def event_numbers(self) -> range:
        """The numbers of all events; those put before the first one have negative numbers."""
        return self._events.numbers

    @property
    def earliest(self) -> Instant:
        """When the first payment was made or the first event happened; `LAST` if there is none."""
        return min(self.payments.earliest, self._events.earliest)

    @property
    def latest(self) -> Instant:
        """When the last payment was made or the last event happened."""
        return max(self.payments.latest, self._events.latest)

    @property
    def refunds(self) -> int:
        """How many refunds there are."""
        return len(self._refunds)

    @property
    def chargebacks(self) -> int:
        """How many chargebacks there are."""
        return len(self._chargebacks)

    def any_event(self, number: int) -> AnyEvent:
        """The event with a number, including events made by hand."""
        if (made := self._events.made(number)) is None:
            return self.event(number)
        type_, data, at = made
        event_id = EventId(self._events.id_of(number))
        return MadeEvent(id=event_id, type=type_, created=at, data=data)

    def event(self, number: int) -> Event:
        """The event with a number, which must report a change in the ledger."""
        type_, payment_number, at, nth = self._events.row(number)
        payment = self.payments.get(payment_number)
        reversal: Refund | Chargeback | None = None
        if type_ is EventType.REFUND_CREATED:
            reversal = self._refund(nth)
        elif type_ is EventType.CHARGEBACK_CREATED:
            reversal = self._chargeback(nth)
        return Event(
            id=EventId(self._events.id_of(number)),
            type=type_,
            created=at,
            payment_id=payment.id,
            amount=payment.amount if reversal is None else reversal.amount,
            currency=payment.currency,
            reversal=reversal,
        )

    def event_number(self, event_id: str) -> int | None:
        """The number of the event with an id, or None."""
        return self._events.number_of(event_id)

    # Snapshot

    def snapshotting(self) -> Slices[dict[str, object]]:
        """Return everything as plain values, in slices.

        The result is the ledger as it was when this started; rows added meanwhile are left out.
        """
        refunds, chargebacks, events = self.refunds, self.chargebacks, self.events
        refund_rows, chargeback_rows, event_rows = self._refunds, self._chargebacks, self._events
        names, first = self.payments.names(), self.payments.numbers.start
        return {
            "first": first,
            "payments": (yield from self.payments.snapshotting()),
            "names": names,
            "refunds": (yield from rows_of(range(refunds), refund_rows.row)),
            "chargebacks": (yield from rows_of(range(chargebacks), chargeback_rows.row)),
            "events": (yield from rows_of(range(first, events), event_rows.any_row)),
        }

    def take_changes(self) -> dict[str, object] | None:
        """Return the rows that were added or changed since the last call.

        Returns:
            None at the first call and after `clear` or `put_before`, since any row may have
            changed; an empty dictionary if nothing has.
        """
        names = self.payments.names()
        sizes = _Sizes(
            self.payments.next_number, len(names), self.refunds, self.chargebacks, self.events
        )
        last, self._reported = self._reported, sizes
        payments = self.payments.numbered_rows(sizes.payments if last is None else last.payments)
        if last is None:
            return None
        if not payments and last == sizes:
            return {}
        refunds, chargebacks = self._refunds, self._chargebacks
        return {
            "payments": payments,
            "names": names[last.names :],
            "refunds": [refunds.row(n) for n in range(last.refunds, sizes.refunds)],
            "chargebacks": [chargebacks.row(n) for n in range(last.chargebacks, sizes.chargebacks)],
            "events": [self._events.any_row(n) for n in range(last.events, sizes.events)],
        }

    def snapshot(self) -> dict[str, object]:
        """Return everything as plain values, at once."""
        return finish(self.snapshotting())

    def restore(self, snapshot: dict[str, Any]) -> Iterator[None]:
        """Restore a snapshot, one slice at a time.

        Raises:
            ValueError, KeyError, TypeError, IndexError, OverflowError: it is not a valid snapshot.
        """
        self.clear(snapshot.get("first", 0))
        for number, name in snapshot["names"]:
            self.payments.name(number, PaymentId(name))
        for rows in _slices(snapshot["payments"]):
            self.payments.restore(rows)
            yield
        for reversals, name in ((self._refunds, "refunds"), (self._chargebacks, "chargebacks")):
            for rows in _slices(snapshot[name]):
                for row in rows:
                    reversals.add(*row)
                yield
        for rows in _slices(snapshot["events"]):
            self._events.restore(rows)
            yield

    # Inside

    def _refund(self, nth: int) -> Refund:
        payment, amount, created, reason, description = self._refunds.row(nth)
        return Refund(
            id=RefundId(self._refunds.id_of(nth)),
            payment_id=self.payments.id_of(payment),
            amount=amount,
            created=created,
            reason=reason,
            description=description,
        )

    def _chargeback(self, nth: int) -> Chargeback:
        payment, amount, created, reason, _ = self._chargebacks.row(nth)
        return Chargeback(
            id=ChargebackId(self._chargebacks.id_of(nth)),
            payment_id=self.payments.id_of(payment),
            amount=amount,
            created=created,
            reason=cast("str", reason),  # every command gives one
        )


def _slices(rows: list[Any]) -> Iterator[list[Any]]:
    return (rows[start : start + SLICE] for start in range(0, len(rows), SLICE))


def _whole_second(at: Instant) -> Instant:
    """Cut to whole seconds, as dates are shown, so that filters compare what clients can see."""
    return Instant(at - at % SECOND)
