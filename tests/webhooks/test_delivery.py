"""Tests which attempts have failed, and in which order deliveries are sent."""

from payments_sandbox.rules.webhook_effects import DeliveryOrder
from payments_sandbox.webhooks.delivery import (
    Delivery,
    EventMessage,
    ReceiverResponse,
    WebhookRequest,
    head_start,
    in_sending_order,
    receiver_response,
    why_failed,
)
from tests.support.in_process import NOON


def test_only_a_2xx_answer_is_a_successful_attempt() -> None:
    """A redirect is reported with its target, and is not followed."""
    found = {
        status: why_failed(ReceiverResponse(status, {"Location": "http://localhost/"}, ""))
        for status in (199, 200, 299, 300, 399, 400)
    }
    redirect = "a redirect to http://localhost/, which is not followed"

    assert found == {
        199: "answered 199",
        200: None,
        299: None,
        300: f"answered 300, {redirect}",
        399: f"answered 399, {redirect}",
        400: "answered 400",
    }
    assert why_failed(ReceiverResponse(302, {}, "")) == (
        "answered 302, a redirect to nowhere, which is not followed"
    )


def test_deliveries_held_by_a_rule_are_sent_last_in_its_order() -> None:
    """The others keep their order; a shuffle is the same for the same seed."""
    made = [Delivery(n, EventMessage(f"evt_{n}", "x.y", None, b"{}"), "we_1") for n in range(8)]
    for each in made[:3]:
        each.order = DeliveryOrder.REVERSE
    numbers = [each.number for each in in_sending_order(made, 7)]
    for each in made:
        each.order = DeliveryOrder.SHUFFLE
    shuffled = [each.number for each in in_sending_order(made, 7)]

    assert numbers == [3, 4, 5, 6, 7, 2, 1, 0]
    assert shuffled == [each.number for each in in_sending_order(reversed(made), 7)]
    assert sorted(shuffled) == list(range(8))
    assert shuffled != list(range(8))


def test_shuffled_deliveries_are_sent_after_deliveries_that_no_rule_holds() -> None:
    made = [Delivery(n, EventMessage(f"evt_{n}", "x.y", None, b"{}"), "we_1") for n in range(8)]
    for each in made[:4]:
        each.order = DeliveryOrder.SHUFFLE
    numbers = [each.number for each in in_sending_order(made, 7)]

    assert (numbers[:4], sorted(numbers[4:])) == ([4, 5, 6, 7], [0, 1, 2, 3])


def test_a_new_delivery_is_pending_and_a_request_is_genuine_by_default() -> None:
    delivery = Delivery(0, EventMessage("evt_1", "x.y", None, b"{}"), "we_1")
    request = WebhookRequest(NOON, NOON, {}, b"{}")

    assert (delivery.is_pending, delivery.is_resend, delivery.is_before_reply) == (
        True, False, False,
    )  # fmt: skip
    assert (request.is_forged, request.is_stale, request.dropped_by) == (False, False, None)


def test_an_answer_is_kept_up_to_8_kib_of_headers_and_20_kib_of_body() -> None:
    """Headers in whole lines; Retry-After is read in any case."""
    line = (b"X-A", b"a" * (8 * 1024 - 3 - 13))
    lines = [(b"RETRY-After", b"60"), line]
    kept = receiver_response(503, (*lines, (b"X-B", b"b")), b"b" * 20_480 + b"c")
    cut = receiver_response(503, (*lines[:1], (b"X-A", line[1] + b"a"), (b"X-B", b"b")), b"")

    assert head_start([*lines, (b"X-B", b"")]) == lines
    assert list(kept.headers) == ["RETRY-After", "X-A"]
    assert kept == ReceiverResponse(503, kept.headers, "b" * 20_480, "60")
    assert cut == ReceiverResponse(503, {"RETRY-After": "60"}, "", "60")
    assert receiver_response(200, ((b"X-A", b"a"),), b"{}") == ReceiverResponse(
        200, {"X-A": "a"}, "{}", None
    )


def test_card_numbers_in_a_receivers_answer_are_masked() -> None:
    """In its headers, its body and its Retry-After."""
    number = b"4242424242424242"
    kept = receiver_response(503, ((b"Retry-After", number), (b"X-A", number)), b"no " + number)

    assert kept == ReceiverResponse(
        503, dict.fromkeys(("Retry-After", "X-A"), "*" * 12 + "4242"), "no " + "*" * 12 + "4242",
        "*" * 12 + "4242",
    )  # fmt: skip


def test_the_target_of_a_redirect_is_reported_in_at_most_200_characters() -> None:
    told = why_failed(ReceiverResponse(302, {"location": "x" * 201}, ""))

    assert told == f"answered 302, a redirect to {'x' * 200}, which is not followed"


def test_shuffled_deliveries_are_sent_after_reversed_ones() -> None:
    """If two rules hold deliveries at the same time."""
    made = [Delivery(n, EventMessage(f"evt_{n}", "x.y", None, b"{}"), "we_1") for n in range(6)]
    for each in made:
        each.order = DeliveryOrder.REVERSE if each.number % 2 else DeliveryOrder.SHUFFLE
    numbers = [each.number for each in in_sending_order(made, 7)]

    assert (numbers[:3], sorted(numbers[3:])) == ([5, 3, 1], [0, 2, 4])
