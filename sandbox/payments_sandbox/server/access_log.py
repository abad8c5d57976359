"""Owns the log of requests: a short line for each answer of `/v3`, and for whoever is turned away.

The lines are for somebody who watches a terminal. What the server itself has to say goes to
`logging`, and what has become of a request in full is in the journal.
"""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from payments_sandbox.core.errors import SandboxError
from payments_sandbox.core.masking import mask_target, mask_text
from payments_sandbox.server.journal_json import body_json
from payments_sandbox.server.log_line import cut, outcome_of, request_line
from payments_sandbox.world.journal import Entry

_AT_FAULT: Final = {"unknown_host": "Host", "cross_site_request": "Origin"}
"""The header that a refusal is about; of keys and tokens nothing is repeated."""


class RequestLog:
    """Where the lines of one server go, if anybody wants them.

    Args:
        say: is given each line; None wants none.
    """

    def __init__(self, say: Callable[[str], None] | None) -> None:
        self._say = say

    def answered(self, entry: Entry, world: str | None = None) -> None:
        """A call to `/v3` that is in the journal of the world of this name, if it has one."""
        if self._say is not None:
            self._say(log_line(entry, world))

    def refused(self, request: web.BaseRequest, status: int, error: SandboxError) -> None:
        """A request to either API that no world was asked about."""
        if self._say is not None:
            self._say(refusal_line(request, status, error))


def log_line(entry: Entry, world: str | None = None) -> str:
    """The line of a request that is in the journal of the world of this name, if it has one."""
    return request_line(
        what=entry.operation or f"{entry.method} {entry.path.partition('?')[0]}",
        outcome=outcome_of(entry.status, entry.fault),
        reply=None if entry.status is None else body_json(entry.reply_body),
        card=entry.card,
        duration_ms=entry.duration_ms,
        world=world,
    )


def refusal_line(request: web.BaseRequest, status: int, error: SandboxError) -> str:
    """One line: method and path, status, code, what is wrong, and the header that is at fault."""
    path = mask_target(request.raw_path.partition("?")[0])
    line = f"{cut(f'{request.method} {path}')}  {status}  {error.code}  {error.details}"
    if (header := _AT_FAULT.get(error.code)) is None:
        return line
    given = request.headers.get(header, "").rpartition("@")[2]
    return f"{line}  {header}: {cut(mask_text(given)) or '(none)'}"
