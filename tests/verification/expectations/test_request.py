"""The expectation `request`: the number of calls that match conditions."""

from typing import Any

from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.verification.expectations.expectation import ExpectationResult
from tests.support.in_process import History, call_of, rules_of

CARD = {card.name: card.number for card in MAGIC_CARDS}


def test_calls_of_the_operation_that_match_the_conditions_are_counted() -> None:
    """The result names their ids."""
    history = History()
    ids = [history.pay(customer_id="ann"), history.pay(customer_id="ann")]
    history.pay(customer_id="ben")
    history.look("customer_id=ann")
    expect: dict[str, Any] = {"request": "create_payment", "when": {"customer_id": "ann"}}

    assert history.result_of(**expect, count=2) == ExpectationResult(
        met=True, observed=f"expected 2, saw 2: {', '.join(ids)}"
    )
    assert [history.meets(**expect, count={"min": 3}), history.meets(**expect, count=1)] == [
        False,
        False,
    ]
    assert history.meets(request="*", when={"customer_id": "ann"}, count=3)


def test_a_call_to_an_undocumented_path_is_not_counted() -> None:
    """It is only in the journal."""
    history = History()
    call = call_of("list_payments")
    call.operation = None
    history.desk.answer(call)

    assert history.meets(request="*", count=0)


def test_a_result_names_at_most_ten_ids() -> None:
    history = History()
    for _ in range(12):
        history.look()

    assert history.result_of(request="*", count=12).observed.endswith(", …")


def test_conditions_use_body_query_headers_and_the_payment() -> None:
    """Cards are matched by what the journal stores of them."""
    history = History(
        rules_of("- {request: list_payments, when: {query.x: {ne: 1}}, do: [pass]}"),
        rules_of(
            "- {request: create_refund, when: {card: visa_2}, do: [delay: 1ms]}", name="named"
        ),
    )
    history.pay(card_number=CARD["visa_2"], customer_id="ann")
    history.pay(card_number=CARD["amex"], cvc="1234")
    history.call("create_refund", {"amount": 5, "reason": "late"}, payment_id=history.payment())
    history.call("create_refund", {}, payment_id=history.payment(1))
    history.call("retrieve_payment", payment_id="pay_unknown")
    history.look("status=completed&limit=5")
    history.pay(card_number="4111111111111112")
    history.call("create_payment", b"no json")
    counts: list[tuple[str, dict[str, Any], int]] = [
        ("create_payment", {"card": "visa_2"}, 1),
        ("create_payment", {"card": ["visa_2", "amex"]}, 2),
        ("create_payment", {"card": {"exists": False}}, 1),
        ("create_payment", {"card": {"suffix": "4242"}}, 1),
        ("create_refund", {"card": "visa_2"}, 1),
        ("create_payment", {"brand": "amex"}, 1),
        ("create_payment", {"brand": {"exists": False}}, 2),
        ("create_refund", {"brand": "amex"}, 1),
        ("create_refund", {"customer_id": "ann"}, 1),
        ("create_refund", {"reason": "late", "amount": 5}, 1),
        ("create_refund", {"amount": 2500}, 1),
        ("create_refund", {"payment_id": history.payment()}, 1),
        ("retrieve_payment", {"customer_id": {"exists": False}}, 1),
        ("list_payments", {"status": "completed", "query.limit": 5}, 1),
        ("list_payments", {"customer_id": {"exists": False}}, 1),
        ("list_payments", {"header.authorization": {"prefix": "Bearer sk_test"}}, 1),
    ]

    seen = [history.result_of(request=request, when=when) for request, when, _ in counts]
    assert [each.observed.partition(":")[0] for each in seen] == [
        f"expected at least 1, saw {count}" for *_, count in counts
    ]
