"""Owns the journal: the last requests of one world and their answers, with cards masked."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

import orjson

from payments_sandbox.core.ids import IdSequence
from payments_sandbox.core.instants import Instant
from payments_sandbox.core.masking import Headers, mask_content, mask_header, mask_headers
from payments_sandbox.core.slices import Slices, rows_of
from payments_sandbox.rules.faults.fault import ABANDONED

KEPT: Final = 1_000
"""How many requests a world remembers; older ones are dropped and counted."""


WhyNot = tuple[str, str, str]
"""A rule that did not answer: its scenario, its name, and the reason."""


_AS_IT_IS: Final = (
    "number", "at", "wall", "operation", "method", "path", "card", "status", "fault", "rule",
    "step", "committed", "duration_ms", "leaked", "error_code", "error_details", "payment_status",
    "connection", "made", "decided",
)  # fmt: skip
"""The fields of an entry that a snapshot contains unchanged, except the body."""

_WRITTEN: Final = ("headers", "reply_headers", "reply_body", "considered")
"""The fields that a snapshot contains in another form."""

_plain_values: Final = attrgetter(*_AS_IT_IS)


class Entry:
    """One request and its answer.

    Attributes:
        wall: the real time of its arrival.
        body: the masked JSON value, or masked text if it was not JSON.
        leaked: whether a text field contained a card number.
        considered: the rules that did not answer it.
        connection: the client's port, which identifies its connection.
        made: the id of the payment that it created.
        error_code, error_details: those of the error that was its answer.
        payment_status: that of the payment in its path, or of the new one, after the call.
        decided: the step that a user chose for it while it was held, in the scenario language.
        duration_ms: how long it took; the server sets it once the answer has been sent.
    """

    __slots__ = (*_AS_IT_IS, *_WRITTEN, "_body")

    def __init__(
        self, at: Instant, operation: str | None, method: str, path: str, headers: Headers
    ) -> None:
        self.number = -1
        self.at = at
        self.wall = at
        self.operation = operation
        self.method = method
        self.path = path
        self.headers = headers
        self._body: object = None
        self.card: str | None = None
        self.status: int | None = None
        self.reply_headers: Mapping[str, str] = {}
        self.reply_body = b""
        self.fault: str | None = None
        self.rule: str | None = None
        self.step: int | None = None
        self.committed: bool | None = None
        self.leaked = False
        self.connection: int | None = None
        self.made: str | None = None
        self.error_code: str | None = None
        self.error_details: str | None = None
        self.payment_status: str | None = None
        self.considered: Iterable[WhyNot] = ()
        self.decided: Mapping[str, object] | None = None
        self.duration_ms: float | None = None

    @property
    def body(self) -> object:
        """The masked body; if it was set as the bytes of JSON, it is parsed at each access.

        A thousand entries are kept, and each new one frees the oldest, whose memory has left the
        processor's caches by then. The fewer objects an entry has, the faster every call is.
        """
        return orjson.loads(self._body) if isinstance(self._body, bytes) else self._body

    @body.setter
    def body(self, value: object) -> None:
        self._body = value

    def body_for_json(self) -> object:
        """The masked body for orjson, which can insert the bytes of JSON without parsing them."""
        return orjson.Fragment(self._body) if isinstance(self._body, bytes) else self._body

    def abandon(self) -> None:
        """Record that the client left, or the world ended, before the delayed reply was sent."""
        self.status, self.reply_headers, self.reply_body = None, {}, b""
        self.error_code = self.error_details = None
        self.fault = ABANDONED

    def replied(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Record a reply that a scenario or a fault has written: any text, which is masked here."""
        self.status = status
        self.reply_headers = {
            str(name): mask_header(name, value) for name, value in headers.items()
        }
        self.reply_body = mask_content(body)


class JournalChanges(NamedTuple):
    """What has changed in a journal.

    Attributes:
        entries: new entries, and known ones whose replies have been sent since.
        is_new: whether all earlier entries are to be forgotten.
    """

    entries: list[Entry]
    is_new: bool


class Journal:
    """A ring of entries, whose numbers keep counting when old entries are dropped."""

    __slots__ = ("_entries", "_ids", "_reported", "_restored", "_unanswered", "count")

    def __init__(self, seed: int) -> None:
        self._ids = IdSequence("req_", seed)
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self.count = self._restored = 0
        self._reported: int | None = None
        self._unanswered: list[Entry] = []

    @property
    def has_new_requests(self) -> bool:
        """Whether there were requests since the journal was made, cleared or restored."""
        return self.count > self._restored

    def add(self, entry: Entry) -> None:
        """Store an entry and give it its number."""
        entry.number = self.count
        self.count += 1
        self._entries.append(entry)

    def id_of(self, entry: Entry) -> str:
        """The `req_…` id of an entry."""
        return self._ids.nth(entry.number)

    def find(self, request_id: str) -> Entry | None:
        """The entry with an id, or None if it never existed or has been dropped."""
        number = self._ids.number_of(request_id)
        first = self.count - len(self._entries)
        if number is None or not first <= number < self.count:
            return None
        return self._entries[number - first]

    def since(self, number: int) -> Iterator[Entry]:
        """Yield the kept entries from a number on, oldest first."""
        first = self.count - len(self._entries)
        return (self._entries[n - first] for n in range(max(first, number), self.count))

    def before(self, number: int | None) -> Iterator[Entry]:
        """Yield the kept entries below a number, or all of them, newest first."""
        first = self.count - len(self._entries)
        top = self.count if number is None else number
        return (self._entries[n - first] for n in range(top - 1, first - 1, -1))

    @property
    def dropped(self) -> int:
        """How many entries have been dropped."""
        return self.count - len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forget every entry; ids start again."""
        self._entries.clear()
        self.count = self._restored = 0
        self._reported = None

    def take_changes(self, *, everything: bool = False) -> "JournalChanges":
        """Return the changes since the last call, or `everything`."""
        reported, self._reported = None if everything else self._reported, self.count
        new = list(self.since(reported or 0))
        waiting = [] if reported is None else self._unanswered
        answered = [each for each in waiting if each.duration_ms is not None]
        self._unanswered = [each for each in (*waiting, *new) if each.duration_ms is None]
        return JournalChanges([*new, *answered], reported is None)

    def mark_reported(self) -> None:
        """Let `take_changes` begin with the next entry: the present ones are stored already."""
        self._reported, self._unanswered = self.count, []

    def snapshotting(self) -> Slices[dict[str, object]]:
        """Return the counter and every entry, masked, in slices, as they are at the call."""
        return _snapshot(self.count, [_as_it_is(entry) for entry in self._entries])

    def restore(self, count: int, entries: Iterable[Mapping[str, Any]]) -> Iterator[None]:
        """Restore a snapshot; it yields after each entry, whose body may be large.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: it is not a valid snapshot.
        """
        self.clear()
        for entry in entries:
            self._entries.append(_rebuilt(entry))
            yield
        self.count = self._restored = count


class EntryRows(NamedTuple):
    """Masked entries as rows for JSON; `entry_of` turns a row into the form of a snapshot.

    Attributes:
        headers: the distinct headers of the entries: a client usually sends the same ones.
        rows: one row for each entry, with the position of its headers in `headers`.
    """

    headers: list[list[list[str]]]
    rows: list[tuple[object, ...]]


def entry_rows(entries: Iterable[Entry]) -> EntryRows:
    """Make the rows of entries."""
    headers: list[list[list[str]]] = []
    places: dict[int, int] = {}
    rows: list[tuple[object, ...]] = []
    for entry in entries:
        place = places.setdefault(id(entry.headers), len(headers))
        if place == len(headers):
            headers.append(_masked(entry.headers))
        reply = dict(entry.reply_headers.items()), entry.reply_body.decode(), list(entry.considered)
        rows.append((*_plain_values(entry), place, *reply, entry.body_for_json()))
    return EntryRows(headers, rows)


def entry_of(row: Iterable[object], headers: Sequence[object]) -> dict[str, Any]:
    """Turn a row into an entry of a snapshot; `headers` are those of all rows."""
    names = (*_AS_IT_IS, *_WRITTEN, "body")
    entry: dict[str, Any] = dict(zip(names, row, strict=True))
    entry["headers"] = headers[entry["headers"]]
    return entry


def _as_it_is(entry: Entry) -> dict[str, Any]:
    """Copy the fields of an entry, which may still change; they are masked later, in slices."""
    return {name: getattr(entry, name) for name in (*_AS_IT_IS, "body", *_WRITTEN)}


def _snapshot(count: int, entries: list[dict[str, Any]]) -> Slices[dict[str, object]]:
    return {"count": count, "entries": (yield from rows_of(entries, _row))}


def _masked(headers: Headers) -> list[list[str]]:
    return list(map(list, mask_headers(headers).items()))


def _row(plain: dict[str, Any]) -> dict[str, object]:
    return plain | {
        "headers": _masked(plain["headers"]),
        "reply_headers": dict(plain["reply_headers"].items()),
        "reply_body": plain["reply_body"].decode(),
        "considered": list(map(list, plain["considered"])),
    }


def _rebuilt(kept: Mapping[str, Any]) -> Entry:
    headers = [(name.encode(), value.encode()) for name, value in kept["headers"]]
    entry = Entry(Instant(0), None, "", "", headers)
    for name in (*_AS_IT_IS, "body"):
        setattr(entry, name, kept[name])
    if entry.duration_ms is not None:
        entry.duration_ms = float(entry.duration_ms)  # a strict reader returns an int or a Decimal
    entry.considered = [(scenario, rule, why) for scenario, rule, why in kept["considered"]]
    entry.reply_headers = dict(kept["reply_headers"])
    entry.reply_body = kept["reply_body"].encode()
    return entry
