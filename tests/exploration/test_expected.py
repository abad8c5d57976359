"""The scenario of a finding expects what happens in a run without failures."""

from typing import Any

import pytest

from payments_sandbox.exploration.calls import NOBODY, CallName
from payments_sandbox.exploration.failures import call_failures, webhook_failures
from payments_sandbox.exploration.findings import JudgedRun
from payments_sandbox.exploration.judge import Oracle, ReasonedVerdict, RunVerdict
from payments_sandbox.exploration.planning import Injection, PlannedRun
from payments_sandbox.exploration.report import expected
from payments_sandbox.exploration.run_record import (
    FlowEnd,
    Money,
    OrderName,
    RunRecord,
    WorldRecord,
)

ADA = OrderName("ada", "EUR", "Order 1")
SOMEBODY = OrderName(NOBODY, "EUR", None)
CHARGED = ["completed", "pending"]


def judged(verdict: RunVerdict, failure: str, money: dict[OrderName, Money]) -> JudgedRun:
    """Return a run with a verdict."""
    known = [*webhook_failures("payment.completed")]
    calls = [*call_failures("create_payment")]
    found = next((each for each in known if each.id == failure), None)
    meets = found or next(each for each in calls if each.id == failure)
    what = "create_payment" if found is None else "payment.completed"
    planned = PlannedRun(1, (Injection(CallName(what, "ada", 1), meets),))
    record = RunRecord(FlowEnd(0), (WorldRecord((), (), money, (), (), frozenset()),))
    return JudgedRun(planned, record, ReasonedVerdict(verdict), is_met=True)


@pytest.mark.parametrize(
    ("verdict", "failure", "money", "expects"),
    [
        (
            RunVerdict.DOUBLE_CHARGE,
            "drop_after_commit",
            {ADA: Money(200)},
            [
                {
                    "payments": {"customer_id": "ada", "currency": "EUR", "status": CHARGED},
                    "total": 100,
                }
            ],
        ),
        (
            RunVerdict.HANDLED_TWICE,
            "twice",
            {ADA: Money(100, 50)},
            [{"refunds": {"customer_id": "ada", "currency": "EUR"}, "total": 0}],
        ),
        (
            RunVerdict.DOUBLE_CHARGE,
            "drop_after_commit",
            {ADA: Money(100), SOMEBODY: Money(100)},
            [
                {
                    "payments": {
                        "customer_id": {"exists": False},
                        "currency": "EUR",
                        "status": CHARGED,
                    },
                    "total": 0,
                }
            ],
        ),
        (RunVerdict.HANDLED_TWICE, "twice", {ADA: Money(100)}, [{"audit": "clean"}]),
        (
            RunVerdict.ACCEPTED_FORGERY,
            "forged",
            {},
            [{"webhook": "payment.completed", "forged": "refused"}],
        ),
        (RunVerdict.ACCEPTED_FORGERY, "stale", {}, [{"audit": "clean"}]),
        (RunVerdict.CRASH, "drop", {}, []),
        (RunVerdict.LOST_PAYMENT, "drop_after_commit", {ADA: Money(100)}, []),
    ],
    ids=[
        "customer's payments",
        "customer's refunds",
        "payments without customer",
        "clean audit after a duplicate",
        "forged webhook refused",
        "clean audit after a stale webhook",
        "nothing after a crash",
        "nothing after a lost payment",
    ],
)
def test_a_finding_expects_the_money_or_audit_of_a_run_without_failures(
    verdict: RunVerdict,
    failure: str,
    money: dict[OrderName, Money],
    expects: list[dict[str, Any]],
) -> None:
    assert expected(judged(verdict, failure, money), Oracle({ADA: Money(100)})) == expects


def test_expectations_omit_customers_that_vary_between_runs() -> None:
    run = judged(RunVerdict.PHANTOM_SUCCESS, "card_declined", {})
    oracle = Oracle({ADA: Money(100)}, by_customer=False)

    assert expected(run, oracle) == [
        {"payments": {"currency": "EUR", "status": CHARGED}, "total": 100}
    ]
