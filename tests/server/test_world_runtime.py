"""Tests what follows a change of a world: what is notified, set, sent and stopped, in order."""

import asyncio
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest

from payments_sandbox.core.instants import HOUR, Instant
from payments_sandbox.core.settings import Settings
from payments_sandbox.core.slices import finish
from payments_sandbox.payments.events import EventType
from payments_sandbox.server.change_notifier import ChangeNotifier
from payments_sandbox.server.clock_advance import ClockAdvancer, LiveTimers
from payments_sandbox.server.delayed_replies import DelayedReplies
from payments_sandbox.server.factory import assemble
from payments_sandbox.server.held_calls import HeldCalls
from payments_sandbox.server.webhooks.dispatcher import Dispatcher
from payments_sandbox.server.world_runtime import WorldRuntime
from payments_sandbox.world.manual_events import trigger
from payments_sandbox.world.world import ResetScope, World
from tests.support.in_process import InProcessApi
from tests.support.values import KEY, PENDING, documented_create

CHANGED = ["notifier.notify", "timers.cancel", "timers.set", "dispatcher.release"]
PARTS: dict[str, type] = {
    "notifier": ChangeNotifier,
    "delayed_replies": DelayedReplies,
    "held_calls": HeldCalls,
    "timers": LiveTimers,
    "dispatcher": Dispatcher,
    "clock_advancer": ClockAdvancer,
}


class RuntimeFixture:
    """A runtime of one world, whose parts only record what is called."""

    def __init__(self, clock: str) -> None:
        self.runtime: WorldRuntime = assemble(Settings(clock=clock, seed=7)).runtime
        self.world: World = self.runtime.worlds.get_or_create(KEY)
        self.parts = MagicMock()
        for name, part in PARTS.items():
            stand_in = create_autospec(part, instance=True)
            self.parts.attach_mock(stand_in, name)
            setattr(self.runtime, name, stand_in)
        self.parts.clock_advancer.__contains__.return_value = False

    def asked(self) -> list[str]:
        """Return which parts were called since the last time, each with the world."""
        calls: list[Any] = [call for call in self.parts.mock_calls if "__" not in call[0]]
        assert all(call.args[:1] in {(), (self.world,)} for call in calls)
        self.parts.reset_mock()
        return [str(call[0]) for call in calls]


@pytest.fixture
def fixture() -> RuntimeFixture:
    """A runtime on a frozen clock."""
    return RuntimeFixture("2030-01-15T10:30:00Z")


def test_a_changed_world_notifies_readers_sets_its_timer_and_sends_webhooks(
    fixture: RuntimeFixture,
) -> None:
    fixture.runtime.changed(fixture.world)
    assert fixture.asked() == CHANGED


def test_a_change_of_a_dropped_world_has_no_consequences(fixture: RuntimeFixture) -> None:
    finish(fixture.runtime.worlds.dropping(fixture.world))
    fixture.asked()
    fixture.runtime.changed(fixture.world)
    assert fixture.asked() == []


@pytest.mark.parametrize(
    ("scope", "ended"),
    [
        (ResetScope.PAYMENTS, ["dispatcher.forget", "clock_advancer.stop"]),
        (ResetScope.WEBHOOKS, ["dispatcher.forget", "clock_advancer.stop"]),
        (ResetScope.CLOCK, ["clock_advancer.stop"]),
        (ResetScope.RULES, []),
        (ResetScope.JOURNAL, []),
        (ResetScope.RATE_LIMIT, []),
    ],
)
def test_a_reset_wakes_waiting_requests_and_ends_what_it_removes(
    fixture: RuntimeFixture, scope: ResetScope, ended: list[str]
) -> None:
    """Deliveries end with payments or webhooks; a moving clock also with the clock."""
    fixture.runtime.reset(fixture.world, [scope])
    taken = "end" if scope in {ResetScope.PAYMENTS, ResetScope.JOURNAL} else "release_ended"
    assert fixture.asked() == ["delayed_replies.wake", f"held_calls.{taken}", *ended, *CHANGED]


def test_the_test_of_resets_covers_every_scope() -> None:
    [table] = [
        mark.args[1]
        for mark in test_a_reset_wakes_waiting_requests_and_ends_what_it_removes.pytestmark  # type: ignore[attr-defined]  # pytest's
    ]
    assert {scope for scope, _ in table} == set(ResetScope)


def test_everything_that_runs_for_a_dropped_world_ends(
    fixture: RuntimeFixture, caplog: pytest.LogCaptureFixture
) -> None:
    """And no reader is notified of a change."""
    caplog.set_level("INFO")
    fixture.runtime.dropped(fixture.world, "it was not used for an hour")
    assert fixture.asked() == [
        "delayed_replies.wake",
        "held_calls.forget",
        "notifier.close",
        "timers.cancel",
        "clock_advancer.stop",
        "dispatcher.forget",
    ]
    assert caplog.messages[-1].endswith("is gone: it was not used for an hour")


def test_a_call_sets_the_timer_only_if_something_is_due(fixture: RuntimeFixture) -> None:
    assert fixture.runtime.take_due(fixture.world) == ()
    assert fixture.asked() == []
    InProcessApi(fixture.world).ask("create_payment", documented_create(card_number=PENDING))
    fixture.runtime.take_due(fixture.world)
    assert fixture.asked() == ["timers.set"]


async def test_webhooks_are_sent_after_the_reply_was_written(
    fixture: RuntimeFixture,
) -> None:
    """In a later turn of the loop."""
    webhooks = fixture.world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://localhost/"))
    trigger(fixture.world, EventType.PAYMENT_COMPLETED, None)
    deliveries = fixture.runtime.take_due(fixture.world)
    assert len(deliveries) == 1
    fixture.asked()
    fixture.runtime.replied(fixture.world, deliveries)
    assert fixture.asked() == ["notifier.notify"]
    await asyncio.tasks.sleep(0)
    fixture.parts.dispatcher.release.assert_called_once_with(fixture.world, deliveries)


def test_an_attempt_while_the_clock_is_moved_only_notifies_readers(fixture: RuntimeFixture) -> None:
    """The clock advancer does what falls due."""
    fixture.world.timeline.plan_attempt(fixture.world.clock.now(), 0)
    fixture.parts.clock_advancer.__contains__.return_value = True
    fixture.runtime._on_attempt_ended(fixture.world)  # noqa: SLF001 - the dispatcher is given it
    assert fixture.asked() == ["notifier.notify"]


def test_an_attempt_with_nothing_planned_only_notifies_readers(fixture: RuntimeFixture) -> None:
    """Nothing can be due, and no timer is needed."""
    fixture.runtime._on_attempt_ended(fixture.world)  # noqa: SLF001 - the dispatcher is given it
    assert fixture.asked() == ["notifier.notify"]


@pytest.mark.parametrize(
    ("clock", "sent"), [("2030-01-15T10:30:00Z", ["dispatcher.release"]), ("live", [])]
)
def test_an_attempt_sends_its_due_retry_or_sets_a_timer_for_it(clock: str, sent: list[str]) -> None:
    """At once on a frozen clock; with a timer on a live one."""
    fixture = RuntimeFixture(clock)
    fixture.world.timeline.plan_attempt(Instant(fixture.world.clock.now() + HOUR), 0)
    fixture.runtime._on_attempt_ended(fixture.world)  # noqa: SLF001 - the dispatcher is given it
    assert fixture.asked() == ["notifier.notify", *sent, "timers.set"]


def test_a_starting_runtime_resumes_kept_worlds_and_a_stopping_one_wakes_all_waits(
    fixture: RuntimeFixture,
) -> None:
    fixture.runtime.start()
    assert fixture.asked() == CHANGED
    fixture.runtime.stop()
    assert fixture.asked() == [
        "timers.cancel_all",
        "notifier.close_all",
        "delayed_replies.wake_all",
        "held_calls.wake_all",
    ]


async def test_closing_the_runtime_returns_the_number_of_pending_deliveries(
    fixture: RuntimeFixture,
) -> None:
    webhooks = fixture.world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://localhost/"))
    trigger(fixture.world, EventType.PAYMENT_COMPLETED, None)
    assert await fixture.runtime.close() == 1
    assert fixture.asked() == ["dispatcher.close"]
