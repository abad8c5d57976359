"""Owns the log of requests: a short line for each answer of `/v3`, and for whoever is turned away.

The lines are for somebody who watches a terminal. What the server itself has to say goes to
`logging`, and what has become of a request in full is in the journal.
"""

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from sandbox.domain.cards import mask_in
from sandbox.domain.errors import SandboxError
from sandbox.engine.journal import Entry, masked_target
from sandbox.web.journal_view import shown_body

WIDEST: Final = 60
"""Signs that a line repeats of what a client has sent."""

_AT_FAULT: Final = {"unknown_host": "Host", "cross_site_request": "Origin"}
"""The header that a refusal of the door is about; of keys and tokens nothing is repeated."""


class RequestLog:
    """Where the lines of one server go, if anybody wants them.

    Args:
        say: is given each line; None wants none.
    """

    def __init__(self, say: Callable[[str], None] | None) -> None:
        self._say = say

    def answered(self, entry: Entry) -> None:
        """A call to `/v3` that is in some world's journal."""
        if self._say is not None:
            self._say(log_line(entry))

    def refused(self, request: web.BaseRequest, status: int, error: SandboxError) -> None:
        """A request to either API that no world was asked about."""
        if self._say is not None:
            self._say(refusal_line(request, status, error))


def log_line(entry: Entry) -> str:
    """One short line: operation, status or fault, id or code, card, milliseconds."""
    what = entry.operation or f"{entry.method} {entry.path.partition('?')[0]}"
    parts = (
        _cut(what),
        " ".join(str(each) for each in (entry.status, entry.fault) if each is not None),
        _id_or_code(entry),
        entry.card,
        "" if entry.duration_ms is None else f"{entry.duration_ms:.1f} ms",
    )
    return "  ".join(part for part in parts if part)


def refusal_line(request: web.BaseRequest, status: int, error: SandboxError) -> str:
    """One line: method and path, status, code, what is wrong, and the header that is at fault."""
    path = masked_target(request.raw_path.partition("?")[0])
    line = f"{_cut(f'{request.method} {path}')}  {status}  {error.code}  {error.details}"
    if (header := _AT_FAULT.get(error.code)) is None:
        return line
    given = request.headers.get(header, "").rpartition("@")[2]
    return f"{line}  {header}: {_cut(mask_in(given)) or '(none)'}"


def _cut(text: str) -> str:
    """The start of what a client has sent, and no sign that a terminal obeys."""
    return text[:WIDEST].encode("unicode_escape").decode()


def _id_or_code(entry: Entry) -> str | None:
    body: Any = None if entry.status is None else shown_body(entry.reply_body)
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    shown = error.get("code") if isinstance(error, dict) else body.get("id")
    return _cut(shown) if isinstance(shown, str) else None
