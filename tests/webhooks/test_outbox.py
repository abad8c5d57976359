"""Tests the outbox: nothing is lost, nothing is sent twice, memory is bounded."""

from collections import Counter
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from payments_sandbox.core.instants import DAY, SECOND, Instant
from payments_sandbox.rules.rule_engine import AppliedRule
from payments_sandbox.rules.webhook_effects import DeliveryOrder, WebhookEffects
from payments_sandbox.server.webhook_json import delivery_json
from payments_sandbox.webhooks import outbox as outbox_module
from payments_sandbox.webhooks.delivery import (
    AttemptResult,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    EventMessage,
    ReceiverResponse,
    WebhookRequest,
    in_sending_order,
)
from payments_sandbox.webhooks.endpoint import Endpoint
from payments_sandbox.webhooks.outbox import Outbox
from payments_sandbox.webhooks.world_webhooks import Webhooks
from payments_sandbox.world.timeline import AttemptDelivery
from tests.support.in_process import NOON, FakeDispatcher, new_world

MESSAGE = EventMessage("evt_1", "payment.completed", "pay_1", b'{"id":"evt_1"}')
KEPT = 6
RETRIES = (1 * SECOND, 60 * SECOND)


class OutboxMachine(RuleBasedStateMachine):
    """Random events, answers, time, and changes to endpoints."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = mock.patch.object(outbox_module, "KEPT", KEPT)
        self._patch.start()
        self.world = new_world()
        self.dispatcher = FakeDispatcher(self.world)
        self.webhooks = self.world.open_webhooks()
        self.outbox = self.webhooks.outbox
        self.in_hand: list[Delivery] = []
        self.made: list[Delivery] = []
        self.begun: Counter[int] = Counter()

    def teardown(self) -> None:
        """Restore the constants of the module."""
        self._patch.stop()

    def _endpoint(self, place: int) -> Endpoint:
        endpoints = list(self.outbox.endpoints.values())
        return endpoints[place % len(endpoints)]

    def _notice(self, before: int) -> None:
        """Record the deliveries made since."""
        made = map(self.outbox.get, range(before, self.outbox.count))
        self.made += [each for each in made if each is not None and each.is_pending]

    @rule(is_enabled=st.booleans())
    def add_endpoint(self, *, is_enabled: bool) -> None:
        """Add an endpoint."""
        planned = self.webhooks.new_endpoint("http://localhost/")
        self.webhooks.put(replace(planned, enabled=is_enabled, delays=RETRIES))

    @rule(type_=st.sampled_from(["payment.completed", "payout.paid"]))
    def schedule(self, type_: str) -> None:
        """Make an event."""
        before = self.outbox.count
        self.outbox.schedule(MESSAGE._replace(type=type_), self.world.clock.now())
        self._notice(before)

    @precondition(lambda self: self.outbox.endpoints)
    @rule(place=st.integers(0, 9))
    def resend(self, place: int) -> None:
        """Resend a delivery by hand."""
        self.made += self.outbox.resend(MESSAGE, [self._endpoint(place)])

    @rule()
    def pop(self) -> None:
        """Take every due delivery, as the dispatcher does."""
        for delivery in self.dispatcher.pop():
            assert delivery not in self.in_hand
            self.in_hand.append(delivery)
            self.begun[delivery.number] += 1

    @precondition(lambda self: self.in_hand)
    @rule(place=st.integers(0, 9), status=st.sampled_from([200, 204, 302, 410, 500, None]))
    def answer(self, place: int, status: int | None) -> None:
        """End an attempt."""
        delivery = self.in_hand.pop(place % len(self.in_hand))
        before = len(delivery.attempts)
        self.dispatcher.attempt(delivery, status)
        assert len(delivery.attempts) == before + 1

    @rule(seconds=st.integers(0, 90))
    def time_passes(self, seconds: int) -> None:
        """Advance the clock; what is planned until then becomes due."""
        for _ in self.world.advance(Instant(self.world.clock.now() + seconds * SECOND)):
            pass

    @precondition(lambda self: self.outbox.endpoints)
    @rule(place=st.integers(0, 9), is_enabled=st.booleans())
    def switch(self, place: int, *, is_enabled: bool) -> None:
        """Disable or enable an endpoint."""
        endpoint = self._endpoint(place)
        self.webhooks.put(replace(endpoint, enabled=is_enabled))
        if not is_enabled:
            assert self._pending_of(endpoint.id) == 0

    @precondition(lambda self: self.outbox.endpoints)
    @rule(place=st.integers(0, 9))
    def remove(self, place: int) -> None:
        """Remove an endpoint."""
        endpoint = self._endpoint(place)
        self.webhooks.outbox.remove(endpoint.id)
        assert self._pending_of(endpoint.id) == 0

    @rule()
    def forget(self) -> None:
        """Forget all deliveries, as a reset does; those already taken are not sent."""
        self.webhooks.outbox.forget_deliveries()
        assert not any(each.is_pending for each in self.made)
        self.in_hand.clear()
        self.made.clear()
        self.begun.clear()

    @invariant()
    def each_pending_delivery_is_in_one_place(self) -> None:
        """Taken, queued or on the timeline: exactly one of them."""
        outbox = self.outbox
        places = Counter(each.number for each in self.in_hand)
        places += Counter(each.number for each in outbox._due)  # noqa: SLF001 - `pop` would empty it
        places += Counter(self._planned())
        pending = {each.number for each in outbox.oldest_first() if each.is_pending}
        assert all(places[number] == 1 for number in pending)
        assert set(self._planned()) <= pending
        assert outbox.pending == len(pending)

    @invariant()
    def none_is_attempted_too_often(self) -> None:
        """At most three times, a resend once; each ended attempt is counted."""
        for delivery in self.made:
            most = 1 if delivery.is_resend else 1 + len(RETRIES)
            assert len(delivery.attempts) <= self.begun[delivery.number] <= most

    @invariant()
    def what_has_ended_is_bounded_and_what_has_not_is_kept(self) -> None:
        """The ring keeps the last few ended deliveries; the others are counted."""
        outbox = self.outbox
        kept = list(outbox.oldest_first())
        assert len(outbox.finished) <= KEPT
        assert sorted(outbox.finished) == [each.number for each in kept if not each.is_pending]
        assert outbox.count == len(kept) + outbox.dropped
        assert all(outbox.find(outbox.id_of(each.number)) is each for each in kept)
        assert all(each in kept for each in self.made if each.is_pending)

    @invariant()
    def what_is_due_is_what_is_shown(self) -> None:
        """A delivery's next attempt is the one on the timeline."""
        shown = {each.number: each.next_at for each in self.outbox.oldest_first()
                 if each.next_at is not None}  # fmt: skip
        assert shown == {
            job.delivery: due
            for due, job in self.world.timeline.upcoming(10**6)
            if isinstance(job, AttemptDelivery)
        }

    def _planned(self) -> list[int]:
        jobs = (job for _, job in self.world.timeline.upcoming(10**6))
        return [job.delivery for job in jobs if isinstance(job, AttemptDelivery)]

    def _pending_of(self, endpoint_id: str) -> int:
        return sum(
            each.is_pending and each.endpoint_id == endpoint_id
            for each in self.outbox.oldest_first()
        )


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(
    max_examples=min(settings().max_examples // 2, 200), stateful_step_count=40
)


@pytest.fixture
def webhooks() -> Webhooks:
    """Return the webhooks of a world with one endpoint."""
    webhooks = new_world().open_webhooks()
    webhooks.put(webhooks.new_endpoint("http://localhost/"))
    return webhooks


def test_deliveries_are_found_by_id_and_listed_newest_first(webhooks: Webhooks) -> None:
    """All, or those below a number."""
    outbox = webhooks.outbox
    for _ in range(3):
        outbox.schedule(MESSAGE, NOON)

    assert [each.number for each in outbox.newest_first()] == [2, 1, 0]
    assert [each.number for each in outbox.newest_first(below=2)] == [1, 0]
    assert outbox.find("dlv_none") is None
    assert outbox.find(outbox.id_of(3)) is None
    assert not outbox.is_pending(3)


def test_due_deliveries_are_popped_once_in_the_order_of_their_events(webhooks: Webhooks) -> None:
    outbox = webhooks.outbox
    for _ in range(3):
        outbox.schedule(MESSAGE, NOON)

    assert [each.number for each in outbox.pop()] == [0, 1, 2]
    assert outbox.pop() == []


def test_deliveries_of_a_disabled_endpoint_are_not_popped(webhooks: Webhooks) -> None:
    """Whether made before or after it was disabled: both are listed as disabled."""
    (endpoint,) = webhooks.outbox.endpoints.values()
    webhooks.outbox.schedule(MESSAGE, NOON)
    webhooks.put(replace(endpoint, enabled=False))
    webhooks.outbox.schedule(MESSAGE, NOON)

    assert webhooks.outbox.pop() == []
    assert [each.status for each in webhooks.outbox.oldest_first()] == [DeliveryStatus.DISABLED] * 2


def test_held_deliveries_are_popped_last_in_the_order_of_their_rule(
    webhooks: Webhooks,
) -> None:
    """A shuffled order is the same for the same seed."""
    outbox = webhooks.outbox
    for _ in range(6):
        outbox.schedule(MESSAGE, NOON)
    for number, order in enumerate(
        [DeliveryOrder.REVERSE, None, DeliveryOrder.REVERSE, None, DeliveryOrder.REVERSE, None]
    ):
        delivery = outbox.get(number)
        assert delivery is not None
        delivery.order = order
    popped = outbox.pop()
    shuffled = [replace_order(each, DeliveryOrder.SHUFFLE) for each in popped]

    assert [each.number for each in popped] == [1, 3, 5, 4, 2, 0]
    drawn = [each.number for each in in_sending_order(shuffled, 7)]
    assert drawn == [each.number for each in in_sending_order(reversed(shuffled), 7)]
    assert sorted(drawn) == [0, 1, 2, 3, 4, 5]


def replace_order(delivery: Delivery, order: DeliveryOrder) -> Delivery:
    """Return the delivery, held to be sent in another order."""
    delivery.order = order
    return delivery


def test_the_log_of_attempts_keeps_the_most_recent_attempts() -> None:
    """A reader that has fallen behind gets what is still there."""
    dispatcher = FakeDispatcher(new_world())
    webhooks = dispatcher.webhooks
    webhooks.put(webhooks.new_endpoint("http://localhost/"))
    with mock.patch.object(outbox_module, "KEPT", 3):
        webhooks.outbox.forget_deliveries()
        for _ in range(5):
            webhooks.outbox.schedule(MESSAGE, NOON)
        dispatcher.deliver()
    outbox = webhooks.outbox

    assert outbox.attempted == 5
    assert [each.number for each, _ in outbox.attempts_since(0)] == [2, 3, 4]
    assert [each.number for each, _ in outbox.attempts_since(4)] == [4]
    assert outbox.attempts_since(5) == []


def test_the_outbox_keeps_pending_deliveries_and_the_last_finished_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is dropped is counted."""
    monkeypatch.setattr(outbox_module, "KEPT", 3)
    dispatcher = FakeDispatcher(new_world(), *[200, 500] * 5)
    webhooks = dispatcher.webhooks
    webhooks.put(replace(webhooks.new_endpoint("http://localhost/"), delays=RETRIES))
    for _ in range(10):
        webhooks.outbox.schedule(MESSAGE, NOON)
    dispatcher.deliver()
    outbox = webhooks.outbox

    assert [each.number for each in outbox.oldest_first()] == [1, 3, 4, 5, 6, 7, 8, 9]
    assert (outbox.finished, outbox.dropped, outbox.pending) == ([4, 6, 8], 2, 5)
    assert outbox.get(0) is None


def test_disabling_or_removing_an_endpoint_removes_its_attempts_from_the_timeline() -> None:
    """Attempts of other endpoints stay."""
    dispatcher = FakeDispatcher(new_world(), 500, 500)
    webhooks, world = dispatcher.webhooks, dispatcher.world
    for port in (1, 2):
        webhooks.put(webhooks.new_endpoint(f"http://localhost:{port}/"))
    first, second = webhooks.outbox.endpoints.values()
    webhooks.outbox.schedule(MESSAGE, NOON)
    dispatcher.deliver()
    assert len(world.timeline) == 2
    webhooks.put(replace(first, enabled=False))
    assert len(world.timeline) == 1
    webhooks.outbox.remove(second.id)
    assert len(world.timeline) == 0
    assert webhooks.outbox.pending == 0


def test_forgetting_deliveries_clears_the_timeline_and_keeps_the_endpoints() -> None:
    """As a reset does."""
    dispatcher = FakeDispatcher(new_world(), 500)
    webhooks = dispatcher.webhooks
    webhooks.put(webhooks.new_endpoint("http://localhost/"))
    webhooks.outbox.schedule(MESSAGE, NOON)
    dispatcher.deliver()
    webhooks.outbox.forget_deliveries()

    assert len(dispatcher.world.timeline) == 0
    assert list(webhooks.outbox.oldest_first()) == []
    assert len(webhooks.outbox.endpoints) == 1


def test_an_attempt_beyond_the_last_instant_is_planned_at_the_last_instant() -> None:
    """Through a rule's delay, the gap of its copies, or both."""
    effects = WebhookEffects(delay=99_999 * DAY, copies=100, gap=99_999 * DAY)
    world = new_world()
    outbox = Outbox(7, world.timeline, lambda _: effects)
    webhooks = world.open_webhooks()
    outbox.put(replace(webhooks.new_endpoint("http://localhost/"), inbox=None))
    outbox.schedule(MESSAGE, NOON, lambda: (AppliedRule("late", "", 1),))
    shown = [delivery_json(outbox, each)["next_attempt_at"] for each in outbox.oldest_first()]

    assert shown[0] == "2303-10-31T12:00:00Z"
    assert set(shown[4:]) == {"2999-12-31T23:59:59.999Z"}
    assert len(shown) == outbox.pending == 100


def test_an_answer_of_410_disables_the_endpoint_and_its_deliveries() -> None:
    """Another 4xx code does not."""
    dispatcher = FakeDispatcher(new_world(), 411, 410)
    webhooks = dispatcher.webhooks
    webhooks.put(webhooks.new_endpoint("http://localhost:1/"))
    for _ in range(3):
        webhooks.outbox.schedule(MESSAGE, NOON)
    dispatcher.deliver()
    (endpoint,) = webhooks.outbox.endpoints.values()

    assert not endpoint.enabled
    assert [each.status for each in webhooks.outbox.oldest_first()] == [DeliveryStatus.DISABLED] * 3
    assert sorted(webhooks.outbox.finished) == [0, 1, 2]
    assert len(dispatcher.world.timeline) == 0


def test_a_delivery_fails_after_its_last_retry_and_a_resend_after_one_attempt() -> None:
    dispatcher = FakeDispatcher(new_world(), 500, 500, 500)
    webhooks = dispatcher.webhooks
    webhooks.put(replace(webhooks.new_endpoint("http://localhost:1/"), delays=(SECOND,)))
    webhooks.outbox.schedule(MESSAGE, NOON)
    [resent] = webhooks.outbox.resend(MESSAGE, webhooks.outbox.endpoints.values())
    attempts = dispatcher.advance(Instant(NOON + DAY))
    found = [(each.status, len(each.attempts)) for each in webhooks.outbox.oldest_first()]

    assert (attempts, resent.is_resend) == (3, True)
    assert found == [(DeliveryStatus.FAILED, 2), (DeliveryStatus.FAILED, 1)]
    assert sorted(webhooks.outbox.finished) == [0, 1]


def test_the_retry_after_of_the_last_answer_delays_the_next_attempt() -> None:
    """If it is longer than the schedule's delay."""
    dispatcher = FakeDispatcher(new_world())
    webhooks = dispatcher.webhooks
    webhooks.put(webhooks.new_endpoint("http://localhost:1/"))
    webhooks.outbox.schedule(MESSAGE, NOON)
    [delivery] = webhooks.outbox.pop()
    waits = []
    for wish in ("60", "7200", None):
        request = WebhookRequest(NOON, NOON, {}, b"{}")
        response = ReceiverResponse(503, {}, "", wish)
        result = AttemptResult({}, response, "answered 503", 0.0)
        webhooks.outbox.record(delivery, DeliveryAttempt(request, result), NOON)
        waits.append((delivery.next_at or 0) - NOON)

    assert waits == [60 * SECOND, 7_200 * SECOND, 1_800 * SECOND]


def ruled(effects: WebhookEffects) -> Outbox:
    """Return an outbox with an endpoint, whose every delivery a rule changes in this way."""
    world = new_world()
    outbox = Outbox(7, world.timeline, lambda _: effects)
    outbox.put(world.open_webhooks().new_endpoint("http://localhost:1/"))
    return outbox


def planned(outbox: Outbox, *at: int) -> list[int | None]:
    """Schedule deliveries at these times after noon; return when each is attempted."""
    for each in at:
        outbox.schedule(MESSAGE, Instant(NOON + each), lambda: (AppliedRule("rule", "", 1),))
    return [each.next_at and each.next_at - NOON for each in outbox.oldest_first()]


def test_a_delivery_without_delay_is_due_at_once_and_its_copies_after_their_gap() -> None:
    outbox = ruled(WebhookEffects(copies=3, gap=SECOND))

    assert planned(outbox, 0) == [None, SECOND, 2 * SECOND]
    assert [each.number for each in outbox.pop()] == [0]


def test_a_window_holds_all_deliveries_until_it_closes() -> None:
    """The first delivery opens it; one at its end opens the next."""
    outbox = ruled(WebhookEffects(window=10 * SECOND, order=DeliveryOrder.REVERSE))
    times = (0, SECOND, 10 * SECOND - 1, 10 * SECOND)

    assert planned(outbox, *times) == [10 * SECOND] * 3 + [20 * SECOND]


def test_the_last_1000_finished_deliveries_are_kept() -> None:
    webhooks = new_world().open_webhooks()
    webhooks.put(replace(webhooks.new_endpoint("http://localhost:1/"), enabled=False))
    for _ in range(1_001):
        webhooks.outbox.schedule(MESSAGE, NOON)

    assert len(webhooks.outbox.finished) == 1_000
    assert webhooks.outbox.dropped == 1


def test_endpoints_are_numbered_from_zero_and_numbers_are_not_reused() -> None:
    webhooks = new_world().open_webhooks()
    made = []
    for port in (1, 2, 3):
        webhooks.put(endpoint := webhooks.new_endpoint(f"http://localhost:{port}/"))
        made.append((endpoint.number, endpoint.rotations))
        if port == 2:
            webhooks.outbox.remove(endpoint.id)

    assert made == [(0, 0), (1, 0), (2, 0)]
