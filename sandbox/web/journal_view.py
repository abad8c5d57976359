"""Owns how a journal entry looks: in the control API and the stream, and as a line of the log."""

from typing import Any

import orjson

from sandbox.domain.cards import mask_in
from sandbox.domain.instants import show_instant
from sandbox.engine.journal import Entry, Journal, shown_headers


def shown_entry(journal: Journal, entry: Entry) -> dict[str, object]:
    """One entry as JSON: `request` and `response` with cards masked."""
    return {
        "id": journal.id_of(entry),
        "at": show_instant(entry.at),
        "operation": entry.operation,
        "method": entry.method,
        "path": mask_in(entry.path),
        "request": {"headers": shown_headers(entry.headers), "body": entry.body},
        "response": _shown_reply(entry),
        "fault": entry.fault,
        "rule": entry.rule,
        "step": entry.step,
        "committed": entry.committed,
        "considered": [],
        "duration_ms": entry.duration_ms,
    }


def log_line(entry: Entry) -> str:
    """One short line: operation, status or fault, id or code, card, milliseconds."""
    what = entry.operation or f"{entry.method} {entry.path.partition('?')[0]}"
    parts = (
        _plain(what),
        " ".join(str(each) for each in (entry.status, entry.fault) if each is not None),
        _id_or_code(entry),
        entry.card,
        "" if entry.duration_ms is None else f"{entry.duration_ms:.1f} ms",
    )
    return "  ".join(part for part in parts if part)


def _shown_reply(entry: Entry) -> dict[str, object] | None:
    if entry.status is None:
        return None
    headers = entry.reply_headers
    if entry.fault is None:
        headers = {"Content-Type": "application/json", **headers}
    return {"status": entry.status, "headers": headers, "body": _shown_body(entry.reply_body)}


def _shown_body(body: bytes) -> object:
    """A JSON value; a fault's reply may be any text instead, or none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode() or None


def _id_or_code(entry: Entry) -> str | None:
    body: Any = None if entry.status is None else _shown_body(entry.reply_body)
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    shown = error.get("code") if isinstance(error, dict) else body.get("id")
    return _plain(shown) if isinstance(shown, str) else None


def _plain(text: str) -> str:
    """Text from outside, fit for a line of a log."""
    return text[:60].encode("unicode_escape").decode()
