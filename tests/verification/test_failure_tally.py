"""What counts as which failure in cases that a scenario alone does not cover.

tests/exploration/test_failures_happen.py covers each failure of the family.
"""

import httpx
import pytest

from payments_sandbox.core.instants import DAY, Instant
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.testing import ControlApiError, MemorySandbox, Sandbox, SandboxTransport
from payments_sandbox.verification.failure_tally import FailureTally
from tests.support.in_process import NOON as INSTANT
from tests.support.in_process import InProcessApi, new_world, rules_of
from tests.support.tables import for_each
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


def test_successful_calls_are_counted_without_a_failure(box: MemorySandbox, world: Sandbox) -> None:
    shop = client(box, world)
    pay(shop)
    pay(shop)

    assert calls(box) == [("create_payment", None, None, 2)]


def test_failures_of_magic_cards_are_counted(box: MemorySandbox, world: Sandbox) -> None:
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


def test_rejected_keys_are_counted_without_a_world(box: MemorySandbox) -> None:
    anybody = httpx.Client(transport=SandboxTransport(box), base_url=box.base_url)
    anybody.get("/payments")
    anybody.post("/payments", json=documented_create())
    anybody.get("/nowhere")

    assert calls(box) == [
        ("create_payment", "invalid_api_key", False, 1),
        ("list_payments", "invalid_api_key", None, 1),
    ]


def test_undocumented_paths_are_not_counted(box: MemorySandbox, world: Sandbox) -> None:
    client(box, world).get("/nowhere")

    assert calls(box) == []


@pytest.mark.parametrize(("delay", "timeout", "failure"), [
    ("999ms", 9, None), ("1s", 9, "slow"), ("300ms", 0.1, "slow"),
])  # fmt: skip
def test_slow_means_one_second_or_longer_than_the_clients_timeout(
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


def test_a_delayed_error_counts_as_error_and_as_slow(box: MemorySandbox, world: Sandbox) -> None:
    step = {"respond": {"error": "internal_error"}, "delay": "2s"}
    world.use({"scenario": "both", "rules": [{"request": "list_payments", "do": [step]}]})
    client(box, world).get("/payments")

    assert calls(box) == [
        ("list_payments", "internal_error", None, 1), ("list_payments", "slow", None, 1),
    ]  # fmt: skip


def test_counts_of_reset_and_dropped_worlds_are_kept(box: MemorySandbox, world: Sandbox) -> None:
    other = box.new_world()
    for each in (world, other):
        pay(client(box, each), "4000000000000002")
    world.reset()
    other.close()

    assert calls(box) == [("create_payment", "card_declined", False, 2)]


def test_a_resent_event_counts_as_twice(box: MemorySandbox, world: Sandbox) -> None:
    world.inbox()
    pay(client(box, world))
    [event] = world.events
    assert webhooks(world) == [("payment.completed", None, 1)]

    world.control.resend_event(event["id"])

    assert webhooks(world) == [("payment.completed", "twice", 1), ("payment.completed", None, 1)]


def test_a_duplicate_counts_as_twice_only_after_its_delivery(
    box: MemorySandbox, world: Sandbox
) -> None:
    do = {"duplicate": {"copies": 2, "gap": "10s"}}
    world.use({"scenario": "twice", "rules": [{"webhook": "*", "do": do}]})
    world.inbox()
    pay(client(box, world))
    assert webhooks(world) == [("payment.completed", None, 1)]

    world.clock.advance("10s")

    assert webhooks(world) == [("payment.completed", "twice", 1), ("payment.completed", None, 1)]


def test_undocumented_events_are_not_counted(world: Sandbox) -> None:
    world.inbox()
    world.control.create_event("payout.paid", data={"amount": 1})

    assert webhooks(world) == []


def test_a_dropped_webhook_counts_only_as_lost(box: MemorySandbox, world: Sandbox) -> None:
    do = {"drop": True, "signature": "wrong_secret"}
    world.use({"scenario": "lost", "rules": [{"webhook": "*", "do": do}]})
    world.inbox()
    pay(client(box, world))

    assert webhooks(world) == [("payment.completed", "lost", 1)]


def test_a_server_without_coverage_says_how_to_enable_it() -> None:
    with pytest.raises(ControlApiError, match="start it with --coverage"):
        MemorySandbox().client().retrieve_coverage()


@for_each(
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
def test_webhook_rules_are_counted_as_their_failures(do: str, failures: list[str | None]) -> None:
    """Each attempt is counted before it is made; a validly signed empty body is no failure."""
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


def test_tallies_of_several_processes_are_added() -> None:
    """Equal rows are added, and the original tallies do not change."""
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
