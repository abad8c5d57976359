"""What counts as a failed attempt, in words, and in which order deliveries leave."""

from payments_sandbox.rules.webhook_effects import DeliveryOrder
from payments_sandbox.webhooks.delivery import (
    Delivery,
    EventMessage,
    ReceiverResponse,
    in_sending_order,
    why_failed,
)


def test_only_an_answer_of_two_hundred_to_two_ninety_nine_is_a_success() -> None:
    """A redirect says where it would have led, and is not followed."""
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


def test_what_a_rule_held_leaves_last_and_in_the_order_that_it_wants() -> None:
    """Others keep their order; a shuffle is the same for a seed, whoever asks."""
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
