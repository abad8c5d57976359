"""Owns what goes into the emulated API and what comes out: calls, results, replies, answers."""

from collections.abc import ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from payments_sandbox.core.errors import SandboxError
from payments_sandbox.core.ids import PaymentId
from payments_sandbox.core.instants import EPOCH, Instant
from payments_sandbox.payments.cards import Card
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

if TYPE_CHECKING:
    from payments_sandbox.rules.faults.fault import Fault
    from payments_sandbox.rules.step_search import SelectedStep


@dataclass(slots=True)
class Call:
    """One request to `/v3`, as any transport can describe it.

    Attributes:
        operation: the documented operation, or None for a path or method that has none.
        path: the path without its query; `query` is the raw query string behind it.
        headers: every header line, in order.
        body: the raw body, or the error that reading it ended in.
        allow: for a documented path with another method, the methods that would do.
        elsewhere: for a path that is not below `/v3`, what was probably meant: it counts against no
            limit, and nobody but the journal is told that it belongs to a world.
        payment_id: the path's payment, where it has one.
        payment: the number of that payment, or of the one that was made, from the operation.
        made: the id of the payment that was made.
        shown: the body as the journal may keep it, from an operation that knows; else the journal
            masks whatever came.
        leaked: a card number stood in a text field.
        connection: what tells the client's connections apart: its port; None without a network.
        at: the world's instant when the gateway answers it.
    """

    operation: str | None
    method: str
    path: str = field(repr=False)
    headers: Sequence[tuple[bytes, bytes]] = field(repr=False)
    query: str = field(default="", repr=False)
    body: bytes | SandboxError = field(default=b"", repr=False)
    allow: str | None = None
    elsewhere: str | None = field(default=None, repr=False)
    payment_id: str = field(default="", repr=False)
    payment: int | None = None
    made: PaymentId | None = field(default=None, repr=False)
    shown: object = field(default=None, repr=False)
    leaked: bool = False
    connection: int | None = None
    at: Instant = field(default=EPOCH, repr=False)


class RateLimitHeaders(Mapping[str, str]):
    """The documented rate-limit headers, kept as three numbers until somebody reads them.

    Args:
        limit: requests of a window.
        remaining: what is left of them.
        reset_at: when the window turns, in epoch seconds of the world's clock.
    """

    __slots__ = ("limit", "remaining", "reset_at")

    def __init__(self, limit: int, remaining: int, reset_at: int) -> None:
        self.limit = limit
        self.remaining = remaining
        self.reset_at = reset_at

    def __getitem__(self, name: str) -> str:
        return self._as_dict()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._as_dict())

    def __len__(self) -> int:
        return len(self._as_dict())

    def items(self) -> ItemsView[str, str]:
        """All of them, made once: `dict` makes all again for each that it reads by its name."""
        return self._as_dict().items()

    def _as_dict(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_at),
        }


class Reply(NamedTuple):
    """What the documented API says: a status and a JSON body."""

    status: int
    body: bytes


@dataclass(slots=True)
class CallResult:
    """What an operation came to.

    Attributes:
        reply: its reply, or the error it ended in; None when it was neither performed nor answered.
        card: the card it was about, once known to be one.
        selected: the rule and step that answered, if one did.
        committed: whether the operation happened; None where nothing could.
        fault: what the server does to the connection in place of sending the reply.
        delay: wall milliseconds to hold the reply.
        hold: wall milliseconds to keep the call, of which nothing has happened yet.
    """

    reply: Reply | SandboxError | None
    card: Card | None = None
    selected: "SelectedStep | None" = None
    committed: bool | None = None
    fault: "Fault | None" = None
    delay: int = 0
    hold: int = 0


class HeldCall(NamedTuple):
    """A call that a step keeps before anything has happened; `Gateway.go_on` lets it happen.

    Attributes:
        world, entry: whose call it is, and its record, which is not in the journal yet.
        selected: the step that keeps it.
        lasts: for how many wall milliseconds.
    """

    world: World
    call: Call
    entry: Entry
    selected: "SelectedStep"
    lasts: int


@dataclass(slots=True)
class Answer:
    """What the server sends for a call, or does instead.

    Attributes:
        headers: the documented ones; the server adds content type and length.
        entry: the record of the call.
        delay: wall milliseconds to hold the reply.
        fault: what to do to the connection in place of sending the reply.
        close: the connection cannot be used again, because the request was not read to its end.
    """

    reply: Reply
    headers: Mapping[str, str]
    entry: Entry
    delay: int = 0
    fault: "Fault | None" = None
    close: bool = False


class Refusal(NamedTuple):
    """What the server sends for what is no call of a world; `close` is as in `Answer`."""

    reply: Reply
    headers: Mapping[str, str]
    close: bool = False
