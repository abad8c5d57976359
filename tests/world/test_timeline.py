"""Tests the order of the timeline: by instant, then by arrival, also after a snapshot."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.instants import Instant
from payments_sandbox.rules.actions import ChargeBack, Complete, Emit, Fail, RefundPayment
from payments_sandbox.rules.outcomes import MoveRateLimit
from payments_sandbox.world.timeline import (
    ActOnPayment,
    AttemptDelivery,
    Job,
    RunTimedRule,
    SettlePayment,
    Timeline,
)
from tests.support.tables import for_each

JOBS: list[Job] = [
    SettlePayment(0, None),
    SettlePayment(1, "card_declined", "late/settles"),
    ActOnPayment(2, ChargeBack("fraudulent"), "card:x"),
    ActOnPayment(2, ChargeBack("fraudulent", 5), "s/r"),
    ActOnPayment(2, Complete(), "s/r"),
    ActOnPayment(2, Fail("lost_card"), "s/r"),
    ActOnPayment(2, RefundPayment(), "s/r"),
    ActOnPayment(2, RefundPayment(5, "late"), "s/r"),
    ActOnPayment(2, Emit("payment.failed"), "s/r"),
    ActOnPayment(None, Emit("payment.failed", {"a": 1}), "s/r"),
    ActOnPayment(None, MoveRateLimit(remaining=0), "s/r"),
    ActOnPayment(None, MoveRateLimit(limit=5, window=60), "s/r"),
    RunTimedRule("s/r"),
    AttemptDelivery(3),
]
DUE = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(JOBS)), max_size=30)


def drained(timeline: Timeline) -> list[tuple[Instant, Job]]:
    """Remove and return every job, one by one."""
    return [timeline.pop() for _ in range(len(timeline))]


def test_an_empty_timeline_has_nothing_due() -> None:
    timeline = Timeline()

    assert (timeline.next_due, len(timeline), list(timeline.upcoming(5))) == (None, 0, [])


@given(DUE)
def test_timeline_jobs_are_ordered_by_instant_then_by_arrival(jobs: list[tuple[int, Job]]) -> None:
    """As a stable sort does."""
    timeline = Timeline()
    for due, job in jobs:
        timeline.plan(Instant(due), job)
    expected = sorted(jobs, key=lambda item: item[0])

    assert timeline.next_due == (expected[0][0] if expected else None)
    assert list(timeline.upcoming(3)) == expected[:3]
    assert drained(timeline) == expected


@given(DUE, DUE)
def test_a_restored_timeline_keeps_the_order_of_simultaneous_jobs(
    before: list[tuple[int, Job]], after: list[tuple[int, Job]]
) -> None:
    """Also with jobs that are added later."""
    timeline, other = Timeline(), Timeline()
    for due, job in before:
        timeline.plan(Instant(due), job)
    other.restore(**json.loads(json.dumps(timeline.snapshot())))
    for each in (timeline, other):
        for due, job in after:
            each.plan(Instant(due), job)

    assert other.snapshot() == timeline.snapshot()
    assert drained(other) == drained(timeline)


def test_the_snapshot_of_a_timeline_has_plain_values() -> None:
    """Due, ticket, kind, payment, and its code or reason."""
    timeline = Timeline()
    for due, job in zip((3, 1, 2), JOBS[:3], strict=True):
        timeline.plan(Instant(due), job)

    assert timeline.snapshot() == {
        "ticket": 3,
        "due": [
            [1, 1, "settle", 1, "card_declined", "late/settles"],
            [2, 2, "act", 2, {"chargeback": {"reason": "fraudulent"}}, "card:x"],
            [3, 0, "settle", 0, None, ""],
        ],
    }


@for_each("job", JOBS, show=str)
def test_each_kind_of_timeline_job_is_restored_from_a_snapshot(job: Job) -> None:
    """Through JSON."""
    timeline, twin = Timeline(), Timeline()
    timeline.plan(Instant(5), job)
    twin.restore(**json.loads(json.dumps(timeline.snapshot())))

    assert (twin.next_due, twin.pop(), len(twin)) == (Instant(5), (Instant(5), job), 0)


@for_each(
    "item",
    [
        [],
        [1, 0, "settle", 0, None],
        [1, 0, "settle", 0, 5, ""],
        [1, 0, "charge_back", 0, None, ""],
        [1, 0, "act", 0, [], ""],
        [1, 0, "mark"],
        [1, 0, "settle", "0", None, ""],
        ["1", 0, "settle", 0, None, ""],
        [1.5, 0, "settle", 0, None, ""],
        "settle",
    ],
    show=str,
)
def test_an_unknown_timeline_job_in_a_snapshot_is_rejected(item: list[object]) -> None:
    with pytest.raises(ValueError, match=r"^unknown job in the timeline$"):
        Timeline().restore(1, [item])


def test_a_cleared_timeline_equals_a_new_one() -> None:
    timeline = Timeline()
    timeline.plan(Instant(1), JOBS[0])
    timeline.clear()

    assert (len(timeline), timeline.next_due) == (0, None)
    assert timeline.snapshot() == Timeline().snapshot()


def test_forgetting_timeline_jobs_removes_only_the_matching_ones() -> None:
    """Attempts are removed when their deliveries are no longer pending."""
    timeline = Timeline()
    for due, job in enumerate(JOBS):
        timeline.plan(Instant(due), job)
    timeline.plan_attempt(Instant(1), 4)
    timeline.forget(lambda job: isinstance(job, SettlePayment))
    timeline.forget_attempts(lambda delivery: delivery == 4)

    kept = [job for job in JOBS if not isinstance(job, SettlePayment | AttemptDelivery)]
    assert [job for _, job in drained(timeline)] == [AttemptDelivery(4), *kept]


def test_forgotten_timeline_jobs_are_reported_as_gone() -> None:
    """Otherwise they would come back in another process."""
    timeline = Timeline()
    timeline.plan(Instant(1), JOBS[0])
    timeline.plan(Instant(2), JOBS[1])
    timeline.take_changes()  # the changes after this call are reported one by one
    timeline.forget(lambda job: job == JOBS[1])

    assert timeline.take_changes() == {"ticket": 2, "due": [], "gone": [1]}


def test_restored_timeline_jobs_are_sorted_by_due_instant() -> None:
    """Somebody may have written the snapshot by hand."""
    timeline = Timeline()
    timeline.restore(9, [[due, due, "attempt", due] for due in (5, 3, 4, 1, 2)])

    assert [due for due, _ in drained(timeline)] == [1, 2, 3, 4, 5]
