"""Owns the journal: the last requests of one world and what was answered, cards masked."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final
from urllib.parse import unquote_plus

import orjson

from payments_sandbox.core.ids import IdSequence
from payments_sandbox.core.instants import LAST, Instant
from payments_sandbox.payments.cards import mask, mask_in

KEPT: Final = 1_000
"""Requests a world remembers; older ones are dropped and counted."""

TEXT_KEPT: Final = 2_048
_NUMBER_KEYS: Final = frozenset({"cardnumber", "number", "pan"})
_HIDDEN_KEYS: Final = _NUMBER_KEYS | {
    "cardcvc", "cardcvv", "csc", "cvc", "cvc2", "cvccode", "cvv", "cvv2", "cvvcode", "securitycode",
}  # fmt: skip
_HEADERS_HIDDEN: Final = frozenset({"authorization", "sandbox-token", "cookie"})
_ID: Final = re.compile(r"((?:pay|ref|evt|chb|req)_[0-9a-f]{16})")
_PIECES: Final = re.compile(r"[^/?&;,#]+")
"""What stands between the separators of paths, queries and headers: a word or `name=value`."""


WhyNot = tuple[str, str, str]
"""A rule that did not answer: its scenario, its name, and why not."""

Headers = Sequence[tuple[bytes, bytes]]
"""Header lines as they came, or as a snapshot kept them."""


class Entry:
    """One request and its answer; the rim adds `duration_ms` when the answer has left.

    `body` is the masked JSON value, or masked text when it was not JSON. `wall` is the real time of
    its arrival, `leaked` says that a card number stood where text belongs. `considered` are the
    rules that did not answer it. `error_code` and `error_details` are those of an error that was
    answered, `payment_status` is that of the payment in its path, once the call was performed.
    """

    __slots__ = (
        "at",
        "body",
        "card",
        "committed",
        "considered",
        "duration_ms",
        "error_code",
        "error_details",
        "fault",
        "headers",
        "leaked",
        "method",
        "number",
        "operation",
        "path",
        "payment_status",
        "reply_body",
        "reply_headers",
        "rule",
        "status",
        "step",
        "wall",
    )  # fmt: skip

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
        self.body: object = None
        self.card: str | None = None
        self.status: int | None = None
        self.reply_headers: Mapping[str, str] = {}
        self.reply_body = b""
        self.fault: str | None = None
        self.rule: str | None = None
        self.step: int | None = None
        self.committed: bool | None = None
        self.leaked = False
        self.error_code: str | None = None
        self.error_details: str | None = None
        self.payment_status: str | None = None
        self.considered: Iterable[WhyNot] = ()
        self.duration_ms: float | None = None

    def abandon(self) -> None:
        """The reply was held, and the client left or the world ended before it was sent."""
        self.status, self.reply_headers, self.reply_body = None, {}, b""
        self.error_code = self.error_details = None
        self.fault = "abandoned"

    def replied(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """What a fault has sent in place of the reply: any text, card numbers in it masked."""
        self.status = status
        self.reply_headers = {str(name): mask_in(value) for name, value in headers.items()}
        self.reply_body = mask_in(body.decode("utf-8", "replace")).encode()


class Journal:
    """A ring of entries; numbers go on counting when old entries fall out."""

    __slots__ = ("_entries", "_ids", "count")

    def __init__(self, seed: int) -> None:
        self._ids = IdSequence("req_", seed)
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self.count = 0

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
        self.count = 0

    def snapshot(self) -> dict[str, object]:
        """The counter and every entry, masked."""
        return {"count": self.count, "entries": [_kept(entry) for entry in self._entries]}

    def restore(self, count: int, entries: Iterable[Mapping[str, object]]) -> Iterator[None]:
        """Take over a snapshot, with a breath after each entry: bodies may be large.

        Raises:
            ValueError, KeyError, TypeError: it is not one, or its numbers have gaps.
        """
        self.clear()
        for entry in entries:
            self._entries.append(_rebuilt(entry))
            yield
        self.count = int(count)
        if [entry.number for entry in self._entries] != list(range(self.dropped, self.count)):
            raise ValueError("the journal's entries are not numbered as they are counted")


def shown_headers(headers: Headers) -> dict[str, str]:
    """Header lines as text: credentials shortened, card numbers masked, doubles joined."""
    shown: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("utf-8", "replace")
        if name.lower() in _HEADERS_HIDDEN:
            value = f"{value[:15]}…" if value.startswith("Bearer sk_test_") else "…"
        elif (plain := _plain(name.lower().removeprefix("x-"))) in _HIDDEN_KEYS:
            value = str(_hidden(value, plain))
        name, text = mask_in(name), masked_target(value)
        shown[name] = f"{shown[name]}, {text}" if name in shown else text
    return shown


def masked_target(text: str) -> str:
    """A path and query, or a header's value, without card numbers and security codes.

    It is as it came unless there is something to hide; what is hidden is shown decoded.
    """
    shown = _PIECES.sub(_masked_piece, text) if "=" in text or "%" in text else text
    plain = unquote_plus(shown) if "%" in shown or "+" in shown else shown
    # Decoding can bring more to light: a whole address as a value, a number in groups.
    decoded = mask_in(_PIECES.sub(_masked_piece, plain) if plain is not shown else plain)
    return shown if decoded == plain else decoded


def _masked_piece(found: re.Match[str]) -> str:
    piece = found[0]
    name, _, value = (unquote_plus(piece) if "%" in piece else piece).partition("=")
    if not value or (plain := _plain(name.replace("+", " "))) not in _HIDDEN_KEYS:
        return piece
    return f"{name}={_hidden(value, plain)}"


def _plain(key: str) -> str:
    """A key as `_HIDDEN_KEYS` has it; of a path such as `card[cvc]` or `card.cvc` the last part."""
    plain = key.lower().replace("_", "").replace("-", "").replace(" ", "")
    return plain if plain.isalnum() else (re.findall(r"\w+", plain) or [""])[-1]


def masked(value: object, key: str = "") -> object:
    """A JSON value without card numbers and security codes, whatever the keys are called."""
    plain = _plain(key)
    if plain in _HIDDEN_KEYS:
        return _hidden(value, plain)
    if isinstance(value, str):
        return mask_in(value)
    if isinstance(value, dict):
        return masked_object(value)
    if isinstance(value, list):
        return [masked(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return _number_or_mask(value)


def _number_or_mask(value: object) -> object:
    """A number as the standard writer takes it; masked text where it holds a card number."""
    if "*" in (text := mask_in(str(value))):
        return text
    return float(value) if isinstance(value, Decimal) else value


def masked_object(value: Mapping[str, object]) -> dict[str, object]:
    """A JSON object without card numbers and security codes."""
    return {mask_in(name): masked(item, name) for name, item in value.items()}


def _hidden(value: object, key: str) -> object:
    """What stands under a key for card numbers or security codes."""
    if isinstance(value, str):
        return mask(value) if key in _NUMBER_KEYS else "*" * len(value)
    return None if value is None else "***"


def masked_text(body: bytes) -> str:
    """A body that is no JSON: its start, with every run of three or more digits masked."""
    text = mask_in(body[:TEXT_KEPT].decode("utf-8", "replace"))
    return re.sub(r"\d{3,}", lambda found: "*" * len(found.group()), text)


_KEPT_AS_IT_IS: Final[dict[str, object]] = {
    "number": int, "at": int, "operation": str | None, "method": str, "path": str, "body": object,
    "card": str | None, "status": int | None, "fault": str | None, "rule": str | None,
    "step": int | None, "committed": bool | None, "duration_ms": Decimal | float | int | None,
    "wall": int, "leaked": bool, "error_code": str | None, "error_details": str | None,
    "payment_status": str | None,
}  # fmt: skip


def _kept(entry: Entry) -> dict[str, object]:
    plain = {name: getattr(entry, name) for name in _KEPT_AS_IT_IS}
    return plain | {
        "headers": list(map(list, shown_headers(entry.headers).items())),
        "reply_headers": dict(entry.reply_headers),
        "reply_body": entry.reply_body.decode(),
        "considered": list(map(list, entry.considered)),
    }


def _masked_reply(text: str) -> str:
    """A reply as it was sent, unless somebody has put a card number into it; ids are never one."""
    parts = _ID.split(text)
    return "".join(part if place % 2 else mask_in(part) for place, part in enumerate(parts))


def _rebuilt(kept: Mapping[str, object]) -> Entry:
    headers = [(str(name).encode(), str(value).encode()) for name, value in kept["headers"]]  # type: ignore[attr-defined]  # a TypeError says so
    entry = Entry(Instant(0), None, "", "", headers)
    for name, kind in _KEPT_AS_IT_IS.items():
        if not isinstance(kept[name], kind):  # type: ignore[arg-type]  # a TypeError says so
            raise TypeError(f"{name} of an entry is of another kind")
        setattr(entry, name, mask_in(value) if isinstance(value := kept[name], str) else value)
    if entry.duration_ms is not None:
        entry.duration_ms = float(entry.duration_ms)  # a strict reader makes it a Decimal
    entry.path = masked_target(entry.path)
    entry.body = masked(kept["body"])
    entry.considered = [(mask_in(a), mask_in(b), mask_in(c)) for a, b, c in kept["considered"]]  # type: ignore[attr-defined]  # a TypeError says so
    reply_headers = dict(kept["reply_headers"])  # type: ignore[call-overload]  # a TypeError says so
    entry.reply_headers = {mask_in(name): mask_in(value) for name, value in reply_headers.items()}
    entry.reply_body = _masked_reply(str(kept["reply_body"])).encode()
    if not 0 <= entry.at <= LAST or not 0 <= entry.wall <= LAST:
        raise ValueError("an entry is of an instant that no clock reaches")
    is_ours = entry.status is not None and entry.fault is None
    if is_ours and not isinstance(orjson.loads(entry.reply_body), dict):
        raise ValueError("a reply is no JSON object")
    return entry
