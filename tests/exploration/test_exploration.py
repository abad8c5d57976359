"""Exploration finds each kind of bug in a client, and nothing in a client without bugs."""

import functools
import json
from collections.abc import Callable

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from payments_sandbox.exploration.exploration import (
    NOBODY_MOVES,
    CannotExploreError,
    Exploration,
    ExplorationOptions,
    ExplorationResult,
    Flow,
    explore,
)
from payments_sandbox.exploration.failures import call_failures
from payments_sandbox.exploration.judge import RunVerdict
from payments_sandbox.exploration.report_text import remarks
from payments_sandbox.exploration.run_record import FlowEnd, RunRecord, WorldRecord
from payments_sandbox.testing.sandbox import Sandbox
from tests.support.flows import Body, flow_of, order

OK = 0
NOT_PAID = 1
NOBODY_KNOWS = 4
URL = "http://127.0.0.1:9000/"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def post(api: httpx.Client, path: str, body: dict[str, object]) -> httpx.Response | None:
    """Return the reply, or None if it was lost, unreadable or a server error."""
    try:
        reply = api.post(path, json=body)
        reply.json()
    except (httpx.HTTPError, ValueError):
        return None
    return reply if reply.status_code < 500 else None


def read(api: httpx.Client, path: str) -> dict[str, object] | None:
    """Read with up to three attempts."""
    for _ in range(3):
        try:
            reply = api.get(path)
            if reply.status_code == 200:
                found: dict[str, object] = reply.json()
                return found
        except (httpx.HTTPError, ValueError):
            continue
    return None


def careful(api: httpx.Client, _: Sandbox) -> int:
    """Checks the list before paying again, and reports if the outcome is unknown."""
    for _attempt in range(3):
        reply = post(api, "/payments", order())
        if reply is not None:
            return OK if reply.status_code == 201 else NOT_PAID
        listed = read(api, "/payments?customer_id=cust_ada")
        if listed is None:
            return NOBODY_KNOWS
        if listed["data"]:
            return OK
    return NOT_PAID


def pays_again(api: httpx.Client, _: Sandbox) -> int:
    """Retries at once, whatever the outcome of the first attempt."""
    replies = (post(api, "/payments", order()) for _ in range(3))
    reply = next((each for each in replies if each is not None), None)
    return OK if reply is not None and reply.status_code == 201 else NOT_PAID


def gives_up(api: httpx.Client, _: Sandbox) -> int:
    """Treats a lost reply as a failed payment."""
    reply = post(api, "/payments", order())
    return OK if reply is not None and reply.status_code == 201 else NOT_PAID


def believes(api: httpx.Client, _: Sandbox) -> int:
    """Treats every answer as success."""
    post(api, "/payments", order())
    return OK


def trusts_json(api: httpx.Client, _: Sandbox) -> int:
    """Parses every reply as JSON."""
    try:
        reply = api.post("/payments", json=order())
    except httpx.HTTPError:
        return NOT_PAID
    return OK if reply.json()["status"] == "completed" else NOT_PAID


def refunds_again(api: httpx.Client, _: Sandbox) -> int:
    """Refunds again after a lost reply."""
    payment = api.post("/payments", json=order()).json()["id"]
    for _attempt in range(3):
        if post(api, f"/payments/{payment}/refunds", {"amount": 100}) is not None:
            return OK
    return NOT_PAID


def shop(*, verifies: bool = True, remembers: bool = True) -> Flow:
    """Pays, and refunds 100 when the webhook of the payment arrives.

    The clock is advanced, so that a rejected webhook is retried.
    """
    heard: set[str] = set()
    calls: list[Callable[[str], None]] = []

    def receive(request: httpx.Request) -> httpx.Response:
        try:
            Webhook(SECRET).verify(request.content, dict(request.headers))
        except (WebhookVerificationError, ValueError):
            if verifies:
                return httpx.Response(400)
        event = json.loads(request.content)
        if not remembers or event["id"] not in heard:
            heard.add(event["id"])
            calls[-1](event["data"]["payment_id"])
        return httpx.Response(204)

    def body(api: httpx.Client, world: Sandbox) -> int:
        heard.clear()
        calls.append(lambda payment: _give_back(api, payment))
        world.control.create_webhook_endpoint(URL, events=["payment.*"], secret=SECRET)
        code = gives_up(api, world)
        world.clock.advance("1m")
        return code

    return flow_of(body, {URL: httpx.MockTransport(receive)})


def _give_back(api: httpx.Client, payment: str) -> None:
    post(api, f"/payments/{payment}/refunds", {"amount": 100})


def test_a_shop_that_verifies_and_deduplicates_webhooks_has_no_findings() -> None:
    among = frozenset({"forged", "stale", "twice", "before_reply"})
    result = explore(shop(), ExplorationOptions(depth=2, among=among))

    assert result.found == ()
    assert [str(each) for each in result.names] == [
        "create_payment of cust_ada, 1st",
        "create_refund of cust_ada, 1st",
        "payment.completed webhook of cust_ada, 1st",
    ]


def test_forged_webhooks_to_a_built_in_inbox_are_not_findings() -> None:
    def body(api: httpx.Client, world: Sandbox) -> int:
        world.control.create_webhook_endpoint("inbox:orders")
        return gives_up(api, world)

    result = explore(flow_of(body), ExplorationOptions(among=frozenset({"forged", "stale"})))

    assert [(each.verdict, each.is_met) for each in result.runs] == [
        (RunVerdict.SURVIVED, True)
    ] * 2


def test_a_shop_that_accepts_forged_webhooks_is_found() -> None:
    result = explore(shop(verifies=False), ExplorationOptions(among=frozenset({"forged", "twice"})))

    assert [each.verdict for each in result.runs] == [
        RunVerdict.ACCEPTED_FORGERY,
        RunVerdict.SURVIVED,
    ]


def test_a_shop_that_handles_events_twice_is_found() -> None:
    result = explore(
        shop(remembers=False), ExplorationOptions(among=frozenset({"forged", "twice"}))
    )

    assert [each.verdict for each in result.runs] == [
        RunVerdict.SURVIVED,
        RunVerdict.HANDLED_TWICE,
    ]


def verdicts(result: ExplorationResult) -> set[RunVerdict]:
    return {each.verdict for each in result.found}


@pytest.mark.parametrize(
    ("body", "verdict", "failure"),
    [
        (pays_again, RunVerdict.DOUBLE_CHARGE, "drop_after_commit"),
        (gives_up, RunVerdict.LOST_PAYMENT, "drop_after_commit"),
        (believes, RunVerdict.PHANTOM_SUCCESS, "card_declined"),
        (trusts_json, RunVerdict.CRASH, "malform_after_commit"),
        (refunds_again, RunVerdict.REFUNDED_TWICE, "drop_after_commit"),
    ],
)
def test_a_planted_bug_is_found_and_reproduced_by_its_scenario(
    body: Body, verdict: RunVerdict, failure: str
) -> None:
    flow = flow_of(body)
    result = explore(flow, ExplorationOptions())

    [run] = [
        each
        for each in result.runs
        if each.verdict is verdict and each.planned.failures[0].id == failure
    ]
    again = Exploration(ExplorationOptions())
    again.begin(flow(None), flow(None))

    assert verdict in verdicts(result)
    assert all(each.is_repeatable for each in result.found)
    assert again.judged(run.planned, flow(run.planned.scenario())).verdict is verdict


@pytest.fixture(scope="module")
def of_careful() -> Callable[[str | None], ExplorationResult]:
    """Return the exploration of a careful client with two failures, by the value of `told_by`."""

    @functools.cache
    def found(told_by: str | None) -> ExplorationResult:
        return explore(flow_of(careful), ExplorationOptions(depth=2, told_by=told_by))

    return found


@pytest.mark.parametrize("told_by", [None, f"exit {NOBODY_KNOWS}"])
def test_a_careful_client_has_no_findings_with_two_failures(
    of_careful: Callable[[str | None], ExplorationResult], told_by: str | None
) -> None:
    result = of_careful(told_by)

    assert result.found == ()
    assert {each.planned.depth for each in result.runs} == {1, 2}
    assert {each.verdict for each in result.runs} == {RunVerdict.SURVIVED, RunVerdict.TOLD}
    assert all(each.is_met for each in result.runs)


def test_a_client_that_reports_unpaid_when_unsure_is_found_at_depth_two() -> None:
    """It checks the list like the careful client, but reports "not paid" if that fails."""

    def sure(api: httpx.Client, sandbox: Sandbox) -> int:
        return min(careful(api, sandbox), NOT_PAID)

    result = explore(flow_of(sure), ExplorationOptions(depth=2))

    assert {each.verdict for each in result.found} == {RunVerdict.LOST_PAYMENT}
    assert {each.run.planned.depth for each in result.found} == {2}


def test_second_failures_are_injected_only_into_calls_after_the_first(
    of_careful: Callable[[str | None], ExplorationResult],
) -> None:
    result = of_careful(f"exit {NOBODY_KNOWS}")
    seconds = {str(each.planned.injections[1].name) for each in result.runs[26:]}

    assert seconds == {"list_payments of cust_ada, 1st", "create_payment of cust_ada, 2nd"}
    assert set(result.pruned) == {
        "the first failure alone ended the flow, or was not survived",
        "the second call is also made without a first failure",
        "another first failure led to the same calls",
    }


def test_results_do_not_depend_on_the_order_in_which_runs_end() -> None:
    among = frozenset({"drop", "malform", "card_declined"})
    flow, wishes = flow_of(pays_again), ExplorationOptions(depth=2, among=among)
    backwards = Exploration(wishes)
    backwards.begin(flow(None), flow(None))
    while batch := backwards.next_batch():
        for planned in reversed(batch):
            backwards.record(planned, flow(planned.scenario()))
    for planned in backwards.to_repeat():
        backwards.repeat(planned, flow(planned.scenario()))

    assert backwards.result() == explore(flow, wishes)
    assert {each.planned.depth for each in backwards.result().runs} == {1, 2}


def test_runs_beyond_the_time_budget_are_listed_as_left() -> None:
    times = iter([True] * 3)
    result = explore(flow_of(gives_up), ExplorationOptions(), has_time=lambda: next(times, False))

    assert [len(result.runs), len(result.left)] == [3, 23]
    assert [each.is_repeatable for each in result.found] == [None]


def test_only_selected_failures_are_tried() -> None:
    result = explore(
        flow_of(pays_again), ExplorationOptions(among=frozenset({"drop", "card_declined"}))
    )

    assert [each.planned.failures[0].id for each in result.runs] == [
        "drop_after_commit",
        "drop",
        "card_declined",
    ]


def test_a_flow_that_times_out_without_failures_cannot_be_explored() -> None:
    ended = RunRecord(FlowEnd(-1, timed_out=True), ())

    with pytest.raises(CannotExploreError, match="it did not finish in time"):
        explore(lambda _: ended, ExplorationOptions())


def test_a_flow_with_unmet_expectations_without_failures_cannot_be_explored() -> None:
    world = WorldRecord((), (), {}, (), ("saw none",), frozenset())

    with pytest.raises(CannotExploreError, match="is not met even without a failure: saw none"):
        explore(lambda _: RunRecord(FlowEnd(0), (world,)), ExplorationOptions())


def _fails(_api: httpx.Client, _world: Sandbox) -> int:
    return 3


def _crashes(_api: httpx.Client, _world: Sandbox) -> int:
    raise ValueError


def _idles(_api: httpx.Client, _world: Sandbox) -> int:
    return OK


def _calls_past(api: httpx.Client, _world: Sandbox) -> int:
    for path in ("/payment", "/payment", "/refunds"):
        api.get(path)
    return OK


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (_fails, "it fails even without a failure: exit status 3"),
        (_crashes, "it fails even without a failure: ValueError"),
        (_idles, "it made no calls: it must call PAYMENTS_BASE_URL with PAYMENTS_API_KEY"),
        (
            _calls_past,
            (
                r"it makes undocumented calls: GET /v3/payment: .* GET /v3/payments\?; GET"
                r" /v3/refunds: "
            ),
        ),
    ],
)
def test_a_flow_without_a_valid_baseline_run_cannot_be_explored(body: Body, why: str) -> None:
    with pytest.raises(CannotExploreError, match=why):
        explore(flow_of(body), ExplorationOptions())


def test_undocumented_calls_are_listed_once_in_the_remarks_and_the_result() -> None:
    """A client may silently ignore the 404, so the remarks name each such call."""

    def body(api: httpx.Client, world: Sandbox) -> int:
        _calls_past(api, world)
        return OK if api.get("/payments").status_code == 200 else NOT_PAID

    result = explore(flow_of(body), ExplorationOptions(among=frozenset({"drop"})))

    told = [line for line in remarks(result) if "undocumented call" in line]
    assert len(told) == len(result.undocumented) == 2
    assert told[0].startswith("Without a failure, it makes an undocumented call: GET /v3/payment:")


def _varying(make: Callable[[int], dict[str, object]]) -> Body:
    runs = iter(range(1_000))

    def body(api: httpx.Client, _: Sandbox) -> int:
        reply = post(api, "/payments", make(next(runs)))
        return OK if reply is not None and reply.status_code == 201 else NOT_PAID

    return body


def test_random_customer_ids_disable_comparison_by_customer() -> None:
    body = _varying(lambda run: order(customer=f"cust_{run}"))
    result = explore(flow_of(body), ExplorationOptions(among=frozenset({"drop"})))

    assert [str(each) for each in result.names] == ["create_payment, 1st"]
    assert [each[:41] for each in result.differences] == [
        "Two runs without a failure have different"
    ]
    assert verdicts(result) == {RunVerdict.LOST_PAYMENT}
    assert all(each.is_met for each in result.runs)


def test_random_descriptions_are_remarked_and_do_not_affect_verdicts() -> None:
    body = _varying(lambda run: order(text=f"Order {run}"))
    result = explore(flow_of(body), ExplorationOptions(among=frozenset({"drop"})))

    assert [each[:55] for each in result.differences] == [
        "Two runs without a failure have different descriptions:"
    ]
    assert [each.verdict for each in result.runs] == [RunVerdict.LOST_PAYMENT, RunVerdict.TOLD]


def test_random_amounts_make_exploration_impossible() -> None:
    body = _varying(lambda run: order(amount=100 + run))

    with pytest.raises(CannotExploreError, match="move different amounts of money"):
        explore(flow_of(body), ExplorationOptions())


def test_calls_made_in_only_one_of_two_baseline_runs_are_not_explored() -> None:
    runs = iter(range(1_000))

    def body(api: httpx.Client, _: Sandbox) -> int:
        if next(runs) == 1:
            read(api, "/payments")
        return OK if post(api, "/payments", order()) is not None else NOT_PAID

    result = explore(flow_of(body), ExplorationOptions(among=frozenset({"drop"})))

    assert [str(each) for each in result.names] == ["create_payment of cust_ada, 1st"]
    assert "calls: list_payments, 1st in only one of them" in result.differences[0]


def test_payments_before_a_world_reset_count() -> None:
    def body(api: httpx.Client, world: Sandbox) -> int:
        code = pays_again(api, world)
        world.reset()
        return code

    result = explore(flow_of(body), ExplorationOptions(among=frozenset({"drop_after_commit"})))

    assert verdicts(result) == {RunVerdict.DOUBLE_CHARGE}


@pytest.mark.parametrize("days", [None, 29, 30])
@pytest.mark.parametrize("among", [None, frozenset({"month_late"})])
def test_month_late_is_tried_only_if_the_flow_advances_thirty_days(
    days: int | None, among: frozenset[str] | None
) -> None:
    """Otherwise it would equal `lost`, which is tried anyway; it is listed as pruned."""

    def pays(api: httpx.Client, world: Sandbox) -> int:
        world.control.create_webhook_endpoint("inbox:x")
        api.post("/payments", json=order())
        if days is not None:
            world.clock.advance(f"{days}d")
        return OK

    result = explore(flow_of(pays), ExplorationOptions(among=among))

    tried = [each for each in result.runs if each.planned.failure_ids == "month_late"]
    assert [each.is_met for each in tried] == ([True] if days == 30 else [])
    assert result.pruned == ({} if days == 30 else {NOBODY_MOVES: 1})
    assert {"lost", "slow"} <= {each.planned.failure_ids for each in result.runs} or among


def test_read_only_failures_are_tried_on_later_calls() -> None:
    """The later call is a list, which has failures that writes do not have."""

    def pays(api: httpx.Client, world: Sandbox) -> int:
        world.control.create_webhook_endpoint("inbox:x")
        return careful(api, world)

    result = explore(flow_of(pays), ExplorationOptions(depth=2))

    of_lists = [each.planned.injections[1] for each in result.runs if each.planned.depth > 1]
    tried = {each.failure.id for each in of_lists if each.name.what == "list_payments"}
    assert tried == {each.id for each in call_failures("list_payments")}
