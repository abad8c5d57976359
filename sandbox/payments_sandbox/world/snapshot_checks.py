"""Owns what a ledger at rest has to tell: one story of payments, refunds, chargebacks and events.

It is read from the rows of a snapshot, so that a snapshot whose parts contradict each other is
refused before any world goes by it. A refusal names the row and what is wrong with it.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, Final, NoReturn

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import SECOND
from payments_sandbox.payments.events import EventType
from payments_sandbox.payments.ledger import SLICE
from payments_sandbox.payments.payment import Status
from payments_sandbox.payments.record_store import MADE_BY_HAND

Rows = Sequence[Sequence[Any]]

_SETTLES: Final = {
    EventType.PAYMENT_COMPLETED: Status.COMPLETED,
    EventType.PAYMENT_FAILED: Status.FAILED,
}
_LISTED: Final = {
    EventType.REFUND_CREATED: "refunds",
    EventType.CHARGEBACK_CREATED: "chargebacks",
}
_REASON: Final = {EventType.REFUND_CREATED: str | None, EventType.CHARGEBACK_CREATED: str}


class Accounts:
    """Goes through the events of a ledger in order, and holds its rows against them.

    Args:
        kept: the rows of the ledger's four tables, each value of its column's type.
    """

    def __init__(self, kept: Mapping[str, Rows]) -> None:
        self._kept = kept
        self._payments = kept["payments"]
        self._settled: dict[int, Status] = {}
        self._told = dict.fromkeys(_LISTED, 0)
        nothing = bytes(8 * len(self._payments))
        self._taken = {type_: array("q", nothing) for type_ in _LISTED}
        self._latest = 0

    def check(self) -> Iterator[None]:
        """Go through all of it, with a breath now and then.

        Raises:
            InvalidRequest: two rows contradict each other, or a status has no event.
        """
        for number, row in enumerate(self._kept["events"]):
            where = f"/ledger/events/{number}"
            if len(row) == MADE_BY_HAND:
                self._pass(where, at=row[-1])
            else:
                self._hear(where, *row)
            if number % SLICE == 0:
                yield
        for type_, table in _LISTED.items():
            if self._told[type_] != len(self._kept[table]):
                _refuse(f"/ledger/{table}", f"one {type_} event for each")
        for number, row in enumerate(self._payments):
            self._close(number, row)
            if number % SLICE == 0:
                yield

    def _hear(self, where: str, type_: str, payment: int, at: int, nth: int) -> None:
        if payment >= len(self._payments):
            _refuse(where, "a payment that is there")
        at -= at % SECOND
        if at < max(self._latest, self._payments[payment][0]):
            _refuse(where, "to be later than its payment and than the event before")
        self._latest = at
        kind = EventType(type_)
        if (status := _SETTLES.get(kind)) is not None:
            self._settle(where, payment, status)
        else:
            self._take(where, kind, payment, at, nth)

    def _pass(self, where: str, at: int) -> None:
        """An event that was made by hand tells of nothing in the ledger; it has its time."""
        at -= at % SECOND
        if at < self._latest:
            _refuse(where, "to be later than the event before")
        self._latest = at

    def _settle(self, where: str, payment: int, status: Status) -> None:
        if payment in self._settled:
            _refuse(where, "one event that settles a payment, and this is another")
        self._settled[payment] = status

    def _take(self, where: str, kind: EventType, payment: int, at: int, nth: int) -> None:
        rows = self._kept[_LISTED[kind]]
        if nth != self._told[kind] or nth >= len(rows):
            _refuse(where, f"the next row of {_LISTED[kind]}, each told of once and in order")
        self._told[kind] += 1
        about, amount, created, reason, text = rows[nth]
        if about != payment or created != at:
            _refuse(where, f"the payment and the date of {_LISTED[kind]}/{nth}")
        if self._settled.get(payment) is not Status.COMPLETED:
            _refuse(where, "a payment that has completed before")
        if not amount:
            _refuse(f"/ledger/{_LISTED[kind]}/{nth}", "an amount")
        if not isinstance(reason, _REASON[kind]) or not isinstance(text, str | None):
            _refuse(f"/ledger/{_LISTED[kind]}/{nth}", "a reason that is a text")
        self._taken[kind][payment] += amount

    def _close(self, number: int, row: Sequence[Any]) -> None:
        where = f"/ledger/payments/{number}"
        status = Status(row[4])
        refunded, charged_back, failure = row[7:]
        if self._settled.get(number, Status.PENDING) is not status:
            is_pending = status is Status.PENDING
            _refuse(
                where,
                "no event while it is pending" if is_pending else f"one event saying {status}",
            )
        if not isinstance(failure, str if status is Status.FAILED else NoneType):
            _refuse(where, "the code that it failed with, where it failed and nowhere else")
        if refunded != self._taken[EventType.REFUND_CREATED][number]:
            _refuse(where, "to have given back what its refunds say")
        if charged_back != self._taken[EventType.CHARGEBACK_CREATED][number]:
            _refuse(where, "to have lost what its chargebacks say")


def _refuse(where: str, expected: str) -> NoReturn:
    raise InvalidRequest(f"{where}: expected {expected}.")
