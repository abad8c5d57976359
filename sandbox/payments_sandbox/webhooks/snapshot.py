"""Owns a world's webhooks at rest: endpoints, deliveries and inboxes as plain values, and back."""

from typing import Any, Final

from payments_sandbox.core.instants import LAST, Instant
from payments_sandbox.core.masking import mask_text
from payments_sandbox.rules.rule_engine import AppliedRule
from payments_sandbox.rules.webhook_effects import DeliveryOrder
from payments_sandbox.webhooks.delivery import (
    AttemptResult,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    EventMessage,
    ReceiverResponse,
    WebhookRequest,
)
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.inbox import InboxMessage
from payments_sandbox.webhooks.retry_policy import DELAYS
from payments_sandbox.webhooks.signing import Encoding, Scheme, Signing, check_secret
from payments_sandbox.webhooks.world_webhooks import Webhooks

_TEXT: Final = "latin-1"
"""Keeps any bytes as text, one for one: a fault may have sent what is no UTF-8."""


def snapshot(webhooks: Webhooks) -> dict[str, object]:
    """All of it; what is in flight is still to be attempted."""
    outbox = webhooks.outbox
    return {
        "made": outbox.next_endpoint()[0],
        "endpoints": [_endpoint(each) for each in outbox.endpoints.values()],
        "count": outbox.count,
        "dropped": outbox.dropped,
        "attempted": outbox.attempted,
        "finished": outbox.finished,
        "windows": outbox.windows,
        "deliveries": [_delivery(each) for each in outbox.oldest_first()],
        "inboxes": [
            [name, inbox.count, inbox.answers, [_message(each) for each in inbox.since(0, None)]]
            for name, inbox in webhooks.inboxes.items()
        ],
    }


def restore(webhooks: Webhooks, kept: dict[str, Any]) -> None:
    """Take over a snapshot into webhooks that are new.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is not one.
    """
    webhooks.outbox.restore(
        [_endpoint_of(row) for row in kept["endpoints"]],
        [_delivery_of(row) for row in kept["deliveries"]],
        finished=[int(number) for number in kept["finished"]],
        made=int(kept["made"]),
        count=int(kept["count"]),
        dropped=int(kept["dropped"]),
        attempted=int(kept["attempted"]),
        windows={str(each): _instant(end) for each, end in kept["windows"].items()},
    )
    for name, count, answers, messages in kept["inboxes"]:
        inbox = webhooks.inboxes.get_or_create(str(name))
        inbox.restore(int(count), [_message_of(row) for row in messages])
        inbox.script([int(answer) for answer in answers])


def _endpoint(endpoint: Endpoint) -> list[object]:
    return [
        endpoint.number,
        endpoint.id,
        endpoint.url,
        endpoint.secret,
        endpoint.inbox,
        endpoint.events,
        endpoint.description,
        endpoint.enabled,
        list(endpoint.signing),
        endpoint.headers,
        endpoint.previous,
        endpoint.previous_until,
        endpoint.rotations,
        None if endpoint.delays == DELAYS else endpoint.delays,
        endpoint.timeout,
    ]


def _endpoint_of(row: list[Any]) -> Endpoint:
    number, endpoint_id, url, secret, inbox, events, description, enabled, *rest = row
    signing, headers, previous, previous_until, rotations, delays, timeout = rest
    scheme, header, prefix, encoding = signing
    endpoint = Endpoint(
        number=int(number),
        id=str(endpoint_id),
        url=str(url),
        secret=str(secret),
        inbox=_text(inbox),
        events=tuple(map(str, events)),
        description=None if description is None else mask_text(str(description)),
        enabled=bool(enabled),
        signing=Signing(Scheme(scheme), str(header), str(prefix), Encoding(encoding)),
        headers=tuple((str(name), str(value)) for name, value in headers),
        previous=_text(previous),
        previous_until=_instant(previous_until),
        rotations=int(rotations),
        delays=DELAYS if delays is None else tuple(map(int, delays)),
        timeout=int(timeout),
    )
    check_secret(endpoint.secret, endpoint.signing.scheme)
    if endpoint.previous is not None:
        check_secret(endpoint.previous, endpoint.signing.scheme)
    return endpoint


def _delivery(delivery: Delivery) -> list[object]:
    message = delivery.message
    return [
        delivery.number,
        [message.event_id, message.type, message.payment_id, message.body.decode()],
        delivery.endpoint_id,
        delivery.is_resend,
        delivery.status,
        delivery.next_at,
        [list(each) for each in delivery.applied],
        delivery.order,
        [_attempt(each, message.body) for each in delivery.attempts],
    ]


def _delivery_of(row: list[Any]) -> Delivery:
    number, (event_id, type_, payment_id, body), endpoint_id, is_resend, status, *rest = row
    next_at, applied, order, tried = rest
    message = EventMessage(str(event_id), str(type_), _text(payment_id), mask_text(body).encode())
    delivery = Delivery(int(number), message, str(endpoint_id), is_resend=bool(is_resend))
    delivery.status = DeliveryStatus(status)
    delivery.next_at = None if next_at is None else _instant(next_at)
    delivery.applied = tuple(
        AppliedRule(str(rule), mask_text(key), int(call)) for rule, key, call in applied
    )
    delivery.order = None if order is None else DeliveryOrder(order)
    delivery.attempts = [_attempt_of(each, message.body) for each in tried]
    return delivery


def _attempt(attempt: DeliveryAttempt, body: bytes) -> list[object]:
    request, result = attempt
    return [
        request.at,
        request.sent_at,
        request.headers,
        None if request.body == body else request.body.decode(_TEXT),
        request.is_forged,
        request.is_stale,
        request.dropped_by,
        dict(result.headers),
        None if result.response is None else list(result.response),
        result.error,
        result.duration_ms,
    ]


def _attempt_of(row: list[Any], event_body: bytes) -> DeliveryAttempt:
    at, sent_at, headers, body, is_forged, is_stale, dropped_by, *rest = row
    sent, response, error, duration_ms = rest
    request = WebhookRequest(
        _instant(at),
        _instant(sent_at),
        _headers(headers),
        event_body if body is None else mask_text(body).encode(_TEXT),
        is_forged=bool(is_forged),
        is_stale=bool(is_stale),
        dropped_by=_text(dropped_by),
    )
    result = AttemptResult(_headers(sent), _response(response), _text(error), float(duration_ms))
    return DeliveryAttempt(request, result)


def _response(row: list[Any] | None) -> ReceiverResponse | None:
    if row is None:
        return None
    status, headers, body, retry_after = row
    return ReceiverResponse(int(status), _headers(headers), mask_text(body), _text(retry_after))


def _message(message: InboxMessage) -> list[object]:
    return [
        message.number,
        message.received_at,
        message.headers,
        message.body.decode(_TEXT),
        message.reason,
        message.type,
    ]


def _message_of(row: list[Any]) -> InboxMessage:
    number, received_at, headers, body, reason, type_ = row
    kept = _headers(headers), mask_text(body).encode(_TEXT)
    return InboxMessage(int(number), _instant(received_at), *kept, _text(reason), _text(type_))


def _headers(kept: dict[str, Any]) -> dict[str, str]:
    return {mask_text(name): mask_text(value) for name, value in kept.items()}


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError("expected a text or null")
    return value


def _instant(value: object) -> Instant:
    if not isinstance(value, int) or not 0 <= value <= LAST * 2:
        raise ValueError("expected an instant that a clock can reach")
    return Instant(value)
