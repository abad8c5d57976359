"""Tests the ledger: a command happens completely, with its one event, or not at all."""

from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.contract.representations import payment as represented
from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.errors import IllegalMove, InvalidRequest, NotFound, RefundRefused
from payments_sandbox.core.ids import ChargebackId, EventId, IdSequence, PaymentId, RefundId
from payments_sandbox.core.instants import DAY, LAST, Instant
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.events import Chargeback, Event, EventType, MadeEvent, Refund
from payments_sandbox.payments.ledger import Ledger, NewPayment, PaymentFilter
from payments_sandbox.payments.payment import Payment, Status
from tests.support.in_process import NOON, server_context
from tests.support.tables import for_each

SEED = 7
LATER = Instant(NOON + 1_999)
SHOWN_LATER = Instant(NOON + 1_000)
ORDER = NewPayment(
    amount=2_500,
    currency="USD",
    card=Card(Brand.VISA, "1111", 5),
    description="Payment for order #12345",
    customer_id="cust_abc123",
)


def nth(prefix: str, number: int) -> str:
    """Return an id of this ledger."""
    return IdSequence(prefix, SEED).nth(number)


PAYMENT = Payment(
    id=PaymentId(nth("pay_", 0)),
    amount=2_500,
    currency="USD",
    card=ORDER.card,
    created=SHOWN_LATER,
    status=Status.COMPLETED,
    description=ORDER.description,
    customer_id=ORDER.customer_id,
)


def event(
    number: int, type_: EventType, at: Instant, reversal: Refund | Chargeback | None
) -> Event:
    """Return an event about the payment."""
    return Event(
        id=EventId(nth("evt_", number)),
        type=type_,
        created=at,
        payment_id=PAYMENT.id,
        amount=2_500 if reversal is None else reversal.amount,
        currency="USD",
        reversal=reversal,
    )


def paid(status: Status = Status.COMPLETED) -> Ledger:
    """Return a ledger of one payment."""
    ledger = Ledger(SEED, server_context().represent)
    failure = "lost_card" if status is Status.FAILED else None
    ledger.create(ORDER, at=LATER, status=status, failure=failure)
    return ledger


def told(ledger: Ledger) -> list[Event]:
    """Return every event."""
    return [ledger.event(number) for number in range(ledger.events)]


@pytest.mark.parametrize(
    ("status", "failure", "types"),
    [
        (Status.PENDING, None, []),
        (Status.COMPLETED, None, [EventType.PAYMENT_COMPLETED]),
        (Status.FAILED, "lost_card", [EventType.PAYMENT_FAILED]),
    ],
)
def test_a_created_payment_has_whole_seconds_and_its_event_milliseconds(
    status: Status, failure: str | None, types: list[EventType]
) -> None:
    ledger = Ledger(SEED, server_context().represent)
    number, payment = ledger.create(ORDER, at=LATER, status=status, failure=failure)

    assert (number, payment) == (0, PAYMENT._replace(status=status, failure=failure))
    assert ledger.payments.get(0) == payment
    assert told(ledger) == [event(0, type_, LATER, None) for type_ in types]


def test_a_pending_payment_that_is_completed_or_failed_gets_one_event() -> None:
    completed, failed = paid(Status.PENDING), paid(Status.PENDING)
    results = [completed.complete(0, at=NOON), failed.fail(0, "lost_card", at=NOON)]

    assert results == [PAYMENT, PAYMENT._replace(status=Status.FAILED, failure="lost_card")]
    assert [completed.payments.get(0), failed.payments.get(0)] == results
    assert told(completed) == [event(0, EventType.PAYMENT_COMPLETED, NOON, None)]
    assert told(failed) == [event(0, EventType.PAYMENT_FAILED, NOON, None)]


def test_a_refund_and_a_chargeback_are_kept_with_one_event_each() -> None:
    ledger = paid()
    refund = ledger.refund(0, 1_000, at=LATER, reason="customer_request", description="Returned")
    chargeback = ledger.charge_back(0, None, "fraudulent", at=LATER)

    assert refund == Refund(
        id=RefundId(nth("ref_", 0)),
        payment_id=PAYMENT.id,
        amount=1_000,
        created=SHOWN_LATER,
        reason="customer_request",
        description="Returned",
    )
    assert chargeback == Chargeback(
        id=ChargebackId(nth("chb_", 0)),
        payment_id=PAYMENT.id,
        amount=1_500,
        created=SHOWN_LATER,
        reason="fraudulent",
    )
    assert ledger.payments.get(0) == PAYMENT._replace(refunded=1_000, charged_back=1_500)
    assert (ledger.refunds, ledger.chargebacks) == (1, 1)
    assert told(ledger) == [
        event(0, EventType.PAYMENT_COMPLETED, LATER, None),
        event(1, EventType.REFUND_CREATED, LATER, refund),
        event(2, EventType.CHARGEBACK_CREATED, LATER, chargeback),
    ]


REFUSALS: dict[str, tuple[Status, Callable[[Ledger], object], type[Exception]]] = {
    "complete twice": (Status.COMPLETED, lambda it: it.complete(0, at=NOON), IllegalMove),
    "fail a completed one": (Status.COMPLETED, lambda it: it.fail(0, "x", at=NOON), IllegalMove),
    "refund too much": (Status.COMPLETED, lambda it: it.refund(0, 2_501, at=NOON), RefundRefused),
    "refund a failed one": (Status.FAILED, lambda it: it.refund(0, 1, at=NOON), RefundRefused),
    "charge back a pending one": (
        Status.PENDING,
        lambda it: it.charge_back(0, None, "fraudulent", at=NOON),
        IllegalMove,
    ),
    "charge back too much": (
        Status.COMPLETED,
        lambda it: it.charge_back(0, 2_501, "fraudulent", at=NOON),
        IllegalMove,
    ),
}


@for_each("case", REFUSALS)
def test_a_rejected_command_changes_nothing_in_the_ledger(case: str) -> None:
    """No money, no status, no event, no id used up."""
    status, command, kind = REFUSALS[case]
    ledger = paid(status)
    before = ledger.snapshot()
    with pytest.raises(kind):
        command(ledger)

    assert ledger.snapshot() == before


def test_a_custom_event_is_numbered_among_the_events_of_changes() -> None:
    """It has its own type and data, and is found by its number and id."""
    ledger = paid()
    made = ledger.make_event("payout.paid", {"payout_id": "po_1"}, at=LATER)
    ledger.create(ORDER, at=LATER, status=Status.COMPLETED)

    assert made == MadeEvent(EventId(nth("evt_", 1)), "payout.paid", LATER, {"payout_id": "po_1"})
    assert ledger.any_event(1) == made
    assert [ledger.any_event(number) for number in (0, 2)] == [ledger.event(0), ledger.event(2)]
    assert [ledger.event_number(nth("evt_", number)) for number in range(4)] == [0, 1, 2, None]


def test_the_last_event_of_a_type_is_looked_up_for_one_payment() -> None:
    """Events of other payments and types are not returned."""
    ledger, first = paid(), 0
    second, _ = ledger.create(ORDER, at=LATER, status=Status.COMPLETED)

    assert ledger.last_event(EventType.PAYMENT_COMPLETED, first) == ledger.event(0)
    assert ledger.last_event(EventType.PAYMENT_COMPLETED, second) == ledger.event(1)
    assert ledger.last_event(EventType.REFUND_CREATED, first) is None


def test_a_payment_that_breaks_the_contract_is_not_kept() -> None:
    """The ledger stays as it was."""
    ledger = paid()
    before = ledger.snapshot()
    with pytest.raises(Exception, match="retrieve_payment"):
        ledger.create(ORDER._replace(currency="XXXX"), at=NOON, status=Status.COMPLETED)

    assert ledger.snapshot() == before


def test_a_page_lists_payments_newest_first_up_to_its_limit() -> None:
    """As they are retrieved, and with whether more follow."""
    ledger = Ledger(SEED, server_context().represent)
    made = [ledger.create(ORDER, at=NOON, status=Status.COMPLETED)[1] for _ in range(3)]
    shown = [orjson.dumps(represented(each)) for each in reversed(made)]
    below = PaymentFilter(limit=2, starting_after=made[1].id)

    assert ledger.page(PaymentFilter()) == (shown, False)
    assert ledger.page(PaymentFilter(limit=3)) == (shown, False)
    assert ledger.page(PaymentFilter(limit=2)) == (shown[:2], True)
    assert ledger.page(below) == (shown[2:], False)
    for _ in range(8):
        ledger.create(ORDER, at=NOON, status=Status.COMPLETED)
    items, more = ledger.page(PaymentFilter())
    assert (len(items), more) == (10, True)


def test_an_unknown_cursor_is_rejected_with_what_a_cursor_is() -> None:
    with pytest.raises(InvalidRequest) as caught:
        paid().page(PaymentFilter(starting_after=nth("pay_", 1)))

    assert caught.value.details == (
        "/starting_after: expected the id of a payment, such as the next_cursor of the previous"
        " page."
    )


def test_only_ids_of_existing_payments_and_events_have_a_number() -> None:
    ledger = paid()
    with pytest.raises(NotFound) as caught:
        ledger.number_of(nth("pay_", 1))

    assert caught.value.args == ("payment_not_found", None, None)
    assert ledger.number_of(PAYMENT.id) == 0
    ids = [nth("evt_", 0), nth("evt_", 1), "evt_abc123"]
    assert [ledger.event_number(each) for each in ids] == [0, None, None]


def test_a_cleared_ledger_equals_a_new_one() -> None:
    """Its ids start again."""
    ledger = paid()
    ledger.refund(0, None, at=NOON)
    ledger.charge_back(ledger.create(ORDER, at=NOON, status=Status.COMPLETED)[0], 1, "x", at=NOON)
    ledger.clear()

    assert ledger.snapshot() == Ledger(SEED, server_context().represent).snapshot()
    assert (ledger.preexisting_events, ledger.latest) == (0, 0)
    assert ledger.create(ORDER, at=LATER, status=Status.COMPLETED) == (0, PAYMENT)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=20))
def test_a_ledger_restored_from_its_snapshot_behaves_the_same(moves: list[tuple[int, int]]) -> None:
    """Written as JSON and read back."""
    ledger, other = paid(), Ledger(SEED, server_context().represent)
    for move in moves:
        _try(ledger, *move)
    list(other.restore(orjson.loads(orjson.dumps(ledger.snapshot()))))

    assert (told(other), other.snapshot()) == (told(ledger), ledger.snapshot())
    assert other.page(PaymentFilter()) == ledger.page(PaymentFilter())
    for each in (ledger, other):
        _try(each, 0, 0)
        _try(each, 1, 0)
    assert other.snapshot() == ledger.snapshot()


def _try(ledger: Ledger, what: int, number: int) -> None:
    number = min(number, len(ledger.payments) - 1)
    try:
        match what:
            case 0:
                status = (Status.PENDING, Status.COMPLETED)[number % 2]
                ledger.create(ORDER, at=LATER, status=status)
            case 1:
                ledger.refund(number, 100 + number, at=NOON, reason="x")
            case 2:
                ledger.charge_back(number, 100 + number, "fraudulent", at=NOON)
            case 3:
                ledger.complete(number, at=NOON)
            case _:
                ledger.fail(number, "lost_card", at=NOON)
    except (IllegalMove, RefundRefused):
        pass


def test_event_rows_of_a_snapshot_are_plain_values_that_restore_the_events() -> None:
    """Refunds by number, custom events with their data."""
    ledger, back = paid(), Ledger(SEED, server_context().represent)
    ledger.refund(0, 5, at=NOON)
    ledger.refund(0, 6, at=NOON)
    ledger.make_event("payout.paid", {"n": 1}, at=LATER)
    list(back.restore(orjson.loads(orjson.dumps(ledger.snapshot()))))

    assert len(list(ledger.snapshotting())) == 3  # a slice a table, where there are so few rows
    assert ledger.snapshot()["events"] == [
        ("payment.completed", 0, LATER, 0),
        ("refund.created", 0, NOON, 0),
        ("refund.created", 0, NOON, 1),
        ("payout.paid", {"n": 1}, LATER),
    ]
    assert [back.any_event(each) for each in range(4)] == [
        ledger.any_event(each) for each in range(4)
    ]


def test_earliest_and_latest_cover_payments_and_events() -> None:
    """A pending payment has no event, and an event may come much later."""
    ledger = Ledger(SEED, server_context().represent)
    empty = ledger.earliest, ledger.latest
    ledger.create(ORDER, at=LATER, status=Status.PENDING)
    pending = ledger.earliest, ledger.latest
    ledger.complete(0, at=Instant(NOON + DAY))
    ledger.refund(0, 5, at=Instant(NOON + 2 * DAY))

    other = Ledger(SEED, server_context().represent)
    other.make_event("payout.paid", {}, at=NOON)
    other.create(ORDER, at=LATER, status=Status.COMPLETED)

    assert (other.earliest, other.latest) == (NOON, LATER)
    assert (empty, pending) == ((LAST, 0), (SHOWN_LATER, SHOWN_LATER))
    assert (ledger.earliest, ledger.latest) == (SHOWN_LATER, NOON + 2 * DAY)


def past_of(first: int, days: int) -> Ledger:
    """Return a ledger with a payment on each of the days before noon, the first one failed."""
    past = Ledger(SEED, server_context().represent, first)
    for day in range(days, 0, -1):
        status = Status.FAILED if day == days else Status.COMPLETED
        failure = "card_declined" if day == days else None
        past.create(ORDER, at=Instant(NOON - day * DAY), status=status, failure=failure)
    return past


def test_history_put_before_a_ledger_changes_none_of_its_payments_or_events() -> None:
    """Existing ids stay; the older payments can be used like any other."""
    ledger = Ledger(SEED, server_context().represent)
    number, payment = ledger.create(ORDER, at=LATER, status=Status.COMPLETED)
    refund = ledger.refund(number, 900, at=LATER)
    ledger.make_event("payout.paid", {"n": 1}, at=LATER)
    before = [ledger.any_event(each) for each in ledger.event_numbers]
    ledger.put_before(past_of(-3, 3))
    ledger.put_before(past_of(-5, 2))

    assert (ledger.payments.numbers, ledger.event_numbers) == (range(-5, 1), range(-5, 3))
    assert [ledger.any_event(each) for each in range(3)] == before
    assert (ledger.events, ledger.earliest) == (3, NOON - 2 * DAY)
    assert ledger.number_of(payment.id) == number == 0
    assert ledger.event(1).reversal == refund
    for each in ledger.event_numbers:
        assert ledger.event_number(ledger.any_event(each).id) == each
    [oldest] = [each for each in ledger.payments.numbers if each == -5]
    assert ledger.payments.get(oldest).failure == "card_declined"
    taken = ledger.refund(-1, None, at=LATER)
    assert (taken.amount, taken.payment_id) == (2_500, ledger.payments.id_of(-1))
    assert ledger.last_event(EventType.REFUND_CREATED, -1) == ledger.event(3)
    assert ledger.last_event(EventType.PAYMENT_FAILED, -3) == ledger.event(-3)


def test_a_ledger_with_history_is_restored_from_its_snapshot() -> None:
    """With the same numbers."""
    ledger = Ledger(SEED, server_context().represent)
    ledger.create(ORDER, at=LATER, status=Status.PENDING)
    ledger.put_before(past_of(-2, 2))
    back = Ledger(SEED, server_context().represent)
    for _ in back.restore(orjson.loads(orjson.dumps(ledger.snapshot()))):
        pass

    assert (back.snapshot(), back.payments.numbers) == (ledger.snapshot(), range(-2, 1))
    assert [back.any_event(each) for each in (-2, -1)] == [ledger.any_event(n) for n in (-2, -1)]


def test_a_payment_with_a_chosen_id_is_found_by_that_id_only() -> None:
    """Also in a ledger restored from its snapshot."""
    ledger, chosen = paid(), PaymentId("pay_abc123")
    ledger.payments.name(1, chosen)
    _, made = ledger.create(ORDER, at=LATER, status=Status.COMPLETED)
    back = Ledger(SEED, server_context().represent)
    list(back.restore(orjson.loads(orjson.dumps(ledger.snapshot()))))

    assert made == PAYMENT._replace(id=chosen)
    for each in (ledger, back):
        assert (each.number_of(chosen), each.number_of(PAYMENT.id)) == (1, 0)
        assert (each.payments.find(chosen), each.payments.find(PAYMENT.id)) == (made, PAYMENT)
        assert each.payments.find(nth("pay_", 1)) is None


def test_a_snapshot_without_first_is_restored_from_payment_zero() -> None:
    """Snapshots of earlier releases do not have `first`."""
    ledger, back = paid(), Ledger(SEED, server_context().represent)
    kept = ledger.snapshot()
    list(back.restore({name: value for name, value in kept.items() if name != "first"}))

    assert (back.snapshot(), back.number_of(PAYMENT.id)) == (kept, 0)
