"""Tests events triggered by hand: what they name exists; what never happened is rejected."""

from typing import Any

import pytest

from payments_sandbox.contract import representations
from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.errors import InvalidRequest, NotFound
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.events import Event, EventType, MadeEvent
from payments_sandbox.world.manual_events import trigger
from payments_sandbox.world.world import World
from tests.support.in_process import InProcessApi, contract, new_world
from tests.support.values import CHARGEBACK_ID, EVENT_ID, REFUND_ID, documented_create

UNKNOWN = (
    "/type: expected one of payment.completed, payment.failed, refund.created, chargeback.created;"
    " with data it can be any other."
)


@pytest.fixture
def world() -> World:
    """A world with a payment."""
    world = new_world()
    InProcessApi(world).ask("create_payment", documented_create(amount=900))
    return world


def payment_of(world: World, number: int = 0) -> str:
    """Return the id of a payment."""
    return str(world.ledger.payments.id_of(number))


def triggered(world: World, type_: str, payment_id: str | None = None) -> dict[str, Any]:
    """Trigger an event; return its body, after comparing it with the ledger's last event."""
    event = trigger(world, type_, payment_id)
    assert world.ledger.any_event(world.ledger.events - 1) == event
    return representations.event(event)


@pytest.mark.parametrize("type_", list(EventType))
def test_triggering_an_event_without_a_payment_makes_a_payment_with_that_event(
    type_: EventType,
) -> None:
    """The client can retrieve what the event names; the body is the documented one."""
    world = new_world()
    body = triggered(world, type_)
    payment = world.ledger.payments.get(world.ledger.number_of(body["data"]["payment_id"]))

    assert contract().accepts(f"events/{type_}", body), body
    assert isinstance(world.ledger.any_event(world.ledger.events - 1), Event)
    assert (body["type"], body["data"]["amount"], payment.amount) == (type_, 2_500, 2_500)
    assert payment.card == Card(Brand.VISA, "1111", 0)
    assert payment.status == ("failed" if type_ is EventType.PAYMENT_FAILED else "completed")
    reverses = type_ in (EventType.REFUND_CREATED, EventType.CHARGEBACK_CREATED)
    assert (payment.refunded + payment.charged_back > 0) is reverses


@pytest.mark.parametrize("type_", ["payment.completed", "payment.failed"])
def test_triggering_an_event_for_a_payment_leaves_the_payment_unchanged(
    world: World, type_: str
) -> None:
    """Only the event is new."""
    before = world.ledger.payments.get(0)
    body = triggered(world, type_, payment_of(world))

    assert body == {
        "id": EVENT_ID,
        "type": type_,
        "created_at": "2030-01-15T12:00:00Z",
        "data": {"payment_id": payment_of(world), "amount": 900, "currency": "USD"},
    }
    assert world.ledger.payments.get(0) == before
    assert isinstance(world.ledger.any_event(1), MadeEvent)


def test_a_triggered_refund_event_is_about_the_last_refund_of_the_payment(world: World) -> None:
    trigger(world, "refund.created", None)
    for amount in (100, 200):
        world.create_refund(0, amount)
    trigger(world, "refund.created", None)
    body = triggered(world, "refund.created", payment_of(world))

    assert body["data"] == {
        "payment_id": payment_of(world),
        "amount": 200,
        "currency": "USD",
        "refund_id": REFUND_ID,
    }


def test_a_triggered_chargeback_event_is_about_the_last_chargeback(world: World) -> None:
    """With its reason."""
    world.charge_back(0, 300, "product_not_received")
    body = triggered(world, "chargeback.created", payment_of(world))

    assert body["data"] == {
        "payment_id": payment_of(world),
        "amount": 300,
        "currency": "USD",
        "chargeback_id": CHARGEBACK_ID,
        "reason": "product_not_received",
    }


@pytest.mark.parametrize(
    ("type_", "details"),
    [
        (
            "refund.created",
            (
                "/payment_id: expected a payment with a refund; this one has none. POST"
                " /v3/payments/{payment_id}/refunds creates one."
            ),
        ),
        (
            "chargeback.created",
            (
                "/payment_id: expected a payment with a chargeback; this one has none. POST"
                " /_sandbox/payments/{payment_id}/chargeback creates one."
            ),
        ),
        ("payout.paid", UNKNOWN),
        ("payment.complete", UNKNOWN.replace("with", "did you mean payment.completed? With")),
    ],
)  # fmt: skip
def test_triggering_an_event_that_never_happened_is_rejected(
    world: World, type_: str, details: str
) -> None:
    """And makes no event."""
    payment_id = payment_of(world)
    with pytest.raises(InvalidRequest) as caught:
        trigger(world, type_, payment_id)
    assert caught.value.details == details.replace("{payment_id}", payment_id)
    assert world.ledger.events == 1


def test_triggering_an_event_for_an_unknown_payment_raises_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        trigger(world, "payment.completed", "pay_0000000000000000")
    assert world.ledger.events == 1
