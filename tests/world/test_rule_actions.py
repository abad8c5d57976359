"""Tests what event rules and `at` rules do to payments, and what they skip."""

import pytest

from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.instants import DAY, HOUR, SECOND, Instant, read_instant
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.events import Event
from payments_sandbox.payments.ledger import NewPayment
from payments_sandbox.payments.payment import Status
from payments_sandbox.payments.rate_limiter import RateLimiter
from payments_sandbox.rules.actions import Complete, Emit
from payments_sandbox.rules.active_rule import AnyActiveRule
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.rules.rule_engine import RuleEngine
from payments_sandbox.rules.step_outcome import Settlement
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.world.manual_events import trigger
from payments_sandbox.world.timeline import ActOnPayment, RunTimedRule
from payments_sandbox.world.world import World
from tests.support.in_process import (
    NOON,
    InProcessApi,
    config,
    new_world,
    rules_of,
    server_context,
)
from tests.support.tables import for_each
from tests.support.values import documented_create

CARD = {card.name: card.number for card in MAGIC_CARDS}


def desk_of(text: str, *, seed: int | None = None) -> InProcessApi:
    """Return a world in which these rules are active."""
    desk = InProcessApi(new_world())
    set_active(desk.world, [rules_of(text, seed=seed)])
    return desk


def pay(desk: InProcessApi, card: str = "visa", **changes: object) -> None:
    """Make a payment."""
    desk.ask("create_payment", documented_create(card_number=CARD[card], **changes))


def happened(desk: InProcessApi, until: int) -> list[tuple[int, str]]:
    """Advance to an instant after noon; return what happens until then."""
    batches = desk.world.advance(Instant(NOON + until))
    return [(each.at - NOON, each.what) for batch in batches for each in batch]


def active_rules(desk: InProcessApi) -> list[AnyActiveRule]:
    """Return the rules, with their tallies."""
    return list(desk.world.rules.rule_set.all)


def types(desk: InProcessApi) -> list[str]:
    """Return the types of all events."""
    ledger = desk.world.ledger
    return [str(ledger.any_event(number).type) for number in range(ledger.events)]


def test_an_event_rule_acts_after_its_delay() -> None:
    """Counted from the second that clients are shown."""
    desk = desk_of(
        "- {event: payment.completed, after: 45d, do: {chargeback: {reason: fraudulent}}}"
    )
    desk.world.clock.reach(Instant(NOON + 900))
    pay(desk)

    assert happened(desk, 45 * DAY - 1) == []
    assert happened(desk, 45 * DAY) == [(45 * DAY, "chargeback.created")]
    assert desk.world.ledger.payments.get(0).refundable == 0


def test_an_event_rule_with_a_delay_below_a_second_counts_from_the_exact_instant() -> None:
    desk = desk_of(
        "- {event: payment.completed, after: 300ms, do: {chargeback: {reason: fraudulent}}}"
    )
    desk.world.clock.reach(Instant(NOON + 900))
    pay(desk)

    assert happened(desk, 1_199) == []
    assert happened(desk, 1_200) == [(1_200, "chargeback.created")]


BROKEN = [
    "- {event: payment.completed, do: {rate_limit: {remaining: 0}}}",
    "- {event: payment.completed, after: 1h, do: {rate_limit: {remaining: 0}}}",
    "- {at: 0s, do: {rate_limit: {remaining: 0}}}",
    "- {at: 1h, when: {amount: 2500}, do: {rate_limit: {remaining: 0}}}",
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_rule_that_raises_is_reported_and_skipped(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is answered and journalled, and the clock moves on."""
    bugs: list[Exception] = []
    world = World(config(), server_context()._replace(report_bug=bugs.append))
    monkeypatch.setattr(RateLimiter, "move", lambda *_, **__: 1 // 0)
    set_active(world, [rules_of(text)])
    desk = InProcessApi(world)
    status, body = desk.ask("create_payment", documented_create())
    happened(desk, HOUR)

    assert (status, body["status"]) == (201, "completed")
    assert [entry.status for entry in world.journal.since(0)] == [201]
    assert [type(bug) for bug in bugs] == [ZeroDivisionError]
    assert [(rule.skipped, rule.why_skipped) for rule in active_rules(desk)] == [
        (1, "The sandbox itself failed; its log has the traceback.")
    ]


def test_rules_that_raise_while_matching_are_reported_and_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The payment is made, and webhooks are sent."""
    bugs: list[Exception] = []
    world = World(config(), server_context()._replace(report_bug=bugs.append))
    set_active(world, [rules_of("- {event: payment.completed, do: {refund: {}}}")])
    world.open_webhooks().put(world.open_webhooks().new_endpoint("inbox:a"))
    monkeypatch.setattr(RuleEngine, "reactions", lambda *_: iter([1 // 0]))
    status, _ = InProcessApi(world).ask("create_payment", documented_create())

    assert (status, world.journal.count, world.pending_webhooks) == (201, 1, 1)
    assert [type(bug) for bug in bugs] == [ZeroDivisionError]


ACTIONS = {
    "{chargeback: {reason: late, amount: 500}}": ["payment.completed", "chargeback.created"],
    "{refund: {amount: 500, reason: late}}": ["payment.completed", "refund.created"],
    "{refund: {}}": ["payment.completed", "refund.created"],
    "{emit: {type: payment.failed}}": ["payment.completed", "payment.failed"],
    "{emit: {type: payment.failed, data: {a: 1}}}": ["payment.completed", "payment.failed"],
    "{rate_limit: {remaining: 0}}": ["payment.completed"],
}


@for_each("action", ACTIONS)
def test_an_action_of_an_event_rule_makes_its_event(action: str) -> None:
    desk = desk_of(f"- {{event: payment.completed, after: 1s, do: {action}}}")
    pay(desk)
    happened(desk, SECOND)

    assert types(desk) == ACTIONS[action]
    assert [
        (active_rule.matched, active_rule.fired, active_rule.skipped)
        for active_rule in active_rules(desk)
    ] == [(1, 1, 0)]


def test_an_emitted_event_has_the_data_of_the_payment_or_of_the_rule() -> None:
    desk = desk_of("""
        - {event: payment.completed, do: {emit: {type: payment.completed}}}
        - {event: payment.completed, do: {emit: {type: refund.created, data: {refund_id: ref_1}}}}
        - {event: payment.completed, do: {emit: {type: payout.paid, data: {payout_id: po_1}}}}
        """)
    pay(desk)
    ledger = desk.world.ledger
    made = [ledger.any_event(number) for number in (1, 2, 3)]

    assert [getattr(each, "data", None) for each in made] == [
        {"payment_id": ledger.payments.id_of(0), "amount": 2500, "currency": "USD"},
        {"refund_id": "ref_1"},
        {"payout_id": "po_1"},
    ]


def test_an_impossible_action_of_a_rule_is_skipped_with_its_reason() -> None:
    """In the timeline and in the report."""
    desk = desk_of("""
        - {name: r, event: payment.completed, after: 1h, do: {refund: {amount: 2500}}}
        - {name: c, event: payment.completed, after: 2h, do: {chargeback: {reason: late}}}
        - {name: e, event: payment.completed, do: {emit: {type: chargeback.created}}}
        """)
    pay(desk)

    assert happened(desk, DAY) == [
        (HOUR, "refund.created"),
        (2 * HOUR, "chargeback.created skipped: 0 of 2500 is left to charge back."),
    ]
    skipped = {
        active_rule.rule.name: active_rule.why_skipped
        for active_rule in active_rules(desk)
        if active_rule.skipped
    }
    assert [*skipped] == ["c", "e"]
    assert skipped["c"] == "0 of 2500 is left to charge back."
    assert skipped["e"].startswith(
        "/payment_id: expected a payment with a chargeback; this one has none"
    )


def test_events_made_by_rules_trigger_no_rules() -> None:
    """Otherwise two rules could trigger each other for ever."""
    desk = desk_of("""
        - {event: payment.completed, do: {emit: {type: payment.completed}}}
        - {event: payment.completed, do: {refund: {amount: 1}}}
        - {event: refund.created, do: {refund: {amount: 1}}}
        """)
    pay(desk)

    assert types(desk) == ["payment.completed", "payment.completed", "refund.created"]


def test_events_of_calls_and_of_the_control_api_trigger_rules() -> None:
    """By type and by family."""
    desk = desk_of("""
        - {name: failed, event: payment.failed, do: {rate_limit: {limit: 1000}}}
        - {name: refund, event: refund.created, when: {reason: x, amount: 5},
           do: {rate_limit: {limit: 1000}}}
        - {name: chargeback, event: chargeback.*, when: {amount: 6},
           do: {rate_limit: {limit: 1000}}}
        - {name: all, event: "*", do: {rate_limit: {limit: 1000}}}
        """)
    pay(desk, "declined")
    pay(desk, "pending_forever")
    pay(desk)
    payments = desk.world.ledger.payments
    desk.ask("create_refund", {"amount": 5, "reason": "x"}, payment_id=payments.id_of(2))
    desk.ask("create_refund", {"amount": 5, "reason": "y"}, payment_id=payments.id_of(2))
    desk.world.charge_back(2, 6, "fraudulent")
    desk.world.complete(1)
    desk.world.make_event("payment.failed", {})

    assert {active_rule.rule.name: active_rule.fired for active_rule in active_rules(desk)} == {
        "failed": 1, "refund": 1, "chargeback": 1, "all": 6,
    }  # fmt: skip


def test_the_event_of_a_settlement_triggers_rules() -> None:
    desk = desk_of("- {event: payment.completed, after: 1h, do: {refund: {}}}")
    pay(desk, "pending_then_completed")

    assert happened(desk, DAY) == [(HOUR, "payment.completed"), (2 * HOUR, "refund.created")]


def test_an_event_rule_matches_on_fields_of_the_payment() -> None:
    """Including its card."""
    desk = desk_of("""
        - event: payment.completed
          when: {card: amex, brand: amex, customer_id: ann, payment_id: {prefix: pay_}}
          do: {refund: {}}
        - {event: payment.completed, when: {reason: x}, do: {refund: {}}}
        """)
    for card, customer in (("amex", "ben"), ("visa", "ann"), ("amex", "ann")):
        cvc = "1234" if card == "amex" else "123"
        pay(desk, card, customer_id=customer, cvc=cvc)

    assert [active_rule.fired for active_rule in active_rules(desk)] == [1, 0]


def test_an_event_rule_can_match_by_call_count_and_by_chance() -> None:
    desk = desk_of(
        """
        - {event: payment.completed, per: customer, when: {call: 2}, do: {refund: {amount: 1}}}
        - {event: payment.completed, chance: 0.5, do: {refund: {amount: 2}}}
        """,
        seed=7,
    )
    for _ in range(20):
        pay(desk, customer_id="ann")
        pay(desk, customer_id="ben")
    second, half = active_rules(desk)

    assert (second.matched, second.fired) == (2, 2)
    assert half.matched == 40
    assert 10 < half.fired < 30


def test_the_chargeback_of_a_magic_card_comes_in_addition_to_event_rules() -> None:
    desk = desk_of("- {event: payment.completed, after: 1h, do: {refund: {amount: 500}}}")
    pay(desk, "chargeback_fraudulent")

    assert happened(desk, DAY) == [(HOUR, "refund.created"), (DAY, "chargeback.created")]


def test_an_at_rule_acts_on_every_matching_payment_in_one_instant() -> None:
    desk = desk_of("""
        - {name: wave, at: 3d, when: {status: completed, amount: {gte: 1000}},
           do: {chargeback: {reason: fraudulent}}}
        """)
    for amount in (2500, 500, 1500):
        pay(desk, amount=amount)
    pay(desk, "declined")

    assert happened(desk, 4 * DAY) == [
        (3 * DAY, "rule scene/wave"),
        (3 * DAY, "chargeback.created"),
        (3 * DAY, "chargeback.created"),
    ]
    assert [(active_rule.matched, active_rule.fired) for active_rule in active_rules(desk)] == [
        (2, 2)
    ]


@pytest.mark.parametrize(
    ("action", "what"),
    [
        ("complete", "payment.completed"),
        ("{fail: {error: lost_card}}", "payment.failed"),
    ],
)
def test_an_at_rule_can_complete_or_fail_pending_payments(action: str, what: str) -> None:
    desk = desk_of(f"- {{at: 1h, when: {{status: pending}}, do: {action}}}")
    pay(desk, "pending_forever")

    assert happened(desk, HOUR) == [(HOUR, "rule scene/rule-1"), (HOUR, what)]


def test_an_at_rule_without_payments_acts_once() -> None:
    desk = desk_of("""
        - {at: 1h, do: {rate_limit: {remaining: 0}}}
        - {at: 2h, do: {emit: {type: payment.failed, data: {payment_id: pay_1}}}}
        """)

    assert happened(desk, 2 * HOUR) == [
        (HOUR, "rule scene/rule-1"), (HOUR, "rate_limit"),
        (2 * HOUR, "rule scene/rule-2"), (2 * HOUR, "payment.failed"),
    ]  # fmt: skip
    assert [(active_rule.matched, active_rule.fired) for active_rule in active_rules(desk)] == [
        (1, 1),
        (1, 1),
    ]


def test_upcoming_lists_the_actions_of_rules() -> None:
    """In the words of the timeline."""
    desk = desk_of("""
        - {name: mark, at: 2h, do: {rate_limit: {remaining: 0}}}
        - {event: payment.completed, after: 1h, do: {rate_limit: {remaining: 0}}}
        """)
    pay(desk)
    due = [(each.at - NOON, each.what, each.payment_id) for each in desk.world.upcoming(10)]

    assert due == [
        (HOUR, "rate_limit", desk.world.ledger.payments.id_of(0)),
        (2 * HOUR, "rule scene/mark", None),
    ]


def test_an_action_after_the_last_instant_is_not_planned() -> None:
    """Time ends in the year 2999."""
    desk = desk_of("""
        - {event: payment.completed, after: 99999d, do: {refund: {}}}
        """)
    happened(desk, read_instant("2999-01-01") - NOON)
    event = trigger(desk.world, "payment.completed", None)
    assert isinstance(event, Event)
    settled_late = (Settlement(Status.COMPLETED, 99_999 * DAY),)
    order = NewPayment(1, "EUR", Card(Brand.VISA, "1111", 0), None, None)
    assert desk.world.create_payment(order, turns=settled_late).status is Status.PENDING

    assert desk.world.upcoming(10) == []


def test_timeline_jobs_of_rules_that_no_longer_exist_are_skipped() -> None:
    """A snapshot may have a job without its scenario."""
    desk = InProcessApi(new_world())
    desk.world.timeline.plan(NOON, RunTimedRule("gone/mark"))
    desk.world.timeline.plan(NOON, ActOnPayment(None, Emit("payment.failed"), "gone/emit"))
    desk.world.timeline.plan(NOON, ActOnPayment(None, Complete(), "gone/complete"))

    assert happened(desk, 0) == [
        (0, "rule gone/mark"),
        (0, "payment.failed skipped: It has no payment to describe."),
        (0, "payment.completed skipped: It is not about a payment."),
    ]


def test_a_skipped_job_of_a_missing_rule_is_counted_for_no_other_rule() -> None:
    desk = desk_of("- {event: payment.failed, do: {rate_limit: {limit: 5}}}")
    desk.world.timeline.plan(NOON, ActOnPayment(None, Complete(), "gone/complete"))
    happened(desk, 0)

    assert [active_rule.skipped for active_rule in active_rules(desk)] == [0]
