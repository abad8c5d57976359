"""Holds expectations to what was seen: met or not, and in words what was seen instead."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.instants import SECOND
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.scenarios.loader import load_expectations
from payments_sandbox.verification.audit import audit
from payments_sandbox.verification.expectations import Evidence, Judged, judge
from tests.support.history import History
from tests.support.in_process import call_of
from tests.support.scenes import rules_of

CARD = {card.name: card.number for card in MAGIC_CARDS}


def judged(history: History, **expect: object) -> Judged:
    """How one expectation stands."""
    expectations, problems = load_expectations([expect])
    assert problems == []
    deliveries = lambda: iter(history.sent)  # noqa: E731 - as the rim has it
    active_rules = history.world.rules.rule_set.all
    findings = audit(history.world, deliveries)
    evidence = Evidence(history.world, deliveries, active_rules, findings)
    return judge(expectations[0].what, evidence)


def met(history: History, **expect: object) -> bool:
    """Whether one expectation is met."""
    return judged(history, **expect).met


WITHOUT_TRAFFIC: list[tuple[dict[str, Any], bool, str]] = [
    ({"request": "create_payment"}, False, "expected at least 1, saw none"),
    ({"request": "*", "count": 0}, True, "expected 0, saw none"),
    ({"request": "create_payment", "count": {"max": 3}}, True, "expected at most 3, saw none"),
    ({"retries": "create_payment", "max": 3}, False, "saw no create_payment"),
    ({"retries": "create_payment", "same": ["body"]}, False, "saw no create_payment"),
    ({"order": ["create_payment"]}, False, "saw nothing"),
    ({"payments": {}, "count": 0}, True, "expected 0, saw none"),
    ({"payments": {"status": "completed"}, "count": 1}, False, "expected 1, saw none"),
    ({"refunds": {}, "total": 0}, True, "expected a total of 0, saw none; their total is 0"),
    ({"refunds": {}, "total": 5}, False, "expected a total of 5, saw none; their total is 0"),
    ({"webhook": "payment.*", "acknowledged": True}, False, "saw no delivery"),
    ({"webhook": "payment.*", "attempts": {"max": 3}}, False, "saw no delivery"),
    ({"webhook": "payment.*", "forged": "refused"}, False, "saw no delivery"),
    ({"webhook": "payment.*", "count": 0}, True, "saw none"),
    ({"webhook": "payment.*", "count": 1}, False, "expected 1 deliveries, saw none"),
    ({"audit": "clean"}, True, "found nothing"),
    ({"rules": "all_fired"}, False, "saw no rules"),
]


@pytest.mark.parametrize(("expect", "is_met", "observed"), WITHOUT_TRAFFIC, ids=str)
def test_without_traffic(expect: dict[str, Any], is_met: bool, observed: str) -> None:  # noqa: FBT001 - a table
    """What can be said of nothing is said, and nothing crashes."""
    assert judged(History(), **expect) == Judged(is_met, observed)


def test_requests_are_counted() -> None:
    """Those of the operation that meet the conditions, named by their ids."""
    history = History()
    ids = [history.pay(customer_id="ann"), history.pay(customer_id="ann")]
    history.pay(customer_id="ben")
    history.look("customer_id=ann")
    expect: dict[str, Any] = {"request": "create_payment", "when": {"customer_id": "ann"}}

    assert judged(history, **expect, count=2) == Judged(
        met=True, observed=f"expected 2, saw 2: {', '.join(ids)}"
    )
    assert [met(history, **expect, count={"min": 3}), met(history, **expect, count=1)] == [
        False,
        False,
    ]
    assert met(history, request="*", when={"customer_id": "ann"}, count=3)


def test_what_is_no_operation_is_not_counted() -> None:
    """A path that does not exist was a mistake, and is in the journal."""
    history = History()
    call = call_of("list_payments")
    call.operation = None
    history.desk.answer(call)

    assert met(history, request="*", count=0)


def test_a_verdict_names_ten_ids_at_most() -> None:
    """The journal has the rest."""
    history = History()
    for _ in range(12):
        history.look()

    assert judged(history, request="*", count=12).observed.endswith(", …")


def test_conditions_see_what_was_asked() -> None:
    """Body, query, headers, the addressed payment; cards by what the journal keeps of them."""
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

    seen = [judged(history, request=request, when=when) for request, when, _ in counts]
    assert [each.observed.partition(":")[0] for each in seen] == [
        f"expected at least 1, saw {count}" for *_, count in counts
    ]


def test_retries_of_one_call() -> None:
    """Calls that are alike, the first not counted; others do not matter."""
    history = History()
    for _ in range(3):
        history.pay()
        history.wait(SECOND)
    history.pay(amount=5)

    assert judged(history, retries="create_payment", max=2) == Judged(
        met=True, observed="saw at most 2 retries of one call"
    )
    wrong = judged(history, retries="create_payment", max=1)
    assert (wrong.met, wrong.observed.partition(":")[0]) == (
        False,
        "expected at most 1 retries, saw 2",
    )


@pytest.mark.parametrize(
    ("gaps", "spacing", "observed"),
    [
        ([1_000, 1_500], {"min": "1s", "growth": 1.5}, None),
        ([1_000, 1_400], {"growth": 1.5}, None),
        ([1_000, 999], {"min": "1s"}, "expected 1s between two calls, saw 999ms"),
        ([0, 5_000], {"min": "1s"}, "expected 1s between two calls, saw 0ms"),
        ([1_000, 1_000], {"growth": 1.5}, "expected gaps that grow by 1.5, saw 1s and then 1s"),
    ],
)
def test_retries_keep_their_distance(
    gaps: list[int], spacing: dict[str, object], observed: str | None
) -> None:
    """In wall time, also where the world's clock stands still."""
    history = History(frozen=True)
    history.pay()
    for gap in gaps:
        history.wait(gap)
        history.pay()
    found = judged(history, retries="create_payment", spacing=spacing)

    assert found.met is (observed is None)
    assert observed is None or found.observed.startswith(f"{observed}: req_")


def test_retries_of_the_same_body() -> None:
    """What is not part of what makes them alike may have changed."""
    same, changed = History(), History()
    for history, month in ((same, 12), (changed, 11)):
        history.pay()
        history.pay(exp_month=month)

    assert met(same, retries="create_payment", same=["body"])
    assert judged(changed, retries="create_payment", same=["body"]).observed.startswith(
        "expected the same body each time, saw it change: "
    )


def test_retries_of_other_operations() -> None:
    """Alike by path, query and body."""
    history = History()
    history.pay()
    for amount in (5, 5, 6):
        history.call("create_refund", {"amount": amount}, payment_id=history.payment())

    assert met(history, retries="create_refund", max=1)
    assert not met(history, retries="create_refund", max=0)


def test_an_order_has_others_between() -> None:
    """A subsequence; what is not an operation is not seen."""
    history = History()
    history.pay()
    history.look()
    history.call("retrieve_payment", payment_id=history.payment())
    history.pay()

    assert judged(history, order=["create_payment", "list_payments", "create_payment"]) == Judged(
        met=True,
        observed="saw create_payment, list_payments, retrieve_payment, create_payment",
    )
    assert not met(history, order=["list_payments", "list_payments"])
    for _ in range(20):
        history.look()
    assert judged(history, order=["create_refund"]).observed.endswith("list_payments, …")


def test_payments_are_counted_and_added_up() -> None:
    """As they are now."""
    history = History()
    history.pay(customer_id="ann")
    history.pay(customer_id="ann", card_number=CARD["declined"])
    history.pay(customer_id="ben", amount=5)
    completed = {"status": "completed"}

    assert judged(history, payments=completed, count=2, total=2505) == Judged(
        met=True,
        observed=(
            f"expected 2 and a total of 2505, saw 2: {history.payment()}, {history.payment(2)};"
            " their total is 2505"
        ),
    )
    assert met(history, payments={"customer_id": "ann", "brand": "visa"}, count=2)
    assert met(history, payments={"card": "declined"}, count=0)  # known again with a play only
    assert not met(history, payments=completed, total={"max": 5})
    assert not met(history, payments=completed, count=3, total=2505)


def test_a_card_that_an_expectation_names_is_known_again() -> None:
    """Where the expectation is of an active scenario."""
    from tests.support.scenes import scenario_of  # noqa: PLC0415 - beside its only use

    history = History(scenario_of("expect: [{payments: {card: visa_2}, count: 1}]"))
    history.pay(card_number=CARD["visa_2"])
    history.pay(card_number=CARD["visa"])

    assert met(history, payments={"card": "visa_2"}, count=1)


def test_refunds_are_counted_and_added_up() -> None:
    """By payment, customer, amount, reason; events that only tell of one are none."""
    history = History()
    history.pay(customer_id="ann")
    history.pay(customer_id="ben")
    for number, amount in ((0, 5), (0, 7), (1, 9)):
        body = {"amount": amount, "reason": "late"}
        history.call("create_refund", body, payment_id=history.payment(number))
    history.world.make_event("refund.created", {})

    assert met(history, refunds={"payment_id": history.payment()}, total=12, count=2)
    assert met(history, refunds={"customer_id": "ben"}, total=9)
    assert met(history, refunds={"reason": "late", "amount": {"gte": 7}}, count=2)
    found = judged(history, refunds={}, total=20)
    assert (found.met, found.observed.startswith("expected a total of 20, saw 3: ref_")) == (
        False,
        True,
    )


def test_deliveries_are_acknowledged() -> None:
    """In the end, in so many attempts, so many of them."""
    history = History()
    history.receive(500, 200)
    refused = history.receive(None, event="refund.created")

    assert met(history, webhook="payment.*", acknowledged=True, attempts=2, count=1)
    assert judged(history, webhook="*", acknowledged=True) == Judged(
        met=False, observed=f"expected an acknowledgement: {refused}"
    )
    assert met(history, webhook="refund.*", acknowledged=False)
    assert judged(history, webhook="payment.*", acknowledged=False) == Judged(
        met=False, observed="expected no acknowledgement: dlv_0"
    )
    assert judged(history, webhook="payment.*", attempts={"max": 1}) == Judged(
        met=False, observed="expected at most 1 attempts, saw 2: dlv_0"
    )
    assert judged(history, webhook="*", count=2) == Judged(met=True, observed="saw 2: dlv_0, dlv_1")
    assert not met(history, webhook="*", count={"max": 1})


def test_forged_deliveries_are_refused() -> None:
    """Each of them; where there is none, nothing is shown."""
    honest, careful, careless = History(), History(), History()
    honest.receive(200)
    for history, status in ((careful, 401), (careless, 200)):
        history.receive(200)
        history.receive(status, is_forged=True)
    expect = {"webhook": "payment.completed", "forged": "refused"}

    assert judged(honest, **expect) == Judged(met=False, observed="saw no forged delivery")
    assert met(careful, **expect)
    assert judged(careless, **expect) == Judged(
        met=False,
        observed="expected forged deliveries to be refused, saw one answered with a 2xx: dlv_1",
    )


def test_the_audit_is_clean_or_says_what_it_found() -> None:
    """By kind, each once."""
    history = History()
    for _ in range(2):
        history.pay(description="4111111111111111")

    assert judged(history, audit="clean") == Judged(met=False, observed="found card_number_leak")


def test_each_rule_has_fired_or_is_named() -> None:
    """All of them."""
    history = History(
        rules_of("""
            - {name: one, request: create_payment, do: [pass]}
            - {name: two, request: create_refund, do: [pass]}
            """)
    )
    history.pay()
    idle = judged(history, rules="all_fired")
    history.call("create_refund", {}, payment_id=history.payment())

    assert idle == Judged(met=False, observed="never fired: two")
    assert judged(history, rules="all_fired") == Judged(met=True, observed="each has fired")


OPERATIONS = ["create_payment", "retrieve_payment", "list_payments", "create_refund"]
COUNTS = st.integers(0, 3) | st.builds(lambda least, more: {"min": least, "max": least + more},
                                       st.integers(0, 2), st.integers(0, 2))  # fmt: skip


@given(
    st.one_of(
        st.fixed_dictionaries({"request": st.sampled_from([*OPERATIONS, "*"]), "count": COUNTS}),
        st.fixed_dictionaries({"retries": st.sampled_from(OPERATIONS), "max": st.integers(0, 3)}),
        st.fixed_dictionaries({"order": st.lists(st.sampled_from(OPERATIONS), min_size=1)}),
        st.fixed_dictionaries({"payments": st.just({}), "count": COUNTS, "total": COUNTS}),
        st.fixed_dictionaries({"refunds": st.just({}), "count": COUNTS}),
        st.fixed_dictionaries({"webhook": st.just("*"), "count": COUNTS}),
    ),
    st.lists(st.sampled_from(OPERATIONS), max_size=5),
)
def test_no_expectation_fails_to_be_judged(expect: dict[str, Any], calls: list[str]) -> None:
    """Whatever was called, or nothing."""
    history = History()
    for operation in calls:
        history.call(operation, {}, payment_id="pay_unknown")

    assert judged(history, **expect).observed
