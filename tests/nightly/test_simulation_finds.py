"""Tests that the simulation finds planted bugs and shows each with a short story."""

from collections.abc import Iterable
from typing import Any

import pytest

from payments_sandbox.core.slices import Slices
from payments_sandbox.payments import payment as payments
from payments_sandbox.payments.events import EventType
from payments_sandbox.payments.payment import Payment
from payments_sandbox.payments.record_store import EventLog
from payments_sandbox.webhooks.delivery import EventMessage
from payments_sandbox.webhooks.outbox import Outbox
from payments_sandbox.world.timeline import Timeline
from tests.nightly.simulation import first_failure, tell
from tests.nightly.stories import DRAWN, story_of

SEEDS = range(20)
OPERATIONS = 100
SHORT = 6
"""The most operations of a shrunk story: the failing operation and those that it needs."""


def found(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, bug: object) -> str:
    """Plant a bug and return what the simulation says; its story is short and fails again."""
    monkeypatch.setattr(owner, name, bug)
    failure = first_failure(SEEDS, OPERATIONS)

    assert failure is not None
    assert len(failure.story) <= SHORT, str(failure)
    assert tell(failure.seed, failure.story) == failure
    return failure.why


def test_the_simulation_finds_a_lost_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug: the event of a chargeback is not kept."""
    add = EventLog.add

    def lossy(self: EventLog, type_: EventType, *row: Any) -> None:  # noqa: ANN401 - passed on
        if type_ is not EventType.CHARGEBACK_CREATED:
            add(self, type_, *row)

    assert found(monkeypatch, EventLog, "add", lossy)


def test_the_simulation_finds_an_event_that_is_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug: a refund's event has two deliveries to each endpoint."""
    schedule = Outbox.schedule

    def doubled(self: Outbox, message: EventMessage, *others: Any) -> None:  # noqa: ANN401 - passed on
        schedule(self, message, *others)
        if message.type == "refund.created":
            schedule(self, message, *others)

    assert "webhooks that nobody should have got" in found(monkeypatch, Outbox, "schedule", doubled)


def test_the_simulation_finds_a_refund_of_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug: a refund of one minor unit more than is left is accepted."""
    refund = payments.refund

    def generous(payment: Payment, amount: int | None) -> tuple[Payment, int]:
        if amount is not None and amount == payment.refundable + 1:
            return payment._replace(refunded=payment.refunded + amount), amount
        return refund(payment, amount)

    assert "the status: expected 400, found 201" in found(monkeypatch, payments, "refund", generous)


def test_the_simulation_finds_a_timer_that_a_snapshot_loses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bug: a snapshot does not contain the settlement that is due last."""
    snapshotting = Timeline.snapshotting

    def without_last(slices: Slices[dict[str, Any]]) -> Slices[dict[str, Any]]:
        kept = yield from slices
        settlements = [each for each in kept["due"] if each[2] == "settle"]
        return kept | {"due": [each for each in kept["due"] if each not in settlements[-1:]]}

    def forgetful(self: Timeline) -> Slices[dict[str, Any]]:
        return without_last(snapshotting(self))

    assert found(monkeypatch, Timeline, "snapshotting", forgetful)


def test_the_simulation_finds_a_delivery_that_a_stop_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug: a webhook in flight is not sent again after the process has ended."""
    restore = Outbox.restore

    def lossy(self: Outbox, *rows: Iterable[object], **counters: Any) -> None:  # noqa: ANN401 - passed on
        restore(self, *rows, **counters)  # type: ignore[arg-type]  # passed on
        self.pop()

    assert "webhooks that did not come" in found(monkeypatch, Outbox, "restore", lossy)


def test_a_long_story_has_every_operation_and_no_failure() -> None:
    """A story of a thousand operations has operations of each kind."""
    story = story_of(0, 1_000)

    assert {each.name for each in story} == set(DRAWN)
    assert tell(0, story) is None
