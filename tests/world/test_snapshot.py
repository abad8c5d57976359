"""Tests snapshots: the restored world continues exactly, or the snapshot is rejected."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core import strict_json
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import DAY, HOUR, Instant
from payments_sandbox.core.slices import SLICE
from payments_sandbox.rules.magic_cards import MAGIC_CARDS
from payments_sandbox.scenarios.activation import set_active
from payments_sandbox.world.snapshot import blocks_of, check_seal, has_scenarios, restoring, sealed
from payments_sandbox.world.world import ResetScope, World
from tests.support.in_process import (
    NOON,
    InProcessApi,
    Wall,
    all_outputs,
    contract,
    new_world,
    restored_world,
    scenario_of,
    sealed_snapshot,
    server_context,
    snapshot,
)
from tests.support.tables import for_each
from tests.support.values import (
    KEY,
    JsonPath,
    all_paths,
    documented_create,
    documented_refund,
    leaks,
    run_to_end,
    value_at,
    with_value,
    without,
)

NUMBER_OF = {card.name: card.number for card in MAGIC_CARDS}

PAID = (
    "visa", "chargeback_fraudulent", "pending_then_completed", "pending_then_failed", "declined",
    "fails_twice_then_completes", "refund_declined",
)  # fmt: skip


def busy(world: World) -> InProcessApi:
    """Return a world in which a bit of everything has happened."""
    desk = InProcessApi(world)
    for name in PAID:
        desk.ask("create_payment", documented_create(card_number=NUMBER_OF[name]))
    payments = desk.world.ledger.payments
    for number in range(3):
        desk.ask("create_refund", documented_refund(), payment_id=payments.id_of(number))
    desk.ask("create_payment", b'{"card_number": "41')
    desk.world.charge_back(0, 5, "fraudulent")
    return desk


def everything(desk: InProcessApi) -> list[Any]:
    """Return what a world answers to a bit of everything; equal worlds answer the same."""
    said: list[Any] = [desk.ask("list_payments", query="limit=100")]
    said += [
        desk.ask("create_payment", documented_create(card_number=NUMBER_OF[name])) for name in PAID
    ]
    said += list(desk.world.advance(Instant(desk.world.clock.now() + 2 * DAY)))
    ledger = desk.world.ledger
    for number in range(len(ledger.payments)):
        payment_id = ledger.payments.id_of(number)
        said.append(desk.ask("retrieve_payment", payment_id=payment_id))
        said.append(desk.ask("create_refund", {}, payment_id=payment_id))
    return [*said, *all_outputs(desk.world)]


VISA, MASKED = "4111111111111111", "************1111"
VERSION = "/version: expected a snapshot of format payments-sandbox/world, version 4."
GIVEN = "expected this part as GET world/snapshot returned it"
CHANGED = (
    "/digest: expected the digest of the rest; this snapshot was changed after GET world/snapshot"
    " returned it."
)


def refusal_of(kept: dict[str, Any]) -> str | None:
    """Return the details with which a snapshot is rejected, or None if its seal is valid."""
    try:
        run_to_end(check_seal(kept))
    except InvalidRequest as error:
        return error.details
    return None


def busy_snapshot() -> dict[str, Any]:
    """Return the sealed snapshot of a busy world, as a client gets it."""
    return sealed_snapshot(snapshot(busy(new_world()).world))


KEPT = busy_snapshot()
PLACES = [path for path in all_paths(KEPT) if path not in {("format",), ("version",)}]
LEAVES = [path for path in PLACES if not isinstance(value_at(KEPT, path), dict | list)]


@pytest.fixture
def kept() -> dict[str, Any]:
    """The sealed snapshot of a busy world; copy it before changing it."""
    return KEPT


@pytest.mark.parametrize("frozen_at", [NOON, None])
def test_a_restored_world_continues_exactly_as_the_original(frozen_at: Instant | None) -> None:
    """Replies, events, journal, what happens later, and the next snapshot."""
    wall = Wall()
    desk = busy(new_world(wall, frozen_at=frozen_at))
    wall.move(HOUR // 2)
    twin = desk.twin(wall)
    wall.move(HOUR)

    assert snapshot(twin.world) == snapshot(desk.world)
    assert everything(twin) == everything(desk)


def test_resetting_a_restored_world_restores_the_original_configuration(
    kept: dict[str, Any],
) -> None:
    """Seed, secret, clock and limit come with the snapshot; the key does not."""
    world, fresh = restored_world(kept), new_world()
    world.reset(ResetScope)
    fresh.limiter.turn(NOON)

    assert snapshot(world) == snapshot(fresh)
    assert world.config == fresh.config
    assert KEY not in json.dumps(kept)


def test_a_snapshot_matches_its_schema(kept: dict[str, Any]) -> None:
    assert contract().accepts("control/objects/snapshot", kept)


OLDER = (
    f"{VERSION} This one has version 2, so only the release of payments-sandbox that made it can"
    " read it."
)


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"format": "other"}, VERSION),
        ({"version": 2}, OLDER),
        ({"version": None}, VERSION),
        ({"version": True}, VERSION),
        ({"version": int(VISA)}, VERSION),
    ],
    ids=str,
)
def test_a_snapshot_of_another_format_or_version_is_rejected(
    kept: dict[str, Any], change: dict[str, object], details: str
) -> None:
    """Before anything else is checked."""
    assert refusal_of(kept | change) == details
    with pytest.raises(InvalidRequest) as caught:
        restored_world(kept | change)
    assert caught.value.details == details


def test_the_seal_of_a_snapshot_ignores_key_order_blanks_and_escapes(kept: dict[str, Any]) -> None:
    """So that other programs may read and write it."""
    for text in (
        json.dumps(kept),
        json.dumps(kept, sort_keys=True, indent=2),
        json.dumps(kept, ensure_ascii=False, separators=(",", ":")),
    ):
        assert refusal_of(json.loads(text)) is None
        read = strict_json.read(text.encode(), deepest=40)
        assert isinstance(read, dict)
        assert refusal_of(read) is None


@for_each("number", [100.0, 0.1, -0.0, 1e22, 1.5e-7, 2.5, 123456789.125, 9e15])
def test_the_seal_of_a_snapshot_ignores_how_a_number_is_written(number: float) -> None:
    """A strict reader makes whole numbers integers, and others decimals."""
    shown = sealed_snapshot(snapshot(new_world()) | {"seed": [number, {"x": (number,)}]})
    read = strict_json.read(json.dumps(shown).encode(), deepest=40)

    assert isinstance(read, dict)
    assert refusal_of(read) is None


@for_each("number", [100.0, 0.1, 1e15, 1e22, 2.5, 7])
def test_a_snapshot_with_a_changed_number_is_rejected(number: float) -> None:
    kept = sealed_snapshot(snapshot(new_world()) | {"seed": number})

    assert refusal_of(kept) is None
    assert refusal_of(kept | {"seed": 2 * number}) == CHANGED


def test_the_json_of_a_snapshot_is_written_in_blocks_of_bounded_size() -> None:
    """However its parts are nested: each block keeps the event loop busy."""
    rows = {f"{number:04}": "x" * 1_000 for number in range(1_000)}
    for kept in (rows, {"a": rows}, {"a": {"b": rows}}, {"a": {"b": list(rows.values())}}):
        blocks = list(blocks_of(kept, orjson.dumps))

        assert orjson.loads(b"".join(blocks)) == kept
        assert max(map(len, blocks)) < 2**17


def test_writing_a_snapshot_in_blocks_looks_at_each_piece_once() -> None:
    """Ten thousand counters would otherwise block the event loop for seconds."""
    looks = 0

    class Piece(bytes):
        __slots__ = ()

        def __len__(self) -> int:
            nonlocal looks
            looks += 1
            return super().__len__()

    counters = {f"{number:04}": number for number in range(2_000)}
    kept = {"rules": {"counters": counters}}
    blocks = list(blocks_of(kept, lambda value: Piece(orjson.dumps(value))))

    assert orjson.loads(b"".join(blocks)) == kept
    assert looks <= len(counters)


def test_a_snapshot_with_a_number_beyond_float_precision_is_rejected(kept: dict[str, Any]) -> None:
    """Although it would be read as the original float."""
    entry = ("journal", "entries", 0, "duration_ms")
    given = sealed_snapshot(with_value(without(kept, ("digest",)), entry, 1.5))
    text = json.dumps(given).replace('"duration_ms": 1.5', '"duration_ms": 1.50000000000000000001')
    read = strict_json.read(text.encode(), deepest=40)

    assert isinstance(read, dict)
    assert refusal_of(given) is None
    assert refusal_of(read) == CHANGED


@pytest.mark.parametrize("value", [10**30, "\ud800"], ids=ascii)
def test_a_snapshot_with_a_huge_number_or_half_a_surrogate_pair_is_rejected(
    kept: dict[str, Any], value: object
) -> None:
    assert refusal_of(kept | {"seed": value}) == CHANGED


@pytest.mark.parametrize("digest", [None, "", 5, f"sha256:{'0' * 64}", KEPT["digest"].upper()])
def test_a_snapshot_with_a_wrong_or_missing_digest_is_rejected(
    kept: dict[str, Any], digest: object
) -> None:
    assert refusal_of(kept | {"digest": digest}) == CHANGED
    assert refusal_of(without(kept, ("digest",))) == CHANGED


JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**15), 10**15),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.just([]),
    st.just({}),
)


def is_same(one: object, other: object) -> bool:
    """Return whether two leaves are one JSON value; true is not 1, but 1.0 is."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


@given(st.sampled_from(LEAVES), JSON)
def test_a_snapshot_with_any_changed_leaf_is_rejected(path: JsonPath, value: object) -> None:
    bad = with_value(KEPT, path, value)
    assert refusal_of(bad) == (None if is_same(value_at(KEPT, path), value) else CHANGED)


@given(st.sampled_from(PLACES))
def test_a_snapshot_with_anything_removed_is_rejected(path: JsonPath) -> None:
    """A part, a row, a key of a row, or a value."""
    assert refusal_of(without(KEPT, path)) == CHANGED


@given(st.sampled_from([(), *PLACES]), st.text(), JSON)
def test_a_snapshot_with_an_added_key_or_row_is_rejected(
    path: JsonPath, key: str, value: object
) -> None:
    holder = value_at(KEPT, path)
    if isinstance(holder, dict) and key not in holder:
        assert refusal_of(with_value(KEPT, (*path, key), value)) == CHANGED
    elif isinstance(holder, list):
        assert refusal_of(with_value(KEPT, path, [*holder, value])) == CHANGED


def test_a_snapshot_with_rows_in_another_order_is_rejected(kept: dict[str, Any]) -> None:
    rows = kept["ledger"]["payments"]
    assert refusal_of(with_value(kept, ("ledger", "payments"), rows[::-1])) == CHANGED


@pytest.mark.parametrize(
    ("path", "value", "details"),
    [
        (("rate_limit",), 5, f"/: {GIVEN}."),
        (("rate_limit", "used"), "x", f"/rate_limit: {GIVEN}."),
        (("rate_limit", "window"), 0, f"/rate_limit: {GIVEN}."),
        (("clock", "now"), "noon", f"/clock: {GIVEN}."),
        (("clock", "mode"), "asleep", f"/clock: {GIVEN}."),
        (("clock",), {"mode": "frozen", "offset": 0}, f"/clock: {GIVEN}; 'now' is missing."),
        (("timeline", "due", 0, 2), "dance", f"/timeline: {GIVEN}."),
        (("ledger", "payments", 0, 1), f"x{VISA}", f"/ledger: {GIVEN}."),
        (("ledger", "payments", 0, 4), "refunded", f"/ledger: {GIVEN}."),
        (("ledger", "events", 0), [], f"/ledger: {GIVEN}."),
        (("pending_reads",), {"x": [1, None, ""]}, f"/pending_reads: {GIVEN}."),
        (("rules", "scenarios"), 5, f"/rules: {GIVEN}."),
        (("rules", "tallies"), [[]], f"/rules: {GIVEN}."),
        (("journal",), 5, f"/journal: {GIVEN}."),
    ],
    ids=str,
)
def test_an_impossible_value_in_a_sealed_snapshot_is_rejected(
    kept: dict[str, Any], path: JsonPath, value: object, details: str
) -> None:
    """The error names the part, and quotes nothing."""
    with pytest.raises(InvalidRequest) as caught:
        restored_world(with_value(kept, path, value))

    assert caught.value.details == details


TEXTS: tuple[JsonPath, ...] = (
    ("ledger", "payments", 0, 5),
    ("ledger", "payments", 0, 6),
    ("ledger", "payments", 4, 9),
    ("ledger", "refunds", 0, 3),
    ("ledger", "refunds", 0, 4),
    ("ledger", "chargebacks", 0, 3),
    ("timeline", "due", 0, 4),
    ("journal", "entries", 0, "path"),
    ("journal", "entries", 0, "card"),
    ("journal", "entries", 0, "rule"),
    ("journal", "entries", 0, "body"),
    ("journal", "entries", 0, "headers", 0, 1),
    ("journal", "entries", 0, "reply_headers", "X-RateLimit-Limit"),
)


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_a_card_number_in_a_text_of_a_snapshot_is_masked(
    kept: dict[str, Any], path: JsonPath
) -> None:
    """Somebody has written it into the snapshot."""
    world = restored_world(with_value(kept, path, VISA))

    assert leaks(all_outputs(world)) == []
    assert MASKED in json.dumps(snapshot(world))


def test_a_card_number_in_a_reply_or_a_counter_of_a_snapshot_is_masked(
    kept: dict[str, Any],
) -> None:
    """Ids stay unchanged, whatever their digits."""
    reply = f'{{"id":"pay_{VISA}","description":"{VISA}"}}'
    path = ("journal", "entries", 0, "reply_body")
    world = restored_world(
        with_value(with_value(kept, path, reply), ("rules", "counters"), {f"card:x\0{VISA}": 1})
    )
    again = snapshot(world)

    (first, *_) = world.journal.since(0)
    assert first.reply_body.decode() == f'{{"id":"pay_{VISA}","description":"{MASKED}"}}'
    assert again["rules"]["counters"] == {f"card:x\0{MASKED}": 1}  # type: ignore[index]  # JSON


def test_a_scenario_that_names_a_card_number_is_restored() -> None:
    """In a rule, an expectation or a given payment."""
    scenario = scenario_of(
        f"""
        given: {{payments: [{{amount: 5, currency: EUR, card: "{VISA}"}}]}}
        rules:
          - request: create_payment
            when: {{card: "{VISA}"}}
            do: [{{respond: {{error: lost_card}}}}]
        expect: [{{payments: {{card: "{VISA}"}}, count: 1}}]
        """
    )
    world = new_world()
    set_active(world, [scenario])
    twin = restored_world(sealed_snapshot(snapshot(world)))

    assert twin.rules.scenarios == (scenario,)
    status, said = InProcessApi(twin).ask("create_payment", documented_create(card_number=VISA))
    assert (status, said["error"]["code"]) == (400, "lost_card")


def test_a_snapshot_of_0_2_0_restores_a_used_up_rule() -> None:
    """It lists such rules, and has a counter of the answers of each, in addition to its tally."""
    world = new_world()
    once = "rules: [{request: create_payment, do: [{respond: {error: internal_error}}]}]"
    set_active(world, [scenario_of(once)])
    first, _ = InProcessApi(world).ask("create_payment", documented_create())
    kept: dict[str, Any] = {**snapshot(world)}
    name = f"{world.rules.rule_set.requests[0].name}\0answer\0"
    kept["rules"] |= {"counters": {name: 1}, "used_up": [[0, 1]]}
    twin = restored_world(sealed_snapshot(kept))
    second, _ = InProcessApi(twin).ask("create_payment", documented_create())

    assert (first, second) == (500, 201)


def test_a_snapshot_is_sealed_checked_and_restored_in_slices() -> None:
    """So that others are served meanwhile; only the last step returns the world."""
    desk = InProcessApi(new_world(rate_limit=10_000))
    for _ in range(2 * SLICE):
        desk.ask("create_payment", documented_create())
    blocks, sealing = run_to_end(sealed(snapshot(desk.world)))
    kept = json.loads(b"".join(blocks))
    _, checking = run_to_end(check_seal(kept))
    steps = restoring(kept, api_key=KEY, made_at=NOON, context=server_context())
    world, restoring_ = run_to_end(steps)

    assert snapshot(world) == snapshot(desk.world)
    assert sealing == checking == len(blocks) >= len(json.dumps(kept)) // 2**17
    assert max(map(len, blocks)) < 2**17
    assert restoring_ >= 2 * SLICE + 4, "each entry of the journal, each slice of rows"


def test_a_taken_snapshot_does_not_change_with_its_world() -> None:
    """It is sealed while its world goes on."""
    desk = busy(new_world())
    taken = snapshot(desk.world)
    before = json.dumps(taken)
    everything(desk)

    assert json.dumps(taken) == before


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ({"rules": {"scenarios": [{"scenario": "lost"}]}}, True),
        ({"rules": {"scenarios": []}}, False),
        ({"rules": None}, False),
    ],
    ids=["a scenario", "none", "no snapshot"],
)
def test_only_a_snapshot_with_scenarios_needs_the_scenario_language(
    kept: dict[str, Any], *, expected: bool
) -> None:
    """Importing it takes long."""
    assert has_scenarios(kept) is expected
