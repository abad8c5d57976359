"""Tests of the journal: its ring, its ids, and what a snapshot keeps of it."""

import json

import pytest

from payments_sandbox.core.ids import IdSequence
from payments_sandbox.core.slices import finish
from payments_sandbox.world.journal import Entry, Journal
from tests.support.in_process import NOON

KEPT = 1_000

SEED = 7
VISA, CVC = "4111111111111111", "8731"
HIDDEN = "************1111"


def filled(count: int) -> Journal:
    """Return a journal with `count` entries."""
    journal = Journal(SEED)
    for _ in range(count):
        journal.add(Entry(NOON, "list_payments", "GET", "/v3/payments", ()))
    return journal


def numbers_of(entries: object) -> list[int]:
    """Return the numbers of the entries."""
    assert hasattr(entries, "__iter__")
    return [entry.number for entry in entries]


@pytest.mark.parametrize("count", [0, 1, KEPT, KEPT + 5])
def test_the_journal_keeps_the_last_1000_entries_and_counts_the_dropped(count: int) -> None:
    """In both directions."""
    journal = filled(count)
    dropped = max(0, count - KEPT)
    kept = list(range(dropped, count))

    assert (journal.count, len(journal), journal.dropped) == (count, len(kept), dropped)
    assert numbers_of(journal.since(0)) == kept
    assert numbers_of(journal.before(None)) == kept[::-1]


def test_a_raw_reply_is_journalled_as_masked_text() -> None:
    """It may be neither JSON nor UTF-8, and may contain a card number."""
    entry = Entry(NOON, "list_payments", "GET", "/v3/payments", ())
    entry.replied(418, {"X-Card": VISA}, f"paid with {VISA} ".encode() + b"\xff")

    assert (entry.status, entry.reply_headers) == (418, {"X-Card": HIDDEN})
    assert entry.reply_body.decode() == f"paid with {HIDDEN} \N{REPLACEMENT CHARACTER}"


def test_journal_entries_are_listed_from_a_number_or_below_one() -> None:
    """For streams and for pages."""
    journal = filled(KEPT + 5)

    assert numbers_of(journal.since(KEPT + 2)) == [KEPT + 2, KEPT + 3, KEPT + 4]
    assert numbers_of(journal.since(KEPT + 5)) == []
    assert numbers_of(journal.before(8)) == [7, 6, 5]
    assert numbers_of(journal.before(5)) == []


def test_a_journal_entry_is_found_by_its_id_while_it_is_kept() -> None:
    journal = filled(KEPT + 5)
    ids = IdSequence("req_", SEED)
    found = [journal.find(ids.nth(number)) for number in (5, KEPT + 4)]

    assert numbers_of(found) == [5, KEPT + 4]
    assert [journal.id_of(entry) for entry in found if entry] == [ids.nth(5), ids.nth(KEPT + 4)]
    assert [journal.find(ids.nth(number)) for number in (0, 4, KEPT + 5)] == [None] * 3
    assert journal.find("req_abc123") is None


def test_restored_journal_entries_do_not_count_as_new_requests() -> None:
    """Only later requests do."""
    journal, restored = filled(3), Journal(SEED)
    kept = finish(journal.snapshotting())
    list(restored.restore(kept["count"], kept["entries"]))  # type: ignore[arg-type]  # JSON
    before = restored.has_new_requests
    restored.add(Entry(NOON, "list_payments", "GET", "/v3/payments", ()))
    after = restored.has_new_requests
    restored.clear()

    assert (journal.has_new_requests, before, after) == (True, False, True)
    assert not restored.has_new_requests


def test_a_cleared_journal_equals_a_new_one() -> None:
    """Its ids start again."""
    journal = filled(3)
    journal.clear()

    assert finish(journal.snapshotting()) == finish(Journal(SEED).snapshotting())


def test_a_journal_is_restored_from_its_snapshot_with_every_field() -> None:
    """Written as JSON and read back."""
    journal = filled(KEPT + 5)
    entry = Entry(NOON, "create_payment", "POST", "/v3/payments", [(b"Host", b"localhost")])
    entry.body, entry.card, entry.status = {"amount": 1}, "visa 1111", 201
    entry.reply_headers, entry.reply_body = {"X-RateLimit-Limit": "1"}, b'{"id":"pay_1"}'
    entry.fault, entry.rule, entry.step, entry.committed = "hang", "card:timeout", 1, True
    entry.duration_ms, entry.leaked = 1.5, True
    entry.connection, entry.made, entry.decided = 4711, "pay_1", {"pass": True}
    entry.considered = [("scene", "rule", "amount 1 is not 2")]
    journal.add(entry)
    kept = json.loads(json.dumps(finish(journal.snapshotting())))
    other = Journal(SEED)
    list(other.restore(**kept))

    assert kept["count"] == KEPT + 6
    assert kept["entries"][-1] == {
        "number": KEPT + 5,
        "at": NOON,
        "operation": "create_payment",
        "method": "POST",
        "path": "/v3/payments",
        "headers": [["Host", "localhost"]],
        "body": {"amount": 1},
        "card": "visa 1111",
        "status": 201,
        "reply_headers": {"X-RateLimit-Limit": "1"},
        "reply_body": '{"id":"pay_1"}',
        "fault": "hang",
        "rule": "card:timeout",
        "step": 1,
        "committed": True,
        "duration_ms": 1.5,
        "wall": NOON,
        "leaked": True,
        "error_code": None,
        "error_details": None,
        "payment_status": None,
        "connection": 4711,
        "made": "pay_1",
        "decided": {"pass": True},
        "considered": [["scene", "rule", "amount 1 is not 2"]],
    }
    assert finish(other.snapshotting()) == kept


def test_an_abandoned_entry_has_no_reply_status_or_error() -> None:
    """Also if it is abandoned twice."""
    entry = Entry(NOON, "create_payment", "POST", "/v3/payments", ())
    entry.status, entry.reply_headers, entry.reply_body = 400, {"X": "1"}, b"{}"
    entry.error_code, entry.error_details = "invalid_card", "/card"
    for _ in range(2):
        entry.abandon()
        assert journalled(entry) == {
            "fault": "abandoned",
            "status": None,
            "reply_headers": {},
            "reply_body": b"",
            "error_code": None,
            "error_details": None,
        }


def journalled(entry: Entry) -> dict[str, object]:
    """Return what an entry says of its reply."""
    names = ("fault", "status", "reply_headers", "reply_body", "error_code", "error_details")
    return {name: getattr(entry, name) for name in names}


def test_an_abandoned_journal_entry_has_no_reply_also_in_a_snapshot() -> None:
    """The client left, or the world ended, while the reply was held."""
    entry = Entry(NOON, "create_payment", "POST", "/v3/payments", ())
    entry.status, entry.reply_headers, entry.reply_body = 201, {"X": "1"}, b"{}"
    entry.abandon()
    journal, other = Journal(SEED), Journal(SEED)
    journal.add(entry)
    kept = json.loads(json.dumps(finish(journal.snapshotting())))
    list(other.restore(**kept))
    (shown,) = kept["entries"]

    assert finish(other.snapshotting()) == kept
    assert {name: shown[name] for name in ("status", "reply_headers", "reply_body", "fault")} == {
        "status": None,
        "reply_headers": {},
        "reply_body": "",
        "fault": "abandoned",
    }


def test_a_new_journal_entry_has_no_reply_no_fault_and_no_leak() -> None:
    entry = Entry(NOON, "list_payments", "GET", "/v3/payments", ())

    assert (entry.leaked, entry.status, entry.fault, entry.committed) == (False, None, None, None)
    assert (entry.wall, entry.number, list(entry.considered)) == (NOON, -1, [])


def test_a_journal_body_kept_as_json_bytes_is_read_as_a_new_value() -> None:
    """Bytes take less memory."""
    entry = Entry(NOON, "create_refund", "POST", "/v3/payments/pay_1/refunds", ())
    entry.body = b'{"amount":1,"reason":"late"}'

    first, second = (getattr(entry, "body") for _ in range(2))  # noqa: B009 - else it is bytes to mypy

    assert first == second == {"amount": 1, "reason": "late"}
    assert first is not second
