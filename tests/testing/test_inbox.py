"""A built-in receiver: it waits for what comes, and says why nothing does."""

import re

import pytest

from payments_sandbox.testing import Sandbox, WebhookNotReceived
from tests.support.sockets import pay
from tests.support.values import DECLINED, PENDING


def test_what_comes_is_waited_for(world: Sandbox) -> None:
    """One message or several, of one type or of all; each is verified."""
    inbox = world.inbox("orders")
    payment_id = pay(world)["id"]
    pay(world, 400, card_number=DECLINED)

    [completed] = inbox.wait("payment.completed")

    assert completed["body"]["data"]["payment_id"] == payment_id
    assert (completed["verified"], completed["reason"]) == (True, None)
    assert len(inbox.wait(count=2)) == 2
    assert repr(inbox) == "<Inbox orders: 1 × payment.completed, 1 × payment.failed>"
    assert inbox.messages == inbox.wait(count=2)
    inbox.clear()
    assert (inbox.messages, repr(inbox)) == ([], "<Inbox orders: nothing>")


def test_an_endpoint_is_made_once(world: Sandbox) -> None:
    """The same name is the same receiver; without events it has no endpoint."""
    for _ in range(2):
        world.inbox("orders", events=["payment.*"])
    world.inbox("quiet", events=())
    assert [(each["url"], each["events"]) for each in world.webhooks] == [
        ("inbox:orders", ["payment.*"])
    ]


def test_a_receiver_answers_as_it_is_told(world: Sandbox) -> None:
    """The delivery is tried again when the clock says so."""
    inbox = world.inbox("orders")
    inbox.respond(500)
    pay(world)
    assert len(inbox.wait()) == 1
    assert [each["what"] for each in world.clock.advance("1m")] == ["webhook.delivered"]
    assert len(inbox.wait(count=2)) == 2
    [delivery] = world.deliveries
    assert [each["response"] and each["response"]["status"] for each in delivery["attempts"]] == [
        500,
        200,
    ]


def told(world: Sandbox, name: str, **wanted: object) -> str:
    """What a wait that comes to nothing says."""
    inbox = world.inbox(name, events=() if name == "quiet" else ["payment.*"])
    with pytest.raises(WebhookNotReceived) as caught:
        inbox.wait(within="20ms", **wanted)  # type: ignore[arg-type]  # by name
    return str(caught.value)


def test_a_webhook_that_is_missed_is_told_with_what_did_arrive(world: Sandbox) -> None:
    """Beside what was waited for, and what the endpoint wants at all."""
    inbox = world.inbox("orders", events=["payment.*"])
    pay(world)
    inbox.wait()
    assert told(world, "orders", type="refund.created") == (
        "inbox 'orders': 0 of 1 × refund.created came within 20ms.\n"
        "  It has: 1 × payment.completed.\n"
        "  Its endpoint wants: payment.*."
    )


def test_a_receiver_that_nobody_sends_to_is_told(world: Sandbox) -> None:
    """There is no endpoint for it."""
    assert told(world, "quiet", count=2) == (
        "inbox 'quiet': 0 of 2 × message came within 20ms.\n"
        "  It has: nothing.\n"
        "  No webhook endpoint sends to inbox:quiet."
    )


def test_a_delivery_that_waits_for_the_clock_is_told(world: Sandbox) -> None:
    """Nothing comes before the clock is moved."""
    inbox = world.inbox("orders", events=["payment.*"])
    inbox.respond(500)
    pay(world)
    inbox.wait()
    assert told(world, "orders", count=2).endswith(
        "\n  The clock is waited for: the next attempt is at 2030-01-15T09:00:05Z."
    )


def test_the_first_of_the_attempts_that_wait_for_the_clock_is_told(world: Sandbox) -> None:
    """By time: as texts, `05.500Z` comes before `05Z`."""
    inbox = world.inbox("orders", events=["payment.*"])
    inbox.respond(500, 500)
    pay(world)
    world.clock.advance("500ms")
    pay(world)
    inbox.wait(count=2)
    assert told(world, "orders", count=3).endswith(" the next attempt is at 2030-01-15T09:00:05Z.")


def test_an_endpoint_that_is_disabled_is_told(world: Sandbox) -> None:
    """What it wants would say that nothing is wrong with it."""
    world.inbox("orders")
    world.control.update_webhook_endpoint(world.webhooks[0]["id"], enabled=False)
    pay(world)
    assert told(world, "orders").endswith("\n  Its endpoint is disabled.")


def test_what_is_due_on_the_clock_is_told(world: Sandbox) -> None:
    """A payment that settles in an hour has no webhook before."""
    world.inbox("orders", events=["payment.*"])
    pay(world, card_number="4000009900000012")
    assert told(world, "orders").endswith(
        "\n  The clock is waited for: payment.completed is due at 2030-01-15T10:00:00Z."
    )


def test_what_is_forged_is_counted(world: Sandbox) -> None:
    """A message of somebody else's is no event of ours."""
    inbox = world.inbox("orders")
    assert world.control.receive_webhook("orders", b"[]", {}) == 200
    assert repr(inbox) == "<Inbox orders: 1 × no JSON object (1 not verified)>"


def test_what_settles_later_comes_later(world: Sandbox) -> None:
    """A month in a millisecond, webhooks included."""
    inbox = world.inbox()
    pay(world, card_number=PENDING)
    assert inbox.messages == []
    world.clock.advance("30d")
    [message] = inbox.wait("payment.completed")
    assert re.fullmatch(r"evt_\w+", message["body"]["id"])
