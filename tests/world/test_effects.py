"""Tests that effects, put together, are the whole world, and contain no card number."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import starmap
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.ids import API_KEY
from payments_sandbox.core.instants import Instant
from payments_sandbox.core.slices import finish
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.ledger import NewPayment
from payments_sandbox.payments.payment import Status
from payments_sandbox.rules.active_rule import COUNTERS_KEPT, Counters
from payments_sandbox.rules.scenario import Generated
from payments_sandbox.rules.step_outcome import Settlement
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.scenarios.initial_state import fill_world
from payments_sandbox.webhooks.inbox import InboxMessage
from payments_sandbox.webhooks.outbox import KEPT as DELIVERIES_KEPT
from payments_sandbox.world.effects import Effect, WorldEffects, fold_effects
from payments_sandbox.world.journal import KEPT, entry_of, entry_rows
from payments_sandbox.world.snapshot import restoring
from payments_sandbox.world.world import ResetScope, World
from tests.nightly import operations
from tests.nightly.server import Server
from tests.nightly.stories import CARDS, story_of
from tests.support.in_process import (
    NOON,
    InProcessApi,
    Wall,
    new_world,
    scenario_of,
    server_context,
    snapshot,
)
from tests.support.values import KEY, documented_create

PAYMENT = NewPayment(1, "EUR", Card(Brand.VISA, "1111", 0), None, None)


class KeptLife:
    """A world whose effects are kept as JSON, together with its journal."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.effects: list[bytes] = []
        self.journal: dict[int, bytes] = {}
        self._taken = WorldEffects(world)

    def take(self, *, everything: bool = False) -> Effect:
        """Store what has changed."""
        effect = finish(self._taken.taking(everything=everything))
        if everything:
            self.effects.clear()
        self.effects.append(orjson.dumps(effect))
        entries, is_new = self.world.journal.take_changes()
        if is_new:
            self.journal.clear()
        headers, rows = entry_rows(entries)
        for entry, row in zip(entries, rows, strict=True):
            self.journal[entry.number % KEPT] = orjson.dumps((row, headers))
        return effect

    def kept(self) -> dict[str, Any]:
        """What was stored, put together."""
        kept = fold_effects(map(orjson.loads, self.effects))
        entries = starmap(entry_of, map(orjson.loads, self.journal.values()))
        kept["journal"]["entries"] = sorted(entries, key=lambda row: int(row["number"]))
        return kept

    def hold(self) -> None:
        """Compare what was stored with the world."""
        kept = self.kept()
        assert Instant(kept.pop("used_at")) == self.world.used_at
        assert Instant(kept.pop("made_at")) == self.world.config.made_at
        assert kept == as_json(snapshot(self.world))

    def restored(self, wall: Wall | None = None) -> World:
        """Return the world of what was stored."""
        return world_of(self.kept(), wall)


def world_of(kept: dict[str, Any], wall: Wall | None = None) -> World:
    """Return the world of a snapshot that only a server can have written."""
    return finish(
        restoring(kept, api_key=KEY, made_at=NOON, context=server_context(wall), is_masked=True)
    )


def as_json(value: object) -> Any:  # noqa: ANN401 - JSON
    """Return a value as a reader of its JSON gets it."""
    return json.loads(orjson.dumps(value))


class ServerOfEffects(Server):
    """The server of the simulation, whose state file has only what effects have kept."""

    def start(self, lines: Sequence[bytes] = ()) -> None:
        """Start anew, with the worlds of stored effects if there are some."""
        super().start()
        self.lives: dict[str, KeptLife] = {}
        worlds = self._direct.sandbox.runtime.worlds
        for line in lines:
            key, kept = orjson.loads(line)
            made_at = Instant(kept["made_at"])
            context = worlds.context
            restored = restoring(
                kept, api_key=key, made_at=made_at, context=context, is_masked=True
            )
            world = finish(restored)
            world.used_at = Instant(kept["used_at"])
            worlds.put(world)
        self._direct.sandbox.runtime.start()

    def lines(self) -> list[bytes]:
        """The stored effects, a line for each world."""
        self.take()
        lives = self.lives.items()
        for _, life in lives:
            life.hold()
        return [orjson.dumps([key, life.kept()]) for key, life in lives]

    def ask(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the server it is
        """Make a request, and store what it has changed."""
        reply = super().ask(*arguments, **options)
        self.take()
        return reply

    def take(self) -> None:
        """Keep what has changed in each world."""
        worlds = {each.config.api_key: each for each in self._direct.sandbox.runtime.worlds}
        for key, world in worlds.items():
            life = self.lives.get(key)
            if life is None or life.world is not world:
                life = self.lives[key] = KeptLife(world)
            life.take(everything=len(life.effects) > 50)
        for gone in self.lives.keys() - worlds.keys():
            del self.lives[gone]


@settings(max_examples=settings().max_examples // 5)  # each example is long
@given(seed=st.integers(0, 2**32))
def test_effects_of_random_operations_add_up_to_the_world(seed: int) -> None:
    """Over servers that are killed and stopped, compared with the model of the simulation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "Server", ServerOfEffects)
        simulation = operations.Simulation(seed)
        for operation in story_of(seed, 60):
            simulation.run(operation)
        simulation.stop()
        simulation.audit()
    assert isinstance(simulation.server, ServerOfEffects)
    lives = simulation.server.lives.values()
    kept = b"".join(effect for life in lives for effect in life.effects).decode()
    assert not any(number in kept for number in CARDS.values())
    assert API_KEY.search(kept) is None


def test_a_world_restored_from_effects_continues_as_the_original() -> None:
    """Ids, draws, limits and what is due."""
    life = KeptLife(new_world())
    desk = InProcessApi(life.world)
    life.take()
    for card in ("visa", "waits", "fails_twice", "chargeback", "completes"):
        desk.ask("create_payment", documented_create(card_number=CARDS[card]))
        life.take()
    twin = InProcessApi(life.restored())

    for each in (desk, twin):
        each.ask("create_refund", {"amount": 5}, payment_id=each.world.ledger.payments.id_of(0))
        list(each.world.advance(Instant(NOON + 86_400_000)))
    body = documented_create(card_number=CARDS["fails_twice"])
    assert twin.ask("create_payment", body) == desk.ask("create_payment", body)
    assert snapshot(twin.world) == snapshot(desk.world)


def test_an_effect_has_only_the_rows_that_have_changed() -> None:
    """However many payments there are; without a change it is empty."""
    life = KeptLife(new_world())
    desk = InProcessApi(life.world)
    for _ in range(50):
        desk.ask("create_payment", documented_create())
    life.take()
    assert life.take() == {"whole": {}, "rows": {}}

    desk.ask("create_refund", {"amount": 5}, payment_id=life.world.ledger.payments.id_of(3))
    effect = life.take()

    assert effect["whole"].keys() == {"rate_limit", "journal"}
    assert effect["rows"].keys() == {"ledger"}
    assert [number for number, _ in effect["rows"]["ledger"]["payments"]] == [3]
    life.hold()


def test_effects_keep_counters_and_tallies_of_rules() -> None:
    """Counters in the order of their use."""
    world = new_world()
    set_active(
        world,
        [
            scenario_of(
                """
                rules:
                  - {request: create_payment, do: [{respond: {error: internal_error}}]}
                  - {request: create_payment, per: customer, when: {call: {gte: 2}}, do: [pass]}
                """
            )
        ],
    )
    life, desk = KeptLife(world), InProcessApi(world)
    for customer in ("cust_a", "cust_b", "cust_a", "cust_a"):
        life.take()
        desk.ask("create_payment", documented_create(customer_id=customer))
    life.take()

    life.hold()
    assert list(life.kept()["rules"]["counters"]) == list(world.rules.snapshot()["counters"])  # type: ignore[call-overload]  # a dict
    life.world.reset([ResetScope.RULES])
    life.take()
    life.hold()


def test_effects_drop_the_least_recently_used_counters_as_the_world_does() -> None:
    counters = Counters()
    counters.restore({str(number): 1 for number in range(COUNTERS_KEPT)})
    counters.take_changes()
    before = counters.snapshot()
    for name in ("0", "new", "newer"):
        counters.count(name)
    parts = {"counters": before, "tallies": []}
    rows = {"counters": counters.take_changes(), "tallies": []}

    kept = fold_effects(
        [{"whole": {"rules": parts}, "rows": {}}, {"whole": {}, "rows": {"rules": rows}}]
    )

    assert list(kept["rules"]["counters"].items()) == list(counters.snapshot().items())


def test_effects_drop_the_oldest_finished_deliveries_as_the_world_does() -> None:
    world = new_world()
    webhooks = world.open_webhooks()
    webhooks.put(replace(webhooks.new_endpoint("http://127.0.0.1:9/"), enabled=False))
    life = KeptLife(world)
    life.take()
    for _ in range(DELIVERIES_KEPT):
        world.make_event("x.y", {})
    life.take()
    for _ in range(3):
        world.make_event("x.y", {})
    life.take()

    life.hold()


def test_effects_keep_pending_reads_until_the_payment_settles() -> None:
    life = KeptLife(new_world())
    settlement = Settlement(Status.COMPLETED, reads=2)
    number = 0
    life.take()
    for _ in range(2):
        life.world.create_payment(PAYMENT, turns=[settlement])
    life.take()
    life.hold()
    for _ in range(2):
        life.world.count_read(number)
        life.take()
        life.hold()
    assert life.kept()["pending_reads"].keys() == {"1"}


def test_effects_keep_inbox_messages_scripts_and_removals() -> None:
    world = new_world()
    inboxes = world.open_webhooks().inboxes
    life = KeptLife(world)
    life.take()
    for name in ("a", "b"):
        inboxes.get_or_create(name).script([500, 200])
    for number in range(3):
        life.take()
        inboxes.get_or_create("a").receive(InboxMessage(number, NOON, {}, b"{}", None, "x.y"))
    life.take()
    life.hold()

    inboxes.remove("a")
    inboxes.remove("never there")
    inboxes.get_or_create("a").receive(InboxMessage(0, NOON, {}, b"\xff", "forged", None))
    life.take()

    life.hold()
    assert as_json(life.take()) == {"whole": {}, "rows": {}}


def test_a_ledger_with_new_history_is_kept_as_a_whole() -> None:
    """Payments put before the first one change the numbers of all."""
    life = KeptLife(new_world())
    desk = InProcessApi(life.world)
    desk.ask("create_payment", documented_create())
    life.take()
    finish(fill_world(life.world, Generated(300, 10, 86_400_000)))

    effect = life.take()

    assert len(effect["whole"]["ledger"]["payments"]) == 301
    life.hold()
    desk.ask("create_payment", documented_create())
    life.take()
    life.hold()


def test_effects_keep_that_webhooks_were_reset() -> None:
    life = KeptLife(new_world())
    life.world.open_webhooks()
    life.take()
    life.world.reset([ResetScope.WEBHOOKS])

    assert life.take()["whole"] == {"webhooks": None}
    life.hold()
    assert life.take() == {"whole": {}, "rows": {}}


def test_a_world_restored_from_effects_has_no_effects_until_something_changes() -> None:
    life = KeptLife(new_world())
    desk = InProcessApi(life.world)
    desk.ask("create_payment", documented_create())
    life.take()
    world = life.restored()

    effects = WorldEffects(world, is_kept=True)

    assert finish(effects.taking()) == {"whole": {}, "rows": {}}
    assert world.journal.take_changes() == ([], False)
    InProcessApi(world).ask("create_payment", documented_create())
    assert finish(effects.taking())["rows"]["ledger"]["payments"][0][0] == 1
    assert [entry.number for entry in world.journal.take_changes()[0]] == [1]


def test_a_journal_entry_is_reported_again_when_it_is_answered() -> None:
    """What was sent, and how long it took, is known only then."""
    world = new_world()
    InProcessApi(world).ask("create_payment", documented_create())
    (entry,), is_new = world.journal.take_changes()

    assert is_new
    assert world.journal.take_changes() == ([], False)
    entry.abandon()
    entry.duration_ms = 2.5
    assert world.journal.take_changes() == ([entry], False)
    assert world.journal.take_changes() == ([], False)
    world.journal.clear()
    assert world.journal.take_changes() == ([], True)
