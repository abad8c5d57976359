"""The verdict of a run: its exit and its money compared with a run without failures."""

import pytest

from payments_sandbox.exploration.failures import Failure, call_failures, webhook_failures
from payments_sandbox.exploration.judge import Oracle, RunVerdict, Signs, is_refusal, judge
from payments_sandbox.exploration.run_record import (
    FlowEnd,
    Money,
    OrderName,
    RunRecord,
    SeenCall,
    SeenWebhook,
    WorldRecord,
)
from payments_sandbox.verification.findings import FINDING_KINDS
from payments_sandbox.verification.findings.finding import Finding
from tests.support.tables import for_each

ORDER = OrderName("ada", "EUR", "Order 1")
OTHER = OrderName("ada", "EUR", "Order 2")
ONCE, TWICE = Money(100), Money(200)
PAID = Oracle({ORDER: ONCE})
WELL, FAILED = FlowEnd(0), FlowEnd(1)
CRASHED = FlowEnd(1, crash="ended by SIGSEGV")

LOST = SeenCall(
    "create_payment", "ada", None, "", "drop", committed=True, is_unknown=True,
    is_success=False, payment_id="pay_1", about="100 EUR",
)  # fmt: skip
LISTED = SeenCall(
    "list_payments", "ada", 200, "", None, committed=None, is_unknown=False,
    is_success=True, payment_id=None,
)  # fmt: skip


def record(
    money: dict[OrderName, Money],
    end: FlowEnd = WELL,
    *calls: SeenCall,
    webhooks: tuple[SeenWebhook, ...] = (),
    audit: tuple[Finding, ...] = (),
    unmet: tuple[str, ...] = (),
) -> RunRecord:
    """Return a run with one world."""
    return RunRecord(end, (WorldRecord(calls, webhooks, money, audit, unmet, frozenset()),))


def failure(name: str) -> tuple[Failure, ...]:
    """Return the failure with an id."""
    known: list[Failure] = [*call_failures("create_payment")]
    known += webhook_failures("payment.completed")
    return tuple(each for each in known if each.id == name)


@for_each(
    ("money", "end", "verdict"),
    [
        ({ORDER: ONCE}, WELL, RunVerdict.SURVIVED),
        ({}, FAILED, RunVerdict.TOLD),
        ({}, CRASHED, RunVerdict.CRASH),
        ({}, WELL, RunVerdict.PHANTOM_SUCCESS),
        ({ORDER: TWICE}, WELL, RunVerdict.DOUBLE_CHARGE),
        ({ORDER: TWICE}, CRASHED, RunVerdict.DOUBLE_CHARGE),
        ({ORDER: ONCE}, FAILED, RunVerdict.LOST_PAYMENT),
        ({ORDER: ONCE}, CRASHED, RunVerdict.LOST_PAYMENT),
        ({ORDER: Money(200, 100)}, WELL, RunVerdict.SURVIVED),
        ({ORDER: Money(100, 50)}, WELL, RunVerdict.REFUNDED_TWICE),
        ({}, FlowEnd(-1, timed_out=True), RunVerdict.HANG),
        ({ORDER: TWICE}, FlowEnd(-1, timed_out=True), RunVerdict.DOUBLE_CHARGE),
    ],
)
def test_the_verdict_compares_exit_and_money_with_the_baseline(
    money: dict[OrderName, Money], end: FlowEnd, verdict: RunVerdict
) -> None:
    assert judge(record(money, end), PAID, failure("drop")).verdict is verdict


def test_a_missing_refund_is_a_phantom_success() -> None:
    given_back = Oracle({ORDER: Money(100, 50)})
    found = judge(record({ORDER: ONCE}), given_back, failure("drop"))

    assert found.verdict is RunVerdict.PHANTOM_SUCCESS
    assert found.evidence == ("ada got back 0 EUR, but 50 without the failure.",)


def test_an_order_paid_twice_is_a_double_charge_although_another_is_unpaid() -> None:
    both = Oracle({ORDER: ONCE, OTHER: ONCE})
    found = judge(record({ORDER: TWICE}, FAILED), both, failure("drop_after_commit"))

    assert found.verdict is RunVerdict.DOUBLE_CHARGE
    assert found.evidence[0] == "For 'Order 1' ada paid 200 EUR, but 100 without the failure."


def test_an_order_with_another_description_is_not_a_double_charge() -> None:
    assert judge(record({OTHER: ONCE}), PAID, failure("drop")).verdict is RunVerdict.SURVIVED


def test_a_lost_write_is_a_lost_payment_unless_the_client_looked_for_it() -> None:
    both = Oracle({ORDER: ONCE, OTHER: ONCE})
    lost = judge(record({ORDER: ONCE}, FAILED, LOST), both, failure("drop_after_commit"))
    looked = judge(record({ORDER: ONCE}, FAILED, LOST, LISTED), both, failure("drop_after_commit"))

    assert (lost.verdict, looked.verdict) == (RunVerdict.LOST_PAYMENT, RunVerdict.TOLD)
    assert lost.evidence[0].startswith(
        "The ledger contains create_payment of 100 EUR, whose reply was"
    )
    assert [each.partition(":")[0] for each in lost.advice] == [
        "Before you report that nothing was paid, list the customer's payments"
    ]
    assert looked.advice == ()


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("out_of_order", "Webhooks may arrive twice, before the reply and in any order"),
        ("before_reply", "Webhooks may arrive twice, before the reply and in any order"),
        ("late", "A webhook may come late or never"),
        ("forged", "A webhook may come late or never"),
        ("drop", None),
    ],
)
def test_who_was_misled_by_a_webhook_is_told_what_to_rely_on(name: str, begins: str | None) -> None:
    """Every reply arrived, and yet the client says that it failed."""
    found = judge(record({ORDER: ONCE}, FAILED), PAID, failure(name))

    assert found.verdict is RunVerdict.LOST_PAYMENT
    assert [each.partition(":")[0] for each in found.advice] == ([begins] if begins else [])


@pytest.mark.parametrize(("paid_for", "is_known"), [("pay_1", True), ("pay_2", False)])
def test_retrieving_the_payment_counts_as_looking_for_it(paid_for: str, *, is_known: bool) -> None:
    read = LISTED._replace(operation="retrieve_payment", payment_id=paid_for)
    both = Oracle({ORDER: ONCE, OTHER: ONCE})
    found = judge(record({ORDER: ONCE}, FAILED, LOST, read), both, failure("drop_after_commit"))

    assert (found.verdict is RunVerdict.TOLD) is is_known


@pytest.mark.parametrize("is_heard_of", [True, False])
def test_a_lost_refund_is_known_only_by_its_webhook(*, is_heard_of: bool) -> None:
    refund = LOST._replace(operation="create_refund")
    heard = SeenWebhook("refund.created", "ada", "pay_1", is_delivered=is_heard_of)
    given_back = Oracle({ORDER: Money(100, 50), OTHER: ONCE})
    run = record({ORDER: Money(100, 50)}, FAILED, refund, LISTED, webhooks=(heard,))

    found = judge(run, given_back, failure("drop_after_commit"))
    assert (found.verdict is RunVerdict.TOLD) is is_heard_of
    assert [each.partition(":")[0] for each in found.advice] == (
        [] if is_heard_of else ["Refunds cannot be looked up"]
    )


@pytest.mark.parametrize(
    ("told_by", "verdict"),
    [
        ("exit 4", RunVerdict.TOLD),
        ("exit 5", RunVerdict.LOST_PAYMENT),
        ("nobody can tell", RunVerdict.TOLD),
        ("all is well", RunVerdict.LOST_PAYMENT),
    ],
)
def test_told_by_marks_runs_that_report_possibly_moved_money(
    told_by: str, verdict: RunVerdict
) -> None:
    end = FlowEnd(4, output="nobody can tell: look")
    run = record({ORDER: ONCE}, end, LOST)

    assert judge(run, PAID, failure("drop_after_commit"), Signs(told_by)).verdict is verdict


@pytest.mark.parametrize("name", ["malform_after_commit", "truncate_after_commit"])
def test_a_crash_on_an_unreadable_reply_is_a_crash_verdict(name: str) -> None:
    found = judge(record({ORDER: ONCE}, CRASHED, LOST), PAID, failure(name))

    assert found.verdict is RunVerdict.CRASH


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("forged_delivery_accepted", RunVerdict.ACCEPTED_FORGERY),
        ("stale_delivery_accepted", RunVerdict.ACCEPTED_FORGERY),
        ("duplicate_handled_twice", RunVerdict.HANDLED_TWICE),
        ("blind_retry", RunVerdict.SURVIVED),
    ],
)
def test_audit_findings_about_webhooks_decide_the_verdict(kind: str, verdict: RunVerdict) -> None:
    [known] = [each for each in FINDING_KINDS if each.name == kind]
    finding = Finding(known, "It happened.", ())
    found = judge(record({ORDER: ONCE}, audit=(finding,)), PAID, failure("forged"))

    assert found.verdict is verdict
    assert verdict is RunVerdict.SURVIVED or found.advice == (known.advice,)


def test_more_refunds_after_a_duplicate_webhook_are_handled_twice() -> None:
    run = record({ORDER: Money(100, 50)})

    assert judge(run, PAID, failure("twice")).verdict is RunVerdict.HANDLED_TWICE


def test_an_unmet_expectation_is_a_phantom_success() -> None:
    found = judge(record({ORDER: ONCE}, unmet=("saw none",)), PAID, failure("drop"))

    assert found.verdict is RunVerdict.PHANTOM_SUCCESS
    assert found.evidence == ("An expectation is not met: saw none.",)


def test_money_of_varying_customers_is_compared_in_total() -> None:
    loose = Oracle({ORDER: ONCE}, by_customer=False, by_order=False)
    other = OrderName("eve", "EUR", None)

    assert judge(record({other: ONCE}), loose, failure("drop")).verdict is RunVerdict.SURVIVED
    found = judge(record({other: TWICE}), loose, failure("drop"))
    assert found.evidence == ("The customers together paid 200 EUR, but 100 without the failure.",)


REFUSED = frozenset({1})
UNHEARD = LISTED._replace(status=429, is_success=False)


@pytest.mark.parametrize(
    ("end", "calls", "of_refusal", "verdict"),
    [
        (FlowEnd(4), (LOST, UNHEARD), REFUSED, RunVerdict.TOLD),
        (FlowEnd(4), (LOST, LISTED, UNHEARD), REFUSED, RunVerdict.TOLD),
        (FlowEnd(1), (LOST, UNHEARD), REFUSED, RunVerdict.LOST_PAYMENT),
        (FlowEnd(4), (LOST, UNHEARD), frozenset(), RunVerdict.LOST_PAYMENT),
        (FlowEnd(4), (LOST,), REFUSED, RunVerdict.LOST_PAYMENT),
        (FlowEnd(4), (UNHEARD, LOST), REFUSED, RunVerdict.LOST_PAYMENT),
        (FlowEnd(4), (LOST, UNHEARD, LISTED), REFUSED, RunVerdict.LOST_PAYMENT),
        (FlowEnd(4), (LOST, UNHEARD, LOST), REFUSED, RunVerdict.LOST_PAYMENT),
        (FlowEnd(4), (), REFUSED, RunVerdict.LOST_PAYMENT),
        (FlowEnd(4, crash="a trace"), (LOST, UNHEARD), REFUSED, RunVerdict.LOST_PAYMENT),
    ],
    ids=[
        "lookup-failed", "last-lookup-failed", "exit-code-of-refusals", "no-known-refusals",
        "no-lookup", "lookup-before-loss", "last-lookup-succeeded", "one-without-lookup",
        "nothing-lost", "crashed",
    ],
)  # fmt: skip
def test_a_failed_lookup_with_its_own_exit_code_counts_as_told(
    end: FlowEnd, calls: tuple[SeenCall, ...], of_refusal: frozenset[int], verdict: RunVerdict
) -> None:
    """The exit code must differ from those of runs in which nothing was charged."""
    run = record({ORDER: ONCE}, end, *calls)

    signs = Signs(refusal_codes=of_refusal)
    assert judge(run, PAID, failure("drop_after_commit"), signs).verdict is verdict


@pytest.mark.parametrize(
    ("end", "calls", "is_one"),
    [
        (FAILED, (), True),
        (FAILED, (LISTED._replace(is_unknown=True),), True),
        (FAILED, (LOST,), False),
        (WELL, (), False),
        (CRASHED, (), False),
        (FlowEnd(-1, timed_out=True), (), False),
    ],
    ids=[
        "failed without calls",
        "failed after a lost read",
        "failed after a lost write",
        "succeeded",
        "crashed",
        "timed out",
    ],
)
def test_a_failed_exit_without_lost_writes_is_a_refusal(
    end: FlowEnd, calls: tuple[SeenCall, ...], *, is_one: bool
) -> None:
    assert is_refusal(record({}, end, *calls)) is is_one
