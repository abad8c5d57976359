"""Owns refunds, chargebacks and events at rest: rows of numbers in arrays, found by id."""

from array import array
from collections.abc import Iterable
from typing import Final

import orjson

from sandbox.domain.events import EventType
from sandbox.domain.ids import IdSequence
from sandbox.domain.instants import Instant

_TYPES: Final = tuple(EventType)
_CODE_OF: Final = {type_: code for code, type_ in enumerate(_TYPES)}


class Reversals:
    """Refunds, or chargebacks: payment, amount, date, reason and description, by number."""

    __slots__ = ("_amount", "_created", "_ids", "_notes", "_payment")

    def __init__(self, ids: IdSequence) -> None:
        self._ids = ids
        self._payment, self._amount, self._created = array("I"), array("I"), array("q")
        self._notes: list[bytes] = []

    def __len__(self) -> int:
        return len(self._payment)

    def id_of(self, number: int) -> str:
        """The id of a number."""
        return self._ids.nth(number)

    def add(
        self, payment: int, amount: int, created: Instant, reason: str | None, text: str | None
    ) -> int:
        """Keep one; returns its number."""
        self._payment.append(payment)
        self._amount.append(amount)
        self._created.append(created)
        self._notes.append(bytes(memoryview(orjson.dumps((reason, text)))))
        return len(self._payment) - 1

    def row(self, number: int) -> tuple[int, int, Instant, str | None, str | None]:
        """What `add` was given."""
        reason, text = orjson.loads(self._notes[number])
        created = Instant(self._created[number])
        return self._payment[number], self._amount[number], created, reason, text


class EventLog:
    """Events: type, payment, instant, and which refund or chargeback it was, by number."""

    __slots__ = ("_at", "_ids", "_nth", "_payment", "_type")

    def __init__(self, ids: IdSequence) -> None:
        self._ids = ids
        self._type, self._payment = array("B"), array("I")
        self._at, self._nth = array("q"), array("I")

    def __len__(self) -> int:
        return len(self._type)

    @property
    def latest(self) -> Instant:
        """When the last event happened; the first instant of all when there is none."""
        return Instant(self._at[-1] if self._at else 0)

    def id_of(self, number: int) -> str:
        """The id of a number."""
        return self._ids.nth(number)

    def number_of(self, event_id: str) -> int | None:
        """The number behind an id, or None."""
        number = self._ids.number_of(event_id)
        return number if number is not None and number < len(self) else None

    def add(self, type_: EventType, payment: int, at: Instant, nth: int = 0) -> None:
        """Keep one."""
        self._type.append(_CODE_OF[type_])
        self._payment.append(payment)
        self._at.append(at)
        self._nth.append(nth)

    def row(self, number: int) -> tuple[EventType, int, Instant, int]:
        """What `add` was given."""
        at = Instant(self._at[number])
        return _TYPES[self._type[number]], self._payment[number], at, self._nth[number]

    def restore(self, rows: Iterable[tuple[str, int, Instant, int]]) -> None:
        """Take over the rows of a snapshot.

        Raises:
            ValueError: a type is not known.
        """
        for type_, payment, at, nth in rows:
            self.add(EventType(type_), payment, at, nth)
