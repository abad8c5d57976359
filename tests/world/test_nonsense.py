"""What no world has given is refused when a snapshot is put back, or harms nobody later.

Anybody can seal a snapshot. Each kind of place in it is given one kind of nonsense after the other
by turns, and by `make nightly` each of them; whatever reads a world reads what is left.
"""

import json
from collections.abc import Iterator
from itertools import cycle
from typing import Any, Final

import orjson
import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import DAY, Instant, show_milliseconds
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.server.webhook_json import (
    attempts_json,
    delivery_json,
    endpoint_json,
    inbox_message_json,
)
from payments_sandbox.verification.observed import observe
from payments_sandbox.verification.report import report
from payments_sandbox.webhooks.verification import Received
from payments_sandbox.world.world import ResetScope, World
from tests.support.in_process import (
    NOON,
    FakeDispatcher,
    InProcessApi,
    all_outputs,
    new_world,
    restored_world,
    snapshot,
)
from tests.support.tables import for_each
from tests.support.values import (
    JsonPath,
    all_paths,
    documented_create,
    documented_refund,
    value_at,
    with_value,
)

PENDING: Final = next(card.number for card in MAGIC_CARDS if card.name == "pending_then_completed")

NONSENSE: Final[tuple[object, ...]] = (
    None, -1, 10**15, "nonsense", {"a": [1.5]},
)  # fmt: skip


def used() -> dict[str, Any]:
    """Return the snapshot of a world in which a bit of everything has happened, and more is due."""
    world = new_world()
    webhooks = world.open_webhooks()
    for url in ("http://localhost:1/", "inbox:orders"):
        webhooks.put(webhooks.new_endpoint(url))
    webhooks.rotate_secret(webhooks.new_endpoint("http://localhost:2/"), None, NOON)
    webhooks.inboxes.get_or_create("orders").script([500, 204])
    webhooks.receive("orders", Received({"x": "1"}, b"\xff{"), now=NOON, wall=NOON)
    desk, dispatcher = InProcessApi(world), FakeDispatcher(world, 200, 500)
    desk.ask("create_payment", documented_create())
    desk.ask("create_payment", documented_create(card_number=PENDING))
    desk.ask("create_refund", documented_refund(), payment_id=world.ledger.payments.id_of(0))
    world.charge_back(0, 5, "fraudulent")
    world.make_event("payout.paid", {"payout_id": "po_1"})
    dispatcher.deliver()
    kept: dict[str, Any] = json.loads(json.dumps(snapshot(world)))
    return kept


KEPT: Final = used()
PARTS: Final = (
    "seed", "name", "webhook_secret", "frozen_at",
    "clock", "rate_limit", "ledger", "timeline", "pending_reads", "rules", "webhooks",
)  # fmt: skip


def places(part: str) -> Iterator[JsonPath]:
    """Return the places of a part, including itself: of rows that are alike, those of the last."""
    last: dict[tuple[object, ...], JsonPath] = {}
    for path in all_paths(KEPT[part]):
        last[*("*" if isinstance(step, int) else step for step in path[:2]), *path[2:]] = path
    return ((part, *path) for path in ((), *last.values()))


def show_all(world: World) -> None:
    """Read a world in every way that the product does."""
    webhooks = world.open_webhooks()
    outbox = webhooks.outbox
    shown: list[Any] = [endpoint_json(each) for each in outbox.endpoints.values()]
    shown += [delivery_json(outbox, each) for each in outbox.newest_first()]
    shown += attempts_json(outbox, 0, outbox.attempted)
    inboxes = [inbox for _, inbox in webhooks.inboxes.items()]
    shown += [inbox_message_json(each) for box in inboxes for each in box.since(0, None)]
    shown += [show_milliseconds(instant) for move in world.clock.moves for instant in move]
    assert orjson.dumps(shown)
    assert all_outputs(world)
    assert report(observe(world))


def use(world: World) -> None:
    """Read a world, let it go on, and read it again."""
    show_all(world)
    dispatcher = FakeDispatcher(world, 500, 200)
    pay(world)
    dispatcher.deliver()
    dispatcher.advance(Instant(world.clock.now() + DAY))
    show_all(world)
    world.reset(ResetScope)
    pay(world)


def pay(world: World) -> None:
    """Make a payment; a failure in it is a reply of 500, not an exception."""
    status, _ = InProcessApi(world).ask("create_payment", documented_create())
    assert status != 500


def harm_of(path: JsonPath, value: object) -> str | None:
    """Return how a value in a place of a snapshot does harm; None if it is rejected or harmless."""
    try:
        world = restored_world(with_value(KEPT, path, value))
    except InvalidRequest:
        return None
    try:
        use(world)
    except Exception as error:  # noqa: BLE001 - whatever comes of it is told
        return f"{path} = {value!r}: {type(error).__name__}: {error}"
    return None


@for_each("part", PARTS)
def test_nonsense_in_a_snapshot_is_rejected_or_harmless(part: str) -> None:
    """One value in each kind of place, each value in many places."""
    found = map(harm_of, places(part), cycle(NONSENSE))
    assert [each for each in found if each is not None] == []


def test_the_snapshot_used_for_nonsense_has_every_part_and_is_valid() -> None:
    """So that there is something to spoil."""
    kinds = {job[2] for job in value_at(KEPT, ("timeline", "due"))}
    assert kinds == {"settle", "attempt"}
    assert all(value_at(KEPT, ("webhooks", part)) for part in ("deliveries", "finished", "inboxes"))
    use(restored_world(KEPT))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rate_limit", "window"), 0),
        (("ledger", "events", 1, 1), 7),
        (("ledger", "events", 1, 3), 7),
        (("ledger", "refunds", 0, 0), 7),
        (("timeline", "ticket"), 1),
        (("timeline", "due", 0, 3), 7),
        (("timeline", "due", 0, 0), 10**15),
        (("webhooks", "deliveries", 0, 0), 1),
        (("webhooks", "deliveries", 0, 1, 3), "[]"),
        (("webhooks", "count"), 1),
        (("webhooks", "finished"), []),
        (("webhooks", "endpoints"), []),
        (("webhooks", "endpoints", 0, 2), "http://169.254.169.254/"),
        (("webhooks", "endpoints", 1, 4), "no name"),
        (("webhooks", "endpoints", 0, 3), "whsec_"),
        (("webhooks", "endpoints", 0, 10), "whsec_"),
        (("webhooks", "endpoints", 0, 8, 1), "no header"),
        (("webhooks", "endpoints", 0, 9), [["X", "a\r\nb"]]),
        (("webhooks", "inboxes", 0, 0), "no name"),
        (("webhooks", "inboxes", 0, 1), 7),
    ],
    ids=str,
)
def test_a_value_that_contradicts_the_rest_of_a_snapshot_is_rejected(
    path: JsonPath, value: object
) -> None:
    """It is valid alone, but no world has written it with the others."""
    assert value_at(KEPT, path) != value
    with pytest.raises(InvalidRequest) as caught:
        restored_world(with_value(KEPT, path, value))
    assert caught.value.details == (
        f"/{path[0]}: expected this part as GET world/snapshot gave it."
    )
