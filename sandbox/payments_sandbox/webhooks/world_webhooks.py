"""Owns the webhooks of one world: its outbox and inboxes, and the signatures between them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import orjson

from payments_sandbox.contract import representations
from payments_sandbox.contract.control_routes import CONTROL_PATH
from payments_sandbox.core.errors import InvalidRequest, NotFound
from payments_sandbox.core.ids import webhook_secret
from payments_sandbox.core.instants import SECOND, Instant
from payments_sandbox.core.masking import mask_content, mask_headers, mask_text
from payments_sandbox.core.strict_json import json_bytes
from payments_sandbox.payments.events import AnyEvent, Event
from payments_sandbox.payments.ledger import Ledger
from payments_sandbox.rules.fields import PaymentFields
from payments_sandbox.rules.rule_engine import AppliedRule, RuleEngine
from payments_sandbox.rules.webhook_effects import NO_EFFECTS, WebhookEffects
from payments_sandbox.webhooks.attempt_request import request_for
from payments_sandbox.webhooks.delivery import (
    AttemptResult,
    Delivery,
    DeliveryAttempt,
    EventMessage,
    ReceiverResponse,
    WebhookRequest,
    head_start,
    why_failed,
)
from payments_sandbox.webhooks.endpoint import INBOX, ROTATION, Endpoint, TimestampClock
from payments_sandbox.webhooks.inbox import Inboxes, InboxMessage
from payments_sandbox.webhooks.outbox import AttemptSchedule, Outbox
from payments_sandbox.webhooks.signing import STANDARD, Signing, check_secret
from payments_sandbox.webhooks.verification import Received, why_refused

_PAYMENT_ID: Final = re.compile(r"pay_[A-Za-z0-9]{1,60}")


class Webhooks:
    """Endpoints, deliveries and built-in receivers of one world.

    Args:
        seed: the seed of ids and rotated secrets.
        secret: the default secret of endpoints.
        schedule: plans later attempts.
        rules: the rules, of which those about webhooks change deliveries.
    """

    __slots__ = ("_rules", "_secret", "_seed", "inboxes", "outbox")

    def __init__(
        self, seed: int, secret: str, schedule: AttemptSchedule, rules: RuleEngine
    ) -> None:
        self._seed = seed
        self._secret = secret
        self._rules = rules
        self.outbox = Outbox(seed, schedule, self.effects)
        self.inboxes = Inboxes()

    # Endpoints

    def new_endpoint(self, url: str, *, secret: str | None = None) -> Endpoint:
        """Make an endpoint for all events, which must then be stored by `put`."""
        number, endpoint_id = self.outbox.next_endpoint()
        return Endpoint(
            number=number,
            id=endpoint_id,
            url=url,
            secret=secret or self._secret,
            inbox=url.removeprefix(INBOX) if url.startswith(INBOX) else None,
        )

    def put(self, endpoint: Endpoint) -> None:
        """Store an endpoint, new or changed; disabling it ends its deliveries."""
        self.outbox.put(endpoint)

    def endpoint(self, endpoint_id: str) -> Endpoint:
        """Return the endpoint with an id.

        Raises:
            NotFound: the world has none.
        """
        found = self.outbox.endpoints.get(endpoint_id)
        if found is None:
            raise NotFound(
                "not_found",
                f"No such webhook endpoint. GET {CONTROL_PATH}/webhook_endpoints lists what"
                " exists.",
            )
        return found

    def rotate_secret(self, endpoint: Endpoint, secret: str | None, now: Instant) -> Endpoint:
        """Give an endpoint a new secret; the old one stays valid for a virtual day.

        Raises:
            ValueError: the secret is not valid for the endpoint's scheme.
        """
        turn = endpoint.rotations + 1
        new = secret or webhook_secret(self._seed, endpoint.number, turn)
        check_secret(new, endpoint.signing.scheme)
        rotated = replace(
            endpoint,
            secret=new,
            previous=endpoint.secret,
            previous_until=Instant(now + ROTATION),
            rotations=turn,
        )
        self.outbox.put(rotated)
        return rotated

    # Sending

    def publish(self, event: AnyEvent, ledger: Ledger) -> None:
        """Serialise an event once, and schedule its deliveries.

        Args:
            event: an event, which may be made by hand; rules apply if it names a payment.
            ledger: the ledger with its payment.
        """
        message = event_message(event)
        self.outbox.schedule(message, event.created, self._rule_selector(event, message, ledger))

    def _rule_selector(
        self, event: AnyEvent, message: EventMessage, ledger: Ledger
    ) -> Callable[[], tuple[AppliedRule, ...]]:
        """Return a function that selects the rules for a delivery, to be called once for each."""
        rules, payment_id = self._rules, message.payment_id
        number = None if payment_id is None else ledger.payments.number_of(payment_id)
        if not rules.rule_set.webhooks or number is None:
            return tuple
        change = event if isinstance(event, Event) else None
        fields = PaymentFields(ledger.payments.get(number), rules.number_of, change)
        return lambda: rules.select_webhook_rules(event.type, fields)

    def effects(self, delivery: Delivery) -> WebhookEffects:
        """Return what the rules do to the next attempt of a delivery."""
        if not delivery.applied:
            return NO_EFFECTS
        return self._rules.effects(delivery.applied, len(delivery.attempts) + 1)

    def request(
        self, delivery: Delivery, endpoint: Endpoint, *, now: Instant, sent_at: Instant
    ) -> WebhookRequest:
        """Make the request of the next attempt of a delivery.

        Args:
            delivery: the delivery.
            endpoint: its endpoint.
            now: the instant on the world's clock, which decides which secrets are valid.
            sent_at: the real time.
        """
        return request_for(
            delivery.message,
            endpoint,
            self.effects(delivery),
            now=now,
            sent_at=sent_at,
            wrong_secret=lambda: webhook_secret(self._seed, endpoint.number, -1),
        )

    def drop(self, request: WebhookRequest) -> AttemptResult:
        """Return the result of an attempt that a rule drops."""
        error = f"dropped by the rule {request.dropped_by}"
        return AttemptResult(request.headers, None, error, 0.0)

    def deliver_to_inbox(self, name: str, request: WebhookRequest) -> AttemptResult:
        """Deliver to a built-in receiver, as if over a socket."""
        headers = {key.lower(): value for key, value in request.headers.items()}
        received = Received(headers, request.body)
        try:
            status = self.receive(name, received, now=request.at, wall=request.sent_at)
            response = ReceiverResponse(status, {}, "")
        except InvalidRequest as error:
            response = ReceiverResponse(400, {}, error.details or "")
        return AttemptResult(request.headers, response, why_failed(response), 0.0)

    def record(
        self, delivery: Delivery, request: WebhookRequest, result: AttemptResult, now: Instant
    ) -> DeliveryAttempt:
        """Store the result of an attempt, and plan the next one.

        Args:
            delivery: the delivery.
            request: what was sent.
            result: the result.
            now: the instant on the world's clock, which may have moved during a slow answer.
        """
        if request.body is not delivery.message.body:  # a rule may have put anything into it
            request = request._replace(body=mask_content(request.body))
        attempt = DeliveryAttempt(request, result)
        # An answer within a second counts as immediate, so that retries come exactly on schedule.
        failed_at = now if now - request.at >= SECOND else request.at
        self.outbox.record(delivery, attempt, failed_at)
        return attempt

    # Receiving

    def receive(self, name: str, received: Received, *, now: Instant, wall: Instant) -> int:
        """Verify a message and store it in an inbox; return the status to answer with.

        Raises:
            InvalidRequest: the world already has as many inboxes as it may have.
        """
        inbox = self.inboxes.get_or_create(name)
        body = mask_content(received.body)
        reason = self._why_refused(name, received, now=now, wall=wall)
        message = InboxMessage(
            number=inbox.count,
            received_at=now,
            headers=_masked_head(received.headers),
            body=body,
            reason=reason and mask_text(reason),
            type=_type_of(body),
        )
        return inbox.receive(message)

    def _why_refused(
        self, name: str, received: Received, *, now: Instant, wall: Instant
    ) -> str | None:
        reasons = [
            why_refused(
                signing,
                secrets,
                received,
                now=(now if timestamp is TimestampClock.WORLD else wall) // SECOND,
            )
            for signing, secrets, timestamp in self._accepted_secrets(name, now)
        ]
        return None if None in reasons else reasons[0]

    def _accepted_secrets(
        self, name: str, now: Instant
    ) -> Iterator[tuple[Signing, tuple[str, ...], TimestampClock]]:
        """Yield what an inbox accepts: the secrets of its endpoints, or else those of the world."""
        endpoints = self.outbox.endpoints.values()
        own = [each for each in endpoints if each.inbox == name] or list(endpoints)
        for endpoint in own:
            yield endpoint.signing, endpoint.secrets_at(now), endpoint.timestamp
        if not any(each.inbox == name for each in own):
            yield STANDARD, (self._secret,), TimestampClock.WALL


def event_message(event: AnyEvent) -> EventMessage:
    """Serialise an event into the bytes that are signed, sent and shown."""
    body = representations.event(event)
    payment_id = event.payment_id if isinstance(event, Event) else _payment_in(event.data)
    return EventMessage(str(body["id"]), str(body["type"]), payment_id, json_bytes(body))


def _masked_head(headers: Mapping[str, str]) -> dict[str, str]:
    """The start of a message's head, masked."""
    lines = ((name.encode("latin-1", "replace"), value.encode()) for name, value in headers.items())
    return mask_headers(head_start(lines))


def _payment_in(data: dict[str, object]) -> str | None:
    """The payment that the data of an event made by hand names, or None."""
    named = data.get("payment_id")
    return named if isinstance(named, str) and _PAYMENT_ID.fullmatch(named) else None


def _type_of(body: bytes) -> str | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    found = value.get("type") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
