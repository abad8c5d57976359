"""Owns how webhook endpoints, deliveries and messages look in the control API."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

import orjson

from payments_sandbox.core.instants import Instant, show_duration, show_instant
from payments_sandbox.webhooks.delivery import Answer, Attempt, Delivery, DeliveryStatus
from payments_sandbox.webhooks.endpoint import TIMEOUT, Endpoint
from payments_sandbox.webhooks.inbox import Message
from payments_sandbox.webhooks.outbox import Outbox
from payments_sandbox.webhooks.retry_policy import DELAYS
from payments_sandbox.webhooks.signing import Encoding, Scheme, Signing

_HIDDEN: Final = frozenset({"authorization", "cookie", "sandbox-token"})


def shown_endpoint(endpoint: Endpoint) -> dict[str, object]:
    """An endpoint; its schedule and timeout show only where they are unusual."""
    shown: dict[str, object] = {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "secret": endpoint.secret,
        "signature": _shown_signing(endpoint.signing),
        "headers": dict(endpoint.headers),
    }
    if endpoint.delays != DELAYS:
        shown["retries"] = [show_duration(delay) for delay in endpoint.delays]
    if endpoint.timeout != TIMEOUT:
        shown["timeout"] = show_duration(endpoint.timeout)
    return shown


def _shown_signing(signing: Signing) -> dict[str, object]:
    shown: dict[str, object] = {"scheme": signing.scheme.value}
    if signing.scheme is not Scheme.STANDARD:
        shown["header"] = signing.header
    if signing.scheme is Scheme.HMAC:
        shown |= {"prefix": signing.prefix, "encoding": Encoding(signing.encoding).value}
    return shown


def shown_delivery(outbox: Outbox, delivery: Delivery) -> dict[str, object]:
    """A delivery with all its attempts."""
    status, next_at = delivery.status, delivery.next_at
    return _shown(outbox, delivery, delivery.attempts, status, next_at)


def shown_attempts(outbox: Outbox, since: int, upto: int) -> Iterator[dict[str, object]]:
    """The deliveries of the attempts that ended from a number on, each with that attempt alone.

    Each is shown as that attempt left it, although it may have been tried again since.
    """
    for delivery, attempt in outbox.attempts_since(since)[: upto - since]:
        status, next_at = delivery.status, delivery.next_at
        if (later := _after(attempt, delivery)) is not None:
            status, next_at = DeliveryStatus.PENDING, later.request.at
        yield _shown(outbox, delivery, [attempt], status, next_at)


def _after(attempt: Attempt, delivery: Delivery) -> Attempt | None:
    """The attempt of a delivery that followed another, if one did."""
    for each, later in pairwise(delivery.attempts):
        if each is attempt:
            return later
    return None


def _shown(
    outbox: Outbox,
    delivery: Delivery,
    attempts: list[Attempt],
    status: DeliveryStatus,
    next_at: Instant | None,
) -> dict[str, object]:
    return {
        "id": outbox.id_of(delivery.number),
        "event_id": delivery.told.event_id,
        "endpoint_id": delivery.endpoint_id,
        "type": delivery.told.type,
        "status": status.value,
        "attempts": [_shown_attempt(each) for each in attempts],
        "next_attempt_at": None if next_at is None else show_instant(next_at),
    }


def _shown_attempt(attempt: Attempt) -> dict[str, object]:
    request, outcome = attempt
    return {
        "at": show_instant(request.at),
        "sent_at": show_instant(request.sent_at),
        "request": {
            "headers": _without_credentials(outcome.headers),
            "body": request.body.decode("utf-8", "replace"),
        },
        "response": None if outcome.answer is None else _shown_answer(outcome.answer),
        "error": outcome.error,
        "duration_ms": outcome.duration_ms,
    }


def _shown_answer(answer: Answer) -> dict[str, object]:
    return {"status": answer.status, "headers": answer.headers, "body": answer.body}


def _without_credentials(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: "…" if name.lower() in _HIDDEN else value for name, value in headers.items()}


def shown_message(message: Message) -> dict[str, object]:
    """A message of an inbox: `body` is its JSON value, or the text that is none."""
    raw = message.body.decode("utf-8", "replace")
    return {
        "headers": message.headers,
        "body": _value_of(raw),
        "raw": raw,
        "verified": message.reason is None,
        "reason": message.reason,
        "received_at": show_instant(message.received_at),
    }


def _value_of(raw: str) -> object:
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw
    return value
