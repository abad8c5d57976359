"""`order` is a subsequence of the calls."""

from payments_sandbox.verification.expectations.expectation import ExpectationResult
from tests.support.in_process import History


def test_an_order_is_met_with_other_calls_between() -> None:
    """A subsequence; what is not an operation is not seen."""
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
        f"saw {', '.join([*shown, *['list_payments'] * 16])}, …"
    )
