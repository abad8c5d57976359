"""The audit: its findings in the order of their kinds, and their JSON."""

from payments_sandbox.contract.schemas import load_contract
from payments_sandbox.core.instants import SECOND
from payments_sandbox.verification.audit import audit_as_json
from payments_sandbox.verification.findings import FINDING_KINDS
from tests.support.in_process import History, rules_of

LOST = rules_of("- {request: create_payment, do: [{drop: {commit: true}}]}")
CREATE = "The payment of 2500 USD for cust_abc123"


def test_a_correct_client_has_no_findings() -> None:
    """It looks up a lost payment, reads, refunds and answers webhooks."""
    history = History(LOST)
    history.pay()
    history.wait(2 * SECOND)
    history.look("customer_id=cust_abc123")
    history.call("retrieve_payment", payment_id=history.payment())
    history.call("create_refund", {"amount": 5}, payment_id=history.payment())
    history.receive(200)

    assert audit_as_json(history.findings()) == {"clean": True, "findings": []}


def test_findings_as_json_are_sorted_by_kind_with_their_advice() -> None:
    """The JSON matches the schema of the control API."""
    history = History(LOST)
    ids = [history.pay(), history.pay()]
    shown = audit_as_json(history.findings())
    advice = {kind.name: kind.advice for kind in FINDING_KINDS}

    assert load_contract().problems("control/responses/audit", shown) == []
    assert shown == {
        "clean": False,
        "findings": [
            {
                "kind": kind,
                "message": f"{CREATE} {message}",
                "advice": advice[kind],
                "requests": ids,
            }
            for kind, message in (
                ("possible_double_charge", "may have been charged 2 times."),
                ("blind_retry", "was sent again without looking for it first."),
            )
        ],
    }
