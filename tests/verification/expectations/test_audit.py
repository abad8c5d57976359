"""The expectation `audit`: clean, or the kinds of findings."""

from payments_sandbox.verification.expectations.expectation import ExpectationResult
from tests.support.in_process import History


def test_an_unclean_audit_names_each_kind_once() -> None:
    history = History()
    for _ in range(2):
        history.pay(description="4111111111111111")

    assert history.result_of(audit="clean") == ExpectationResult(
        met=False, observed="found card_number_leak", is_final=True
    )
