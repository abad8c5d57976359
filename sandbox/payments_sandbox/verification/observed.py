"""Owns what was observed of a client: its calls in the journal, and the deliveries to it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Final, NamedTuple

import orjson

from payments_sandbox.contract.operations import PAYMENT_SEGMENT, nearest_call
from payments_sandbox.core.card_numbers import Brand, brand_of
from payments_sandbox.core.instants import Instant
from payments_sandbox.core.masking import mask_headers, mask_number
from payments_sandbox.payments.events import EventType
from payments_sandbox.payments.payment import Payment, Status
from payments_sandbox.rules.faults import FAULTS
from payments_sandbox.rules.faults.respond_raw import RespondRaw
from payments_sandbox.rules.fields import CallFields, CallParts
from payments_sandbox.rules.model import Condition, When
from payments_sandbox.rules.rule_engine import event_matches
from payments_sandbox.webhooks.delivery import SUCCESS, DeliveryAttempt, DeliveryStatus
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World

_SERVER_ERROR: Final = 500
_ARRIVING: Final = frozenset(fault.name for fault in FAULTS if fault.reply_arrives)
_SUCCESS: Final = range(200, 300)
_REJECTED: Final = range(400, _SERVER_ERROR)
_BRANDS: Final = frozenset(Brand)
_IDEMPOTENCY_KEY: Final = frozenset({b"idempotency-key", b"x-idempotency-key"})


class ObservedCall:
    """One call in the journal.

    Attributes:
        id: its `req_…` id.
        body: the masked JSON object of its body; empty if there was none.
    """

    def __init__(self, world: World, entry: Entry) -> None:
        self._world = world
        self.entry = entry
        self.id = world.journal.id_of(entry)
        body = entry.body
        self.body: Mapping[str, object] = body if isinstance(body, dict) else {}

    @property
    def outcome_unknown(self) -> bool:
        """Whether the client cannot know whether the call took effect."""
        entry = self.entry
        if entry.status is None or entry.status >= _SERVER_ERROR:
            return True
        if entry.fault == RespondRaw.name and entry.status in _REJECTED:
            return entry.committed is True  # only then is the rejection false
        return entry.fault is not None and entry.fault not in _ARRIVING

    @property
    def is_success(self) -> bool:
        """Whether the client got a 2xx reply."""
        return not self.outcome_unknown and self.entry.status in _SUCCESS

    @property
    def retry_key(self) -> tuple[object, ...]:
        """A key that is equal for calls that may repeat each other, however they are written."""
        match self.entry.operation:
            case "create_payment":
                keys = ("customer_id", "amount", "currency", "description")
                return tuple(_comparable(self.body.get(key)) for key in keys)
            case "create_refund":
                return (self.payment_id, _comparable(self.body.get("amount")))
            case _:
                return (self.entry.path, str(self.entry.body))

    @property
    def idempotency_key(self) -> bytes | None:
        """The idempotency key in its headers, which the API does not support, or None."""
        named = (text for name, text in self.entry.headers if name.lower() in _IDEMPOTENCY_KEY)
        return next(filter(None, named), None)

    def has_seen_reply_to(self, before: "ObservedCall") -> bool:
        """Whether an earlier call had been answered when this one arrived.

        Equal times count, since times are whole milliseconds.
        """
        return self.entry.wall >= before.entry.wall + int(before.entry.duration_ms or 0)

    @property
    def was_charged(self) -> bool:
        """Whether it created a payment that has not failed since."""
        made = self._world.ledger.payments.find(self.entry.made or "")
        return self.entry.committed is True and (made is None or made.status is not Status.FAILED)

    @cached_property
    def reply(self) -> dict[str, object]:
        """The JSON object of the reply; there must be one, and no fault instead."""
        body: dict[str, object] = orjson.loads(self.entry.reply_body)
        return body

    @property
    def code(self) -> str:
        """The error code of the reply; empty if it was not an error."""
        return self.entry.error_code or ""

    @property
    def message(self) -> str:
        """The message of the error in the reply."""
        error = self.reply.get("error") if self.entry.error_code is not None else None
        return str(error.get("message", "")) if isinstance(error, dict) else ""

    @property
    def payment_id(self) -> str | None:
        """The id of the payment in its path, or None."""
        segments = self.entry.path.partition("?")[0].split("/")
        return segments[PAYMENT_SEGMENT] if len(segments) > PAYMENT_SEGMENT else None

    @property
    def payment(self) -> Payment | None:
        """The payment in its path, in its current state, or None."""
        return self._world.ledger.payments.find(self.payment_id or "")

    @cached_property
    def fields(self) -> CallFields:
        """Its fields for conditions, with card numbers and credentials masked as in the journal."""
        entry = self.entry
        brand = (entry.card or "").partition(" ")[0]
        parts = CallParts(
            operation=entry.operation,
            body=self.body,
            query=self.entry.path.partition("?")[2],
            headers=self._headers,
            payment_id=self.payment_id or "",
            find_payment=self._world.ledger.payments.find,
            brand=brand if brand in _BRANDS else None,
        )
        return CallFields(parts, self._known_card)

    def _headers(self) -> dict[str, str]:
        return {name.lower(): text for name, text in mask_headers(self.entry.headers).items()}

    def _known_card(self, card: int) -> str | None:
        number = self._world.rules.number_of(card)
        return None if number is None else mask_number(number)


def _comparable(value: object) -> object:
    """A value for comparison, in which 2500 and 2500.0 are equal, but 1 and true are not."""
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return value if is_number else repr(value)


def observed_calls(world: World) -> Iterator[ObservedCall]:
    """Yield the calls of documented operations in the journal, oldest first."""
    for entry in world.journal.since(0):
        if entry.operation is not None:
            yield ObservedCall(world, entry)


class UndocumentedCall(NamedTuple):
    """A call with an undocumented path or method; an unknown id does not count.

    Attributes:
        request: its `req_…` id.
        call: its method and path.
        nearest: the most similar documented method and path.
    """

    request: str
    call: str
    nearest: str


def undocumented_calls(world: World) -> Iterator[UndocumentedCall]:
    """Yield the undocumented calls in the journal, oldest first."""
    for entry in world.journal.since(0):
        if entry.operation is None:
            call = f"{entry.method} {entry.path}"
            nearest = nearest_call(entry.method, entry.path)
            yield UndocumentedCall(world.journal.id_of(entry), call, nearest)


def describe_payment(call: ObservedCall) -> str:
    """Describe the payment that a call requests: `The payment of 2500 USD for cust_ada`."""
    customer = call.fields.get("customer_id")
    whose = "" if customer is None else f" for {customer}"
    return f"The payment of {call.fields.get('amount')} {call.fields.get('currency')}{whose}"


def describe_refund(call: ObservedCall) -> str:
    """Describe the refund that a call requests: `The refund of 500 of pay_xyz789`."""
    amount = call.body.get("amount", "what is left")
    return f"The refund of {amount} of {call.payment_id}"


def masked_conditions(when: When) -> When:
    """Convert conditions for use on the journal, where card numbers are masked."""
    return tuple(_masked_condition(each) if each.field == "card" else each for each in when)


def _masked_condition(condition: Condition) -> Condition:
    operand = condition.operand
    if isinstance(operand, tuple):
        return condition._replace(operand=tuple(_masked_operand(each) for each in operand))
    return condition._replace(operand=_masked_operand(operand))


def _masked_operand(operand: object) -> str | bool:
    text = str(operand)
    if isinstance(operand, bool):
        return operand
    return mask_number(text) if text.isdecimal() and brand_of(text) is not None else text


class ObservedAttempt(NamedTuple):
    """One attempt of a delivery.

    Attributes:
        sent_at: the real time at which it was sent.
        status: the status of the receiver's answer; None if there was none.
        is_forged: whether its signature was not that of the endpoint.
        is_stale: whether its signed timestamp was wrong by more than receivers should allow.
    """

    sent_at: Instant
    status: int | None
    is_forged: bool = False
    is_stale: bool = False

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver accepted it."""
        return self.status is not None and self.status in SUCCESS


class ObservedDelivery(NamedTuple):
    """The delivery of one event to one endpoint; each copy is a separate delivery."""

    id: str
    event_id: str
    type: str
    payment_id: str | None
    endpoint_id: str
    is_delivered: bool
    attempts: tuple[ObservedAttempt, ...] = ()
    is_pending: bool = False


def observed_deliveries(world: World) -> Iterator[ObservedDelivery]:
    """Yield the remembered deliveries of a world, oldest first, including those sent again."""
    if world.webhooks is None:
        return
    outbox = world.webhooks.outbox
    for delivery in outbox.oldest_first():
        yield ObservedDelivery(
            id=outbox.id_of(delivery.number),
            event_id=delivery.message.event_id,
            type=delivery.message.type,
            payment_id=delivery.message.payment_id,
            endpoint_id=delivery.endpoint_id,
            is_delivered=delivery.status is DeliveryStatus.DELIVERED,
            attempts=tuple(map(_observed_attempt, delivery.attempts)),
            is_pending=delivery.is_pending,
        )


def _observed_attempt(attempt: DeliveryAttempt) -> ObservedAttempt:
    response = attempt.result.response
    request = attempt.request
    status = None if response is None else response.status
    return ObservedAttempt(request.sent_at, status, request.is_forged, request.is_stale)


class Observed(NamedTuple):
    """What a client did in one world, as far as it is remembered.

    Attributes:
        world: the world, whose ledger shows the effects.
        calls: the calls of documented operations, oldest first.
        deliveries: the deliveries to its webhook endpoints, oldest first.
    """

    world: World
    calls: tuple[ObservedCall, ...]
    deliveries: tuple[ObservedDelivery, ...]

    def subscribes_to(self, event: str) -> bool:
        """Whether an enabled endpoint subscribes to events of a type."""
        return any(each.enabled and each.wants(event) for each in self._endpoints)

    def why_undelivered(self, event: str) -> str:
        """Why no delivery of an event, or of a family such as `payment.*`, is possible.

        Returns:
            A colon and the reason, to end a sentence; empty if an endpoint would get it.
        """
        if not self._endpoints:
            return ": the world has no webhook endpoint"
        types = [each for each in EventType if event_matches(event, each)]
        if event == "*" or any(map(self.subscribes_to, types)):
            return ""
        return f": no enabled webhook endpoint subscribes to {event}"

    @property
    def _endpoints(self) -> tuple[Endpoint, ...]:
        webhooks = self.world.webhooks
        return () if webhooks is None else tuple(webhooks.outbox.endpoints.values())


def observe(world: World) -> Observed:
    """Collect what was observed in a world until now."""
    return Observed(world, tuple(observed_calls(world)), tuple(observed_deliveries(world)))


def group_repeats(calls: Iterable[ObservedCall], operation: str) -> list[list[ObservedCall]]:
    """Group the calls of an operation by their `retry_key`."""
    groups: dict[tuple[object, ...], list[ObservedCall]] = defaultdict(list)
    for call in calls:
        if call.entry.operation == operation:
            groups[call.retry_key].append(call)
    return list(groups.values())
