"""Owns the storage of refunds, chargebacks and events: rows of numbers in arrays, found by id."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from payments_sandbox.core.ids import IdSequence
from payments_sandbox.core.instants import EPOCH, LAST, Instant
from payments_sandbox.core.strict_json import json_bytes
from payments_sandbox.payments.events import EventType

_TYPES: Final = tuple(EventType)
_NAMES: Final = tuple(type_.value for type_ in _TYPES)
_CODE_OF: Final = {type_: code for code, type_ in enumerate(_TYPES)}
_EVENT_COLUMNS: Final = ("_type", "_payment", "_at", "_nth")
"""The attributes that hold one item for each event, at `number - first`."""

_MADE: Final = 255
"""The type code of an event that was made by hand."""


class RecordTable:
    """Refunds or chargebacks by number: payment, amount, date, reason and description."""

    __slots__ = ("_amount", "_created", "_ids", "_notes", "_payment")

    def __init__(self, ids: IdSequence) -> None:
        self._ids = ids
        self._payment, self._amount, self._created = array("i"), array("I"), array("q")
        self._notes: list[bytes] = []

    def __len__(self) -> int:
        return len(self._payment)

    def id_of(self, number: int) -> str:
        """The id of a number."""
        return self._ids.nth(number)

    def add(
        self, payment: int, amount: int, created: Instant, reason: str | None, text: str | None
    ) -> int:
        """Store a refund or chargeback and return its number."""
        self._payment.append(payment)
        self._amount.append(amount)
        self._created.append(created)
        self._notes.append(json_bytes((reason, text)))
        return len(self._payment) - 1

    def row(self, number: int) -> tuple[int, int, Instant, str | None, str | None]:
        """What `add` was given."""
        reason, text = orjson.loads(self._notes[number])
        created = Instant(self._created[number])
        return self._payment[number], self._amount[number], created, reason, text


class EventLog:
    """Events by number: type, payment, instant, and the number of the refund or chargeback.

    Events that were made by hand have any type, their own data, and no payment. Events that are put
    before the first one later have negative numbers.
    """

    __slots__ = (*_EVENT_COLUMNS, "_first", "_ids", "_made")

    def __init__(self, ids: IdSequence, first: int) -> None:
        self._ids = ids
        self._first = first
        self._type, self._payment = array("B"), array("i")
        self._at, self._nth = array("q"), array("I")
        self._made: list[bytes] = []

    @property
    def next_number(self) -> int:
        """The number that the next event will have."""
        return self._first + len(self._type)

    @property
    def numbers(self) -> range:
        """The numbers of all events, oldest first."""
        return range(self._first, self.next_number)

    @property
    def earliest(self) -> Instant:
        """When the first event happened; `LAST` if there is none."""
        return Instant(self._at[0]) if self._at else LAST

    @property
    def latest(self) -> Instant:
        """When the last event happened; `EPOCH` if there is none."""
        return Instant(self._at[-1] if self._at else 0)

    def id_of(self, number: int) -> str:
        """The id of a number."""
        return self._ids.nth(number)

    def number_of(self, event_id: str) -> int | None:
        """The number of the event with an id, or None."""
        number = self._ids.number_of(event_id, self._first)
        return number if number in self.numbers else None

    def add(self, type_: EventType, payment: int, at: Instant, nth: int = 0) -> None:
        """Store an event; `nth` is the number of its refund or chargeback."""
        self._type.append(_CODE_OF[type_])
        self._payment.append(payment)
        self._at.append(at)
        self._nth.append(nth)

    def add_made(self, type_: str, data: dict[str, object], at: Instant) -> None:
        """Store an event that was made by hand."""
        self._type.append(_MADE)
        self._payment.append(0)
        self._at.append(at)
        self._nth.append(len(self._made))
        self._made.append(json_bytes((type_, data)))

    def made(self, number: int) -> tuple[str, dict[str, object], Instant] | None:
        """What `add_made` was given; None if the event was not made by hand."""
        place = number - self._first
        if self._type[place] != _MADE:
            return None
        type_, data = orjson.loads(self._made[self._nth[place]])
        return type_, data, Instant(self._at[place])

    def row(self, number: int) -> tuple[EventType, int, Instant, int]:
        """What `add` was given."""
        place = number - self._first
        at = Instant(self._at[place])
        return _TYPES[self._type[place]], self._payment[place], at, self._nth[place]

    def last(self, type_: EventType, payment: int) -> int | None:
        """The number of the last event of a type about a payment, or None."""
        code, place = _CODE_OF[type_], len(self._type)
        while (place := bytes(self._type).rfind(code, 0, place)) >= 0:
            if self._payment[place] == payment:
                return self._first + place
        return None

    def put_before(self, past: "EventLog") -> None:
        """Put the events of another log, which must be older, before those of this one."""
        self._first = past.numbers.start
        for column in _EVENT_COLUMNS:
            setattr(self, column, getattr(past, column) + getattr(self, column))

    def any_row(self, number: int) -> tuple[object, ...]:
        """An event as a row of four plain values, or of three if it was made by hand."""
        if (made := self.made(number)) is not None:
            return made
        place = number - self._first
        name = _NAMES[self._type[place]]
        return name, self._payment[place], self._at[place], self._nth[place]

    def restore(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add the rows of a snapshot.

        Raises:
            ValueError, TypeError: a row is invalid, or its type is unknown.
        """
        for row in rows:
            match row:
                case [str(type_), int(payment), int(at), int(nth)] if EPOCH <= at <= LAST:
                    self.add(EventType(type_), payment, Instant(at), nth)
                case [str(type_), dict(data), int(at)] if EPOCH <= at <= LAST:
                    self.add_made(type_, data, Instant(at))
                case _:
                    raise ValueError("an event is invalid")
