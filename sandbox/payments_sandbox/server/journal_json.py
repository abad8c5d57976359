"""Owns how a journal entry looks, in the control API and the stream."""

import orjson

from payments_sandbox.core.instants import show_milliseconds
from payments_sandbox.core.masking import mask_headers, mask_target
from payments_sandbox.world.journal import Entry, Journal


def entry_json(journal: Journal, entry: Entry) -> dict[str, object]:
    """One entry as JSON: `request` and `response` with cards masked."""
    return {
        "id": journal.id_of(entry),
        "at": show_milliseconds(entry.at),
        "operation": entry.operation,
        "method": entry.method,
        "path": mask_target(entry.path),
        "request": {"headers": mask_headers(entry.headers), "body": entry.body},
        "response": _reply_json(entry),
        "fault": entry.fault,
        "rule": entry.rule,
        "step": entry.step,
        "committed": entry.committed,
        "considered": [{"rule": rule, "why_not": why} for _, rule, why in entry.considered],
        "duration_ms": None if entry.duration_ms is None else round(entry.duration_ms, 3),
    }


def _reply_json(entry: Entry) -> dict[str, object] | None:
    if entry.status is None:
        return None
    headers = entry.reply_headers
    if entry.fault is None:
        headers = {"Content-Type": "application/json", **headers}
    return {"status": entry.status, "headers": headers, "body": body_json(entry.reply_body)}


def body_json(body: bytes) -> object:
    """A JSON value; a fault's reply may be any text instead, or none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode() or None
