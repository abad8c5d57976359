"""Scenarios exported from the journal: they reproduce what calls met."""

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
from tests.support.tables import for_each
from tests.support.values import documented_create

NUMBER_OF: Final = {card.name: card.number for card in MAGIC_CARDS}


class JournalFixture:
    """A world with scenarios, and methods to call its API."""

    def __init__(self, *scenarios: Scenario, rate_limit: int = 1_000) -> None:
        self.world: World = new_world(rate_limit=rate_limit)
        set_active(self.world, scenarios)
        self._desk = InProcessApi(self.world)

    def call(self, operation: str, body: object = None, **options: str) -> str:
        """Make a call, and return its request id."""
        answer = self._desk.answer(call_of(operation, body, **options))  # type: ignore[arg-type]  # options of call_of
        answer.entry.duration_ms = 250.4
        return self.world.journal.id_of(answer.entry)

    def pay(self, customer_id: str | None = "cust_ada", **changes: object) -> str:
        """Create a payment, and return the request id."""
        return self.call("create_payment", documented_create(customer_id=customer_id, **changes))

    def payment(self, number: int = 0) -> str:
        """Return the id of a payment."""
        return self.world.ledger.payments.id_of(number)

    def entry(self, request_id: str) -> Entry:
        """Return the journal entry of a call."""
        found = self.world.journal.find(request_id)
        assert found is not None
        return found

    def when(self, request_id: str) -> object:
        """Return the matchers of the only rule exported from a call."""
        rules: Any = scenario_from_journal(self.world, [request_id], "seen")["rules"]
        [rule] = rules
        return rule["when"]

    def told(self, *ids: str) -> str:
        """Return the rules of the scenario exported from these calls, as YAML."""
        source = scenario_from_journal(self.world, ids, "seen")
        assert (source["scenario"], load_value(source).problems) == ("seen", ())
        return text_of({"rules": source["rules"]})


def test_a_lost_reply_is_written_as_a_fault_with_commit() -> None:
    """This compares the whole file."""
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{drop: {commit: true, how: reset}}]}")
    )
    lost, retried = fixture.pay(), fixture.pay()

    assert text_of(scenario_from_journal(fixture.world, [retried, lost], "seen")) == dedent(
        f"""\
        scenario: seen
        about: What the journal recorded for {lost}, {retried}.
        tags: [from-journal]
        rules:
          - name: create_payment-1
            request: create_payment
            when: {{customer_id: cust_ada}}
            do:
              - drop: {{commit: true, how: reset}}
        """
    )


def test_similar_calls_become_steps_of_one_rule() -> None:
    """Steps are in order; successful calls before failed ones are kept, and equal steps counted."""
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


def test_a_rule_has_only_the_matchers_that_distinguish_its_calls() -> None:
    """`exists: false` is used only if nothing else distinguishes them."""
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
def test_values_that_no_matcher_accepts_are_omitted(changes: dict[str, object]) -> None:
    """For example values that are masked in the journal; other fields are used instead."""
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{respond: {error: lost_card}}]}")
    )
    assert fixture.when(fixture.pay(**changes)) == {"amount": 2500}  # type: ignore[arg-type]  # fields of a create


def test_a_masked_customer_is_matched_by_excluding_the_known_ones() -> None:
    """The condition also requires that there is a customer."""
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
def test_an_invalid_amount_is_omitted(amount: object) -> None:
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{respond: {error: lost_card}}]}")
    )
    assert fixture.when(fixture.pay(None, amount=amount, currency="US$D")) == {
        "description": "Payment for order #12345"
    }


def test_existing_payments_are_matched_by_fields_and_unknown_ones_by_id() -> None:
    """Ids of existing payments differ in another world."""
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


def test_list_calls_are_matched_by_filters_and_not_by_limit() -> None:
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
    """Other cards then meet the same answer."""
    fixture = JournalFixture()
    assert f"\n      - {step}\n" in fixture.told(fixture.pay(card_number=NUMBER_OF[card]))


def test_a_pending_payment_of_a_card_is_written_as_settle() -> None:
    """It settles as the card defines."""
    fixture = JournalFixture()
    shown = fixture.told(fixture.pay(card_number=NUMBER_OF["pending_then_failed"]))
    assert shown.endswith(
        "      - settle:\n          - {to: pending}\n          - {to: failed, after: 1h}\n"
    )


def test_errors_caused_by_state_are_written_as_respond() -> None:
    """Errors caused by the call itself happen anyway, so they need no step."""
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


def test_rate_limit_errors_are_written_as_rate_limit_or_respond() -> None:
    """The limit is exhausted only if no later call succeeded; otherwise the error is a step."""
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


@for_each(("step", "told"), GONE)
def test_a_step_of_a_removed_rule_is_written_from_the_journal(step: str, told: str) -> None:
    """Details that the journal does not store get their defaults."""
    fixture = JournalFixture(rules_of(f"- {{request: create_payment, do: [{{{step}}}]}}"))
    met = fixture.pay()
    set_active(fixture.world, [])
    assert f"\n      - {told}\n" in fixture.told(met)


def test_a_raw_reply_of_a_removed_rule_is_written_as_respond_raw() -> None:
    """The journal stores status and body once the reply is sent."""
    raw = "respond_raw: {status: 502, body: oops, off_contract: true, commit: true}"
    fixture = JournalFixture(rules_of(f"- {{request: create_payment, do: [{{{raw}}}]}}"))
    met = fixture.pay()
    fixture.entry(met).replied(502, {}, b"oops")
    set_active(fixture.world, [])
    assert (
        "respond_raw: {status: 502, body: oops, off_contract: true, commit: true}"
        in fixture.told(met)
    )


def test_another_rule_with_the_same_name_is_not_used() -> None:
    """Neither a rule that did not answer nor one that cannot have caused the result is used."""
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


def test_an_abandoned_delayed_reply_is_written_as_a_delay() -> None:
    """A lost reply that was abandoned is written as `hang`."""
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{delay: 4s}, {drop: {commit: true}}]}")
    )
    held, dropped = fixture.pay(), fixture.pay()
    for each in (held, dropped):
        fixture.entry(each).abandon()
    assert "- {delay: 4s}" in fixture.told(held)
    assert "- hang: {commit: true}" in fixture.told(dropped)


def test_a_sampled_delay_is_written_with_its_duration() -> None:
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
                "/requests: expected a request that met an error, a fault or a delay; none of"
                " these did. GET /_sandbox/requests shows what each request met."
            ),
        ),
    ],
    ids=["unknown and no operation", "nothing"],
)
def test_requests_without_failures_or_unknown_ones_are_rejected(
    ids: list[str], details: str
) -> None:
    """The error names the requests, and says what is expected."""
    fixture = JournalFixture()
    known = {"paid": fixture.pay(), "natural": fixture.pay(amount=0)}
    nowhere = call_of("list_payments")
    nowhere.operation = None
    answer = InProcessApi(fixture.world).answer(nowhere)
    known["elsewhere"] = fixture.world.journal.id_of(answer.entry)
    with pytest.raises(InvalidRequest) as caught:
        scenario_from_journal(fixture.world, [known.get(each, each) for each in ids], "seen")
    assert caught.value.details == details


def test_about_names_at_most_five_requests() -> None:
    fixture = JournalFixture(
        rules_of("- {request: create_payment, do: [{respond: {error: lost_card}}], then: cycle}")
    )
    ids = [fixture.pay() for _ in range(7)]
    assert scenario_from_journal(fixture.world, ids, "seen")["about"] == (
        f"What the journal recorded for {', '.join(ids[:5])} and 2 more."
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
    """Make a call; a list uses the last value as status."""
    operation, customer, amount, card, word = call
    if operation == "list_payments":
        whose = "" if customer is None else f"&customer_id={customer}"
        return fixture.call(operation, query=f"status={word}{whose}")
    return fixture.pay(customer, amount=amount, card_number=NUMBER_OF[card], currency=word)


def met(fixture: JournalFixture, ids: Sequence[str]) -> list[tuple[object, ...]]:
    """Return the results of calls."""
    entries = [fixture.entry(each) for each in ids]
    return [(entry.status, entry.fault, bool(entry.committed)) for entry in entries]


@given(st.data())
def test_an_exported_scenario_reproduces_the_calls(data: st.DataObject) -> None:
    """It loads without problems, and the same calls in a new world get the same results."""
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
