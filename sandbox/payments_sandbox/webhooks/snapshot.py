"""Owns snapshots of webhooks: endpoints, deliveries and inboxes as plain values, and back."""

from dataclasses import fields
from typing import Any, Final

from payments_sandbox.core.instants import Instant
from payments_sandbox.core.slices import Slices, finish, rows_of
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
from payments_sandbox.webhooks.endpoint import Endpoint, TimestampClock
from payments_sandbox.webhooks.inbox import InboxMessage
from payments_sandbox.webhooks.retry_policy import DELAYS
from payments_sandbox.webhooks.signing import Encoding, Scheme, Signing
from payments_sandbox.webhooks.world_webhooks import Webhooks

_TEXT: Final = "latin-1"
"""Turns any bytes into text one by one, since a fault may have sent invalid UTF-8."""


def snapshot(webhooks: Webhooks) -> dict[str, object]:
    """Return everything as plain values, at once; attempts in flight count as not made."""
    return finish(snapshotting(webhooks))


def snapshotting(webhooks: Webhooks) -> Slices[dict[str, object]]:
    """Return everything as plain values in slices, as it is at the call."""
    outbox = webhooks.outbox
    saved: dict[str, object] = {
        **_counts(webhooks),
        "endpoints": [_endpoint(each) for each in outbox.endpoints.values()],
        "finished": outbox.finished,
    }
    deliveries = [_as_it_is(each) for each in outbox.oldest_first()]
    inboxes = [
        (name, inbox.count, inbox.answers, list(inbox.since(0, None)))
        for name, inbox in webhooks.inboxes.items()
    ]
    return _rest(saved, deliveries, inboxes)


def _rest(
    saved: dict[str, object],
    deliveries: "list[_Delivery]",
    inboxes: list[tuple[str, int, list[int], list[InboxMessage]]],
) -> Slices[dict[str, object]]:
    """Add the parts that may be large to a snapshot, in slices."""
    saved["deliveries"] = yield from rows_of(deliveries, _row)
    rows: list[object] = []
    for name, count, answers, messages in inboxes:
        rows.append([name, count, answers, (yield from rows_of(messages, _message))])
    return {**saved, "inboxes": rows}


def take_changes(webhooks: Webhooks) -> dict[str, object] | None:
    """Return the changes since the last call; None if everything may have changed."""
    outbox, changed = webhooks.outbox, webhooks.outbox.take_changes()
    removed, inboxes = webhooks.inboxes.take_changes()
    if changed is None:
        return None
    has_endpoints = changed.has_endpoints
    if not (changed.deliveries or changed.ended or has_endpoints or removed or inboxes):
        return {}
    endpoints = [_endpoint(each) for each in outbox.endpoints.values()]
    return {
        "counts": _counts(webhooks),
        "endpoints": endpoints if has_endpoints else None,
        "deliveries": [_row(_as_it_is(each)) for each in changed.deliveries.values()],
        "ended": changed.ended,
        "gone": removed,
        "inboxes": [
            [name, inbox.count, inbox.answers, [_message(each) for each in came]]
            for name, inbox, came in inboxes
        ],
    }


def _counts(webhooks: Webhooks) -> dict[str, object]:
    outbox = webhooks.outbox
    return {
        "made": outbox.next_endpoint()[0],
        "count": outbox.count,
        "dropped": outbox.dropped,
        "attempted": outbox.attempted,
        "windows": dict(outbox.windows),
    }


def restore(webhooks: Webhooks, saved: dict[str, Any]) -> None:
    """Restore a snapshot into new webhooks.

    Raises:
        ValueError, KeyError, TypeError: it is not a valid snapshot.
    """
    webhooks.outbox.restore(
        [_endpoint_of(row) for row in saved["endpoints"]],
        [_delivery_of(row) for row in saved["deliveries"]],
        finished=saved["finished"],
        made=saved["made"],
        count=saved["count"],
        dropped=saved["dropped"],
        attempted=saved["attempted"],
        windows=dict(saved["windows"]),
    )
    for name, count, answers, messages in saved["inboxes"]:
        inbox = webhooks.inboxes.get_or_create(name)
        inbox.restore(count, [_message_of(row) for row in messages])
        inbox.script(answers)


_FIELDS: Final = tuple(field.name for field in fields(Endpoint))
"""The fields in an endpoint's row, in order."""


def _endpoint(endpoint: Endpoint) -> list[object]:
    saved = {name: getattr(endpoint, name) for name in _FIELDS}
    saved["signing"] = list(endpoint.signing)
    saved["delays"] = None if endpoint.delays == DELAYS else endpoint.delays
    return list(saved.values())


def _endpoint_of(row: list[Any]) -> Endpoint:
    saved = dict(zip(_FIELDS, row, strict=True))
    scheme, header, prefix, encoding = saved["signing"]
    delays = saved["delays"]
    saved |= {
        "events": tuple(saved["events"]),
        "signing": Signing(Scheme(scheme), header, prefix, Encoding(encoding)),
        "headers": tuple((name, value) for name, value in saved["headers"]),
        "delays": DELAYS if delays is None else tuple(delays),
        "timestamp": TimestampClock(saved["timestamp"]),
    }
    return Endpoint(**saved)


_Delivery = tuple[
    Delivery,
    DeliveryStatus,
    Instant | None,
    tuple[AppliedRule, ...],
    DeliveryOrder | None,
    tuple[DeliveryAttempt, ...],
]
"""A delivery with copies of its parts that may change."""


def _as_it_is(delivery: Delivery) -> _Delivery:
    attempts = tuple(delivery.attempts)
    return (
        delivery, delivery.status, delivery.next_at, delivery.applied, delivery.order, attempts,
    )  # fmt: skip


def _row(saved: _Delivery) -> list[object]:
    delivery, status, next_at, applied, order, attempts = saved
    message = delivery.message
    return [
        delivery.number,
        [message.event_id, message.type, message.payment_id, message.body.decode()],
        delivery.endpoint_id,
        delivery.is_resend,
        status,
        next_at,
        [list(each) for each in applied],
        order,
        [_attempt(each, message.body) for each in attempts],
    ]


def _delivery_of(row: list[Any]) -> Delivery:
    number, (event_id, type_, payment_id, body), endpoint_id, is_resend, status, *rest = row
    next_at, applied, order, tried = rest
    message = EventMessage(event_id, type_, payment_id, body.encode())
    delivery = Delivery(number, message, endpoint_id, is_resend=is_resend)
    delivery.status = DeliveryStatus(status)
    delivery.next_at = next_at
    delivery.applied = tuple(AppliedRule(rule, key, call) for rule, key, call in applied)
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
        at,
        sent_at,
        headers,
        event_body if body is None else body.encode(_TEXT),
        is_forged=is_forged,
        is_stale=is_stale,
        dropped_by=dropped_by,
    )
    answered = None if response is None else ReceiverResponse(*response)
    return DeliveryAttempt(request, AttemptResult(sent, answered, error, float(duration_ms)))


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
    return InboxMessage(number, received_at, headers, body.encode(_TEXT), reason, type_)
