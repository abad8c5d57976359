"""Owns `Inbox`: a built-in webhook receiver, as an object for tests."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from payments_sandbox.client.client import SandboxClient
from payments_sandbox.client.errors import WebhookNotReceived
from payments_sandbox.client.models import InboxMessageModel

__tracebackhide__ = True

MOST: Final = 1_000
"""Messages that an inbox keeps."""


class Inbox:
    """A built-in receiver: it verifies each webhook, keeps it, and answers 200.

    Attributes:
        name: its name.
        url: the `url` of webhook endpoints that send to it.
    """

    def __init__(self, control: SandboxClient, name: str) -> None:
        self._control = control
        self.name = name
        self.url = f"inbox:{name}"

    @property
    def messages(self) -> list[InboxMessageModel]:
        """The messages that arrived, oldest first."""
        return self._control.read_inbox(self.name, limit=MOST)["data"]

    def wait(
        self, type: str | None = None, *, count: int = 1, within: str = "2s"
    ) -> list[InboxMessageModel]:
        """Wait until enough messages have arrived, and return them.

        Args:
            type: the type of the events, such as `payment.completed`; all types by default.
            count: how many messages to wait for.
            within: how long to wait, in wall time; at most `60s`.

        Raises:
            WebhookNotReceived: too few arrived; the message says what did, and why no more.
        """
        page = self._control.read_inbox(self.name, limit=MOST, type=type, wait=within, count=count)
        if len(page["data"]) < count:
            raise WebhookNotReceived(self._what_is_missing(len(page["data"]), type, count, within))
        return page["data"]

    def respond(self, *statuses: int) -> None:
        """Answer the next messages with these statuses, one each; later ones get 200."""
        self._control.script_inbox(self.name, statuses)

    def clear(self) -> None:
        """Remove all messages and scripted answers."""
        self._control.empty_inbox(self.name)

    def __repr__(self) -> str:
        return f"<Inbox {self.name}: {_counted(self.messages)}>"

    def _what_is_missing(self, arrived: int, wanted: str | None, count: int, within: str) -> str:
        what = "message" if wanted is None else wanted
        return "\n".join(
            [
                f"inbox {self.name!r}: {arrived} of {count} × {what} arrived within {within}.",
                f"  It has: {_counted(self.messages)}.",
                *self._why(),
            ]
        )

    def _why(self) -> Sequence[str]:
        """Explain why messages did not arrive, as far as the world can tell."""
        endpoints = self._control.list_webhook_endpoints(limit=MOST)["data"]
        ours = [each for each in endpoints if each["url"].endswith((self.url, f"/{self.url}"))]
        if not ours:
            return [f"  No webhook endpoint sends to {self.url}."]
        enabled = [each for each in ours if each["enabled"]]
        if not enabled:
            return ["  Its endpoint is disabled."]
        wanted = ", ".join(event for each in enabled for event in each["events"])
        waiting = self._control.list_deliveries(status="pending", limit=MOST)["data"]
        at = [each["next_attempt_at"] for each in waiting if each["next_attempt_at"]]
        due = self._control.retrieve_clock()["due"]
        lines = [f"  Its endpoint receives: {wanted}."]
        if at:
            first_at = min(at, key=datetime.fromisoformat)
            lines.append(f"  The clock has to advance: the next attempt is at {first_at}.")
        elif due:
            first = due[0]
            lines.append(f"  The clock has to advance: {first['what']} is due at {first['at']}.")
        return lines


def _counted(messages: Sequence[InboxMessageModel]) -> str:
    """Count the messages of each type, and those with a wrong signature."""
    types = Counter(_type_of(each) for each in messages)
    forged = sum(not each["verified"] for each in messages)
    counts = ", ".join(f"{count} × {name}" for name, count in types.items()) or "nothing"
    return f"{counts} ({forged} not verified)" if forged else counts


def _type_of(message: InboxMessageModel) -> str:
    body = message["body"]
    return str(body.get("type", "no type")) if isinstance(body, dict) else "not a JSON object"
