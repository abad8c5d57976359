"""Holds snapshots to exactness: the restored world continues byte for byte, or is refused."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from payments_sandbox.contract.schemas import Contract
from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import HOUR, Instant
from payments_sandbox.payments.ledger import SLICE
from payments_sandbox.world.snapshot import restoring, snapshot
from payments_sandbox.world.world import ResetScope, World
from tests.support.bodies import KEY, documented_create
from tests.support.exercises import busy, everything, outputs
from tests.support.in_process import Desk, back, contract, new_world, server_context
from tests.support.leaks import leaks
from tests.support.mutants import Path, changed, mutants, without
from tests.support.wall import NOON, Wall

VISA, MASKED = "4111111111111111", "************1111"
LATER = NOON + HOUR

BEFORE = "/clock/now: expected not to be before the ledger's last, 2030-01-15T12:00:00Z."
VERSION = "/version: expected a snapshot of format payments-sandbox/world, version 2."
GIVEN = "expected this part as GET world/snapshot gave it"


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """The snapshot of a busy world, as a client gets it; copy it before changing it."""
    shown: dict[str, Any] = json.loads(json.dumps(snapshot(busy(new_world()).world)))
    return shown


@pytest.mark.parametrize("frozen_at", [NOON, None])
def test_a_restored_world_continues_byte_for_byte(frozen_at: Instant | None) -> None:
    """Replies, events, journal, what happens later, and the next snapshot."""
    wall = Wall()
    desk = busy(new_world(wall, frozen_at=frozen_at))
    wall.move(HOUR // 2)
    twin = desk.twin(wall)
    wall.move(HOUR)

    assert snapshot(twin.world) == snapshot(desk.world)
    assert everything(twin) == everything(desk)


def test_a_restored_world_resets_to_how_the_first_was_made(kept: dict[str, Any]) -> None:
    """Seed, secret, clock and limit come with the snapshot; the key does not."""
    world, fresh = back(kept), new_world()
    world.reset(ResetScope)
    fresh.limiter.turn(NOON)

    assert snapshot(world) == snapshot(fresh)
    assert world.config == fresh.config
    assert KEY not in json.dumps(kept)


def test_a_snapshot_follows_its_schema(kept: dict[str, Any]) -> None:
    """What is given is what is taken."""
    assert contract().accepts("control/objects/snapshot", kept)


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"format": "other"}, VERSION),
        ({"version": 1}, VERSION),
        ({"version": None}, VERSION),
        ({"seed": None}, f"/seed: {GIVEN}."),
        ({"webhook_secret": None}, f"/webhook_secret: {GIVEN}."),
        ({"webhook_secret": {}}, f"/webhook_secret: {GIVEN}."),
        ({"webhook_secret": "whsec_short"}, f"/webhook_secret: {GIVEN}."),
        ({"frozen_at": -1}, f"/frozen_at: {GIVEN}."),
        ({"clock": {"mode": "frozen", "offset": 0}}, f"/clock: {GIVEN}; 'now' is missing."),
        ({"clock": {"mode": "asleep", "now": 0, "offset": 0}}, f"/clock: {GIVEN}."),
        ({"clock": {"mode": "frozen", "now": -1, "offset": 0}}, f"/clock: {GIVEN}."),
        ({"clock": {"mode": "live", "now": 0, "offset": 10**30}}, f"/clock: {GIVEN}."),
        ({"clock": {"mode": "frozen", "now": NOON - 1, "offset": 0}}, BEFORE),
        (
            {"timeline": {"ticket": 0, "due": [[LATER, 0, "settle", 0, None, ""]]}},
            f"/timeline: {GIVEN}.",
        ),
        (
            {"timeline": {"ticket": 9, "due": [[LATER, 0, "settle", 0, None, ""]] * 2}},
            f"/timeline: {GIVEN}.",
        ),
        (
            {"timeline": {"ticket": 1, "due": [[LATER, 0, "settle", 99, None, ""]]}},
            "/timeline/due: expected jobs about what is there.",
        ),
        (
            {"timeline": {"ticket": 1, "due": [[NOON - 1, 0, "settle", 2, None, ""]]}},
            "/timeline/due: expected nothing to be due before the clock.",
        ),
        (
            {"rate_limit": {"default": 1, "limit": 1, "used": -1, "hour": 0, "window": 1}},
            f"/rate_limit: {GIVEN}.",
        ),
        (
            {"rules": {"scenarios": [], "counters": {"a": None}, "tallies": [], "used_up": []}},
            f"/rules: {GIVEN}.",
        ),
        ({"pending_reads": {"99": [1, None, ""]}}, f"/pending_reads: {GIVEN}."),
        ({"pending_reads": {"0": [1]}}, f"/pending_reads: {GIVEN}."),
        ({"journal": {"count": 0, "entries": [{}]}}, f"/journal: {GIVEN}; 'headers' is missing."),
        ({"journal": {"count": 2, "entries": []}}, None),
        ({"journal": 5}, f"/journal: {GIVEN}."),
    ],
    ids=str,
)
def test_a_malformed_snapshot_is_refused(
    kept: dict[str, Any], change: dict[str, object], details: str | None
) -> None:
    """The refusal names the part, and says what is wrong with it as far as that can be said."""
    if details is None:
        assert back(kept | change).journal.dropped == 2, "older entries may have been dropped"
        return
    with pytest.raises(InvalidRequest) as caught:
        back(kept | change)

    assert caught.value.details == details


@pytest.mark.parametrize("part", ["clock", "rate_limit", "ledger", "timeline", "rules", "journal"])
def test_a_part_that_is_missing_is_named(kept: dict[str, Any], part: str) -> None:
    """As is each thing that a part itself has to have."""
    with pytest.raises(InvalidRequest) as caught:
        back(without(kept, (part,)))

    assert caught.value.details == f"/{part}: {GIVEN}; '{part}' is missing."


def test_a_refusal_quotes_no_value(kept: dict[str, Any]) -> None:
    """What stands in the wrong place may be a card number."""
    for path in (("seed",), ("clock", "now"), ("ledger", "payments", 0, 1), ("rate_limit", "used")):
        with pytest.raises(InvalidRequest) as caught:
            back(changed(kept, path, f"x{VISA}"))
        assert VISA not in str(caught.value.details)


TEXTS: tuple[Path, ...] = (
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
def test_a_card_number_in_a_text_is_masked(kept: dict[str, Any], path: Path) -> None:
    """Somebody has written it into the snapshot; the world does not keep it."""
    world = back(changed(kept, path, VISA))

    assert leaks(outputs(world)) == []
    assert MASKED in json.dumps(snapshot(world))


def test_a_card_number_in_a_reply_or_a_rule_is_masked(kept: dict[str, Any]) -> None:
    """Ids stay as they are, whatever their digits say."""
    reply = f'{{"id":"pay_{VISA}","description":"{VISA}"}}'
    path = ("journal", "entries", 0, "reply_body")
    world = back(changed(changed(kept, path, reply), ("rules", "counters"), {f"card:x\0{VISA}": 1}))
    again = snapshot(world)

    (first, *_) = world.journal.since(0)
    assert first.reply_body.decode() == f'{{"id":"pay_{VISA}","description":"{MASKED}"}}'
    assert again["rules"]["counters"] == {f"card:x\0{MASKED}": 1}  # type: ignore[index]  # JSON


def test_a_snapshot_is_taken_over_in_slices() -> None:
    """So that a server can serve others meanwhile; only the last step gives the world away."""
    desk = Desk(new_world(rate_limit=10_000))
    for _ in range(2 * SLICE):
        desk.ask("create_payment", documented_create())
    kept = json.loads(json.dumps(snapshot(desk.world)))
    steps = restoring(kept, api_key=KEY, made_at=NOON, context=server_context())
    breaths, world = breathless(steps)

    assert snapshot(world) == snapshot(desk.world)
    assert breaths >= 2 * SLICE + 8, "each entry of the journal, each slice of rows and of checks"


PARTS = (
    "seed", "webhook_secret", "frozen_at", "clock", "timeline", "rate_limit", "rules", "ledger",
    "journal",
)  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_whatever_is_accepted_works(kept: dict[str, Any], part: str) -> None:
    """Each value of the snapshot changed in many ways: refused in words, or a world that runs."""
    refused = 0
    for bad in mutants(kept, part):
        try:
            world = back(bad)
        except InvalidRequest:
            refused += 1
        else:
            assert_works(Desk(world), contract())

    assert refused > 0


def breathless(steps: Generator[None, None, World]) -> tuple[int, World]:
    """How many breaths there were, and what came of it."""
    breaths = 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return breaths, done.value
        breaths += 1


def assert_works(desk: Desk, held_by: Contract) -> None:
    """Nothing that is asked of the world ends in a failure of the sandbox; it can be kept again."""
    back(json.loads(json.dumps(snapshot(desk.world))))
    for said in everything(desk):
        match said:
            case (500, {"error": {"details": details}}):
                pytest.fail(details)
            case {"type": str(type_), "data": dict()}:
                assert held_by.accepts(f"events/{type_}", said), said
