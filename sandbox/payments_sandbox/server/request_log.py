"""Owns the log of requests: a line for each answer of `/v3`, and for whoever is turned away.

The lines are for somebody who watches a terminal: `serve` prints them, and `logs` makes the same of
the journal of a server that it asks. What the server itself has to say goes to `logging`, and what
has become of a request in full is in the journal.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from payments_sandbox.core.errors import SandboxError
from payments_sandbox.core.masking import mask_target, mask_text
from payments_sandbox.server.journal_json import body_json
from payments_sandbox.world.journal import Entry

if TYPE_CHECKING:  # `logs` needs no HTTP library for its lines
    from aiohttp import web

WIDEST: Final = 60
"""Signs that a line repeats of what a client has sent."""

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
            self._say(journal_line(entry, world))

    def refused(self, request: "web.BaseRequest", status: int, error: SandboxError) -> None:
        """A request to either API that no world was asked about."""
        if self._say is not None:
            self._say(refusal_line(request, status, error))


def journal_line(entry: Entry, world: str | None = None) -> str:
    """The line of a request that is in the journal of the world of this name, if it has one."""
    return format_line(
        what=entry.operation or f"{entry.method} {entry.path.partition('?')[0]}",
        outcome=outcome_of(entry.status, entry.fault),
        reply=None if entry.status is None else body_json(entry.reply_body),
        card=entry.card,
        duration_ms=entry.duration_ms,
        world=world,
    )


def refusal_line(request: "web.BaseRequest", status: int, error: SandboxError) -> str:
    """One line: method and path, status, code, what is wrong, and the header that is at fault."""
    path = mask_target(request.raw_path.partition("?")[0])
    line = f"{cut(f'{request.method} {path}')}  {status}  {error.code}  {error.details}"
    if (header := _AT_FAULT.get(error.code)) is None:
        return line
    given = request.headers.get(header, "").rpartition("@")[2]
    return f"{line}  {header}: {cut(mask_text(given)) or '(none)'}"


def format_line(  # noqa: PLR0913 - each by its name
    *,
    what: str,
    outcome: str,
    reply: object,
    card: str | None,
    duration_ms: float | None,
    world: str | None = None,
) -> str:
    """One short line: operation, status or fault, id or code, card, milliseconds, world.

    Args:
        what: the operation, or method and path where it is none.
        outcome: the status and the fault, as `outcome_of` has them.
        reply: the body that was sent, if any; a fault's need not be an object.
        card: what may be said of the card, if there was one.
        duration_ms: how long it took, once it is over.
        world: the name of its world, if that has one.
    """
    parts = (
        cut(what),
        outcome,
        _id_or_code(reply),
        card,
        None if duration_ms is None else f"{duration_ms:.1f} ms",
        world,
    )
    return "  ".join(part for part in parts if part)


def outcome_of(status: int | None, fault: str | None) -> str:
    """What was sent, and what was wrong with it or kept it from being sent."""
    return " ".join(str(each) for each in (status, fault) if each is not None)


def cut(text: str) -> str:
    """The start of what a client has sent, and no sign that a terminal obeys."""
    return plain(text[:WIDEST])


def plain(text: str) -> str:
    """What somebody else has sent, without a sign that a terminal obeys."""
    return text.encode("unicode_escape").decode()


def _id_or_code(reply: object) -> str | None:
    if not isinstance(reply, Mapping):
        return None
    error = reply.get("error")
    found = error.get("code") if isinstance(error, Mapping) else reply.get("id")
    return cut(found) if isinstance(found, str) else None
