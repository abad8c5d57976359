"""Owns the built-in webhook receivers of a world: what arrived, and how they answer."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import Instant

KEPT: Final = 1_000
"""How many messages an inbox remembers; older ones are dropped."""

MOST_INBOXES: Final = 100
"""How many inboxes a world may have."""
ANSWER: Final = 200
"""The status with which an inbox answers by default, even if the signature is wrong."""


class InboxMessage(NamedTuple):
    """A webhook that arrived.

    Attributes:
        number: its number in its inbox, from 0.
        received_at: the instant on the world's clock.
        reason: why its signature is invalid; None if it is valid.
        type: the type of the event, if the body has one.
    """

    number: int
    received_at: Instant
    headers: dict[str, str]
    body: bytes
    reason: str | None
    type: str | None


class WebhookInbox:
    """One built-in receiver."""

    __slots__ = ("_answers", "_is_changed", "_messages", "_reported", "count")

    def __init__(self) -> None:
        self._is_changed = True
        self._reported = 0
        self._messages: deque[InboxMessage] = deque(maxlen=KEPT)
        self._answers: deque[int] = deque()
        self.count = 0

    def receive(self, message: InboxMessage) -> int:
        """Store a message and return the status to answer with."""
        self._messages.append(message)
        self.count += 1
        self._is_changed = True
        return self._answers.popleft() if self._answers else ANSWER

    def since(self, number: int, type_: str | None) -> Iterator[InboxMessage]:
        """Yield the kept messages from a number on, of one type or of all, oldest first."""
        return (
            each
            for each in self._messages
            if each.number >= number and (type_ is None or each.type == type_)
        )

    def script(self, answers: Sequence[int]) -> None:
        """Answer the next messages with these statuses, one each."""
        self._answers = deque(answers)
        self._is_changed = True

    def take_changes(self) -> list[InboxMessage] | None:
        """Return the new messages since the last call; None if nothing has changed."""
        if not self._is_changed:
            return None
        new = list(self.since(self._reported, None))
        self._is_changed, self._reported = False, self.count
        return new

    @property
    def answers(self) -> list[int]:
        """The statuses of the next answers."""
        return list(self._answers)

    def restore(self, count: int, messages: Sequence[InboxMessage]) -> None:
        """Restore the messages of a snapshot."""
        self._messages = deque(messages, maxlen=KEPT)
        self.count = count


class Inboxes:
    """The built-in receivers of one world, by name; each exists once it is named."""

    __slots__ = ("_inboxes", "_removed")

    def __init__(self) -> None:
        self._inboxes: dict[str, WebhookInbox] = {}
        self._removed: list[str] = []

    def get_or_create(self, name: str) -> WebhookInbox:
        """Return the inbox with a name, and make it if it is new.

        Raises:
            InvalidRequest: the world already has as many as it may have.
        """
        if name not in self._inboxes and len(self._inboxes) >= MOST_INBOXES:
            raise InvalidRequest(
                f"/name: expected one of the {MOST_INBOXES} existing inboxes;"
                " DELETE /_sandbox/inbox/NAME removes one."
            )
        return self._inboxes.setdefault(name, WebhookInbox())

    def find(self, name: str) -> WebhookInbox | None:
        """The inbox with a name, or None if it does not exist."""
        return self._inboxes.get(name)

    def remove(self, name: str) -> None:
        """Empty an inbox and forget its script."""
        if self._inboxes.pop(name, None) is not None:
            self._removed.append(name)

    def take_changes(self) -> tuple[list[str], list[tuple[str, WebhookInbox, list[InboxMessage]]]]:
        """Return the changes since the last call.

        Returns:
            The names of removed inboxes, and each changed inbox with its new messages.
        """
        removed, self._removed = self._removed, []
        new = ((name, inbox, inbox.take_changes()) for name, inbox in self._inboxes.items())
        return removed, [(name, inbox, came) for name, inbox, came in new if came is not None]

    def items(self) -> list[tuple[str, WebhookInbox]]:
        """Every inbox with its name."""
        return list(self._inboxes.items())
