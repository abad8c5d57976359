"""Owns webhook endpoints as values: where events go, which of them, and how they are signed."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from payments_sandbox.core.instants import DAY, EPOCH, SECOND, Instant
from payments_sandbox.webhooks.retry_policy import DELAYS
from payments_sandbox.webhooks.signing import STANDARD, Signing

INBOX: Final = "inbox:"
"""How the url of a built-in receiver starts."""

INBOX_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

TIMEOUT: Final = 10 * SECOND
"""Wall milliseconds that a receiver may take to answer."""

ROTATION: Final = DAY
"""Virtual milliseconds for which a rotated secret stays valid beside the new one."""


class TimestampClock(StrEnum):
    """Which clock the timestamp of a signature is of."""

    WALL = "wall"
    WORLD = "world"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One webhook endpoint of a world.

    Attributes:
        number: counted from 0 in the world; the `id` is made of it.
        url: http or https, or `inbox:NAME` for a built-in receiver.
        inbox: the name of the world's built-in receiver that the url means, or None.
        events: names of events; `payment.*` is all of payments, `*` all there are.
        secret: what it is signed with.
        previous, previous_until: the secret before the last rotation, and until when it is valid.
        headers: what is sent besides, by name.
        delays: the retry schedule, in virtual milliseconds.
        timeout: wall milliseconds.
        timestamp: the clock of its receiver, which signatures are dated by.
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
        """Whether the filter lets an event of this type through."""
        family = event.partition(".")[0] + ".*"
        return any(each in ("*", family, event) for each in self.events)

    def secrets_at(self, now: Instant) -> tuple[str, ...]:
        """The secrets that are valid, the newest first."""
        if self.previous is not None and now < self.previous_until:
            return self.secret, self.previous
        return (self.secret,)
