"""Compares the payment store with a plain list: every filter, every page, the same answer."""

import copy
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.core.card_numbers import Brand
from payments_sandbox.core.ids import IdSequence
from payments_sandbox.core.instants import LAST, Instant
from payments_sandbox.core.slices import SLICE, finish
from payments_sandbox.payments.cards import Card
from payments_sandbox.payments.payment import Payment, Status
from payments_sandbox.payments.payment_store import PaymentStore
from tests.support.in_process import server_context
from tests.support.tables import for_each

CUSTOMERS = ("anna", "ben", None)
LAST_DAY = 9


@dataclass(frozen=True)
class Row:
    """The fields of a payment that a filter matches."""

    created: int
    customer_id: str | None
    status: Status


@dataclass(frozen=True)
class Query:
    """One combination of filters."""

    below: int | None
    customer_id: str | None
    status: Status | None
    created_after: int | None

    def naively(self, rows: list[Row]) -> list[int]:
        """Return the matching numbers, searched one by one."""
        return [number for number in reversed(range(len(rows))) if self._wants(number, rows)]

    def asked_of(self, store: PaymentStore) -> Iterator[int]:
        """Return the matching numbers, as the store finds them."""
        after = None if self.created_after is None else Instant(self.created_after * 1_000)
        return store.newest_first(
            below=self.below,
            customer_id=self.customer_id,
            status=self.status,
            created_after=after,
        )

    def _wants(self, number: int, rows: list[Row]) -> bool:
        row = rows[number]
        return (
            (self.below is None or number < self.below)
            and self.customer_id in (None, row.customer_id)
            and self.status in (None, row.status)
            and (self.created_after is None or row.created > self.created_after)
        )


ROWS = st.lists(
    st.builds(Row, st.integers(0, LAST_DAY), st.sampled_from(CUSTOMERS), st.sampled_from(Status)),
    max_size=25,
).map(lambda rows: sorted(rows, key=lambda row: row.created))
QUERIES = st.builds(
    Query,
    st.none() | st.integers(0, 25),
    st.sampled_from([*CUSTOMERS, "nobody"]),
    st.none() | st.sampled_from(Status),
    st.none() | st.integers(-1, LAST_DAY),
)


def empty() -> PaymentStore:
    """Return an empty store."""
    return PaymentStore(IdSequence("pay_", 7), server_context().represent)


def filled(rows: list[Row]) -> PaymentStore:
    """Return a store of such payments."""
    store = empty()
    for row in rows:
        store.add(payment_of(store, row))
    return store


def payment_of(store: PaymentStore, row: Row, **changes: Any) -> Payment:  # noqa: ANN401 - JSON
    """Return the next payment of a store, as a row describes it."""
    payment = Payment(
        id=store.next_id(),
        amount=2_500,
        currency="USD",
        card=Card(Brand.VISA, "1111", 2**32 - 1),
        created=Instant(row.created * 1_000),
        status=row.status,
        customer_id=row.customer_id,
    )
    return payment._replace(**changes)


@given(ROWS, QUERIES)
def test_filters_find_the_same_payments_as_a_plain_list(rows: list[Row], query: Query) -> None:
    """Every combination of filters, newest first."""
    below = min(query.below or 0, len(rows)) if query.below is not None else None
    query = replace(query, below=below)

    assert list(query.asked_of(filled(rows))) == query.naively(rows)


@given(ROWS, QUERIES, st.integers(1, 5), st.integers(0, 3))
def test_paging_shows_each_payment_once_while_others_are_added(
    rows: list[Row], query: Query, limit: int, added: int
) -> None:
    """A cursor continues below the last payment seen."""
    store, query = filled(rows), replace(query, below=None)
    expected, seen = query.naively(rows), []
    while page := list(islice(query.asked_of(store), limit)):
        seen += page
        query = replace(query, below=page[-1])
        for _ in range(added):
            store.add(payment_of(store, Row(LAST_DAY, "anna", Status.COMPLETED)))

    assert seen == expected


class Watched(array):  # type: ignore[type-arg]  # arrays of numbers
    """A column that counts how often it is read."""

    looks = 0

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - as array has it
        """Count the read and return the value."""
        Watched.looks += 1
        return super().__getitem__(place)


@given(ROWS, ROWS, st.data())
def test_filters_find_the_same_payments_after_additions_and_settlements(
    rows: list[Row], more: list[Row], data: st.DataObject
) -> None:
    """Indexes that were built by earlier queries are kept up to date."""
    store = filled(rows)
    rows = [*rows, *(replace(row, created=LAST_DAY) for row in more)]
    for customer_id in CUSTOMERS:
        list(Query(None, customer_id, Status.PENDING, None).asked_of(store))
    for row in rows[len(store) :]:
        store.add(payment_of(store, row))
    for number, row in enumerate(rows):
        if row.status is Status.PENDING and data.draw(st.booleans()):
            rows[number] = replace(row, status=Status.FAILED)
            store.put(number, store.get(number)._replace(status=Status.FAILED, failure="lost_card"))

    for status in Status:
        for customer_id in CUSTOMERS:
            query = Query(None, customer_id, status, None)
            assert list(query.asked_of(store)) == query.naively(rows)


@pytest.fixture(scope="module")
def five_thousand() -> PaymentStore:
    """A customer's payments of ten days; a test copies them first."""
    kinds = (Status.PENDING,) * 20 + (Status.COMPLETED,) * 480
    return filled([Row(number // 500, "anna", kinds[number % 500]) for number in range(5_000)])


@for_each("status", [None, Status.COMPLETED, Status.PENDING])
@for_each("customer_id", [None, "anna"])
@for_each("created_after", [None, 5])
@for_each("below", [None, 4_000])
def test_the_cost_of_a_page_does_not_grow_with_the_number_of_payments(
    five_thousand: PaymentStore,
    status: Status | None,
    customer_id: str | None,
    created_after: int | None,
    below: int | None,
) -> None:
    """Of five thousand payments, a page of ten looks at a few dozen numbers.

    Only the first few of each day are pending, so that a walk would be a long one.
    """
    store = copy.copy(five_thousand)
    store._created = Watched("q", store._created)  # noqa: SLF001 - looks are what is measured
    store._customers = {"anna": Watched("i", store._customers["anna"])}  # noqa: SLF001 - as above
    Watched.looks = 0
    query = Query(below, customer_id, status, created_after)

    assert len(list(islice(query.asked_of(store), 10))) == 10
    assert Watched.looks <= 60
    assert Watched.looks > 0 or (customer_id, created_after) == (None, None)


@given(ROWS)
def test_the_store_counts_payments_by_status(rows: list[Row]) -> None:
    """For the world's summary."""
    counted = Counter(row.status for row in rows)

    assert filled(rows).counts == {status: counted[status] for status in Status}


def test_a_stored_payment_is_returned_with_all_its_fields() -> None:
    """Including the largest values."""
    store = empty()
    full = payment_of(
        store,
        Row(LAST_DAY, "anna", Status.COMPLETED),
        amount=99_999_999,
        refunded=99_999_998,
        charged_back=1,
        description="für Ä \u2028 😀",
        failure="card_declined",
    )
    bare = payment_of(store, Row(LAST_DAY, None, Status.PENDING))
    numbers = [store.add(full), store.add(bare._replace(id=store.next_id()))]

    assert numbers == [0, 1]
    assert [store.get(0), store.get(1)] == [full, bare._replace(id=store.id_of(1))]


def test_a_payment_is_found_by_its_id_and_by_no_other() -> None:
    store = filled([Row(0, None, Status.PENDING)])

    assert store.number_of(store.id_of(0)) == 0
    assert [store.number_of(each) for each in (store.next_id(), "pay_xyz789", "")] == [None] * 3


def test_putting_a_payment_replaces_it_and_updates_the_counts() -> None:
    store = filled([Row(0, None, Status.PENDING), Row(0, None, Status.PENDING)])
    failed = store.get(0)._replace(status=Status.FAILED, failure="lost_card")
    completed = store.get(1)._replace(status=Status.COMPLETED)
    refunded = completed._replace(refunded=5, charged_back=6)
    for number, payment in ((0, failed), (1, completed), (1, refunded)):
        store.put(number, payment)

    assert [store.get(0), store.get(1)] == [failed, refunded]
    assert store.counts == {Status.PENDING: 0, Status.COMPLETED: 1, Status.FAILED: 1}


def test_latest_is_the_instant_of_the_last_payment_or_zero() -> None:
    assert empty().latest == 0
    assert filled([Row(3, None, Status.PENDING), Row(5, None, Status.PENDING)]).latest == 5_000


def test_status_and_fingerprint_are_read_without_building_the_payment() -> None:
    """The status by id, the fingerprint by number."""
    store = filled([Row(0, None, Status.PENDING), Row(0, None, Status.FAILED)])

    assert [store.status_of(store.id_of(each)) for each in range(3)] == [
        Status.PENDING, Status.FAILED, None,
    ]  # fmt: skip
    assert store.fingerprint_of(1) == 2**32 - 1


def test_a_snapshot_taken_in_slices_shows_the_store_as_it_was_at_the_start(
    five_thousand: PaymentStore,
) -> None:
    """Whatever is settled or refunded between two slices."""
    store = copy.copy(five_thousand)
    store.detach()
    store.counts = dict(store.counts)
    as_it_was = finish(store.snapshotting())
    slices = sum(1 for _ in store.snapshotting())
    work = store.snapshotting()
    next(work)
    store.put(0, store.get(0)._replace(status=Status.FAILED, failure="lost_card"))
    store.put(4_999, store.get(4_999)._replace(refunded=5))

    assert (finish(work) == as_it_was, slices) == (True, 5_000 // SLICE)
    assert finish(store.snapshotting()) != as_it_was


def test_the_cached_payment_is_dropped_when_it_changes() -> None:
    store = filled([Row(0, None, Status.COMPLETED), Row(0, None, Status.COMPLETED)])
    first = store.get(0)
    assert store.get(0) is first

    store.put(0, first._replace(refunded=5))
    assert store.get(1).id == store.id_of(1)
    assert store.get(0) == first._replace(refunded=5)


def numbered_from(first: int, rows: list[Row]) -> PaymentStore:
    """Return a store of such payments whose numbers begin at `first`."""
    store = PaymentStore(IdSequence("pay_", 7), server_context().represent, first)
    for row in rows:
        failure = "lost_card" if row.status is Status.FAILED else None
        store.add(payment_of(store, row, failure=failure))
    return store


@given(ROWS, QUERIES, st.data())
def test_history_put_before_the_store_is_found_as_if_added_first(
    rows: list[Row], query: Query, data: st.DataObject
) -> None:
    """By number, id, customer, status and time; existing payments keep their numbers and ids."""
    split = data.draw(st.integers(0, len(rows)))
    middle = data.draw(st.integers(0, split))
    whole = numbered_from(-split, rows)
    store = numbered_from(0, rows[split:])
    for customer_id in CUSTOMERS:  # results cached before must not be returned after
        list(Query(None, customer_id, Status.PENDING, None).asked_of(store))
    store.put_before(numbered_from(middle - split, rows[middle:split]))
    store.put_before(numbered_from(-split, rows[:middle]))
    if query.below is not None:
        query = replace(query, below=min(query.below, len(rows)) - split)

    assert (store.numbers, finish(store.snapshotting()), store.counts) == (
        whole.numbers,
        finish(whole.snapshotting()),
        whole.counts,
    )
    assert list(query.asked_of(store)) == list(query.asked_of(whole))
    assert [store.number_of(store.id_of(number)) for number in store.numbers] == [*store.numbers]
    for beyond in (store.numbers.start - 1, store.numbers.stop):
        assert store.number_of(store.id_of(beyond)) is None
    assert store.earliest == (store.get(-split).created if rows else LAST)
