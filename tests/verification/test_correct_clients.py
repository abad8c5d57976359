"""Generated histories: the audit finds nothing in correct clients, and the faults of others."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.instants import HOUR, SECOND
from payments_sandbox.rules.scenario import Scenario
from tests.support.in_process import History, scenario_of

WRITES = (
    "pass",
    "{drop: {commit: true}}",
    "{drop: {commit: false}}",
    "{respond: {error: internal_error}}",
    "{respond: {error: internal_error, commit: true}}",
    "{respond: {error: card_declined}}",
)
READS = ("pass", "{drop: {}}", "{respond: {error: internal_error}}", "{rate_limit: {remaining: 0}}")


def world_of(creates: list[str], refunds: list[str], lists: list[str]) -> Scenario:
    """Return a scenario in which the calls of each operation meet these steps in turn."""
    refunds = [each.replace("card_declined", "refund_declined") for each in refunds]
    return scenario_of(f"""
rules:
  - {{name: creates, request: create_payment, do: [{", ".join(creates)}]}}
  - {{name: refunds, request: create_refund, do: [{", ".join(refunds)}]}}
  - {{name: lists, request: list_payments, do: [{", ".join(lists)}]}}
""")


class CorrectClient:
    """Looks up lost payments, refunds once, waits for the rate limit, and reads slowly."""

    def __init__(self, scenario: Scenario) -> None:
        self.history = History(scenario)

    def called(self, operation: str, body: object = None, **options: str) -> int | None:
        """Make a call, repeated after the rate limit; return its status, or None if unknown."""
        while True:
            self.history.wait(SECOND)
            self.history.call(operation, body, **options)
            entry = next(self.history.world.journal.before(None))
            if entry.status == 429 and entry.fault is None:
                self.history.wait(HOUR)
                continue
            is_known = entry.fault is None and entry.status is not None and entry.status < 500
            return entry.status if is_known else None

    def pay(self, order: int) -> None:
        """Pay for an order; after a lost reply, list payments until there is an answer."""
        body = {
            "amount": 1_000 + order,
            "currency": "USD",
            "customer_id": f"cust_{order % 2}",
            "payment_method": {
                "type": "card",
                "card_number": "4242424242424242",
                "exp_month": 12,
                "exp_year": 2034,
                "cvc": "123",
            },
        }
        while self.called("create_payment", body) is None:
            while self.called("list_payments", query=f"customer_id=cust_{order % 2}") is None:
                pass
            payments = self.history.world.ledger.payments
            every = (payments.get(number) for number in range(len(payments)))
            if any(each.amount == 1_000 + order for each in every):
                return

    def refund(self, number: int) -> None:
        """Refund part of a payment once, whatever the answer, then read it three times."""
        payment_id = self.history.payment(number)
        self.called("create_refund", {"amount": 7}, payment_id=payment_id)
        for _ in range(3):
            self.history.receive(200, event="refund.created", payment_id=payment_id)
            self.history.call("retrieve_payment", payment_id=payment_id)


@given(
    st.lists(st.sampled_from(WRITES), min_size=1, max_size=6),
    st.lists(st.sampled_from(WRITES), min_size=1, max_size=3),
    st.lists(st.sampled_from(READS), min_size=1, max_size=4),
)
def test_a_correct_client_has_no_findings_whatever_it_meets(
    creates: list[str], refunds: list[str], lists: list[str]
) -> None:
    client = CorrectClient(world_of(creates, refunds, lists))
    for order in range(3):
        client.pay(order)
    for number in range(len(client.history.world.ledger.payments)):
        client.refund(number)

    assert client.history.found() == []


@pytest.mark.parametrize(
    "step", [each for each in WRITES if "drop" in each or "internal_error" in each]
)
@given(amount=st.integers(1, 1_000))
def test_a_client_that_retries_a_lost_payment_blindly_is_found(step: str, amount: int) -> None:
    """It is a blind retry, and a double charge if the first payment happened."""
    history = History(world_of([step], ["pass"], ["pass"]))
    ids = (history.pay(amount=amount), history.pay(amount=amount))
    found: list[Any] = [("possible_double_charge", ids)] if "commit: true" in step else []

    assert history.found() == [*found, ("blind_retry", ids)]
