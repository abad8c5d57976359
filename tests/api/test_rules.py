"""Tests rules of active scenarios: they are evaluated first, on all that parses of the call."""

import json
from typing import Any

import pytest

from payments_sandbox.api.call import Answer
from payments_sandbox.core.instants import HOUR, Instant
from payments_sandbox.core.slices import finish
from payments_sandbox.rules.faults.drip import Drip
from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.faults.malform import Malform, Malformation
from payments_sandbox.rules.faults.respond_raw import RespondRaw
from payments_sandbox.rules.faults.truncate import Truncate
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.scenarios.activation import activating
from payments_sandbox.server.journal_json import entry_json
from tests.support.http import envelope
from tests.support.in_process import (
    AUTHORIZATION,
    InProcessApi,
    call_of,
    contract,
    new_world,
    rules_of,
    snapshot,
    status_and_json,
)
from tests.support.tables import for_each
from tests.support.values import documented_create, documented_refund

CARD = {card.name: card.number for card in MAGIC_CARDS}
GOOD = documented_create()
FAILED = envelope("internal_error")


def desk_of(text: str, *, seed: int | None = None) -> InProcessApi:
    """Return a world in which these rules are active."""
    desk = InProcessApi(new_world())
    finish(activating(desk.world, rules_of(text, seed=seed)))
    return desk


def entry_of(desk: InProcessApi) -> dict[str, Any]:
    """The journal's newest entry, as the control API shows it."""
    newest = next(desk.world.journal.before(None))
    entry = entry_json(desk.world, newest)
    assert contract().problems("control/objects/journal_entry", entry) == []
    return entry


def answered(desk: InProcessApi, operation: str = "create_payment", body: object = GOOD) -> Answer:
    """The answer to a call."""
    return desk.answer(call_of(operation, body))


def test_a_rule_answers_with_the_documented_envelope_and_nothing_happens() -> None:
    desk = desk_of(
        "- {name: down, request: create_payment, do: [{respond: {error: internal_error}}]}"
    )
    answer = answered(desk)

    assert status_and_json(answer) == (500, FAILED)
    assert len(desk.world.ledger.payments) == 0


def test_the_answer_of_a_rule_names_its_rule_step_and_journal_entry_in_headers() -> None:
    desk = desk_of("- {name: down, request: create_payment, do: [pass, {drop: {commit: true}}]}")
    answered(desk)
    answer = answered(desk)
    entry = entry_of(desk)

    assert {name: answer.headers[name] for name in answer.headers if "Sandbox" in name} == {
        "Sandbox-Rule": "down",
        "Sandbox-Step": "2",
        "Sandbox-Request-Id": entry["id"],
    }
    assert (entry["rule"], entry["step"], entry["committed"], entry["fault"]) == (
        "down", 2, True, "drop",
    )  # fmt: skip


def test_calls_without_a_matching_rule_have_no_sandbox_headers() -> None:
    """Magic cards add none either."""
    desk = desk_of("- {name: down, request: create_refund, do: [pass]}")

    for card in ("visa", "declined"):
        answer = answered(desk, body=documented_create(card_number=CARD[card]))
        assert not any("Sandbox" in name for name in answer.headers)


def test_the_journal_says_why_each_other_rule_did_not_match() -> None:
    desk = desk_of(
        """
        - {name: reply-lost, request: create_payment, when: {amount: {gte: 5000}}, do: [pass]}
        - {name: noise, request: create_payment, chance: 0.05, do: [pass]}
        """,
        seed=7,
    )
    answered(desk, body=documented_create(amount=4200))

    assert entry_of(desk)["considered"] == [
        {"rule": "reply-lost", "why_not": "amount 4200 is not gte 5000"},
        {"rule": "noise", "why_not": "draw 0.57 ≥ chance 0.05"},
    ]


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b"[1]", {"amount": "x"}, {}],
    ids=["truncated json", "empty", "a list", "invalid amount", "empty object"],
)
def test_a_rule_is_evaluated_before_the_body_is_validated(body: object) -> None:
    """A gateway that is down does not look into the body."""
    desk = desk_of('- {request: "*", do: [{respond: {error: internal_error}}], then: repeat_last}')

    assert status_and_json(answered(desk, body=body)) == (500, FAILED)


def test_a_rule_matches_on_the_valid_fields_of_an_invalid_body() -> None:
    desk = desk_of("""
        - request: create_payment
          when: {amount: 5, card: declined, brand: visa}
          do: [{respond: {error: internal_error}}]
        """)
    method = {"card_number": CARD["declined"]}

    assert status_and_json(answered(desk, body={"amount": 5, "payment_method": method})) == (
        500,
        FAILED,
    )


def test_a_call_over_the_rate_limit_is_not_counted_by_any_rule() -> None:
    desk = desk_of("- {request: create_payment, do: [{respond: {error: internal_error}}]}")
    desk.world.limiter.turn(desk.world.clock.now())
    desk.world.limiter.set(limit=None, remaining=0)

    assert status_and_json(answered(desk))[0] == 429
    assert entry_of(desk)["considered"] == []
    assert desk.world.rules.rule_set.all[0].matched == 0


def test_a_path_without_an_operation_matches_no_rule() -> None:
    """`*` stands for the four documented operations."""
    desk = desk_of('- {request: "*", do: [{respond: {error: internal_error}}], then: repeat_last}')
    call = call_of("list_payments")
    call.operation = None

    assert status_and_json(desk.answer(call))[0] == 404


OPERATIONS = ("create_payment", "retrieve_payment", "list_payments", "create_refund")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_rule_can_match_every_operation(operation: str) -> None:
    """Reads as well as writes; a read has no `committed`."""
    desk = desk_of(f"""
        - {{request: {operation}, do: [{{respond: {{error: internal_error}}}}, {{delay: 5ms}}]}}
        """)
    paid = status_and_json(answered(desk))[1] if operation != "create_payment" else {"id": ""}
    call = call_of(operation, documented_refund() if "refund" in operation else GOOD,
                   payment_id=paid["id"])  # fmt: skip
    first, second = desk.answer(call), desk.answer(call)

    assert status_and_json(first) == (500, FAILED)
    assert (second.reply.status < 300, second.delay) == (True, 5)
    is_read = operation in ("retrieve_payment", "list_payments")
    assert entry_of(desk)["committed"] is (None if is_read else True)


FAULTS = {
    "drop: {commit: true, how: reset}": Drop(commit=True, how="reset"),
    "hang: {commit: true}": Hang(commit=True),
    "truncate: {commit: true, keep: 40%}": Truncate(commit=True, keep=40.0),
    "malform: {commit: true, as: html}": Malform(commit=True, how=Malformation.HTML),
    "drip: {over: 1s, chunks: 2}": Drip(1_000, 2),
    "respond_raw: {status: 502, off_contract: true, commit: true}": RespondRaw(
        502, {}, "", commit=True
    ),
}


@for_each("step", FAULTS)
def test_a_wire_fault_that_commits_makes_one_payment_with_its_event(step: str) -> None:
    """The server is told the fault, with the reply that it replaces."""
    desk = desk_of(f"- {{request: create_payment, do: [{{{step}}}]}}")
    answer = answered(desk)

    assert answer.fault == FAULTS[step]
    assert answer.reply.status == 201
    assert (len(desk.world.ledger.payments), desk.world.ledger.events) == (1, 1)


@pytest.mark.parametrize("step", [each for each in FAULTS if "commit" in each])
def test_a_wire_fault_that_does_not_commit_makes_no_payment(step: str) -> None:
    """And no event."""
    step = step.replace("commit: true", "commit: false")
    desk = desk_of(f"- {{request: create_payment, do: [{{{step}}}]}}")
    answer = answered(desk)

    assert answer.fault is not None
    assert (len(desk.world.ledger.payments), desk.world.ledger.events) == (0, 0)
    assert entry_of(desk)["committed"] is False


def test_an_invalid_call_is_not_committed_behind_a_committing_fault() -> None:
    """`commit: true` performs only what can be performed."""
    desk = desk_of("- {request: create_payment, do: [{drop: {commit: true}}], then: repeat_last}")
    answered(desk, body={"amount": 0})
    refused = entry_of(desk)
    answered(desk, body=b"no json")

    assert (refused["committed"], refused["fault"]) == (False, "drop")
    assert (entry_of(desk)["committed"], len(desk.world.ledger.payments)) == (False, 0)


@pytest.mark.parametrize(
    ("card", "status"), [("declined", "failed"), ("pending_forever", "pending")]
)
def test_a_payment_behind_a_fault_has_the_status_that_its_card_gives(
    card: str, status: str
) -> None:
    """A scenario overrides what the client sees, not what a declined card does."""
    desk = desk_of('- {request: "*", do: [{drop: {commit: true}}]}')
    answer = answered(desk, body=documented_create(card_number=CARD[card]))

    assert answer.fault == Drop(commit=True, how="close")
    assert desk.world.ledger.payments.get(0).status == status


def test_a_delay_step_leaves_the_effect_of_the_magic_card() -> None:
    """A slow API declines as well, only later; the slow card is slower still."""
    desk = desk_of("- {request: create_payment, do: [{delay: 200ms}], then: repeat_last}")
    declined = answered(desk, body=documented_create(card_number=CARD["declined"]))
    slow = answered(desk, body=documented_create(card_number=CARD["slow"]))

    assert (status_and_json(declined), declined.delay) == ((400, envelope("card_declined")), 200)
    assert (slow.reply.status, slow.delay) == (201, 3_200)


def test_a_settle_step_overrides_the_magic_card() -> None:
    desk = desk_of("""
        - {request: create_payment, do: [{settle: [{to: pending}, {to: failed, after: 1h}]}]}
        """)
    answer = answered(desk, body=documented_create(card_number=CARD["declined"]))
    list(desk.world.advance(Instant(desk.world.clock.now() + HOUR)))

    assert status_and_json(answer)[1]["status"] == "pending"
    assert desk.world.ledger.payments.get(0).failure == "card_declined"


def test_a_decline_by_a_rule_keeps_a_failed_payment() -> None:
    """As a magic card's decline does; an invalid request keeps none."""
    desk = desk_of("""
        - {request: create_payment, do: [{respond: {error: lost_card}}], then: repeat_last}
        """)
    said = [status_and_json(answered(desk, body=body)) for body in (GOOD, {})]

    assert said == [(400, envelope("lost_card"))] * 2
    assert [desk.world.ledger.payments.get(n).failure for n in range(1)] == ["lost_card"]
    assert len(desk.world.ledger.payments) == 1


def test_a_rule_can_commit_a_payment_and_answer_500() -> None:
    """That decides whether a retry charges twice."""
    desk = desk_of("""
        - request: create_payment
          do: [{respond: {error: internal_error, message: Oops, details: Later., commit: true}}]
        """)

    assert status_and_json(answered(desk)) == (
        500,
        {"error": {"code": "internal_error", "message": "Oops", "details": "Later."}},
    )
    assert desk.world.ledger.payments.get(0).status == "completed"


def test_a_rate_limit_step_applies_to_the_headers_and_to_the_next_call() -> None:
    desk = desk_of("- {request: create_payment, do: [{rate_limit: {remaining: 1}}]}")
    first, second = answered(desk), answered(desk, "list_payments")

    assert (first.reply.status, first.headers["X-RateLimit-Remaining"]) == (201, "0")
    assert second.reply.status == 429


def test_a_rate_limit_step_with_nothing_remaining_rejects_the_call() -> None:
    desk = desk_of("- {request: create_payment, do: [{rate_limit: {remaining: 0}}]}")

    assert answered(desk).reply.status == 429
    assert (entry_of(desk)["committed"], len(desk.world.ledger.payments)) == (False, 0)


def test_a_rate_limit_step_can_set_its_own_window() -> None:
    """It resets by the world's clock, as the error says."""
    desk = desk_of("""
        - {request: list_payments, do: [{rate_limit: {limit: 2, window: 1m}}], then: repeat_last}
        """)
    statuses = [answered(desk, "list_payments").reply.status for _ in range(3)]
    details = status_and_json(answered(desk, "list_payments"))[1]["error"]["details"]
    desk.world.clock.reach(Instant(desk.world.clock.now() + 60_000))

    assert statuses == [200, 200, 429]
    assert details == "The window ends at 2030-01-15T12:01:00Z on the world's clock."
    assert answered(desk, "list_payments").reply.status == 200


def test_a_payment_with_after_reads_settles_at_the_given_read() -> None:
    """The read that settles it shows the new status; a list is not a read."""
    desk = desk_of("""
        - request: create_payment
          do: [{settle: [{to: pending}, {to: completed, after_reads: 3}]}]
        """)
    paid = status_and_json(answered(desk))[1]["id"]
    answered(desk, "list_payments")
    seen = [
        status_and_json(desk.answer(call_of("retrieve_payment", payment_id=paid)))[1]["status"]
        for _ in range(4)
    ]

    assert seen == ["pending", "pending", "completed", "completed"]
    assert desk.world.ledger.event(0).type == "payment.completed"


def test_a_settlement_of_a_manually_failed_payment_is_skipped_with_its_reason() -> None:
    desk = desk_of("""
        - request: create_payment
          do: [{settle: [{to: pending}, {to: completed, after_reads: 1}]},
               {settle: [{to: pending}, {to: completed, after: 1h}]}]
        """)
    paid = status_and_json(answered(desk))[1]["id"]
    answered(desk)
    desk.world.fail(0, "lost_card")
    desk.world.fail(1, "lost_card")
    desk.answer(call_of("retrieve_payment", payment_id=paid))
    list(desk.world.advance(Instant(desk.world.clock.now() + HOUR)))
    [active_rule] = desk.world.rules.rule_set.all

    assert (active_rule.skipped, active_rule.why_skipped) == (
        2,
        "You cannot complete a payment that is failed.",
    )


def test_a_patch_step_changes_the_reply_but_not_the_payment() -> None:
    desk = desk_of("- {request: create_payment, do: [{patch: {status: pending}}]}")

    assert status_and_json(answered(desk))[1]["status"] == "pending"
    assert desk.world.ledger.payments.get(0).status == "completed"


def test_a_rule_can_answer_the_documented_401_without_rate_limit_headers() -> None:
    desk = desk_of("- {request: list_payments, do: [{respond: {error: invalid_api_key}}]}")
    answer = answered(desk, "list_payments")

    assert status_and_json(answer) == (401, envelope("invalid_api_key"))
    assert not any("RateLimit" in name for name in answer.headers)


def test_rules_match_on_fields_of_the_payment_that_a_call_addresses() -> None:
    """If the body and the query do not have them."""
    desk = desk_of("""
        - request: "*"
          when: {customer_id: cust_abc123, amount: 2500, card: refund_declined, status: completed,
                 brand: visa, currency: USD, description: {prefix: Payment}}
          do: [{respond: {error: internal_error}}]
          then: repeat_last
          per: card
        """)
    paid = [
        status_and_json(answered(desk, body=documented_create(card_number=CARD[name])))[1]["id"]
        for name in ("refund_declined", "visa")
    ]
    said = [
        status_and_json(desk.answer(call_of(operation, body, payment_id=payment_id)))[0]
        for payment_id in (*paid, "pay_unknown")
        for operation, body in (
            ("retrieve_payment", None),
            ("create_refund", {}),
            ("create_refund", {"amount": 5}),
        )
    ]

    assert said == [500, 500, 400, 200, 201, 400, 404, 404, 404]


def test_rules_match_on_headers_and_query_parameters() -> None:
    """Header names in any case; of a repeated parameter, the first."""
    desk = desk_of("""
        - request: list_payments
          when: {header.X-Test: "a, b", query.limit: 5, customer_id: ann, status: failed}
          do: [{respond: {error: internal_error}}]
        """)
    headers = (AUTHORIZATION, (b"X-TEST", b"a"), (b"x-test", b"b"))
    query = "limit=5&limit=6&customer_id=ann&status=failed"
    call = call_of("list_payments", query=query, headers=headers)

    assert [status_and_json(desk.answer(call))[0] for _ in range(2)] == [500, 400]


def test_rules_match_a_card_number_that_is_a_json_number() -> None:
    """An invalid card number has no brand."""
    desk = desk_of("""
        - {request: create_payment, when: {card: declined}, do: [{respond: {error: lost_card}}]}
        - {request: create_payment, when: {brand: visa}, do: [{respond: {error: lost_card}}]}
        """)
    bodies = [{"payment_method": {"card_number": number}} for number in
              (4000000000000002, 4242424242424242, True, "abc", "12")]  # fmt: skip

    said = [status_and_json(answered(desk, body=body))[1]["error"]["code"] for body in bodies]
    assert said == ["lost_card", "lost_card", *["invalid_request"] * 3]


def test_an_exhausted_rule_with_then_fail_answers_500_and_performs_nothing() -> None:
    desk = desk_of("- {name: two, request: create_payment, do: [pass], then: fail}")
    said = [status_and_json(answered(desk)) for _ in range(2)]

    assert said[1] == (
        500,
        envelope("internal_error", "The rule two has no steps left (then: fail)."),
    )
    assert len(desk.world.ledger.payments) == 1


def test_an_event_rule_without_after_acts_before_the_reply() -> None:
    desk = desk_of("- {event: payment.completed, do: {chargeback: {reason: fraudulent}}}")
    reply = status_and_json(answered(desk))[1]

    assert reply["status"] == "completed"
    assert desk.world.ledger.payments.get(0).refundable == 0


def test_no_card_number_is_kept_in_snapshots_or_journal_entries() -> None:
    """Not in counters or explanations either."""
    desk = desk_of(
        """
        - {request: create_payment, when: {card: {ne: declined}}, per: card, do: [pass]}
        - {request: create_payment, when: {description: x}, per: customer, do: [pass]}
        """,
        seed=7,
    )
    number = "4111111111111111"
    answered(desk, body=documented_create(customer_id=f"cust {number}", description=number))
    assert number not in json.dumps(snapshot(desk.world))
    assert number not in json.dumps(entry_of(desk))


def test_a_card_number_in_a_free_text_field_is_marked_as_leaked() -> None:
    """For the audit, without the number."""
    desk = desk_of("- {request: create_refund, do: [pass]}")
    paid = status_and_json(answered(desk, body=documented_create(description="4111111111111111")))[
        1
    ]["id"]
    desk.answer(call_of("create_refund", {"reason": "x"}, payment_id=paid))
    answered(desk)

    assert [entry.leaked for entry in desk.world.journal.since(0)] == [True, False, False]


def test_rules_match_on_the_payment_id_in_the_path() -> None:
    """Whether such a payment exists or not."""
    desk = desk_of("""
        - request: retrieve_payment
          when: {payment_id: pay_x}
          do: [{respond: {error: internal_error}}]
        """)
    said = [status_and_json(desk.answer(call_of("retrieve_payment", payment_id=each)))[0]
            for each in ("pay_y", "pay_x")]  # fmt: skip

    assert said == [404, 500]


def test_a_card_number_in_the_message_of_a_rule_is_sent_unmasked_and_journalled_masked() -> None:
    said = "No 4242424242424242."
    step = f"{{respond: {{error: internal_error, message: '{said}'}}}}"
    desk = desk_of(f"- {{request: list_payments, do: [{step}]}}")
    status, sent = desk.ask("list_payments")
    entry = entry_of(desk)

    assert (status, sent["error"]["message"]) == (500, said)
    assert entry["response"]["status"] == 500
    assert "Sandbox-Rule" in entry["response"]["headers"]
    assert "internal_error" in json.dumps(entry["response"])
    assert "4242424242424242" not in json.dumps(entry)
