"""Owns the line that tells of one request to somebody at a terminal: `serve` and `logs` print it.

It knows no server and no HTTP library, so that a command which only asks one can print it too.
"""

from collections.abc import Mapping
from typing import Final

WIDEST: Final = 60
"""Signs that a line repeats of what a client has sent."""


def request_line(
    *,
    what: str,
    outcome: int | str | None,
    reply: Mapping[str, object] | None,
    card: str | None,
    duration_ms: float | None,
) -> str:
    """One short line: operation, status or fault, id or code, card, milliseconds.

    Args:
        what: the operation, or method and path where it is none.
        outcome: the status; where no reply was sent, the fault.
        reply: the body that was sent, if any.
        card: what may be said of the card, if there was one.
        duration_ms: how long it took, once it is over.
    """
    parts = (
        cut(what),
        str(outcome),
        None if reply is None else _id_or_code(reply),
        card,
        None if duration_ms is None else f"{duration_ms:.1f} ms",
    )
    return "  ".join(part for part in parts if part)


def cut(text: str) -> str:
    """The start of what a client has sent, and no sign that a terminal obeys."""
    return plain(text[:WIDEST])


def plain(text: str) -> str:
    """What somebody else has sent, without a sign that a terminal obeys."""
    return text.encode("unicode_escape").decode()


def _id_or_code(reply: Mapping[str, object]) -> str | None:
    found = reply.get("id")
    if isinstance(error := reply.get("error"), Mapping):
        found = error.get("code")
    return None if found is None else str(found)
