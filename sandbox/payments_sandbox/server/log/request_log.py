"""Owns who is told of each answer of `/v3`, each webhook, and each request that is turned away.

The lines are for somebody who watches a terminal: `serve` prints them, and `logs` makes the same of
the journal of a server that it asks. What the server itself has to say goes to `logging`, and what
has become of a request in full is in the journal.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from payments_sandbox.core.errors import SandboxError
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

if TYPE_CHECKING:  # nearly all servers have nobody who watches, and make no lines
    from aiohttp import web

    from payments_sandbox.webhooks.delivery import Delivery, DeliveryAttempt


def no_width() -> int | None:
    """The width of a log that is no terminal."""
    return None


class RequestLog:
    """Where the lines of one server go, if anybody wants them.

    Args:
        say: is given each line; None wants none.
        width: how many columns there are for it; None for as many as it has.
        is_coloured: whether it shows colours.
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
        """Whether anybody wants the lines."""
        return self._say is not None

    def answered(self, world: World, entry: Entry) -> None:
        """A call to `/v3` that is in a world's journal."""
        if self._say is not None:
            self._say(self._request(world, entry))

    def attempted(self, world: World, delivery: "Delivery", attempt: "DeliveryAttempt") -> None:
        """An attempt of a webhook that has ended."""
        if self._say is not None:
            self._say(self._webhook(world, delivery, attempt))

    def refused(self, request: "web.BaseRequest", status: int, error: SandboxError) -> None:
        """A request to either API that no world was asked about."""
        if self._say is not None:
            self._say(self._refusal(request, status, error))

    def _request(self, world: World, entry: Entry) -> str:
        from payments_sandbox.server.log import lines, text  # noqa: PLC0415 - for who watches

        line = lines.journal_line(world, entry)
        return text.format_line(line, self._width(), is_coloured=self._is_coloured)

    def _webhook(self, world: World, delivery: "Delivery", attempt: "DeliveryAttempt") -> str:
        from payments_sandbox.server.log import lines, text  # noqa: PLC0415 - for who watches

        line = lines.attempt_line(world, delivery, attempt)
        return text.format_webhook(line, self._width(), is_coloured=self._is_coloured)

    def _refusal(self, request: "web.BaseRequest", status: int, error: SandboxError) -> str:
        from payments_sandbox.server.log import lines, text  # noqa: PLC0415 - for who watches

        line = lines.refusal_line(request, status, error)
        return text.format_refusal(line, self._width(), is_coloured=self._is_coloured)
