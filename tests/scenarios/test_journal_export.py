"""Scenarios made of the journal: they say what was met, and make it happen again."""

from collections.abc import Sequence
from textwrap import dedent
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.rules.scenario import Scenario
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.scenarios.journal_export import scenario_from_journal
from payments_sandbox.scenarios.loader import load, load_value
from payments_sandbox.scenarios.yaml_writer import text_of
from payments_sandbox.world.journal import Entry
from payments_sandbox.world.world import World
from tests.support.in_process import InProcessApi, call_of, new_world, rules_of
from tests.support.values import documented_create

NUMBER_OF: Final = {card.name: card.number for card in MAGIC_CARDS}


class JournalFixture:
    """A world with scenarios, and calls to it by what differs."""

    def __init__(self, *scenarios: Scenario, rate_limit: int = 1_000) -> None:
        self.world: World = new_world(rate_limit=rate_limit)
        set_active(self.world, scenarios)
        self._desk = InProcessApi(self.world)

    def call(self, operation: str, body: object = None, **options: str) -> str:
        """Make a call; its id."""
        answer = self._desk.answer(call_of(operation, body, **options))  # type: ignore[arg-type]  # options of call_of
        answer.entry.duration_ms = 250.4
        return self.world.journal.id_of(answer.entry)

    def pay(self, customer_id: str | None = "cust_ada", **changes: object) -> str:
        """Make a payment."""
        return self.call("create_payment", documented_create(customer_id=customer_id, **changes))

    def payment(self, number: int = 0) -> str:
        """The id of a payment."""
        return self.world.ledger.payments.id_of(number)

    def entry(self, request_id: str) -> Entry:
        """What the journal has of a call."""
        found = self.world.journal.find(request_id)
        assert found is not None
        return found

    def when(self, request_id: str) -> object:
        """The matchers of the one rule that tells of a call."""
        rules: Any = scenario_from_journal(self.world, [request_id], "seen")["rules"]
        [rule] = rules
        return rule["when"]

    def told(self, *ids: str) -> str:
        """The rules of the scenario that tells of these calls, as YAML."""
        source = scenario_from_journal(self.world, ids, "seen")
        assert (source["scenario"], load_value(source).problems) == ("seen", ())
        return text_of({"rules": source["rules"]})


def test_a_lost_reply_is_written_as_a_fault_with_commit() -> None:
    """The whole file: what it is about, which calls, what they met, and that they happened."""
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{drop: {commit: true, how: reset}}]}")
    )
    lost, retried = fixture.pay(), fixture.pay()

    assert text_of(scenario_from_journal(fixture.world, [retried, lost], "seen")) == dedent(
        f"""\
        scenario: seen
        about: What the journal has of {lost}, {retried}.
        tags: [from-journal]
        rules:
          - name: create_payment-1
            request: create_payment
            when: {{customer_id: cust_ada}}
            do:
              - drop: {{commit: true, how: reset}}
        """
    )


def test_calls_that_look_alike_are_steps_of_one_rule() -> None:
    """In their order; what went well has its place before what did not, and equals are counted."""
    fixture = JournalFixture(
        rules_of(
            """\
            - request: create_payment
              do: [{times: 2}, {respond: {error: internal_error, commit: true}, times: 2},
                   {hang: {commit: false, for: 3s}}, pass, {delay: 300ms}, pass]
            """
        )
    )
    ids = [fixture.pay() for _ in range(8)]
    assert fixture.told(*ids) == dedent(
        """\
        rules:
          - name: create_payment-1
            request: create_payment
            when: {customer_id: cust_ada}
            do:
              - {times: 2}
              - respond: {error: internal_error, commit: true}
                times: 2
              - hang: {commit: false, for: 3s}
              - pass
              - {delay: 300ms}
        """
    )


def test_a_rule_has_no_more_matchers_than_set_its_calls_apart() -> None:
    """From the other calls of the journal; what others have and it has not comes last."""
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{respond: {error: lost_card}}], then: cycle}")
    )
    alone, large, other, nobodys = (
        fixture.pay("cust_bob"),
        fixture.pay(amount=9_900),
        fixture.pay(amount=2_500, description="Order 8"),
        fixture.pay(None, amount=9_900),
    )
    fixture.pay(amount=2_500)
    assert [fixture.when(each) for each in (alone, large, other, nobodys)] == [
        {"customer_id": "cust_bob"},
        {"customer_id": "cust_ada", "amount": 9900},
        {"customer_id": "cust_ada", "amount": 2500, "description": "Order 8"},
        {"amount": 9900, "customer_id": {"exists": False}},
    ]


LONG: Final = "x" * 501


@pytest.mark.parametrize(
    "changes",
    [
        {"customer_id": "4242424242424242"},
        {"customer_id": LONG},
        {"customer_id": 7},
        {"customer_id": ["a"]},
    ],
    ids=["masked", "long", "number", "list"],
)
def test_a_value_that_no_matcher_can_have_is_left_out(changes: dict[str, object]) -> None:
    """Such as what is masked in the journal; the rest has to do."""
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{respond: {error: lost_card}}]}")
    )
    assert fixture.when(fixture.pay(**changes)) == {"amount": 2500}  # type: ignore[arg-type]  # fields of a create


def test_a_value_that_no_matcher_can_have_is_none_of_the_others_values() -> None:
    """A masked customer is none of those that are known, and there at all."""
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{respond: {error: lost_card}}]}")
    )
    masked = fixture.pay("4242424242424242")
    for customer in ("cust_ada", "cust_bob", None):
        fixture.pay(customer)
    assert fixture.when(masked) == {
        "amount": 2500,
        "customer_id": {"exists": True, "not_in": ["cust_ada", "cust_bob"]},
    }


@pytest.mark.parametrize("amount", [True, 2.5, "12", -1, 10**9])
def test_an_amount_that_is_no_number_is_left_out(amount: object) -> None:
    """It is no matcher either."""
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{respond: {error: lost_card}}]}")
    )
    assert fixture.when(fixture.pay(None, amount=amount, currency="US$D")) == {
        "description": "Payment for order #12345"
    }


def test_payments_are_matched_by_their_fields_and_not_by_their_ids() -> None:
    """Their ids are others in another world; one that is in no world keeps its own."""
    fixture = JournalFixture(
        rules_of(
            """\
            - request: create_refund
              do: [{malform: {commit: true, as: html}}, {respond: {error: refund_declined}}]
            - {request: retrieve_payment, do: [{truncate: {keep: 10%}}], then: cycle}
            """
        )
    )
    fixture.pay("cust_bob")
    fixture.pay("cust_ada", amount=9_900)
    first, second = (fixture.payment(number) for number in (0, 1))
    ids = [
        fixture.call("create_refund", {"amount": 100, "reason": "late"}, payment_id=first),
        fixture.call("create_refund", {}, payment_id=second),
        fixture.call("retrieve_payment", payment_id=first),
        fixture.call("retrieve_payment", payment_id="pay_nope"),
    ]
    assert fixture.told(*ids) == dedent(
        """\
        rules:
          - name: create_refund-1
            request: create_refund
            when: {customer_id: cust_bob}
            do:
              - malform: {commit: true, as: html}
          - name: create_refund-2
            request: create_refund
            when: {customer_id: cust_ada}
            do:
              - respond: {error: refund_declined}
          - name: retrieve_payment-3
            request: retrieve_payment
            when: {customer_id: cust_bob}
            do:
              - truncate: {keep: 10%, in: body}
          - name: retrieve_payment-4
            request: retrieve_payment
            when: {payment_id: pay_nope}
            do:
              - truncate: {keep: 10%, in: body}
        """
    )


def test_list_calls_are_matched_by_their_filters() -> None:
    """Not by the page."""
    fixture = JournalFixture(
        rules_of("- {request: list_payments, do: [{delay: 50ms}], then: cycle}")
    )
    ids = [
        fixture.call("list_payments", query="status=failed&limit=1"),
        fixture.call("list_payments", query="limit=2"),
    ]
    assert fixture.told(*ids).count("when:") == 2
    assert fixture.when(ids[1]) == {"status": {"exists": False}}


@pytest.mark.parametrize(
    ("card", "step"),
    [
        ("declined", "respond: {error: card_declined}"),
        ("server_error_after_commit", "respond: {error: internal_error, commit: true}"),
        ("connection_reset", "drop: {commit: false, how: reset}"),
        ("timeout_after_commit", "hang: {commit: true}"),
        ("rate_limited", "rate_limit: {remaining: 0}"),
        ("slow", "{delay: 3s}"),
    ],
)
def test_answers_of_magic_cards_are_written_as_steps(card: str, step: str) -> None:
    """So that any card meets the same."""
    fixture = JournalFixture()
    assert f"\n      - {step}\n" in fixture.told(fixture.pay(card_number=NUMBER_OF[card]))


def test_a_payment_that_a_card_made_pending_is_written_as_settle() -> None:
    """It settles as the card's did."""
    fixture = JournalFixture()
    shown = fixture.told(fixture.pay(card_number=NUMBER_OF["pending_then_failed"]))
    assert shown.endswith(
        "      - settle:\n          - {to: pending}\n          - {to: failed, after: 1h}\n"
    )


def test_errors_that_no_rule_made_are_written_as_respond() -> None:
    """Those that depend on the state are told, the call's own happen anyway."""
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [pass, pass, pass], then: fail}")
    )
    natural, declined, paid = fixture.pay(amount="x"), fixture.pay(cvc="1"), fixture.pay()
    missing = fixture.call("retrieve_payment", payment_id="pay_nope")
    ran_out = fixture.pay()
    assert fixture.told(natural, declined, paid, missing, ran_out) == dedent(
        """\
        rules:
          - name: create_payment-1
            request: create_payment
            when: {customer_id: cust_ada, amount: 2500}
            do:
              - {times: 2}
              - respond: {error: internal_error}
          - name: retrieve_payment-2
            request: retrieve_payment
            when: {payment_id: pay_nope}
            do:
              - respond: {error: payment_not_found}
        """
    )


def test_refusals_of_the_rate_limit_are_written_as_rate_limit() -> None:
    """Exhausted where nobody came through afterwards, once; else only said."""
    fixture = JournalFixture(rate_limit=1)
    ids = [fixture.pay("cust_a"), fixture.pay("cust_b")]
    fixture.world.limiter.set(limit=None, remaining=1)
    ids += [fixture.pay("cust_c"), fixture.pay("cust_d"), fixture.pay("cust_e")]
    assert fixture.told(*ids) == dedent(
        """\
        rules:
          - name: create_payment-1
            request: create_payment
            when: {customer_id: cust_b}
            do:
              - respond: {error: rate_limit_exceeded}
          - name: create_payment-2
            request: create_payment
            when: {customer_id: cust_d}
            do:
              - rate_limit: {remaining: 0}
        """
    )


GONE: Final = [
    ("drop: {commit: true, how: reset}", "drop: {commit: true, how: close}"),
    ("hang: {commit: false, for: 1s}", "hang: {commit: false}"),
    ("truncate: {commit: true, keep: 10%}", "truncate: {commit: true, keep: 50%, in: headers}"),
    ("malform: {commit: true, as: html}", "malform: {commit: true, as: invalid_json}"),
    ("drip: {over: 2s, chunks: 3}", "drip: {over: 250ms, chunks: 20}"),
    ("respond: {error: lost_card, message: Nope}", "respond: {error: lost_card, message: Nope}"),
    (
        "respond: {error: invalid_request, commit: true}",
        "respond: {error: invalid_request, commit: true}",
    ),
    ("respond_raw: {status: 502, body: oops, off_contract: true}", "hang: {commit: false}"),
]


@pytest.mark.parametrize(("step", "told"), GONE, ids=[step for step, _ in GONE])
def test_a_step_of_a_rule_that_is_gone_is_written_as_the_journal_shows_it(
    step: str, told: str
) -> None:
    """What the journal does not keep is as it usually is."""
    fixture = JournalFixture(rules_of(f"- {{request: create_payment, do: [{{{step}}}]}}"))
    met = fixture.pay()
    set_active(fixture.world, [])
    assert f"\n      - {told}\n" in fixture.told(met)


def test_a_raw_reply_of_a_rule_that_is_gone_is_written_as_respond_raw() -> None:
    """Its status and body are in the journal once they are sent."""
    raw = "respond_raw: {status: 502, body: oops, off_contract: true, commit: true}"
    fixture = JournalFixture(rules_of(f"- {{request: create_payment, do: [{{{raw}}}]}}"))
    met = fixture.pay()
    fixture.entry(met).replied(502, {}, b"oops")
    set_active(fixture.world, [])
    assert (
        "respond_raw: {status: 502, body: oops, off_contract: true, commit: true}"
        in fixture.told(met)
    )


def test_a_rule_of_the_same_name_is_not_taken_for_it() -> None:
    """Neither one that did not answer, nor one that cannot have said so."""
    first = rules_of(
        "- {name: a, request: create_payment, when: {amount: 1}, do: [drop: {}]}".replace(
            "drop: {}", "{drop: {commit: true}}"
        ),
        name="one",
    )
    second = rules_of(
        "- {name: a, request: create_payment, do: [{hang: {commit: true}}]}", name="two"
    )
    fixture = JournalFixture(first, second)
    met = fixture.pay()
    assert "hang: {commit: true}" in fixture.told(met)

    third = rules_of("- {name: a, request: create_payment, do: [{respond: {error: lost_card}}]}")
    set_active(fixture.world, [third])
    assert "hang: {commit: true}" in fixture.told(met)
    fixture.entry(met).step = 9
    assert "hang: {commit: true}" in fixture.told(met)


def test_a_reply_that_the_client_did_not_wait_for_is_written_as_a_delay() -> None:
    """The step that held it; a client that waits as long meets the same."""
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{delay: 4s}, {drop: {commit: true}}]}")
    )
    held, dropped = fixture.pay(), fixture.pay()
    for each in (held, dropped):
        fixture.entry(each).abandon()
    assert "- {delay: 4s}" in fixture.told(held)
    assert "- hang: {commit: true}" in fixture.told(dropped)


def test_a_drawn_delay_is_as_long_as_it_was() -> None:
    """The written scenario draws nothing."""
    rule = "- {request: create_payment, do: [{delay: {uniform: [1ms, 9ms]}}]}"
    fixture = JournalFixture(rules_of(rule, seed=7))
    assert "- {delay: 250ms}" in fixture.told(fixture.pay())


@pytest.mark.parametrize(
    ("ids", "details"),
    [
        (
            ["req_nope", "paid", "elsewhere"],
            (
                "/requests/0: expected the id of a request in the journal; /requests/2: expected a"
                " request of a documented operation. GET /_sandbox/requests lists what exists."
            ),
        ),
        (
            ["paid", "natural"],
            (
                "/requests: expected a request that met an error, a fault or a delay; these went"
                " as they would in any world. GET /_sandbox/requests lists what requests have met."
            ),
        ),
    ],
    ids=["unknown and no operation", "nothing"],
)
def test_requests_that_make_no_scenario_are_refused(ids: list[str], details: str) -> None:
    """It says which of the requests, and what would have worked."""
    fixture = JournalFixture()
    known = {"paid": fixture.pay(), "natural": fixture.pay(amount=0)}
    nowhere = call_of("list_payments")
    nowhere.operation = None
    answer = InProcessApi(fixture.world).answer(nowhere)
    known["elsewhere"] = fixture.world.journal.id_of(answer.entry)
    with pytest.raises(InvalidRequest) as caught:
        scenario_from_journal(fixture.world, [known.get(each, each) for each in ids], "seen")
    assert caught.value.details == details


def test_many_requests_are_not_all_named() -> None:
    """`about` stays a sentence."""
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{respond: {error: lost_card}}], then: cycle}")
    )
    ids = [fixture.pay() for _ in range(7)]
    assert scenario_from_journal(fixture.world, ids, "seen")["about"] == (
        f"What the journal has of {', '.join(ids[:5])} and 2 more."
    )


OUTCOMES: Final = (
    "pass", "{delay: 10ms}", "{respond: {error: internal_error}}",
    "{respond: {error: internal_error, commit: true}}", "{drop: {commit: true, how: reset}}",
    "{hang: {commit: false}}", "{malform: {commit: true, as: html}}",
    "{truncate: {commit: true, keep: 40%}}", "{drip: {over: 1s}}",
    "{respond_raw: {status: 503, body: oops, off_contract: true}}", "{rate_limit: {remaining: 1}}",
    "{rate_limit: {remaining: 0}}", "{patch: {status: failed}}",
)  # fmt: skip
CALLS: Final = st.tuples(
    st.sampled_from(["create_payment", "list_payments"]),
    st.sampled_from(["cust_ada", "cust_bob", None, "4242424242424242"]),
    st.sampled_from([100, 2500, 0, "x"]),
    st.sampled_from(["visa", "declined", "timeout_after_commit", "rate_limited"]),
    st.sampled_from(["USD", "usd", "EURO", "", "failed", "on"]),
)


def make(fixture: JournalFixture, call: tuple[str, str | None, object, str, str]) -> str:
    """Make a call; lists take the last word for a status."""
    operation, customer, amount, card, word = call
    if operation == "list_payments":
        whose = "" if customer is None else f"&customer_id={customer}"
        return fixture.call(operation, query=f"status={word}{whose}")
    return fixture.pay(customer, amount=amount, card_number=NUMBER_OF[card], currency=word)


def met(fixture: JournalFixture, ids: Sequence[str]) -> list[tuple[object, ...]]:
    """What calls have met."""
    entries = [fixture.entry(each) for each in ids]
    return [(entry.status, entry.fault, bool(entry.committed)) for entry in entries]


@given(st.data())
def test_the_written_scenario_makes_it_happen_again(data: st.DataObject) -> None:
    """What is written has no problems, and in a fresh world the same calls meet the same."""
    steps = data.draw(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=5))
    then = data.draw(st.sampled_from(["pass", "cycle", "repeat_last"]))
    rule = f"- {{request: '*', do: [{', '.join(steps)}], then: {then}}}"
    fixture = JournalFixture(rules_of(rule.replace("{patch: {status: failed}}", "pass")))
    calls = data.draw(st.lists(CALLS, min_size=1, max_size=8))
    ids = [make(fixture, call) for call in calls]
    picked = sorted(data.draw(st.sets(st.integers(0, len(calls) - 1), min_size=1)))
    try:
        source = scenario_from_journal(fixture.world, [ids[each] for each in picked], "seen")
    except InvalidRequest:
        again = JournalFixture()
    else:
        loaded = load(text_of(source), name="seen")
        assert (loaded.problems, loaded.scenario is not None) == ((), True)
        assert loaded.scenario is not None
        again = JournalFixture(loaded.scenario)
    repeated = [make(again, calls[each]) for each in picked]
    assert met(again, repeated) == met(fixture, [ids[each] for each in picked])
