"""Holds what follows a change of a world: who is told, woken, sent and stopped, in this order."""

import asyncio
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest

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
    """A runtime of one world, whose parts do nothing but note what they are asked for."""

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
        """What the parts were asked for since the last time, each with the world."""
        calls: list[Any] = [call for call in self.parts.mock_calls if "__" not in call[0]]
        assert all(call.args[:1] in {(), (self.world,)} for call in calls)
        self.parts.reset_mock()
        return [str(call[0]) for call in calls]


@pytest.fixture
def fixture() -> RuntimeFixture:
    """On a clock that stands still."""
    return RuntimeFixture("2030-01-15T10:30:00Z")


def test_a_change_is_told_timed_and_sent(fixture: RuntimeFixture) -> None:
    fixture.runtime.changed(fixture.world)
    assert fixture.asked() == CHANGED


def test_nothing_follows_a_change_of_a_world_that_is_gone(fixture: RuntimeFixture) -> None:
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
def test_a_reset_wakes_who_waits_and_ends_what_it_takes_away(
    fixture: RuntimeFixture, scope: ResetScope, ended: list[str]
) -> None:
    """Deliveries go with the payments or the webhooks; a clock on the move also with itself."""
    fixture.runtime.reset(fixture.world, [scope])
    taken = "end" if scope in {ResetScope.PAYMENTS, ResetScope.JOURNAL} else "let_go"
    assert fixture.asked() == ["delayed_replies.wake", f"held_calls.{taken}", *ended, *CHANGED]


def test_every_scope_of_a_reset_is_tried_above() -> None:
    [table] = [
        mark.args[1]
        for mark in test_a_reset_wakes_who_waits_and_ends_what_it_takes_away.pytestmark  # type: ignore[attr-defined]  # pytest's
    ]
    assert {scope for scope, _ in table} == set(ResetScope)


def test_all_that_runs_for_a_dropped_world_ends(
    fixture: RuntimeFixture, caplog: pytest.LogCaptureFixture
) -> None:
    """And nobody is told of a change: there is nothing left to look at."""
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


def test_a_call_sets_the_timer_only_where_something_is_due(fixture: RuntimeFixture) -> None:
    """Most calls leave nothing that falls due."""
    assert fixture.runtime.take_due(fixture.world) == ()
    assert fixture.asked() == []
    InProcessApi(fixture.world).ask("create_payment", documented_create(card_number=PENDING))
    fixture.runtime.take_due(fixture.world)
    assert fixture.asked() == ["timers.set"]


async def test_webhooks_leave_when_the_caller_has_written_the_reply(
    fixture: RuntimeFixture,
) -> None:
    """What `take_due` held back is sent in a later turn of the loop."""
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


def test_an_attempt_while_the_clock_is_moved_is_only_told(fixture: RuntimeFixture) -> None:
    """Whoever moves the clock lets happen what falls due."""
    fixture.parts.clock_advancer.__contains__.return_value = True
    fixture.runtime._attempted(fixture.world)  # noqa: SLF001 - the dispatcher is given it
    assert fixture.asked() == ["notifier.notify"]


@pytest.mark.parametrize(
    ("clock", "sent"), [("2030-01-15T10:30:00Z", ["dispatcher.release"]), ("live", [])]
)
def test_an_attempt_may_make_its_retry_due(clock: str, sent: list[str]) -> None:
    """At once on a clock that stands still; a clock that runs has a timer for it."""
    fixture = RuntimeFixture(clock)
    fixture.runtime._attempted(fixture.world)  # noqa: SLF001 - the dispatcher is given it
    assert fixture.asked() == ["notifier.notify", *sent, "timers.set"]


def test_worlds_that_were_kept_go_on_at_the_start_and_nobody_waits_at_the_stop(
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


async def test_the_end_says_how_many_deliveries_were_pending(fixture: RuntimeFixture) -> None:
    webhooks = fixture.world.open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://localhost/"))
    trigger(fixture.world, EventType.PAYMENT_COMPLETED, None)
    assert await fixture.runtime.close() == 1
    assert fixture.asked() == ["dispatcher.close"]
