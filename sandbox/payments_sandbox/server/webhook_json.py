"""Owns the JSON of webhook endpoints, deliveries and inbox messages in the control API."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import orjson

from payments_sandbox.core.instants import Instant, show_duration, show_milliseconds
from payments_sandbox.core.masking import is_credential
from payments_sandbox.webhooks.delivery import (
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    ReceiverResponse,
)
from payments_sandbox.webhooks.endpoint import TIMEOUT, Endpoint, TimestampClock
from payments_sandbox.webhooks.inbox import InboxMessage
from payments_sandbox.webhooks.outbox import Outbox
from payments_sandbox.webhooks.retry_policy import DELAYS
from payments_sandbox.webhooks.signing import Encoding, Scheme, Signing


def endpoint_json(endpoint: Endpoint) -> dict[str, object]:
    """Return an endpoint; retries, timeout and timestamp are left out if they are the default."""
    shown: dict[str, object] = {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "secret": endpoint.secret,
        "signature": _signing_json(endpoint.signing),
        "headers": dict(endpoint.headers),
    }
    if endpoint.delays != DELAYS:
        shown["retries"] = [show_duration(delay) for delay in endpoint.delays]
    if endpoint.timeout != TIMEOUT:
        shown["timeout"] = show_duration(endpoint.timeout)
    if endpoint.timestamp is not TimestampClock.WALL:
        shown["timestamp"] = endpoint.timestamp.value
    return shown


def _signing_json(signing: Signing) -> dict[str, object]:
    shown: dict[str, object] = {"scheme": signing.scheme.value}
    if signing.scheme is not Scheme.STANDARD:
        shown["header"] = signing.header
    if signing.scheme is Scheme.HMAC:
        shown |= {"prefix": signing.prefix, "encoding": Encoding(signing.encoding).value}
    return shown


def delivery_json(outbox: Outbox, delivery: Delivery) -> dict[str, object]:
    """Return a delivery with all its attempts."""
    status, next_at = delivery.status, delivery.next_at
    return _shown(outbox, delivery, delivery.attempts, status, next_at)


def attempts_json(outbox: Outbox, since: int, upto: int) -> Iterator[dict[str, object]]:
    """Yield, for each attempt numbered `since` to `upto`, its delivery with that attempt alone.

    The delivery is shown as that attempt left it, even if it was attempted again since then.
    """
    for delivery, attempt in outbox.attempts_since(since)[: upto - since]:
        status, next_at = delivery.status, delivery.next_at
        if (later := _after(attempt, delivery)) is not None:
            status, next_at = DeliveryStatus.PENDING, later.request.at
        yield _shown(outbox, delivery, [attempt], status, next_at)


def _after(attempt: DeliveryAttempt, delivery: Delivery) -> DeliveryAttempt | None:
    """Return the attempt of a delivery that followed `attempt`, if there is one."""
    for each, later in pairwise(delivery.attempts):
        if each is attempt:
            return later
    return None


def _shown(
    outbox: Outbox,
    delivery: Delivery,
    attempts: list[DeliveryAttempt],
    status: DeliveryStatus,
    next_at: Instant | None,
) -> dict[str, object]:
    return {
        "id": outbox.id_of(delivery.number),
        "event_id": delivery.message.event_id,
        "endpoint_id": delivery.endpoint_id,
        "type": delivery.message.type,
        "status": status.value,
        "attempts": [_attempt_json(each) for each in attempts],
        "next_attempt_at": None if next_at is None else show_milliseconds(next_at),
    }


def _attempt_json(attempt: DeliveryAttempt) -> dict[str, object]:
    request, result = attempt
    return {
        "at": show_milliseconds(request.at),
        "sent_at": show_milliseconds(request.sent_at),
        "request": {
            "headers": _without_credentials(result.headers),
            "body": request.body.decode("utf-8", "replace"),
        },
        "response": None if result.response is None else _response_json(result.response),
        "error": result.error,
        "duration_ms": result.duration_ms,
    }


def _response_json(response: ReceiverResponse) -> dict[str, object]:
    return {"status": response.status, "headers": response.headers, "body": response.body}


def _without_credentials(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: "…" if is_credential(name) else value for name, value in headers.items()}


def inbox_message_json(message: InboxMessage) -> dict[str, object]:
    """Return a message of an inbox; `body` is its JSON value, or its text if it is not JSON."""
    raw = message.body.decode("utf-8", "replace")
    return {
        "headers": message.headers,
        "body": _value_of(raw),
        "raw": raw,
        "verified": message.reason is None,
        "reason": message.reason,
        "received_at": show_milliseconds(message.received_at),
    }


def _value_of(raw: str) -> object:
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw
    return value
