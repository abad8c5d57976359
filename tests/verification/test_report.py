"""The report of a world: its JSON, and why rules did not fire."""

import pytest

from payments_sandbox.api.call import Answer
from payments_sandbox.contract.schemas import load_contract
from payments_sandbox.core.instants import HOUR, LAST, Instant, show_milliseconds
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.verification.observed import (
    ObservedAttempt,
    ObservedDelivery,
    observe,
)
from payments_sandbox.verification.report import report
from payments_sandbox.webhooks.delivery import (
    AttemptResult,
    DeliveryAttempt,
    ReceiverResponse,
    WebhookRequest,
)
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.world.journal import Entry
from tests.support.in_process import NOON, History, call_of, rules_of, scenario_of


def shown(history: History) -> dict[str, object]:
    """Return the report, validated against its schema."""
    found = report(history.observed()).as_json()
    assert load_contract().problems("control/responses/report", found) == []
    return found


def why_not(history: History) -> dict[str, str | None]:
    """Return why each rule did not fire, or what went wrong."""
    rules = shown(history)["rules"]
    assert isinstance(rules, list)
    return {rule["rule"]: rule["why_not"] for rule in rules}


def test_a_world_without_scenarios_has_a_passed_report() -> None:
    """Nothing is expected, so nothing fails."""
    assert shown(History()) == {
        "passed": True,
        "expectations": [],
        "rules": [],
        "audit": {"clean": True, "findings": []},
    }


def test_all_fired_concerns_only_the_rules_of_its_scenario() -> None:
    """Another scenario has a rule that never fired."""
    fired = scenario_of(
        "rules: [{request: create_payment, do: [pass]}]\nexpect: [{rules: all_fired}]", name="fired"
    )
    idle = scenario_of("rules: [{request: create_refund, do: [pass]}]", name="idle")
    history = History(fired, idle)
    history.pay()

    assert shown(history) == {
        "passed": True,
        "expectations": [
            {"expect": {"rules": "all_fired"}, "met": True, "observed": "each has fired"}
        ],
        "rules": [
            {
                "scenario": "fired",
                "rule": "rule-1",
                "matched": 1,
                "fired": 1,
                "why_not": None,
            },
            {
                "scenario": "idle",
                "rule": "rule-1",
                "matched": 0,
                "fired": 0,
                "why_not": "no such call was made",
            },
        ],
        "audit": {"clean": True, "findings": []},
    }


def test_an_unmet_expectation_fails_the_report() -> None:
    history = History(scenario_of("expect: [{payments: {}, count: 1}]"))

    assert shown(history)["passed"] is False


def test_audit_findings_fail_the_report_only_if_a_clean_audit_is_expected() -> None:
    lenient = History(scenario_of("expect: [{request: create_payment}]"))
    strict = History(scenario_of("expect: [{audit: clean}]"))
    for history in (lenient, strict):
        history.pay(description="4111111111111111")

    assert [shown(history)["passed"] for history in (lenient, strict)] == [True, False]


def test_a_rule_that_ran_out_of_steps_fails_the_report() -> None:
    history = History(rules_of("- {name: r, request: create_payment, do: [pass], then: fail}"))
    passed = []
    for _ in range(3):
        history.pay()
        passed.append(shown(history)["passed"])

    assert passed == [True, False, False]
    assert why_not(history) == {"r": "ran out of steps 2 times (then: fail)"}


def test_request_rules_that_did_not_fire_say_why() -> None:
    """The reason is that of the last call of their operation."""
    history = History(
        rules_of(
            """
            - {name: big, request: create_payment, when: {amount: {gte: 5000}}, do: [pass]}
            - {name: rare, request: create_payment, chance: 0.000001, do: [pass]}
            - {name: refund, request: create_refund, do: [pass]}
            - {name: other, request: create_payment, do: [pass], then: cycle}
            """,
            seed=7,
        )
    )
    history.pay(amount=5)
    last = history.pay(amount=4200)

    assert why_not(history) == {
        "big": f"at {last}, amount 4200 is not gte 5000",
        "rare": "matched 2 times, but lost every draw",
        "refund": "no such call was made",
        "other": None,
    }


def test_rules_of_events_times_and_webhooks_say_that_nothing_happened_yet() -> None:
    history = History(
        rules_of("""
            - {name: e, event: payment.failed, do: {rate_limit: {limit: 5}}}
            - {name: a, at: 1h, do: {rate_limit: {limit: 5}}}
            - {name: b, at: 2h, do: {rate_limit: {limit: 5}}}
            - {name: w, webhook: payment.*, do: drop}
            """),
        frozen=True,
    )

    assert why_not(history) == {
        "e": "no payment.failed has happened",
        "a": f"it is not due until {show_milliseconds(Instant(NOON + HOUR))}",
        "b": f"it is not due until {show_milliseconds(Instant(NOON + 2 * HOUR))}",
        "w": "no delivery of payment.* was made: the world has no webhook endpoint",
    }


def test_rules_of_events_times_and_webhooks_say_that_their_conditions_were_not_met() -> None:
    """An `at` rule that was due and found no payment is not reported as waiting."""
    history = History(
        rules_of("""
            - {name: e, event: payment.*, when: {amount: 7}, do: {rate_limit: {limit: 5}}}
            - {name: a, at: 1h, when: {status: pending}, do: complete}
            - {name: w, webhook: payment.*, when: {amount: 7}, do: drop}
            """),
        frozen=True,
    )
    webhooks = history.world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://127.0.0.1:1/"))
    history.pay()
    history.receive(200)
    list(history.world.advance(Instant(NOON + HOUR)))

    assert why_not(history) == {
        "e": "no payment.* met its conditions",
        "a": "it was due, but no payment met its conditions",
        "w": "no delivery of payment.* met its conditions",
    }


def test_rules_without_conditions_say_that_nothing_happened_since_they_were_activated() -> None:
    history = History(frozen=True)
    webhooks = history.world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://127.0.0.1:1/"))
    history.pay()
    history.receive(200)
    rules = rules_of("""
        - {name: e, event: payment.*, do: {rate_limit: {limit: 5}}}
        - {name: w, webhook: payment.*, do: drop}
        - {name: other, webhook: refund.*, do: drop}
        """)
    set_active(history.world, [rules])

    assert why_not(history) == {
        "e": "no payment.* has happened since it was activated, except by rules or by hand",
        "w": "no delivery of payment.* was made since it was activated",
        "other": "no delivery of refund.* was made",
    }


def test_a_timed_rule_that_would_be_due_after_the_last_year_says_so() -> None:
    history = History(frozen=True)
    list(history.world.advance(Instant(LAST - HOUR)))
    rules = rules_of("- {name: a, at: 2h, when: {status: pending}, do: complete}")
    set_active(history.world, [rules])

    assert why_not(history) == {
        "a": "it is due after the year 2999, or no payment met its conditions"
    }


def test_a_skipped_status_change_is_reported_with_its_reason() -> None:
    history = History(
        rules_of("""
            - {name: s, request: create_payment,
               do: [{settle: [{to: pending}, {to: completed, after: 1h}]}]}
            """),
        frozen=True,
    )
    history.pay()
    history.world.fail(0, "lost_card")
    list(history.world.advance(Instant(NOON + HOUR)))

    assert why_not(history) == {
        "s": "skipped once: You cannot complete a payment that is failed.",
    }


def test_observed_deliveries_have_their_attempts_and_include_resent_ones() -> None:
    """A delivery that was resent by hand is another delivery of the event."""
    history = History()
    webhooks = history.world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://127.0.0.1:1/"))
    history.pay()
    outbox = webhooks.outbox
    [delivery] = outbox.pop()
    request = WebhookRequest(NOON, NOON, {}, b"")
    for status in (500, None):
        response = None if status is None else ReceiverResponse(status, {}, "")
        result = AttemptResult({}, response, "failed", 1.0)
        outbox.record(delivery, DeliveryAttempt(request, result), NOON)
    endpoint: Endpoint = next(iter(outbox.endpoints.values()))
    outbox.resend(delivery.message, [endpoint])

    assert list(observe(history.world).deliveries) == [
        ObservedDelivery(
            id=outbox.id_of(0),
            event_id=history.world.ledger.event(0).id,
            type="payment.completed",
            payment_id=history.payment(),
            endpoint_id=endpoint.id,
            is_delivered=False,
            attempts=(ObservedAttempt(NOON, 500), ObservedAttempt(NOON, None)),
            is_pending=True,
        ),
        ObservedDelivery(
            id=outbox.id_of(1),
            event_id=history.world.ledger.event(0).id,
            type="payment.completed",
            payment_id=history.payment(),
            endpoint_id=endpoint.id,
            is_delivered=False,
            is_pending=True,
        ),
    ]
    assert observe(History().world).deliveries == ()


@pytest.mark.parametrize(
    ("status", "accepted"), [(200, True), (204, True), (302, False), (None, False)]
)
def test_only_a_2xx_answer_accepts_a_delivery(status: int | None, accepted: bool) -> None:  # noqa: FBT001 - a table
    assert ObservedAttempt(NOON, status).is_accepted is accepted


def test_undocumented_calls_are_reported_with_the_nearest_documented_one() -> None:
    """The report also has the name of the world."""
    history = History()
    call = call_of("list_payments")
    call.operation, call.path = None, "/v3/payment"
    request = history.world.journal.id_of(_entry_of(history.desk.answer(call)))
    history.world.config = history.world.config._replace(name="a test")
    found = shown(history)

    assert (found["name"], found["undocumented"]) == (
        "a test",
        [{"request": request, "call": "GET /v3/payment", "nearest": "GET /v3/payments"}],
    )


def _entry_of(answer: Answer) -> Entry:
    return answer.entry
