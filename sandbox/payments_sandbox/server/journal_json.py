"""Owns the JSON of journal entries and held calls, for the control API and the event stream."""

from typing import TYPE_CHECKING

import orjson

from payments_sandbox.contract.operations import nearest_call
from payments_sandbox.core.instants import show_milliseconds
from payments_sandbox.core.masking import mask_headers, mask_target

if TYPE_CHECKING:  # the command `logs` uses this module without importing the server
    from payments_sandbox.server.held_calls import PendingCall
    from payments_sandbox.world.journal import Entry
    from payments_sandbox.world.world import World


def entry_json(world: "World", entry: "Entry") -> dict[str, object]:
    """Return one entry as JSON, with card numbers masked.

    Some keys are optional: `world` if the world has a name, `nearest` if the request matched no
    operation, and `decided` if the call was held and its step was chosen by hand.
    """
    name = world.config.name
    return {
        "id": world.journal.id_of(entry),
        **({} if name is None else {"world": name}),
        "at": show_milliseconds(entry.at),
        "operation": entry.operation,
        **({} if entry.operation else {"nearest": nearest_call(entry.method, entry.path)}),
        **_request_json(entry),
        "response": _reply_json(entry),
        "fault": entry.fault,
        "rule": entry.rule,
        "step": entry.step,
        **({} if entry.decided is None else {"decided": entry.decided}),
        "committed": entry.committed,
        "considered": [{"rule": rule, "why_not": why} for _, rule, why in entry.considered],
        "duration_ms": None if entry.duration_ms is None else round(entry.duration_ms, 3),
    }


def held_call_json(pending: "PendingCall") -> dict[str, object]:
    """Return a held call as JSON: its request, with card numbers masked, and the step."""
    entry, selected = pending.held.entry, pending.held.selected
    return {
        "id": pending.id,
        "since": show_milliseconds(entry.wall),
        "until": show_milliseconds(pending.until),
        "operation": entry.operation,
        **_request_json(entry),
        "scenario": selected.scenario,
        "rule": selected.rule,
        "step": selected.position,
        "request_id": pending.request_id,
    }


def _request_json(entry: "Entry") -> dict[str, object]:
    return {
        "method": entry.method,
        "path": mask_target(entry.path),
        "request": {"headers": mask_headers(entry.headers), "body": entry.body},
    }


def _reply_json(entry: "Entry") -> dict[str, object] | None:
    if entry.status is None:
        return None
    headers = entry.reply_headers
    if entry.fault is None:
        headers = {"Content-Type": "application/json", **headers}
    return {"status": entry.status, "headers": headers, "body": body_json(entry.reply_body)}


def body_json(body: bytes) -> object:
    """Return the body as a JSON value, or its text if a fault made it invalid; None if empty."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode() or None
