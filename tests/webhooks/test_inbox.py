"""Tests the built-in receivers: what they keep, answer and verify."""

from dataclasses import replace

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.webhooks import inbox as inbox_module
from payments_sandbox.webhooks.inbox import Inboxes
from payments_sandbox.webhooks.signing import Scheme, Signing, sign
from payments_sandbox.webhooks.verification import Received
from payments_sandbox.webhooks.world_webhooks import Webhooks
from tests.support.in_process import NOON, FakeDispatcher, new_world

MOST_INBOXES = 100

OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"id":"evt_1","type":"payment.completed"}'


@pytest.fixture
def webhooks() -> Webhooks:
    """Return the webhooks of a world that has no endpoint."""
    return new_world().open_webhooks()


def receive(webhooks: Webhooks, name: str, headers: dict[str, str], body: bytes = BODY) -> int:
    """Receive a message; return the status of the answer."""
    lower = {key.lower(): value for key, value in headers.items()}
    return webhooks.receive(name, Received(lower, body), now=NOON, wall=NOON)


def signed(secret: str, signing: Signing | None = None, body: bytes = BODY) -> dict[str, str]:
    """Return the headers of a validly signed message."""
    sent_at = NOON // 1_000
    return sign(signing or Signing(), [secret], message="evt_1", sent_at=sent_at, body=body)


def reasons(webhooks: Webhooks, name: str) -> list[str | None]:
    """Return why each message of an inbox is not verified."""
    return [each.reason for each in webhooks.inboxes.get_or_create(name).since(0, None)]


def test_an_inbox_lists_its_messages_by_number_and_type_oldest_first(webhooks: Webhooks) -> None:
    """The type is read from a JSON object that has one."""
    for body in (BODY, b'{"type":"refund.created"}', b"[1]", b'{"type":1}', b"no json", b"\xff"):
        assert receive(webhooks, "orders", {"X-From": "test"}, body) == 200
    inbox = webhooks.inboxes.get_or_create("orders")
    kept = list(inbox.since(0, None))

    assert [each.number for each in kept] == list(range(6))
    assert [each.type for each in kept] == ["payment.completed", "refund.created"] + [None] * 4
    assert [each.number for each in inbox.since(1, "refund.created")] == [1]
    assert list(inbox.since(2, "refund.created")) == []
    assert (kept[0].headers, kept[0].body, kept[0].received_at) == ({"x-from": "test"}, BODY, NOON)
    assert kept[-1].body == "\ufffd".encode()


def test_an_inbox_masks_card_numbers_and_verifies_the_original_body(webhooks: Webhooks) -> None:
    body = b'{"type":"x","card":"4111111111111111"}'
    receive(webhooks, "orders", signed(webhooks.new_endpoint("x").secret, body=body), body)
    (message,) = webhooks.inboxes.get_or_create("orders").since(0, None)

    assert b"4111111111111111" not in message.body
    assert message.reason is None


def test_an_inbox_answers_with_its_script_then_with_200(webhooks: Webhooks) -> None:
    """A new script replaces the old one."""
    inbox = webhooks.inboxes.get_or_create("orders")
    inbox.script([500, 503, 404])
    assert receive(webhooks, "orders", {}) == 500
    inbox.script([302, 204])
    assert inbox.answers == [302, 204]
    assert [receive(webhooks, "orders", {}) for _ in range(3)] == [302, 204, 200]


def test_an_inbox_keeps_the_last_1000_messages_with_their_numbers(
    webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert inbox_module.KEPT == 1_000
    monkeypatch.setattr(inbox_module, "KEPT", 3)
    for _ in range(5):
        receive(webhooks, "orders", {})
    inbox = webhooks.inboxes.get_or_create("orders")

    assert ([each.number for each in inbox.since(0, None)], inbox.count) == ([2, 3, 4], 5)


def test_one_inbox_too_many_is_rejected_until_one_is_removed() -> None:
    """Naming an inbox creates it."""
    inboxes = Inboxes()
    for number in range(MOST_INBOXES):
        inboxes.get_or_create(f"n{number}")
    assert inboxes.get_or_create("n0") is inboxes.find("n0")
    with pytest.raises(InvalidRequest) as caught:
        inboxes.get_or_create("one-more")
    assert (
        caught.value.details == "/name: expected one of the 100 existing inboxes;"
        " DELETE /_sandbox/inbox/NAME removes one."
    )
    assert inboxes.find("one-more") is None
    inboxes.remove("n0")
    inboxes.remove("n0")
    inboxes.get_or_create("one-more")
    assert len(inboxes.items()) == MOST_INBOXES


def test_a_delivery_to_one_inbox_too_many_is_answered_400_and_retried() -> None:
    """As over a socket."""
    world = new_world()
    dispatcher = FakeDispatcher(world)
    webhooks = dispatcher.webhooks
    webhooks.put(webhooks.new_endpoint("inbox:one-more"))
    for number in range(MOST_INBOXES):
        webhooks.inboxes.get_or_create(f"n{number}")
    world.make_event("payout.paid", {})
    dispatcher.deliver()
    (delivery,) = webhooks.outbox.oldest_first()

    assert [each.result.error for each in delivery.attempts] == ["answered 400"]
    assert delivery.attempts[0].result.response is not None
    assert "removes one" in delivery.attempts[0].result.response.body
    assert delivery.next_at == NOON + 5_000


def test_an_inbox_verifies_with_the_secrets_of_its_endpoints_or_else_of_all(
    webhooks: Webhooks,
) -> None:
    """Without endpoints, with the world's secret."""
    world_secret = webhooks.new_endpoint("x").secret
    receive(webhooks, "orders", signed(world_secret))
    receive(webhooks, "orders", signed(OTHER))
    assert reasons(webhooks, "orders") == [
        None,
        "no signature matches: the secret differs, or the body was changed",
    ]
    webhooks.put(webhooks.new_endpoint("http://localhost/", secret=OTHER))
    receive(webhooks, "others", signed(OTHER))
    receive(webhooks, "others", signed(world_secret))
    assert reasons(webhooks, "others") == [None, None]
    webhooks.put(webhooks.new_endpoint("inbox:own", secret=OTHER))
    receive(webhooks, "own", signed(OTHER))
    receive(webhooks, "own", signed(world_secret))
    assert reasons(webhooks, "own") == [
        None,
        "no signature matches: the secret differs, or the body was changed",
    ]


def test_an_inbox_verifies_by_the_scheme_of_its_endpoint(webhooks: Webhooks) -> None:
    """And reports the reason for that scheme."""
    signing = Signing(Scheme.HMAC, "X-Signature")
    webhooks.put(replace(webhooks.new_endpoint("inbox:own", secret=OTHER), signing=signing))
    receive(webhooks, "own", signed(OTHER, signing))
    receive(webhooks, "own", signed(OTHER))

    assert reasons(webhooks, "own") == [
        None,
        (
            "the header X-Signature is missing, and the message looks like standard"
            " (webhook-signature: v1,BASE64)"
        ),
    ]
