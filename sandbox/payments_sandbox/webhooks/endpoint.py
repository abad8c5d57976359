"""Owns webhook endpoints as values: URL, subscribed events, signature and retries."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from payments_sandbox.core.instants import DAY, EPOCH, SECOND, Instant
from payments_sandbox.webhooks.retry_policy import DELAYS
from payments_sandbox.webhooks.signing import STANDARD, Signing

INBOX: Final = "inbox:"
"""The start of a URL of a built-in receiver."""

INBOX_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

TIMEOUT: Final = 10 * SECOND
"""How many wall milliseconds a receiver may take to answer."""

ROTATION: Final = DAY
"""How many virtual milliseconds a rotated secret stays valid together with the new one."""


class TimestampClock(StrEnum):
    """The clock that the timestamp of a signature is taken from."""

    WALL = "wall"
    WORLD = "world"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One webhook endpoint of a world.

    Attributes:
        number: its number in the world, from 0, from which its `id` is made.
        url: an http or https URL, or `inbox:NAME` for a built-in receiver.
        inbox: the name of the built-in receiver that the URL leads to, or None.
        events: the subscribed events; `payment.*` stands for all about payments, `*` for all.
        secret: the secret for signatures.
        previous, previous_until: the secret before the last rotation, and the end of its validity.
        headers: further headers to send, by name.
        delays: the retry schedule, in virtual milliseconds.
        timeout: how many wall milliseconds its receiver may take.
        timestamp: the clock that its receiver uses, by which signatures are dated.
    """

    number: int
    id: str
    url: str
    secret: str
    inbox: str | None = None
    events: tuple[str, ...] = ("*",)
    description: str | None = None
    enabled: bool = True
    signing: Signing = STANDARD
    headers: tuple[tuple[str, str], ...] = ()
    previous: str | None = None
    previous_until: Instant = EPOCH
    rotations: int = 0
    delays: tuple[int, ...] = DELAYS
    timeout: int = TIMEOUT
    timestamp: TimestampClock = TimestampClock.WALL

    def wants(self, event: str) -> bool:
        """Whether the endpoint subscribes to events of this type."""
        family = event.partition(".")[0] + ".*"
        return any(each in ("*", family, event) for each in self.events)

    def secrets_at(self, now: Instant) -> tuple[str, ...]:
        """The valid secrets, newest first."""
        if self.previous is not None and now < self.previous_until:
            return self.secret, self.previous
        return (self.secret,)
