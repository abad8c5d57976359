"""The expectation `rules: all_fired`."""

from payments_sandbox.verification.expectations.expectation import ExpectationResult
from tests.support.in_process import History, rules_of


def test_rules_that_never_fired_are_named() -> None:
    history = History(
        rules_of("""
            - {name: one, request: create_payment, do: [pass]}
            - {name: two, request: create_refund, do: [pass]}
            """)
    )
    history.pay()
    idle = history.result_of(rules="all_fired")
    history.call("create_refund", {}, payment_id=history.payment())

    assert idle == ExpectationResult(met=False, observed="never fired: two")
    assert history.result_of(rules="all_fired") == ExpectationResult(
        met=True, observed="each has fired"
    )
