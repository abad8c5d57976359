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
        what[:60].encode("unicode_escape").decode(),
        str(entry.status or entry.fault),
        _id_or_code(entry),
        entry.card,
        "" if entry.duration_ms is None else f"{entry.duration_ms:.1f} ms",
    )
    return "  ".join(part for part in parts if part)


def _shown_reply(entry: Entry) -> dict[str, object] | None:
    if entry.status is None:
        return None
    return {
        "status": entry.status,
        "headers": {"Content-Type": "application/json", **entry.reply_headers},
        "body": orjson.loads(entry.reply_body),
    }


def _id_or_code(entry: Entry) -> str | None:
    if entry.status is None:
        return None
    body: dict[str, Any] = orjson.loads(entry.reply_body)
    return str(body["error"]["code"]) if "error" in body else body.get("id")
