"""Owns the line that tells of one request to somebody at a terminal: `serve` and `logs` print it.

It knows no server and no HTTP library, so that a command which only asks one can print it too.
"""

from collections.abc import Mapping
from typing import Final

WIDEST: Final = 60
"""Signs that a line repeats of what a client has sent."""


def request_line(  # noqa: PLR0913 - each by its name
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
