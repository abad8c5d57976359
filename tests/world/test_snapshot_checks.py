"""Holds a ledger at rest to one story: whatever contradicts it is refused, naming the row."""

import json
from typing import Any

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.core.instants import HOUR, SECOND, Instant
from payments_sandbox.world.snapshot import snapshot
from payments_sandbox.world.snapshot_checks import Accounts
from payments_sandbox.world.world import World
from tests.support.exercises import busy
from tests.support.in_process import back, new_world
from tests.support.wall import NOON

Tables = dict[str, Any]

# The busy world: payments 0, 1 and 5 have completed, 2 and 3 are pending, 4 has failed. Events 0, 1
# and 3 tell of the first, 2 of the last; 4 and 5 are refunds of 0 and 1, 6 is a chargeback of 0.
LATER, EARLIER = NOON + SECOND, NOON - SECOND
ONE_SETTLES = "/ledger/events/{}: expected one event that settles a payment, and this is another."
THE_ONE = "/ledger/payments/{}: expected one event saying {}."
NONE_YET = "/ledger/payments/{}: expected no event while it is pending."
IN_ORDER = "/ledger/events/{}: expected to be later than its payment and than the event before."
CODE = (
    "/ledger/payments/{}: expected the code that it failed with, where it failed and nowhere else."
)
NEXT = "/ledger/events/{}: expected the next row of {}, each told of once and in order."
SAME = "/ledger/events/{}: expected the payment and the date of {}."
GIVEN_BACK = "/ledger/payments/0: expected to have given back what its refunds say."
LOST = "/ledger/payments/0: expected to have lost what its chargebacks say."
MALFORMED = "/ledger: expected this part as GET world/snapshot gave it."


def put(*path: Any, value: Any) -> Any:  # noqa: ANN401 - a value of a table
    """A change: another value at a place."""

    def change(tables: Tables) -> None:
        holder: Any = tables
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = value

    return change


def drop(table: str, place: int) -> Any:  # noqa: ANN401 - a change
    """A change: one row less."""
    return lambda tables: tables[table].pop(place)


def again(table: str, place: int) -> Any:  # noqa: ANN401 - a change
    """A change: a row once more, at the end."""
    return lambda tables: tables[table].append(list(tables[table][place]))


CONTRADICTIONS: dict[str, tuple[Any, str]] = {
    "a completed payment without its event": (drop("events", 3), THE_ONE.format(5, "completed")),
    "a failed payment without its event": (drop("events", 2), THE_ONE.format(4, "failed")),
    "an event twice": (again("events", 3), ONE_SETTLES.format(7)),
    "a payment that completed and failed": (
        lambda tables: tables["events"].append(["payment.failed", 5, NOON, 0]),
        ONE_SETTLES.format(7),
    ),
    "a pending payment with an event": (
        lambda tables: tables["events"].append(["payment.completed", 2, NOON, 0]),
        NONE_YET.format(2),
    ),
    "a completed payment whose event says failed": (
        put("events", 3, 0, value="payment.failed"),
        THE_ONE.format(5, "completed"),
    ),
    "a status that its event does not tell": (
        put("payments", 5, 4, value="pending"),
        NONE_YET.format(5),
    ),
    "a status that is none": (put("payments", 5, 4, value="refunded"), MALFORMED),
    "an event that is none": (put("events", 3, 0, value="payment.pending"), MALFORMED),
    "an event of no payment": (
        put("events", 3, 1, value=6),
        "/ledger/events/3: expected a payment that is there.",
    ),
    "an event before its payment": (put("events", 0, 2, value=EARLIER), IN_ORDER.format(0)),
    "events out of order": (put("events", 0, 2, value=LATER), IN_ORDER.format(1)),
    "a failed payment without a code": (put("payments", 4, 9, value=None), CODE.format(4)),
    "a completed payment with a code": (
        put("payments", 5, 9, value="card_declined"),
        CODE.format(5),
    ),
    "a code that is no text": (put("payments", 4, 9, value=5), CODE.format(4)),
    "a refund that no event tells of": (
        drop("events", 5),
        "/ledger/refunds: expected one refund.created event for each.",
    ),
    "a chargeback that no event tells of": (
        again("chargebacks", 0),
        "/ledger/chargebacks: expected one chargeback.created event for each.",
    ),
    "a refund that is told of twice": (again("events", 5), NEXT.format(7, "refunds")),
    "refunds that are told of in another order": (
        put("events", 4, 3, value=1),
        NEXT.format(4, "refunds"),
    ),
    "a refund that is not there": (drop("refunds", 1), NEXT.format(5, "refunds")),
    "a refund of another payment": (
        put("refunds", 0, 0, value=1),
        SAME.format(4, "refunds/0"),
    ),
    "a chargeback of another day": (
        put("chargebacks", 0, 2, value=LATER),
        SAME.format(6, "chargebacks/0"),
    ),
    "a refund of a pending payment": (
        lambda tables: (
            put("refunds", 1, 0, value=2)(tables),
            put("events", 5, 1, value=2)(tables),
        ),
        "/ledger/events/5: expected a payment that has completed before.",
    ),
    "a refund of nothing": (
        put("refunds", 0, 1, value=0),
        "/ledger/refunds/0: expected an amount.",
    ),
    "a refund whose reason is no text": (
        put("refunds", 0, 3, value=5),
        "/ledger/refunds/0: expected a reason that is a text.",
    ),
    "a refund whose description is no text": (
        put("refunds", 0, 4, value=5),
        "/ledger/refunds/0: expected a reason that is a text.",
    ),
    "a chargeback without a reason": (
        put("chargebacks", 0, 3, value=None),
        "/ledger/chargebacks/0: expected a reason that is a text.",
    ),
    "another refund than was given back": (put("refunds", 0, 1, value=999), GIVEN_BACK),
    "more given back than there are refunds": (put("payments", 0, 7, value=1_001), GIVEN_BACK),
    "less charged back than lost": (put("payments", 0, 8, value=4), LOST),
    "more given back than paid": (put("payments", 0, 7, value=2_501), MALFORMED),
    "payments out of order": (put("payments", 0, 0, value=LATER), MALFORMED),
    "an amount beyond the documented ones": (put("payments", 0, 1, value=100_000_000), MALFORMED),
    "a currency that is none": (put("payments", 0, 2, value="XXXX"), MALFORMED),
    "an event that is cut off": (put("events", -1, value=["payment.completed"]), MALFORMED),
    "no refunds at all": (
        put("refunds", value=[]),
        NEXT.format(4, "refunds"),
    ),
}


@pytest.fixture(scope="module")
def world() -> World:
    """A world in which a bit of everything has happened."""
    return busy(new_world()).world


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_refused(world: World, case: str) -> None:
    """In words that name the row and what it should have been."""
    change, details = CONTRADICTIONS[case]

    kept: dict[str, Any] = json.loads(json.dumps(snapshot(world)))
    change(kept["ledger"])
    with pytest.raises(InvalidRequest) as caught:
        back(kept)

    assert caught.value.details == details


def test_the_books_of_a_world_are_in_order(world: World) -> None:
    """What has happened by itself tells one story."""
    kept: Any = world.ledger.snapshot()

    assert set(Accounts(kept).check()) == {None}


def test_events_of_one_second_have_no_order(world: World) -> None:
    """What follows at once is due at the second that clients are shown."""
    kept: Any = json.loads(json.dumps(world.ledger.snapshot()))
    kept["events"][1][2] += 900

    assert set(Accounts(kept).check()) == {None}


def test_events_that_were_made_by_hand_have_their_time() -> None:
    """One that is earlier than the event before it is none."""
    world = new_world()
    for _ in range(2):
        world.make_event("payout.paid", {})
        world.clock.reach(Instant(world.clock.now() + HOUR))
    kept = json.loads(json.dumps(snapshot(world)))
    kept["ledger"]["events"].reverse()

    with pytest.raises(InvalidRequest) as refused:
        back(kept)
    assert refused.value.details == (
        "/ledger/events/1: expected to be later than the event before."
    )
