"""What counts as which failure, where a scenario alone does not show it.

That each failure of the family counts as itself: tests/exploration/test_failures_happen.py.
"""

import httpx
import pytest

from payments_sandbox.core.instants import DAY, Instant
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.testing import ControlApiError, MemorySandbox, Sandbox, SandboxTransport
from payments_sandbox.verification.failure_tally import FailureTally
from tests.support.in_process import NOON as INSTANT
from tests.support.in_process import InProcessApi, new_world, rules_of
from tests.support.values import documented_create

NOON = "2030-01-15T12:00:00Z"


@pytest.fixture
def box() -> MemorySandbox:
    return MemorySandbox(coverage=True)


@pytest.fixture
def world(box: MemorySandbox) -> Sandbox:
    return box.new_world(clock=NOON, seed=7)


def client(box: MemorySandbox, world: Sandbox, *, timeout: float = 9) -> httpx.Client:
    transport = SandboxTransport(box)
    return httpx.Client(
        transport=transport, base_url=world.base_url, headers=world.headers, timeout=timeout
    )


def calls(box: MemorySandbox) -> list[tuple[str, str | None, bool | None, int]]:
    with box.client() as control:
        rows = control.retrieve_coverage()["calls"]
    return [(each["operation"], each["failure"], each["commit"], each["count"]) for each in rows]


def webhooks(world: Sandbox) -> list[tuple[str, str | None, int]]:
    rows = world.control.retrieve_coverage()["webhooks"]
    return [(each["event"], each["failure"], each["count"]) for each in rows]


def pay(shop: httpx.Client, number: str = "4111111111111111") -> httpx.Response:
    return shop.post("/payments", json=documented_create(card_number=number))


def test_what_went_well_is_counted_as_no_failure(box: MemorySandbox, world: Sandbox) -> None:
    shop = client(box, world)
    pay(shop)
    pay(shop)

    assert calls(box) == [("create_payment", None, None, 2)]


def test_a_magic_card_counts_like_a_rule(box: MemorySandbox, world: Sandbox) -> None:
    shop = client(box, world)
    cards = {each["name"]: each["number"] for each in world.control.list_cards()["data"]}
    pay(shop, cards["server_error_after_commit"])
    pay(shop, cards["server_error"])
    pay(shop, cards["declined"])
    with pytest.raises(httpx.TransportError):
        pay(shop, cards["connection_reset_after_commit"])

    assert calls(box) == [
        ("create_payment", "card_declined", False, 1),
        ("create_payment", "drop", True, 1),
        ("create_payment", "internal_error", False, 1),
        ("create_payment", "internal_error", True, 1),
    ]


def test_a_key_that_is_refused_counts_though_it_has_no_world(box: MemorySandbox) -> None:
    anybody = httpx.Client(transport=SandboxTransport(box), base_url=box.base_url)
    anybody.get("/payments")
    anybody.post("/payments", json=documented_create())
    anybody.get("/nowhere")

    assert calls(box) == [
        ("create_payment", "invalid_api_key", False, 1),
        ("list_payments", "invalid_api_key", None, 1),
    ]


def test_a_path_that_the_api_does_not_have_counts_nowhere(
    box: MemorySandbox, world: Sandbox
) -> None:
    client(box, world).get("/nowhere")

    assert calls(box) == []


@pytest.mark.parametrize(("delay", "timeout", "failure"), [
    ("999ms", 9, None), ("1s", 9, "slow"), ("300ms", 0.1, "slow"),
])  # fmt: skip
def test_slow_is_a_second_or_more_than_the_client_waits(
    delay: str, timeout: float, failure: str | None, box: MemorySandbox, world: Sandbox
) -> None:
    world.use(
        {"scenario": "late", "rules": [{"request": "list_payments", "do": [{"delay": delay}]}]}
    )
    shop = client(box, world, timeout=timeout)
    if timeout < 1:
        with pytest.raises(httpx.ReadTimeout):
            shop.get("/payments")
    else:
        shop.get("/payments")

    assert calls(box) == [("list_payments", failure, None, 1)]


def test_an_error_that_comes_late_counts_as_both(box: MemorySandbox, world: Sandbox) -> None:
    step = {"respond": {"error": "internal_error"}, "delay": "2s"}
    world.use({"scenario": "both", "rules": [{"request": "list_payments", "do": [step]}]})
    client(box, world).get("/payments")

    assert calls(box) == [
        ("list_payments", "internal_error", None, 1), ("list_payments", "slow", None, 1),
    ]  # fmt: skip


def test_what_worlds_have_met_stays_when_they_are_gone(box: MemorySandbox, world: Sandbox) -> None:
    """Reset, and dropped."""
    other = box.new_world()
    for each in (world, other):
        pay(client(box, each), "4000000000000002")
    world.reset()
    other.close()

    assert calls(box) == [("create_payment", "card_declined", False, 2)]


def test_an_event_that_somebody_has_sent_again_arrives_twice(
    box: MemorySandbox, world: Sandbox
) -> None:
    world.inbox()
    pay(client(box, world))
    [event] = world.events
    assert webhooks(world) == [("payment.completed", None, 1)]

    world.control.resend_event(event["id"])

    assert webhooks(world) == [("payment.completed", "twice", 1), ("payment.completed", None, 1)]


def test_a_copy_that_is_still_to_come_has_not_arrived_twice(
    box: MemorySandbox, world: Sandbox
) -> None:
    do = {"duplicate": {"copies": 2, "gap": "10s"}}
    world.use({"scenario": "twice", "rules": [{"webhook": "*", "do": do}]})
    world.inbox()
    pay(client(box, world))
    assert webhooks(world) == [("payment.completed", None, 1)]

    world.clock.advance("10s")

    assert webhooks(world) == [("payment.completed", "twice", 1), ("payment.completed", None, 1)]


def test_an_event_that_somebody_has_made_up_counts_nowhere(world: Sandbox) -> None:
    world.inbox()
    world.control.create_event("payout.paid", data={"amount": 1})

    assert webhooks(world) == []


def test_what_is_lost_has_met_nothing_else(box: MemorySandbox, world: Sandbox) -> None:
    do = {"drop": True, "signature": "wrong_secret"}
    world.use({"scenario": "lost", "rules": [{"webhook": "*", "do": do}]})
    world.inbox()
    pay(client(box, world))

    assert webhooks(world) == [("payment.completed", "lost", 1)]


def test_a_server_that_was_not_told_to_count_says_how() -> None:
    with pytest.raises(ControlApiError, match="start it with --coverage"):
        MemorySandbox().client().retrieve_coverage()


@pytest.mark.parametrize(
    ("do", "failures"),
    [
        ("{before_reply: true}", ["before_reply"]),
        ("{malform: empty}", [None]),
        ("{delay: 1ms}", ["late"]),
        ("{delay: 27d}", ["late"]),
        ("{delay: 28d}", ["month_late"]),
        ("{reorder: {window: 30s, order: reverse}}", ["out_of_order"]),
        ("{signature: garbled}", ["forged"]),
        ("{timestamp: -10m}", ["stale"]),
        ("{timestamp: -10m, signature: garbled, delay: 1s}", ["forged", "late", "stale"]),
        ("{duplicate: {copies: 2}}", ["twice", None]),
        ("{drop: true, signature: garbled}", ["lost"]),
    ],
)
def test_each_failure_of_a_webhook_counts_as_itself(do: str, failures: list[str | None]) -> None:
    """Of each attempt, before it is made; an empty body that is signed as such is none."""
    world, tally = new_world(), FailureTally()
    webhooks = world.open_webhooks()
    webhooks.put(endpoint := webhooks.new_endpoint("http://localhost:1/"))
    set_active(world, [rules_of(f"- {{name: spoilt, webhook: '*', do: {do}}}")])
    InProcessApi(world).ask("create_payment", documented_create())
    for _ in world.advance(Instant(INSTANT + 29 * DAY)):
        pass
    for delivery in webhooks.outbox.pop():
        request = webhooks.request(delivery, endpoint, now=INSTANT, sent_at=INSTANT)
        tally.count_attempt(webhooks, delivery, request)
        webhooks.record(delivery, request, webhooks.drop(request), INSTANT)

    assert tally.as_json() == {
        "calls": [],
        "webhooks": [
            {"event": "payment.completed", "failure": each, "count": 1} for each in failures
        ],
    }


def test_the_tallies_of_several_processes_are_one() -> None:
    """Equal rows are added up, and neither of the two changes."""
    tally = FailureTally()
    tally.count_refused_key("create_payment", "invalid_api_key")
    tally.count_refused_key("list_payments", "invalid_api_key")
    before = tally.as_json()
    webhooks = [{"event": "payment.completed", "failure": "late", "count": 3}]
    other = {"calls": before["calls"][:1], "webhooks": webhooks}
    both = tally.with_others([other, {"calls": [], "webhooks": webhooks}]).as_json()
    assert [row["count"] for row in both["calls"]] == [2, 1]
    assert both["webhooks"] == [{**webhooks[0], "count": 6}]
    assert tally.as_json() == before
