"""Generated scenarios: what the schema accepts loads or is rejected with messages."""

import json
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from payments_sandbox.api.call import Answer
from payments_sandbox.contract.error_codes import CODES, documented_for
from payments_sandbox.contract.operations import BY_NAME
from payments_sandbox.core.instants import DAY, Instant
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.rules.outcomes import Patch
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.scenarios.loader import load
from payments_sandbox.scenarios.scenario_schema import accepts
from payments_sandbox.verification.observed import observe
from payments_sandbox.verification.report import report
from tests.support.in_process import NOON, InProcessApi, call_of, contract, new_world, snapshot
from tests.support.values import documented_create

Json = dict[str, Any]

CARDS = st.sampled_from([card.name for card in MAGIC_CARDS] + ["4242424242424242", "nope"])
DURATIONS = st.sampled_from(["0s", "1ms", "300ms", "2s", "1h", "2d"])
EVENTS = st.sampled_from(["payment.completed", "payment.failed", "payment.*", "refund.*", "*"])
OPERATIONS = st.sampled_from([*BY_NAME, "*"])
NUMBERS = st.integers(0, 6_000)
COMMIT = st.booleans()
DISTRIBUTIONS = st.one_of(
    DURATIONS,
    st.builds(lambda a, b: {"uniform": [a, b]}, DURATIONS, DURATIONS),
    st.builds(
        lambda a, b: {"lognormal": {"median": a, "p99": b}, "cap": "1s"}, DURATIONS, DURATIONS
    ),
)


def one_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for a value, a list of values, or operators."""
    lists = st.lists(values, min_size=1, max_size=3)
    operators = st.dictionaries(st.sampled_from(["eq", "ne"]), values, min_size=1)
    return values | lists | operators | st.builds(lambda each: {"exists": each}, st.booleans())


WHEN = st.fixed_dictionaries(
    {},
    optional={
        "card": one_of(CARDS),
        "brand": one_of(st.sampled_from(["visa", "amex"])),
        "amount": one_of(NUMBERS)
        | st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), NUMBERS, min_size=1),
        "currency": one_of(st.sampled_from(["USD", "EUR"])),
        "customer_id": one_of(st.sampled_from(["cust_abc123", "ann"])),
        "status": one_of(st.sampled_from(["pending", "completed", "failed"])),
        "payment_id": one_of(st.sampled_from(["pay_old", "pay_new"])),
        "call": st.integers(1, 3) | st.builds(lambda each: {"every": each}, st.integers(1, 3)),
        "header.X-Test": one_of(st.sampled_from(["a", 5])),
    },
)
OUTCOMES: dict[str, st.SearchStrategy[Any]] = {
    "respond": st.fixed_dictionaries(
        {"error": st.sampled_from([name for name, code in CODES.items() if code.operations])},
        optional={"commit": COMMIT, "message": st.just("Oops"), "details": st.just("Why.")},
    ),
    "respond_raw": st.builds(
        lambda status, commit: {"status": status, "off_contract": True, "commit": commit},
        st.integers(200, 599),
        COMMIT,
    ),
    "drop": st.fixed_dictionaries({}, optional={"commit": COMMIT}),
    "hang": st.fixed_dictionaries({"commit": COMMIT}, optional={"for": DURATIONS}),
    "truncate": st.fixed_dictionaries({"commit": COMMIT}, optional={"keep": st.just("40%")}),
    "malform": st.builds(lambda commit: {"commit": commit, "as": "html"}, COMMIT),
    "drip": st.builds(lambda over: {"over": over}, DURATIONS),
    "rate_limit": st.fixed_dictionaries(
        {"limit": st.integers(0, 5)},
        optional={"remaining": st.integers(0, 9), "window": st.sampled_from(["1ms", "1m", "1h"])},
    ),
    "settle": st.lists(
        st.fixed_dictionaries(
            {"to": st.sampled_from(["pending", "completed", "failed"])},
            optional={"after": DURATIONS, "after_reads": st.integers(1, 3)},
        ),
        min_size=1,
        max_size=3,
    )
    | st.just([{"to": "pending"}, {"to": "completed", "after_reads": 1}]),
    "patch": st.dictionaries(
        st.sampled_from(["status", "amount", "description", "data", "zzz"]),
        st.sampled_from([None, 5, "failed", []]),
        min_size=1,
        max_size=2,
    ),
}
STEPS = st.just("pass") | st.builds(
    lambda outcomes, rest: {**outcomes, **rest},
    st.one_of([st.builds(lambda v, k=key: {k: v}, value) for key, value in OUTCOMES.items()]),
    st.fixed_dictionaries(
        {},
        optional={
            "delay": DISTRIBUTIONS,
            "times": st.integers(1, 3),
            "off_contract": st.sampled_from([True]),
        },
    ),
)
COMMON: dict[str, st.SearchStrategy[Any]] = {
    "when": WHEN,
    "per": st.sampled_from(["world", "payment", "customer", "card"]),
    "chance": st.sampled_from([0.5, 1]),
}
ACTIONS = st.sampled_from(
    [
        "complete",
        {"fail": {"error": "lost_card"}},
        {"chargeback": {"reason": "fraudulent"}},
        {"refund": {"amount": 5}},
        {"emit": {"type": "payment.failed"}},
        {"emit": {"type": "refund.created", "data": {"a": 1}}},
        {"rate_limit": {"remaining": 0}},
    ]
)
RULES = st.one_of(
    st.fixed_dictionaries(
        {"request": OPERATIONS, "do": st.lists(STEPS, min_size=1, max_size=3)},
        optional={
            **COMMON,
            "then": st.sampled_from(["pass", "repeat_last", "cycle", "fail"]),
        },
    ),
    st.fixed_dictionaries(
        {"event": EVENTS, "do": ACTIONS}, optional={**COMMON, "after": DURATIONS}
    ),
    st.fixed_dictionaries({"at": DURATIONS, "do": ACTIONS}, optional=COMMON),
    st.fixed_dictionaries(
        {
            "webhook": EVENTS,
            "do": st.sampled_from(["drop", {"delay": "1s"}, {"duplicate": {"copies": 2}}]),
        },
        optional=COMMON,
    ),
)
SCENARIOS = st.fixed_dictionaries(
    {"scenario": st.just("fuzz"), "rules": st.lists(RULES, min_size=1, max_size=4)},
    optional={
        "seed": st.integers(0, 9),
        "given": st.just(
            {"payments": [{"id": "pay_old", "amount": 1200, "currency": "EUR", "created": "-4d"}]}
        ),
        "expect": st.just(
            [{"audit": "clean"}, {"rules": "all_fired"}, {"payments": {}, "count": 1}]
        ),
    },
)
CALLS = st.lists(
    st.tuples(
        st.sampled_from([*BY_NAME]),
        st.sampled_from(
            [
                documented_create(),
                documented_create(amount=5_000, customer_id="ann"),
                documented_create(card_number="4000000000000002"),
                {"amount": 5},
                {},
                b"no json",
                [],
            ]
        ),
        st.sampled_from(["pay_old", "pay_unknown", ""]),
        st.integers(0, DAY),
    ),
    min_size=1,
    max_size=8,
)


@given(SCENARIOS)
def test_any_scenario_valid_by_schema_loads_or_is_rejected_with_places(scenario: Json) -> None:
    """Each problem has a place within the text."""
    assert accepts(scenario)
    text = json.dumps(scenario, indent=1)
    loaded = load(text, name="fuzz")
    event("loads" if loaded.scenario else "is refused")

    lines = text.count("\n") + 1
    for problem in loaded.problems:
        assert problem.place is not None
        assert 1 <= problem.place[0] <= lines
        assert problem.message
    assert (loaded.scenario is None) == any(not each.is_warning for each in loaded.problems)


@given(SCENARIOS, CALLS)
def test_replies_are_documented_unless_a_rule_says_off_contract(scenario: Json, calls: Any) -> None:  # noqa: ANN401 - drawn
    """Snapshots of the world are also consistent, and nothing raises."""
    loaded = load(json.dumps(scenario), name="fuzz")
    if loaded.scenario is None:
        return
    desk = InProcessApi(new_world())
    set_active(desk.world, [loaded.scenario])
    for operation, body, payment_id, wait in calls:
        answer = desk.answer(call_of(operation, body, payment_id=payment_id))
        assert_documented(answer, operation, loaded.scenario.rules)
        list(desk.world.advance(Instant(desk.world.clock.now() + wait)))

    assert report(observe(desk.world)).as_json()["rules"]
    twin = desk.twin()
    assert snapshot(twin.world) == snapshot(desk.world)
    assert desk.world.clock.now() >= NOON


def assert_documented(answer: Answer, operation: str, rules: Any) -> None:  # noqa: ANN401 - rules of any kind
    """Assert that the reply is documented, or that a rule is marked as off contract."""
    reply, body = answer.reply, json.loads(answer.reply.body)
    if reply.status < 300:
        assert reply.status == BY_NAME[operation].success
        if not contract().accepts(BY_NAME[operation].response, body):
            steps = [step.outcome for rule in rules for step in getattr(rule, "steps", ())]
            assert any(isinstance(each, Patch) and each.off_contract for each in steps)
    else:
        assert contract().accepts("responses/error", body)
        known = documented_for(operation)
        assert reply.status == known[body["error"]["code"]].status
    limited = {name for name in answer.headers if name.startswith("X-RateLimit")}
    assert len(limited) == (0 if reply.status == 401 else 3)
