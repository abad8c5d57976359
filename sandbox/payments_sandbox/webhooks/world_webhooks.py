"""Owns the webhooks of one world: its outbox and its inboxes, and how the two are signed."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Final

import orjson

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidRequest, NotFound
from payments_sandbox.core.instants import SECOND, Instant
from payments_sandbox.core.masking import mask_text
from payments_sandbox.payments.events import AnyEvent, Event
from payments_sandbox.payments.ledger import Ledger
from payments_sandbox.payments.record_store import json_bytes
from payments_sandbox.rules.fields import PaymentFields
from payments_sandbox.rules.rule_engine import RuleEngine
from payments_sandbox.rules.webhook_effects import NO_EFFECTS, WebhookEffects
from payments_sandbox.webhooks.delivery import (
    Answer,
    Attempt,
    Delivery,
    DeliveryStatus,
    Outcome,
    Request,
    Told,
    verdict_on,
)
from payments_sandbox.webhooks.endpoint import INBOX, ROTATION, Endpoint
from payments_sandbox.webhooks.inbox import Inboxes, Message
from payments_sandbox.webhooks.outbox import Outbox
from payments_sandbox.webhooks.payload import request_for
from payments_sandbox.webhooks.signing import STANDARD, Signing, check_secret
from payments_sandbox.webhooks.verification import Received, why_refused
from payments_sandbox.world.timeline import AttemptDelivery, Timeline

_PAYMENT_ID: Final = re.compile(r"pay_[A-Za-z0-9]{1,60}")


class Webhooks:
    """Endpoints, deliveries and built-in receivers of one world.

    Args:
        seed: what ids and rotated secrets are made of.
        secret: what endpoints sign with unless they are given their own.
        timeline: where the attempts that are to come are planned.
        rules: those about webhooks change deliveries.
    """

    __slots__ = ("_rules", "_secret", "_seed", "_timeline", "inboxes", "outbox")

    def __init__(self, seed: int, secret: str, timeline: Timeline, rules: RuleEngine) -> None:
        self._seed = seed
        self._secret = secret
        self._timeline = timeline
        self._rules = rules
        self.outbox = Outbox(seed)
        self.inboxes = Inboxes()

    # Endpoints

    def planned(self, url: str, *, secret: str | None = None) -> Endpoint:
        """An endpoint for every event, to be made more particular, and then `put`."""
        number, endpoint_id = self.outbox.next_endpoint()
        return Endpoint(
            number=number,
            id=endpoint_id,
            url=url,
            secret=secret or self._secret,
            inbox=url.removeprefix(INBOX) if url.startswith(INBOX) else None,
        )

    def put(self, endpoint: Endpoint) -> None:
        """Keep an endpoint, new or changed; disabling it ends its deliveries."""
        self.outbox.put(endpoint)
        self._forget_ended()

    def remove(self, endpoint: Endpoint) -> None:
        """Forget an endpoint; its deliveries end."""
        self.outbox.remove(endpoint.id)
        self._forget_ended()

    def endpoint(self, endpoint_id: str) -> Endpoint:
        """The endpoint of an id.

        Raises:
            NotFound: the world has none of this id.
        """
        found = self.outbox.endpoints.get(endpoint_id)
        if found is None:
            raise NotFound("not_found", "This world has no webhook endpoint of this id.")
        return found

    def rotate(self, endpoint: Endpoint, secret: str | None, now: Instant) -> Endpoint:
        """Give an endpoint a new secret; the old one stays valid for a virtual day.

        Raises:
            ValueError: the secret is none of the endpoint's scheme.
        """
        turn = endpoint.rotations + 1
        new = secret or _secret_of(self._seed, endpoint.number, turn)
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

    def tell(self, event: AnyEvent, ledger: Ledger) -> None:
        """Queue an event's deliveries: its body is serialised here, once.

        Args:
            event: what has happened, or was made by hand; rules treat it if it names a payment.
            ledger: where its payment is.
        """
        rules, news = self._rules, told(event)
        number = None if news.payment_id is None else ledger.payments.number_of(news.payment_id)
        if not rules.rule_set.webhooks or number is None:
            self.outbox.queue(news)
            return
        change = event if isinstance(event, Event) else None
        fields = PaymentFields(ledger.payments.get(number), rules.number_of, change)
        for delivery in self.outbox.make(news):
            delivery.applied = rules.select_webhook_rules(event.type, fields)
            self._plan(delivery, event.created)

    def _plan(self, delivery: Delivery, at: Instant) -> None:
        """Plan a delivery's first attempt, and its copies, as the rules have it."""
        effects = self._effects(delivery)
        for nth in range(effects.copies):
            each = self.outbox.copy(delivery) if nth else delivery
            each.is_before_reply = effects.before_reply
            due = Instant(at + effects.delay + nth * effects.gap)
            if effects.window is not None:
                each.order = effects.order
                due = self.outbox.window_end(each.endpoint_id, due, effects.window)
            if due > at:
                self._postpone(each, due)
            else:
                self.outbox.ready(each)

    def _postpone(self, delivery: Delivery, due: Instant) -> None:
        delivery.next_at = due
        self._timeline.at(due, AttemptDelivery(delivery.number))

    def _effects(self, delivery: Delivery) -> WebhookEffects:
        """What the rules do to the next attempt of a delivery."""
        if not delivery.applied:
            return NO_EFFECTS
        return self._rules.effects(delivery.applied, len(delivery.attempts) + 1)

    def lost(self, request: Request) -> Outcome:
        """What comes of an attempt that a rule lets never arrive."""
        return Outcome(request.headers, None, f"dropped by the rule {request.dropped_by}", 0.0)

    def post_to_inbox(self, name: str, request: Request) -> Outcome:
        """Deliver to a built-in receiver, as if over a socket."""
        headers = {key.lower(): value for key, value in request.headers.items()}
        received = Received(headers, request.body)
        try:
            status = self.receive(name, received, now=request.at, wall=request.sent_at)
            answer = Answer(status, {}, "")
        except InvalidRequest as error:
            answer = Answer(400, {}, error.details or "")
        return Outcome(request.headers, answer, verdict_on(answer), 0.0)

    def attempted(
        self, delivery: Delivery, request: Request, outcome: Outcome, now: Instant
    ) -> None:
        """Keep what came of a delivery's attempt, and plan the next one.

        Args:
            delivery: whose attempt it was.
            request: what was sent.
            outcome: what came of it.
            now: on the world's clock, which a slow answer may have moved.
        """
        # An answer within the second counts as at once, so that retries come when they should.
        failed_at = now if now - request.at >= SECOND else request.at
        due = self.outbox.record(delivery, Attempt(request, outcome), failed_at)
        if due is not None:
            self._postpone(delivery, Instant(due + self._effects(delivery).delay))
        elif delivery.status is DeliveryStatus.DISABLED:
            self._forget_ended()

    def forget_deliveries(self) -> None:
        """Forget every delivery, those to come too; the endpoints stay."""
        self.outbox.forget_deliveries()
        self._forget_ended()

    def _forget_ended(self) -> None:
        is_pending = self.outbox.is_pending
        self._timeline.forget(
            lambda job: isinstance(job, AttemptDelivery) and not is_pending(job.delivery)
        )

    def request(
        self, delivery: Delivery, endpoint: Endpoint, *, now: Instant, sent_at: Instant
    ) -> Request:
        """What an attempt sends.

        Args:
            delivery: what is to be attempted.
            endpoint: where to.
            now: on the world's clock: which secrets are valid.
            sent_at: the real time, which the signature carries.
        """
        return request_for(
            delivery.told,
            endpoint,
            self._effects(delivery),
            now=now,
            sent_at=sent_at,
            wrong_secret=lambda: _secret_of(self._seed, endpoint.number, -1),
        )

    # Receiving

    def receive(self, name: str, received: Received, *, now: Instant, wall: Instant) -> int:
        """Keep a message in an inbox, verified; returns the status to answer with.

        Raises:
            InvalidRequest: the world has as many inboxes as it may have.
        """
        inbox = self.inboxes.of(name)
        text = received.body.decode("utf-8", "replace")
        message = Message(
            number=inbox.count,
            received_at=now,
            headers=dict(received.headers),
            body=mask_text(text).encode(),
            reason=self._why_refused(name, received, now=now, wall=wall),
            type=_type_of(received.body),
        )
        return inbox.receive(message)

    def _why_refused(
        self, name: str, received: Received, *, now: Instant, wall: Instant
    ) -> str | None:
        reasons = [
            why_refused(signing, secrets, received, now=wall // SECOND)
            for signing, secrets in self._accepted(name, now)
        ]
        return None if None in reasons else reasons[0]

    def _accepted(self, name: str, now: Instant) -> Iterator[tuple[Signing, tuple[str, ...]]]:
        """What an inbox takes: its own endpoints' secrets; without any, those of the world."""
        endpoints = self.outbox.endpoints.values()
        own = [each for each in endpoints if each.inbox == name] or list(endpoints)
        for endpoint in own:
            yield endpoint.signing, endpoint.secrets_at(now)
        if not any(each.inbox == name for each in own):
            yield STANDARD, (self._secret,)


def told(event: AnyEvent) -> Told:
    """An event's webhook body, serialised once: these bytes are signed, sent and shown."""
    body = representations.event(event)
    payment_id = event.payment_id if isinstance(event, Event) else _payment_in(event.data)
    return Told(str(body["id"]), str(body["type"]), payment_id, json_bytes(body))


def _payment_in(data: dict[str, object]) -> str | None:
    """The payment that an event made by hand says it is about."""
    named = data.get("payment_id")
    return named if isinstance(named, str) and _PAYMENT_ID.fullmatch(named) else None


def _secret_of(seed: int, number: int, turn: int) -> str:
    text = f"webhook secret\0{seed}\0{number}\0{turn}".encode()
    return f"whsec_{b64encode(blake2b(text, digest_size=32).digest()).decode()}"


def _type_of(body: bytes) -> str | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    found = value.get("type") if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
