"""Owns a built-in receiver of webhooks, as a test holds it."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from payments_sandbox.client.client import SandboxClient
from payments_sandbox.client.errors import WebhookNotReceived
from payments_sandbox.client.models import InboxMessageModel

__tracebackhide__ = True

MOST: Final = 1_000
"""Messages that an inbox keeps."""


class Inbox:
    """A receiver that is built in: it verifies what arrives, keeps it, and answers 200.

    Attributes:
        name: its name.
        url: what a webhook endpoint calls it.
    """

    def __init__(self, control: SandboxClient, name: str) -> None:
        self._control = control
        self.name = name
        self.url = f"inbox:{name}"

    @property
    def messages(self) -> list[InboxMessageModel]:
        """What has arrived, oldest first."""
        return self._control.read_inbox(self.name, limit=MOST)["data"]

    def wait(
        self, type: str | None = None, *, count: int = 1, within: str = "2s"
    ) -> list[InboxMessageModel]:
        """What has arrived, as soon as enough of it is there; of one type, or of all.

        Args:
            type: of the event, such as `payment.completed`.
            count: how many messages are enough.
            within: how long to wait, in wall time; at most `60s`.

        Raises:
            WebhookNotReceived: they did not come; the text says what did.
        """
        page = self._control.read_inbox(self.name, limit=MOST, type=type, wait=within, count=count)
        if len(page["data"]) < count:
            raise WebhookNotReceived(self._what_is_missing(len(page["data"]), type, count, within))
        return page["data"]

    def respond(self, *statuses: int) -> None:
        """Answer the next messages with these statuses, one each; later ones get 200."""
        self._control.script_inbox(self.name, statuses)

    def clear(self) -> None:
        """Forget what has arrived, and what was to be answered."""
        self._control.empty_inbox(self.name)

    def __repr__(self) -> str:
        return f"<Inbox {self.name}: {_counted(self.messages)}>"

    def _what_is_missing(self, arrived: int, wanted: str | None, count: int, within: str) -> str:
        what = "message" if wanted is None else wanted
        return "\n".join(
            [
                f"inbox {self.name!r}: {arrived} of {count} × {what} came within {within}.",
                f"  It has: {_counted(self.messages)}.",
                *self._why(),
            ]
        )

    def _why(self) -> Sequence[str]:
        """What keeps messages from coming, as far as the world can tell."""
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
        lines = [f"  Its endpoint wants: {wanted}."]
        if at:
            lines.append(f"  The clock is waited for: the next attempt is at {min(at)}.")
        elif due:
            first = due[0]
            lines.append(f"  The clock is waited for: {first['what']} is due at {first['at']}.")
        return lines


def _counted(messages: Sequence[InboxMessageModel]) -> str:
    """What there is of each type, and how much of it is not signed as it should be."""
    types = Counter(_type_of(each) for each in messages)
    forged = sum(not each["verified"] for each in messages)
    counts = ", ".join(f"{count} × {name}" for name, count in types.items()) or "nothing"
    return f"{counts} ({forged} not verified)" if forged else counts


def _type_of(message: InboxMessageModel) -> str:
    body = message["body"]
    return str(body.get("type", "no type")) if isinstance(body, dict) else "no JSON object"
