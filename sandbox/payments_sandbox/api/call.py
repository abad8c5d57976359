"""Owns the inputs and outputs of the emulated API: calls, results, replies, answers."""

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
    """One request to `/v3`, independent of the transport.

    Attributes:
        operation: the documented operation, or None if the path or the method is undocumented.
        path: the path without its query; `query` is the raw query string.
        headers: every header line, in order.
        body: the raw body, or the error that occurred when it was read.
        allow: the methods to use instead, if the path is documented with another method.
        elsewhere: what was probably meant, for a path that is not below `/v3`. Such a call counts
            against no limit; it is journalled, but the reply has no headers of a world.
        payment_id: the payment in the path, if there is one.
        payment: the number of that payment, or of the new one; set by the operation.
        made: the id of the payment that was created.
        shown: the masked body for the journal, if the operation has made one; otherwise the
            journal masks the body itself.
        leaked: whether a text field contained a card number.
        connection: the client's port, which identifies its connection; None without a network.
        at: the world's instant when the gateway answers the call.
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
    """The documented rate-limit headers, kept as three numbers until they are read.

    Args:
        limit: how many requests a window has.
        remaining: how many of them remain.
        reset_at: when the next window begins, in epoch seconds of the world's clock.
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
        """Return all headers at once; `dict` would otherwise build them again for each name."""
        return self._as_dict().items()

    def _as_dict(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_at),
        }


class Reply(NamedTuple):
    """A reply of the documented API: a status and a JSON body."""

    status: int
    body: bytes


@dataclass(slots=True)
class CallResult:
    """The result of a call.

    Attributes:
        reply: the reply, or the error; None if the call was neither performed nor answered.
        card: the card of the payment, if it is valid.
        selected: the rule and step that answered, if one did.
        committed: whether the operation took effect; None if it has none, such as a read.
        fault: what the server does to the connection instead of sending the reply.
        delay: how many wall milliseconds to delay the reply.
        hold: how many wall milliseconds to hold the call, which has not had any effect yet.
    """

    reply: Reply | SandboxError | None
    card: Card | None = None
    selected: "SelectedStep | None" = None
    committed: bool | None = None
    fault: "Fault | None" = None
    delay: int = 0
    hold: int = 0


class HeldCall(NamedTuple):
    """A call that a step holds before it has any effect; `Gateway.go_on` lets it continue.

    Attributes:
        world, entry: the world of the call, and its record, which is not in the journal yet.
        selected: the step that holds it.
        lasts: for how many wall milliseconds it is held.
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
        headers: the documented headers; the server adds content type and length.
        entry: the journal's record of the call.
        delay: how many wall milliseconds to delay the reply.
        fault: what to do to the connection instead of sending the reply.
        close: whether the connection must be closed, because the request was not read to its end.
    """

    reply: Reply
    headers: Mapping[str, str]
    entry: Entry
    delay: int = 0
    fault: "Fault | None" = None
    close: bool = False


class Refusal(NamedTuple):
    """What the server sends for a request that is not a call of a world; `close` as in `Answer`."""

    reply: Reply
    headers: Mapping[str, str]
    close: bool = False
