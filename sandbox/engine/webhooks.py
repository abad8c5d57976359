"""Owns the webhooks of one world: its outbox and its inboxes, and how the two are signed."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Final

import orjson

from sandbox import __version__
from sandbox.contract import representations
from sandbox.domain.cards import mask_in
from sandbox.domain.endpoints import INBOX, ROTATION, Endpoint
from sandbox.domain.errors import InvalidRequest, NotFound
from sandbox.domain.events import AnyEvent, Event
from sandbox.domain.instants import SECOND, Instant
from sandbox.domain.signing import STANDARD, Signing, check_secret, sign
from sandbox.domain.verification import Received, why_refused
from sandbox.engine.deliveries import (
    Answer,
    Attempt,
    Delivery,
    DeliveryStatus,
    Outcome,
    Request,
    Told,
    verdict_on,
)
from sandbox.engine.inbox import Inboxes, Message
from sandbox.engine.outbox import Outbox
from sandbox.engine.timeline import AttemptDelivery, Timeline

USER_AGENT: Final = f"payments-sandbox/{__version__}"


class Webhooks:
    """Endpoints, deliveries and built-in receivers of one world.

    Args:
        seed: what ids and rotated secrets are made of.
        secret: what endpoints sign with unless they are given their own.
        timeline: where the attempts that are to come are planned.
    """

    __slots__ = ("_secret", "_seed", "_timeline", "inboxes", "outbox")

    def __init__(self, seed: int, secret: str, timeline: Timeline) -> None:
        self._seed = seed
        self._secret = secret
        self._timeline = timeline
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

    def tell(self, event: AnyEvent) -> None:
        """Queue an event's deliveries: its body is serialised here, once."""
        self.outbox.queue(told(event))

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
            self._timeline.at(due, AttemptDelivery(delivery.number))
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
        body = delivery.told.body
        signature = sign(
            endpoint.signing,
            endpoint.secrets_at(now),
            message=delivery.told.event_id,
            sent_at=sent_at // SECOND,
            body=body,
        )
        headers = {"Content-Type": "application/json"}
        if all(name.lower() != "user-agent" for name, _ in endpoint.headers):
            headers["User-Agent"] = USER_AGENT
        return Request(now, sent_at, headers | dict(endpoint.headers) | signature, body)

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
            body=mask_in(text).encode(),
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
    payment_id = event.payment_id if isinstance(event, Event) else None
    kept = bytes(memoryview(orjson.dumps(body)))  # its own result is a larger block than it needs
    return Told(str(body["id"]), str(body["type"]), payment_id, kept)


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
