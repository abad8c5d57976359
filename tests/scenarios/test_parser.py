"""A scenario with one of everything is parsed to the expected values."""

import pytest

from payments_sandbox.core.instants import DAY, HOUR, MINUTE, read_instant
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.actions import ChargeBack, Complete, Emit, Fail, RefundPayment
from payments_sandbox.rules.delays import Lognormal, Normal, Uniform
from payments_sandbox.rules.faults.drip import Drip
from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.faults.malform import Malform, Malformation
from payments_sandbox.rules.faults.respond_raw import RespondRaw
from payments_sandbox.rules.faults.truncate import Truncate
from payments_sandbox.rules.model import AtRule, Condition, EventRule, Per, RequestRule, Step, Then
from payments_sandbox.rules.outcomes import MoveRateLimit, Pass, Patch, Respond
from payments_sandbox.rules.scenario import Generated, Given, GivenPayment, Scenario, WebhookRule
from payments_sandbox.rules.settle import Settle
from payments_sandbox.rules.step_outcome import Settlement
from payments_sandbox.rules.webhook_effects import (
    BodyFault,
    DeliveryOrder,
    Signature,
    WebhookEffects,
)
from payments_sandbox.scenarios.loader import load
from payments_sandbox.scenarios.parser import parse_rule

HEAD = """\
scenario: everything
about: One of each.
tags: [retry, webhooks]
seed: 7
clock: 2030-01-15T09:00:00Z
"""
GIVEN = """\
given:
  payments:
    - {id: pay_old, amount: 1200, currency: EUR, customer_id: cust_ada, description: socks,
       status: failed, created: -40d, card: declined}
    - {amount: 5, currency: USD}
  generate: {payments: 250, customers: 12, over: 7d}
  webhook_endpoints: [{url: "inbox:orders", events: [payment.*]}]
  rate_limit: {limit: 1000, remaining: 3}
"""
REQUESTS = """\
  - name: writes
    request: create_payment
    when:
      card: [declined, 4242424242424242]
      amount: {gte: 5000, lt: 9000}
      currency: EUR
      header.X-Test: {exists: true}
      call: {every: 2}
    per: customer
    chance: 0.5
    do:
      - pass
      - {pass: true, delay: 300ms, times: 3}
      - respond: {error: internal_error, message: Oops, details: d, commit: true}
      - respond_raw: {status: 502, headers: {Server: proxy}, body: bad, off_contract: true,
                      commit: true}
      - respond_raw: {status: 500, body: {oops: [1.5, é, null]}, off_contract: true}
      - drop: {commit: false, how: reset}
      - hang: {commit: true, for: 1s}
      - truncate: {commit: true, keep: 12.5%, in: headers}
      - malform: {commit: false, as: html}
      - drip: {over: 4s, chunks: 5}
      - rate_limit: {limit: 5, window: 1m}
      - settle: [{to: pending}, {to: failed, after: 2h}]
      - settle: [{to: pending}, {to: completed, after_reads: 3}]
      - settle: [{to: pending}]
      - {patch: {status: pending}}
      - delay: {uniform: [100ms, 2s]}
      - delay: {normal: {mean: 1s, sd: 1s}, cap: 2s}
      - delay: {lognormal: {median: 120ms, p99: 2s}}
    then: cycle
  - request: list_payments
    do: [{drop: {}}, {truncate: {}}, {hang: {}}, {drip: {over: 1s}}]
"""
OTHERS = """\
  - event: payment.completed
    when: {card: visa}
    after: 45d
    do: {chargeback: {reason: fraudulent, amount: 5}}
  - {event: payment.*, do: {emit: {type: payment.failed, data: {a: 1}}}}
  - {event: payment.completed, do: {refund: {amount: 5, reason: late}}}
  - {at: 3d, when: {status: pending}, do: complete}
  - {at: 3d, when: {status: pending}, do: {complete: true}, per: card, chance: 0.5}
  - {at: 3d, when: {status: pending}, do: {fail: {error: lost_card}}}
  - {at: 0s, do: {rate_limit: {remaining: 0}}}
  - {webhook: "*", do: drop, per: payment}
  - webhook: refund.created
    when: {attempt: {gt: 1}}
    do: {delay: {uniform: [1s, 2s]}, drop: true, duplicate: {copies: 2, gap: 1s},
         reorder: {window: 10s, order: shuffle}, before_reply: true, signature: garbled,
         timestamp: -10m, malform: empty, patch: {type: x}, unknown_type: true}
"""
EXPECT = """\
expect:
  - {request: create_payment, when: {customer_id: cust_ada}, count: {min: 2, max: 4}, within: 3s}
  - {request: list_payments}
  - {retries: create_payment, max: 3, spacing: {min: 1s, growth: 1.5}, same: [body]}
  - {retries: create_refund, same: [body]}
  - {order: [create_payment, list_payments, create_payment]}
  - {payments: {status: completed}, count: 1, total: {max: 5}}
  - {refunds: {payment_id: pay_old}, total: 1200}
  - {webhook: payment.completed, acknowledged: true, attempts: {max: 3}, within: 30s}
  - {webhook: payment.*, forged: refused, count: 2}
  - {audit: clean}
  - {rules: all_fired}
"""


def read() -> Scenario:
    """Return the parsed scenario with all parts."""
    text = f"{HEAD}{GIVEN}rules:\n{REQUESTS}{OTHERS}{EXPECT}"
    loaded = load(text, name="everything")
    assert loaded.problems == ()
    assert loaded.scenario is not None
    return loaded.scenario


def test_name_about_tags_seed_and_clock_are_parsed() -> None:
    scenario = read()

    assert (scenario.name, scenario.about, scenario.tags, scenario.seed, scenario.clock) == (
        "everything",
        "One of each.",
        ("retry", "webhooks"),
        7,
        read_instant("2030-01-15T09:00:00Z"),
    )
    assert scenario.source["about"] == "One of each."


def test_given_payments_endpoints_and_rate_limit_are_parsed() -> None:
    assert read().given == Given(
        payments=(
            GivenPayment(
                1200, "EUR", "pay_old", "cust_ada", "socks", Status.FAILED, "-40d",
                "4000000000000002",
            ),
            GivenPayment(5, "USD"),
        ),
        generate=Generated(250, 12, 7 * DAY),
        webhook_endpoints=({"url": "inbox:orders", "events": ["payment.*"]},),
        limit=1000,
        remaining=3,
    )  # fmt: skip


def test_generate_defaults_to_ten_payments_per_customer_over_thirty_days() -> None:
    loaded = load("scenario: x\ngiven: {generate: {payments: 50}}", name="x").scenario

    assert loaded is not None
    assert loaded.given == Given(generate=Generated(50, 5, 30 * DAY))


def test_request_rules_with_all_matchers_outcomes_and_delays_are_parsed() -> None:
    writes, reads, *_ = read().rules

    assert writes == RequestRule(
        "writes",
        "create_payment",
        (
            Condition("card", "in", ("4000000000000002", "4242424242424242")),
            Condition("amount", "gte", 5000),
            Condition("amount", "lt", 9000),
            Condition("currency", "eq", "EUR"),
            Condition("header.x-test", "exists", operand=True),
            Condition("call", "every", 2),
        ),
        (
            Step(),
            Step(Pass(), 300, 3),
            Step(Respond("internal_error", commit=True, message="Oops", details="d")),
            Step(RespondRaw(502, {"Server": "proxy"}, "bad", commit=True)),
            Step(RespondRaw(500, {}, '{"oops": [1.5, "é", null]}', commit=False)),
            Step(Drop(commit=False, how="reset")),
            Step(Hang(commit=True, lasts=1_000)),
            Step(Truncate(commit=True, keep=12.5, part="headers")),
            Step(Malform(commit=False, how=Malformation.HTML)),
            Step(Drip(4_000, 5)),
            Step(MoveRateLimit(limit=5, window=MINUTE)),
            Step(Settle((Settlement(Status.FAILED, 2 * HOUR),))),
            Step(Settle((Settlement(Status.COMPLETED, reads=3),))),
            Step(Settle(())),
            Step(Patch({"status": "pending"})),
            Step(delay=Uniform(100, 2_000)),
            Step(delay=Normal(1_000, 1_000, 2_000)),
            Step(delay=Lognormal(120, 2_000)),
        ),
        Per.CUSTOMER,
        Then.CYCLE,
        0.5,
    )
    assert reads == RequestRule(
        "rule-2",
        "list_payments",
        (),
        (
            Step(Drop(commit=True, how="close")),
            Step(Truncate(commit=True, keep=50.0)),
            Step(Hang(commit=True)),
            Step(Drip(1_000, 20)),
        ),
    )


def test_event_timed_and_webhook_rules_are_parsed() -> None:
    pending = (Condition("status", "eq", "pending"),)

    assert read().rules[2:] == (
        EventRule(
            "rule-3",
            "payment.completed",
            (Condition("card", "eq", "4111111111111111"),),
            45 * DAY,
            ChargeBack("fraudulent", 5),
        ),
        EventRule("rule-4", "payment.*", (), 0, Emit("payment.failed", {"a": 1})),
        EventRule("rule-5", "payment.completed", (), 0, RefundPayment(5, "late")),
        AtRule("rule-6", 3 * DAY, pending, Complete()),
        AtRule("rule-7", 3 * DAY, pending, Complete(), Per.CARD, 0.5),
        AtRule("rule-8", 3 * DAY, pending, Fail("lost_card")),
        AtRule("rule-9", 0, (), MoveRateLimit(remaining=0)),
        WebhookRule("rule-10", "*", (), WebhookEffects(drop=True), Per.PAYMENT),
        WebhookRule(
            "rule-11",
            "refund.created",
            (Condition("attempt", "gt", 1),),
            WebhookEffects(
                drop=True,
                copies=2,
                gap=1_000,
                window=10_000,
                order=DeliveryOrder.SHUFFLE,
                before_reply=True,
                signature=Signature.GARBLED,
                timestamp=-10 * MINUTE,
                malform=BodyFault.EMPTY,
                patches=({"type": "x"},),
                unknown_type=True,
            ),
            delay=Uniform(1_000, 2_000),
        ),
    )


@pytest.mark.parametrize(
    ("written", "off"), [("10m", 10 * MINUTE), ("+10m", 10 * MINUTE), ("-10m", -10 * MINUTE)]
)
def test_the_timestamp_offset_of_a_webhook_may_have_a_sign(written: str, off: int) -> None:
    rule = {"webhook": "*", "do": {"timestamp": written}}
    parsed = parse_rule(rule, 0)

    assert isinstance(parsed, WebhookRule)
    assert parsed.effects.timestamp == off
