"""Owns the line that tells of one request to somebody at a terminal: `serve` and `logs` print it.

It knows no server and no HTTP library, so that a command which only asks one can print it too.
"""

from typing import Final

WIDEST: Final = 60
"""Signs that a line repeats of what a client has sent."""


def request_line(  # noqa: PLR0913 - the columns of a line, each by its name
    *,
    what: str,
    status: int | None,
    fault: str | None,
    reply: object,
    card: str | None,
    duration_ms: float | None,
) -> str:
    """One short line: operation, status and fault, id or code, card, milliseconds.

    Args:
        what: the operation, or method and path where it is none.
        status: of the reply, if one was sent.
        fault: what was done to the reply, or in its place.
        reply: the body that was sent, if any.
        card: what may be said of the card, if there was one.
        duration_ms: how long it took, once it is over.
    """
    parts = (
        cut(what),
        " ".join(str(each) for each in (status, fault) if each is not None),
        _id_or_code(reply),
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


def _id_or_code(reply: object) -> str | None:
    """What a reply tells of first; a scripted one can be any JSON, or none."""
    if not isinstance(reply, dict):
        return None
    error = reply.get("error")
    shown = error.get("code") if isinstance(error, dict) else reply.get("id")
    return cut(shown) if isinstance(shown, str) else None
