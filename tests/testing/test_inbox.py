"""The built-in receiver: waiting for messages, and explanations if none arrives."""

import re

import pytest

from payments_sandbox.testing import Sandbox, WebhookNotReceived
from tests.support.sockets import pay
from tests.support.values import DECLINED, PENDING


def test_wait_returns_verified_messages_by_type_or_count(world: Sandbox) -> None:
    """`clear` deletes them."""
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


def test_inbox_creates_its_endpoint_once_and_none_without_events(world: Sandbox) -> None:
    """The same name gives the same receiver."""
    for _ in range(2):
        world.inbox("orders", events=["payment.*"])
    world.inbox("quiet", events=())
    assert [(each["url"], each["events"]) for each in world.webhooks] == [
        ("inbox:orders", ["payment.*"])
    ]


def test_respond_sets_the_answer_and_the_delivery_is_retried(world: Sandbox) -> None:
    """The retry happens when the clock reaches it."""
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
    """Return the error of a wait that receives nothing."""
    inbox = world.inbox(name, events=() if name == "quiet" else ["payment.*"])
    with pytest.raises(WebhookNotReceived) as caught:
        inbox.wait(within="20ms", **wanted)  # type: ignore[arg-type]  # by name
    return str(caught.value)


def test_a_failed_wait_lists_received_messages_and_wanted_events(world: Sandbox) -> None:
    """It also names what was expected."""
    inbox = world.inbox("orders", events=["payment.*"])
    pay(world)
    inbox.wait()
    assert told(world, "orders", type="refund.created") == (
        "inbox 'orders': 0 of 1 × refund.created arrived within 20ms.\n"
        "  It has: 1 × payment.completed.\n"
        "  Its endpoint receives: payment.*."
    )


def test_a_failed_wait_says_that_no_endpoint_sends_to_the_inbox(world: Sandbox) -> None:
    assert told(world, "quiet", count=2) == (
        "inbox 'quiet': 0 of 2 × message arrived within 20ms.\n"
        "  It has: nothing.\n"
        "  No webhook endpoint sends to inbox:quiet."
    )


def test_a_failed_wait_names_the_next_attempt_on_the_clock(world: Sandbox) -> None:
    """Nothing arrives until the clock is advanced."""
    inbox = world.inbox("orders", events=["payment.*"])
    inbox.respond(500)
    pay(world)
    inbox.wait()
    assert told(world, "orders", count=2).endswith(
        "\n  The clock has to advance: the next attempt is at 2030-01-15T09:00:05Z."
    )


def test_a_failed_wait_names_the_earliest_next_attempt(world: Sandbox) -> None:
    """They are compared as instants: as texts, `05.500Z` would sort before `05Z`."""
    inbox = world.inbox("orders", events=["payment.*"])
    inbox.respond(500, 500)
    pay(world)
    world.clock.advance("500ms")
    pay(world)
    inbox.wait(count=2)
    assert told(world, "orders", count=3).endswith(" the next attempt is at 2030-01-15T09:00:05Z.")


def test_a_failed_wait_says_that_the_endpoint_is_disabled(world: Sandbox) -> None:
    """Its wanted events alone would look as if it worked."""
    world.inbox("orders")
    world.control.update_webhook_endpoint(world.webhooks[0]["id"], enabled=False)
    pay(world)
    assert told(world, "orders").endswith("\n  Its endpoint is disabled.")


def test_a_failed_wait_names_an_event_that_is_due_later(world: Sandbox) -> None:
    """The payment settles in an hour."""
    world.inbox("orders", events=["payment.*"])
    pay(world, card_number="4000009900000012")
    assert told(world, "orders").endswith(
        "\n  The clock has to advance: payment.completed is due at 2030-01-15T10:00:00Z."
    )


def test_the_repr_counts_unverified_messages(world: Sandbox) -> None:
    """The message is not an event of the sandbox."""
    inbox = world.inbox("orders")
    assert world.control.receive_webhook("orders", b"[]", {}) == 200
    assert repr(inbox) == "<Inbox orders: 1 × not a JSON object (1 not verified)>"


def test_the_webhook_of_a_pending_payment_arrives_after_advancing_the_clock(world: Sandbox) -> None:
    """A month passes in a millisecond."""
    inbox = world.inbox()
    pay(world, card_number=PENDING)
    assert inbox.messages == []
    world.clock.advance("30d")
    [message] = inbox.wait("payment.completed")
    assert re.fullmatch(r"evt_\w+", message["body"]["id"])
