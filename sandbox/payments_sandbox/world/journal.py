"""Owns the journal: the last requests of one world and what was answered, cards masked."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

import orjson

from payments_sandbox.core.ids import IdSequence
from payments_sandbox.core.instants import Instant
from payments_sandbox.core.masking import Headers, mask_content, mask_header, mask_headers
from payments_sandbox.core.slices import Slices, rows_of
from payments_sandbox.rules.faults.fault import ABANDONED

KEPT: Final = 1_000
"""Requests a world remembers; older ones are dropped and counted."""


WhyNot = tuple[str, str, str]
"""A rule that did not answer: its scenario, its name, and why not."""


_AS_IT_IS: Final = (
    "number", "at", "wall", "operation", "method", "path", "card", "status", "fault", "rule",
    "step", "committed", "duration_ms", "leaked", "error_code", "error_details", "payment_status",
    "connection", "made", "decided",
)  # fmt: skip
"""What a snapshot has of an entry as it is, but for its body."""

_WRITTEN: Final = ("headers", "reply_headers", "reply_body", "considered")
"""What it has in another form."""

_plain_values: Final = attrgetter(*_AS_IT_IS)


class Entry:
    """One request and its answer; the server adds `duration_ms` when the answer has left.

    `body` is the masked JSON value, or masked text when it was not JSON. `wall` is the real time of
    its arrival, `leaked` says that a card number stood where text belongs. `considered` are the
    rules that did not answer it. `connection` tells a client's connections apart. `made` is the
    payment that was made. `error_code` and `error_details` are those of an error that was
    answered, `payment_status` is that of the payment in its path, once the call was performed.
    `decided` is the step that somebody chose for it while it was held, as a scenario spells it.
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
        """What was sent, masked; where it was given as the bytes of JSON, it is read now.

        A thousand entries are kept, and each that comes frees the oldest one: memory that no cache
        has any more, so that few objects in an entry make every call quicker.
        """
        return orjson.loads(self._body) if isinstance(self._body, bytes) else self._body

    @body.setter
    def body(self, value: object) -> None:
        self._body = value

    def body_for_json(self) -> object:
        """The same for orjson, which need not read what is JSON already."""
        return orjson.Fragment(self._body) if isinstance(self._body, bytes) else self._body

    def abandon(self) -> Callable[[], None]:
        """The reply was held, and the client left or the world ended before it was sent.

        Returns:
            What takes that back, where the client was there all the same.
        """
        reply = self.status, self.reply_headers, self.reply_body
        error = self.error_code, self.error_details
        fault = self.fault

        def take_back() -> None:
            self.status, self.reply_headers, self.reply_body = reply
            self.error_code, self.error_details = error
            self.fault = fault

        self.status, self.reply_headers, self.reply_body = None, {}, b""
        self.error_code = self.error_details = None
        self.fault = ABANDONED
        return take_back

    def replied(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """What a fault has sent in place of the reply: any text, card numbers in it masked."""
        self.status = status
        self.reply_headers = {
            str(name): mask_header(name, value) for name, value in headers.items()
        }
        self.reply_body = mask_content(body)


class JournalChanges(NamedTuple):
    """What has changed in a journal.

    Attributes:
        entries: those that came, or whose replies were others in the end.
        timed: those of which nothing is new but how long they took.
        is_new: whether all entries before these are gone.
    """

    entries: list[Entry]
    timed: list[Entry]
    is_new: bool


_Reply = tuple[int | None, str | None, bytes]


def _reply_of(entry: Entry) -> _Reply:
    """The parts of an entry that may change until its reply has left."""
    return entry.status, entry.fault, entry.reply_body


class Journal:
    """A ring of entries; numbers go on counting when old entries fall out."""

    __slots__ = ("_entries", "_ids", "_reported", "_restored", "_unanswered", "count")

    def __init__(self, seed: int) -> None:
        self._ids = IdSequence("req_", seed)
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self.count = self._restored = 0
        self._reported: int | None = None
        self._unanswered: list[tuple[Entry, _Reply]] = []

    @property
    def has_new_requests(self) -> bool:
        """Whether there were requests since it was made, cleared or restored."""
        return self.count > self._restored

    def add(self, entry: Entry) -> None:
        """Keep an entry and number it."""
        entry.number = self.count
        self.count += 1
        self._entries.append(entry)

    def id_of(self, entry: Entry) -> str:
        """The `req_…` id of an entry."""
        return self._ids.nth(entry.number)

    def find(self, request_id: str) -> Entry | None:
        """The entry of an id, or None when it never was or has been dropped."""
        number = self._ids.number_of(request_id)
        first = self.count - len(self._entries)
        if number is None or not first <= number < self.count:
            return None
        return self._entries[number - first]

    def since(self, number: int) -> Iterator[Entry]:
        """Kept entries from a number on, oldest first."""
        first = self.count - len(self._entries)
        return (self._entries[n - first] for n in range(max(first, number), self.count))

    def before(self, number: int | None) -> Iterator[Entry]:
        """Kept entries below a number, or all, newest first."""
        first = self.count - len(self._entries)
        top = self.count if number is None else number
        return (self._entries[n - first] for n in range(top - 1, first - 1, -1))

    @property
    def dropped(self) -> int:
        """How many entries have fallen out of the ring."""
        return self.count - len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Forget every entry; ids start again."""
        self._entries.clear()
        self.count = self._restored = 0
        self._reported = None

    def take_changes(self, *, everything: bool = False) -> "JournalChanges":
        """Take the changes since the last call, or `everything`."""
        reported, self._reported = None if everything else self._reported, self.count
        new = list(self.since(reported or 0))
        waiting = [] if reported is None else self._unanswered
        others, timed = new, list[Entry]()
        for entry, reply in waiting:
            if entry.duration_ms is not None:
                (timed if _reply_of(entry) == reply else others).append(entry)
        known = [*waiting, *((each, _reply_of(each)) for each in new)]
        self._unanswered = [each for each in known if each[0].duration_ms is None]
        return JournalChanges(others, timed, reported is None)

    def mark_reported(self) -> None:
        """Let `take_changes` begin with the next entry: those that are here are known."""
        self._reported, self._unanswered = self.count, []

    def snapshotting(self) -> Slices[dict[str, object]]:
        """The counter and every entry, masked, as they are when this is called."""
        return _snapshot(self.count, [_as_it_is(entry) for entry in self._entries])

    def restore(self, count: int, entries: Iterable[Mapping[str, Any]]) -> Iterator[None]:
        """Take over a snapshot; others go first after each entry, whose body may be large.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: it is not one.
        """
        from payments_sandbox.world.entry_check import check_row  # noqa: PLC0415 - few are restored

        self.clear()
        for entry in entries:
            check_row(entry)
            self._entries.append(_rebuilt(entry))
            yield
        if [entry.number for entry in self._entries] != [*range(count - len(self), count)]:
            raise ValueError("entries are numbered as they came")
        self.count = self._restored = count


class EntryRows(NamedTuple):
    """Entries as rows for JSON, masked; `entry_of` makes of each what a snapshot has.

    Attributes:
        headers: those that the entries have come with. A client sends the same ones again and
            again, and the server keeps them once.
        rows: of each entry, with the place of its headers.
    """

    headers: list[list[list[str]]]
    rows: list[tuple[object, ...]]


def entry_rows(entries: Iterable[Entry]) -> EntryRows:
    """Make rows of entries."""
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
    """What a snapshot has of an entry, made of its row, and of the headers of all rows."""
    names = (*_AS_IT_IS, *_WRITTEN, "body")
    entry: dict[str, Any] = dict(zip(names, row, strict=True))
    entry["headers"] = headers[entry["headers"]]
    return entry


def _as_it_is(entry: Entry) -> dict[str, Any]:
    """All of an entry, which may change when its answer has left; what takes long is for later."""
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
        entry.duration_ms = float(entry.duration_ms)  # a strict reader makes it another number
    entry.considered = [(scenario, rule, why) for scenario, rule, why in kept["considered"]]
    entry.reply_headers = dict(kept["reply_headers"])
    entry.reply_body = kept["reply_body"].encode()
    return entry
