"""Holds snapshots to exactness: the restored world continues byte for byte, or is refused."""

import json
from typing import Any

import pytest

from sandbox.contract.schemas import Contract
from sandbox.domain.errors import InvalidRequest
from sandbox.domain.instants import HOUR
from sandbox.engine.snapshots import snapshot
from sandbox.engine.world import Part
from tests.fakes.bodies import KEY
from tests.fakes.exercises import busy, everything
from tests.fakes.in_process import Desk, back, contract, new_world
from tests.fakes.mutants import Path, changed, mutants
from tests.fakes.wall import NOON, Wall

VERSION = "/version: expected a snapshot of format payments-sandbox/world, version 1."
DISAGREE = "/: expected a snapshot as GET world/snapshot gave it; its parts disagree."


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """The snapshot of a busy world, as a client gets it; copy it before changing it."""
    shown: dict[str, Any] = json.loads(json.dumps(snapshot(busy(new_world()).world)))
    return shown


@pytest.mark.parametrize("frozen_at", [NOON, None])
def test_a_restored_world_continues_byte_for_byte(frozen_at: Any) -> None:  # noqa: ANN401
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
    world.reset(Part)
    fresh.limiter.turn(NOON)

    assert snapshot(world) == snapshot(fresh)
    assert world.birth == fresh.birth
    assert KEY not in json.dumps(kept)


def test_a_snapshot_follows_its_schema(kept: dict[str, Any]) -> None:
    """What is given is what is taken."""
    assert contract().accepts("control/objects/snapshot", kept)


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"format": "other"}, VERSION),
        ({"version": 2}, VERSION),
        ({"version": None}, VERSION),
        ({"clock": {"mode": "frozen", "offset": 0}}, "a part is missing: 'now'"),
        ({"clock": {"mode": "asleep", "now": 0, "offset": 0}}, DISAGREE),
        ({"clock": {"mode": "frozen", "now": -1, "offset": 0}}, DISAGREE),
        ({"clock": {"mode": "live", "now": 0, "offset": 10**30}}, DISAGREE),
        ({"timeline": {"ticket": 0, "due": [[1, 0, "settle", 0, None]]}}, DISAGREE),
        ({"timeline": {"ticket": 9, "due": [[1, 0, "settle", 0, None]] * 2}}, DISAGREE),
        ({"timeline": {"ticket": 1, "due": [[1, 0, "settle", 99, None]]}}, DISAGREE),
        ({"rate_limit": {"default": 1, "limit": 1, "used": -1, "hour": 0}}, DISAGREE),
        ({"rules": {"card:declined\0": None}}, DISAGREE),
        ({"journal": {"count": 1, "entries": []}}, None),
        ({"journal": {"count": 0, "entries": [{}]}}, "a part is missing: 'headers'"),
        ({"journal": 5}, DISAGREE),
    ],
    ids=str,
)
def test_a_malformed_snapshot_is_refused(
    kept: dict[str, Any], change: dict[str, object], details: str | None
) -> None:
    """The refusal says what is wrong with it, as far as that can be said."""
    if details is None:
        assert back(kept | change).journal.dropped == 1, "older entries may have been dropped"
        return
    with pytest.raises(InvalidRequest) as caught:
        back(kept | change)

    assert caught.value.details is not None
    assert details in caught.value.details


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("payments", 0, 7), 2_501),
        (("payments", 0, 7), 999),
        (("payments", 0, 8), 4),
        (("payments", 0, 0), NOON + 1_000),
        (("payments", 0, 1), 100_000_000),
        (("payments", 0, 2), "XXXX"),
        (("refunds", 0, 1), 0),
        (("refunds", 0, 1), 999),
        (("refunds", 0, 3), 5),
        (("chargebacks", 0, 3), None),
        (("refunds",), []),
        (("events", -1, 1), 1),
        (("events", -1, 3), 7),
        (("events", -1), [1]),
    ],
    ids=str,
)
def test_money_that_does_not_add_up_is_refused(
    kept: dict[str, Any], path: Path, value: object
) -> None:
    """A ledger whose payments, refunds, chargebacks and events contradict each other."""
    with pytest.raises(InvalidRequest) as caught:
        back(changed(kept, ("ledger", *path), value))

    assert caught.value.details == DISAGREE


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


def assert_works(desk: Desk, held_by: Contract) -> None:
    """Nothing that is asked of the world ends in a failure of the sandbox."""
    for said in everything(desk):
        match said:
            case (500, {"error": {"details": details}}):
                pytest.fail(details)
            case {"type": str(type_), "data": dict()}:
                assert held_by.accepts(f"events/{type_}", said), said
