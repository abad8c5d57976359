"""The expectation `order`: a subsequence of the calls."""

from payments_sandbox.verification.expectations.expectation import ExpectationResult
from tests.support.in_process import History


def test_an_order_is_met_with_other_calls_in_between() -> None:
    """At most twenty calls are shown."""
    history = History()
    history.pay()
    history.look()
    history.call("retrieve_payment", payment_id=history.payment())
    history.pay()

    assert history.result_of(
        order=["create_payment", "list_payments", "create_payment"]
    ) == ExpectationResult(
        met=True,
        observed="saw create_payment, list_payments, retrieve_payment, create_payment",
    )
    assert not history.meets(order=["list_payments", "list_payments"])
    for _ in range(20):
        history.look()
    shown = ["create_payment", "list_payments", "retrieve_payment", "create_payment"]
    assert history.result_of(order=["create_refund"]).observed == (
        f"expected create_refund; saw {', '.join([*shown, *['list_payments'] * 16])}, …"
    )


def test_an_unmet_order_says_which_call_is_missing_after_which() -> None:
    """At most the last three calls that were found are named."""
    history = History()
    history.pay()
    history.look()
    seen = "saw create_payment, list_payments"

    assert history.result_of(order=["create_payment", "create_payment"]).observed == (
        f"expected create_payment after create_payment; {seen}"
    )
    calls = ["create_payment", "list_payments", "create_refund", "create_payment"]
    assert history.result_of(order=calls).observed == (
        f"expected create_refund after create_payment and then list_payments; {seen}"
    )
    history.look()
    history.look()
    assert history.result_of(order=["create_payment", *["list_payments"] * 4]).observed == (
        "expected list_payments after list_payments and then list_payments and then list_payments;"
        f" {seen}, list_payments, list_payments"
    )
