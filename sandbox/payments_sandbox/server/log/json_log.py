"""Owns the log of `--log json`: a JSON object for each request, webhook and refusal."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import orjson

from payments_sandbox.core.errors import SandboxError
from payments_sandbox.core.instants import Instant, show_milliseconds
from payments_sandbox.server.log.lines import (
    LogLine,
    WebhookLine,
    amount_of,
    attempt_line,
    customer_of,
    journal_line,
    pointed_field,
    refusal_line,
)
from payments_sandbox.server.log.request_log import RequestLog
from payments_sandbox.world.clock import WallClock
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

if TYPE_CHECKING:
    from aiohttp import web

    from payments_sandbox.webhooks.delivery import Delivery, DeliveryAttempt

LONGEST: Final = 255
"""How many characters of a client's text are repeated."""

_MOST: Final = 2**53
"""From here on, not every reader of JSON represents integers exactly."""


class JsonLog(RequestLog):
    """A log whose lines are JSON objects; their `kind` is request, webhook or refusal."""

    def __init__(self, say: Callable[[str], None], wall: WallClock) -> None:
        super().__init__(say)
        self._wall = wall

    def _request(self, world: World, entry: Entry) -> str:
        return _line(request_object(entry, journal_line(world, entry)))

    def _webhook(self, world: World, delivery: "Delivery", attempt: "DeliveryAttempt") -> str:
        line = attempt_line(world, delivery, attempt)
        return _line(webhook_object(line, sent_at=attempt.request.sent_at))

    def _refusal(self, request: "web.BaseRequest", status: int, error: SandboxError) -> str:
        line = refusal_line(request, status, error)
        return _line({
            "kind": "refusal",
            "received_at": show_milliseconds(self._wall()),
            "method": line.method,
            "path": line.path[:LONGEST],
            "status": line.status,
            "error": line.code,
            "details": line.details,
            "header": None if line.header is None else ": ".join(line.header),
        })  # fmt: skip


def request_object(entry: Entry, line: LogLine) -> dict[str, object]:
    """Return the log's object for a request of the journal."""
    amount, currency = amount_of(line)
    if amount is not None and abs(amount) >= _MOST:
        amount = currency = None
    return {
        "kind": "request",
        "id": line.id,
        "received_at": show_milliseconds(entry.wall),
        "at": line.at,
        "world": line.world,
        "operation": entry.operation,
        "method": entry.method,
        "path": line.target[:LONGEST],
        "status": line.status,
        "fault": line.fault,
        "error": entry.error_code,
        "field": pointed_field(line.reply) or None,
        "result": _id(line.reply),
        "amount": amount,
        "currency": _text(currency),
        "customer_id": _text(customer_of(line)),
        "card": line.card,
        "rule": line.rule,
        "step": line.step,
        "committed": line.committed,
        "duration_ms": _rounded(line.duration_ms),
    }


def webhook_object(line: WebhookLine, *, sent_at: Instant) -> dict[str, object]:
    """Return the log's object for an attempt of a webhook."""
    return {
        "kind": "webhook",
        "id": line.id,
        "sent_at": show_milliseconds(sent_at),
        "at": line.at,
        "world": line.world,
        "event_id": line.event_id,
        "type": line.type,
        "url": line.url,
        "attempt": line.number,
        "status": line.status,
        "error": line.error,
        "delivery": line.becomes,
        "next_attempt_at": line.next_at,
        "duration_ms": _rounded(line.duration_ms),
    }


def _line(entry: dict[str, object]) -> str:
    return orjson.dumps(entry).decode()


def _id(reply: object) -> str | None:
    return _text(reply.get("id")) if isinstance(reply, dict) else None


def _text(value: object) -> str | None:
    return value[:LONGEST] if isinstance(value, str) else None


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 3)
