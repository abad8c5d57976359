"""Owns where a line goes for each answer of `/v3`, each webhook, and each request turned away.

The lines are for people at a terminal: `serve` prints them, and `logs` makes the same lines from
the journal of a running server. The server's own messages go to `logging`; the full story of a
request is in the journal.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from payments_sandbox.core.errors import SandboxError
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

if TYPE_CHECKING:  # most servers print no lines, and never import these modules
    from aiohttp import web

    from payments_sandbox.webhooks.delivery import Delivery, DeliveryAttempt


def no_width() -> int | None:
    """Return None, the width of a log that is not a terminal."""
    return None


class RequestLog:
    """Formats the lines of one server's log and passes them on, if they are wanted.

    Args:
        say: called with each line; None for no log.
        width: returns the columns that a line may take; None for no limit.
        is_coloured: whether lines are coloured.
    """

    def __init__(
        self,
        say: Callable[[str], None] | None = None,
        width: Callable[[], int | None] = no_width,
        *,
        is_coloured: bool = False,
    ) -> None:
        self._say = say
        self._width = width
        self._is_coloured = is_coloured

    @property
    def is_wanted(self) -> bool:
        """Whether the lines go anywhere; if not, none are made."""
        return self._say is not None

    def answered(self, world: World, entry: Entry) -> None:
        """Log a call to `/v3` that is in a world's journal."""
        if self._say is not None:
            self._say(self._request(world, entry))

    def attempted(self, world: World, delivery: "Delivery", attempt: "DeliveryAttempt") -> None:
        """Log an attempt of a webhook that has ended."""
        if self._say is not None:
            self._say(self._webhook(world, delivery, attempt))

    def refused(self, request: "web.BaseRequest", status: int, error: SandboxError) -> None:
        """Log a request to either API that was refused before it reached a world."""
        if self._say is not None:
            self._say(self._refusal(request, status, error))

    def _request(self, world: World, entry: Entry) -> str:
        from payments_sandbox.server.log import lines, text  # noqa: PLC0415 - most servers have no log

        line = lines.journal_line(world, entry)
        return text.format_line(line, self._width(), is_coloured=self._is_coloured)

    def _webhook(self, world: World, delivery: "Delivery", attempt: "DeliveryAttempt") -> str:
        from payments_sandbox.server.log import lines, text  # noqa: PLC0415 - as above

        line = lines.attempt_line(world, delivery, attempt)
        return text.format_webhook(line, self._width(), is_coloured=self._is_coloured)

    def _refusal(self, request: "web.BaseRequest", status: int, error: SandboxError) -> str:
        from payments_sandbox.server.log import lines, text  # noqa: PLC0415 - as above

        line = lines.refusal_line(request, status, error)
        return text.format_refusal(line, self._width(), is_coloured=self._is_coloured)
