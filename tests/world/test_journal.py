"""Holds the journal to its ring, and to masking whatever a request or a header may hold."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from payments_sandbox.core.ids import IdSequence
from payments_sandbox.world.journal import (
    KEPT,
    TEXT_KEPT,
    Entry,
    Journal,
    masked,
    masked_target,
    masked_text,
    shown_headers,
)
from tests.support.wall import NOON

SEED = 7
VISA, CVC = "4111111111111111", "8731"
HIDDEN = "************1111"


def filled(count: int) -> Journal:
    """A journal of as many entries."""
    journal = Journal(SEED)
    for _ in range(count):
        journal.add(Entry(NOON, "list_payments", "GET", "/v3/payments", ()))
    return journal


def numbers_of(entries: object) -> list[int]:
    """The numbers of the entries."""
    assert hasattr(entries, "__iter__")
    return [entry.number for entry in entries]


@pytest.mark.parametrize("count", [0, 1, KEPT, KEPT + 5])
def test_the_ring_keeps_the_last_ones(count: int) -> None:
    """Older ones are dropped and counted; both directions show what is left."""
    journal = filled(count)
    dropped = max(0, count - KEPT)
    kept = list(range(dropped, count))

    assert (journal.count, len(journal), journal.dropped) == (count, len(kept), dropped)
    assert numbers_of(journal.since(0)) == kept
    assert numbers_of(journal.before(None)) == kept[::-1]


def test_what_a_fault_sent_is_kept_as_text_and_masked() -> None:
    """It may be no JSON and no UTF-8, and a scenario's author may have put a card into it."""
    entry = Entry(NOON, "list_payments", "GET", "/v3/payments", ())
    entry.replied(418, {"X-Card": VISA}, f"paid with {VISA} ".encode() + b"\xff")

    assert (entry.status, entry.reply_headers) == (418, {"X-Card": HIDDEN})
    assert entry.reply_body.decode() == f"paid with {HIDDEN} \N{REPLACEMENT CHARACTER}"


def test_entries_from_and_below_a_number() -> None:
    """A stream goes on from a number; a page goes on below one."""
    journal = filled(KEPT + 5)

    assert numbers_of(journal.since(KEPT + 2)) == [KEPT + 2, KEPT + 3, KEPT + 4]
    assert numbers_of(journal.since(KEPT + 5)) == []
    assert numbers_of(journal.before(8)) == [7, 6, 5]
    assert numbers_of(journal.before(5)) == []


def test_an_entry_is_found_by_its_id() -> None:
    """As long as it is kept; ids go on counting."""
    journal = filled(KEPT + 5)
    ids = IdSequence("req_", SEED)
    found = [journal.find(ids.nth(number)) for number in (5, KEPT + 4)]

    assert numbers_of(found) == [5, KEPT + 4]
    assert [journal.id_of(entry) for entry in found if entry] == [ids.nth(5), ids.nth(KEPT + 4)]
    assert [journal.find(ids.nth(number)) for number in (0, 4, KEPT + 5)] == [None] * 3
    assert journal.find("req_abc123") is None


def test_clear_forgets_every_entry() -> None:
    """Ids start again."""
    journal = filled(3)
    journal.clear()

    assert journal.snapshot() == Journal(SEED).snapshot()


def test_a_snapshot_is_the_same_journal() -> None:
    """Written as JSON and read back: counter, ring, and every field, masked as it was."""
    journal = filled(KEPT + 5)
    entry = Entry(NOON, "create_payment", "POST", "/v3/payments", [(b"Host", b"localhost")])
    entry.body, entry.card, entry.status = {"amount": 1}, "visa 1111", 201
    entry.reply_headers, entry.reply_body = {"X-RateLimit-Limit": "1"}, b'{"id":"pay_1"}'
    entry.fault, entry.rule, entry.step, entry.committed = "hang", "card:timeout", 1, True
    entry.duration_ms, entry.leaked = 1.5, True
    entry.considered = [("scene", "rule", "amount 1 is not 2")]
    journal.add(entry)
    kept = json.loads(json.dumps(journal.snapshot()))
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
        "considered": [["scene", "rule", "amount 1 is not 2"]],
    }
    assert other.snapshot() == kept


def test_an_abandoned_reply_was_not_sent() -> None:
    """The client left, or the world ended, while it was held; a snapshot keeps that."""
    entry = Entry(NOON, "create_payment", "POST", "/v3/payments", ())
    entry.status, entry.reply_headers, entry.reply_body = 201, {"X": "1"}, b"{}"
    entry.abandon()
    journal, other = Journal(SEED), Journal(SEED)
    journal.add(entry)
    kept = json.loads(json.dumps(journal.snapshot()))
    list(other.restore(**kept))
    (shown,) = kept["entries"]

    assert other.snapshot() == kept
    assert {name: shown[name] for name in ("status", "reply_headers", "reply_body", "fault")} == {
        "status": None,
        "reply_headers": {},
        "reply_body": "",
        "fault": "abandoned",
    }


HEADERS: dict[str, tuple[list[tuple[bytes, bytes]], dict[str, str]]] = {
    "plain": ([(b"Host", b"localhost")], {"Host": "localhost"}),
    "an API key": (
        [(b"Authorization", b"Bearer sk_test_sandbox")],
        {"Authorization": "Bearer sk_test_…"},
    ),
    "another credential": (
        [(b"AUTHORIZATION", b"Basic c2s6"), (b"Cookie", b"a=b"), (b"sandbox-token", b"t")],
        {"AUTHORIZATION": "…", "Cookie": "…", "sandbox-token": "…"},
    ),
    "a card number": ([(b"X-Card", VISA.encode())], {"X-Card": HIDDEN}),
    "a card number as a name": ([(VISA.encode(), b"x")], {HIDDEN: "x"}),
    "a security code": (
        [(b"CVC", b"8731"), (b"X-Card-Cvc", b"873")],
        {"CVC": "****", "X-Card-Cvc": "***"},
    ),
    "a number that is no card": ([(b"x-card-number", b"411111")], {"x-card-number": "******"}),
    "where the client was": (
        [(b"Referer", b"http://shop.test/pay?cvc=8731&step=2")],
        {"Referer": "http://shop.test/pay?cvc=****&step=2"},
    ),
    "two of a name": ([(b"Via", b"a"), (b"Via", b"b")], {"Via": "a, b"}),
    "no text": ([(b"X-Bytes", b"\xff\xc3\xa9")], {"X-Bytes": "\N{REPLACEMENT CHARACTER}é"}),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers_are_shown_without_what_is_secret(case: str) -> None:
    """Credentials shortened, card numbers masked, doubles joined."""
    lines, shown = HEADERS[case]

    assert shown_headers(lines) == shown
    kept = [(name.encode(), value.encode()) for name, value in shown.items()]
    assert shown_headers(kept) == shown, "a snapshot's headers are shown the same"


MASKED: dict[str, tuple[object, object]] = {
    "a text": ({"description": f"my {VISA}"}, {"description": f"my {HIDDEN}"}),
    "a card number": ({"card_number": VISA}, {"card_number": HIDDEN}),
    "a wrong card number": ({"card_number": VISA + "2"}, {"card_number": "*" * 13 + "1112"}),
    "a short one": ({"number": "411111"}, {"number": "******"}),
    "a security code": ({"cvc": CVC}, {"cvc": "****"}),
    "an empty one": ({"cvv2": ""}, {"cvv2": ""}),
    "a security code as a number": ({"cvv": 8731}, {"cvv": "***"}),
    "a card number as a number": ({"pan": 4111111111111111}, {"pan": "***"}),
    "a fraction as a card number": ({"number": Decimal("1.5")}, {"number": "***"}),
    "a number under any key": ({"x": 4111111111111111}, {"x": HIDDEN}),
    "a fraction that holds one": ({"x": Decimal("4111111111111111.5")}, {"x": f"{HIDDEN}.5"}),
    "other numbers": ({"amount": 2500, "x": Decimal("1.5")}, {"amount": 2500, "x": 1.5}),
    "a list": ({"cvc": [CVC, 8731], "x": [VISA]}, {"cvc": "***", "x": [HIDDEN]}),
    "a number as a key": ({VISA: 1}, {HIDDEN: 1}),
    "what is no text": ({"cvc": None, "x": True, "y": None},) * 2,
    "a list of objects": ([{"cvc": CVC}], [{"cvc": "****"}]),
    "a text alone": (VISA, HIDDEN),
    "a code inside": ({"cvc": {"value": CVC}}, {"cvc": "***"}),
    "a number inside": ({"card_number": {"value": "411111"}}, {"card_number": "***"}),
    "a path as a key": (
        {"card[cvc]": CVC, "card.pan": "41"},
        {"card[cvc]": "****", "card.pan": "**"},
    ),
    "no word as a key": ({"": CVC, "[]": CVC}, {"": CVC, "[]": CVC}),
    "other spellings": (
        {"CVC": CVC, "Security-Code": CVC, "cvcCode": CVC, "cardNumber": "41", "csc": CVC},
        {
            "CVC": "****",
            "Security-Code": "****",
            "cvcCode": "****",
            "cardNumber": "**",
            "csc": "****",
        },
    ),
}


@pytest.mark.parametrize("case", MASKED)
def test_a_body_is_kept_without_numbers_and_codes(case: str) -> None:
    """Whatever kind of value holds them, under whatever key."""
    value, shown = MASKED[case]

    assert masked(value) == shown
    assert masked(shown) == shown


TARGETS = {
    "/v3/payments": "/v3/payments",
    "/v3/payments?limit=20&starting_after=pay_1": "/v3/payments?limit=20&starting_after=pay_1",
    "/v3/payments?customer_id=a%26b+c": "/v3/payments?customer_id=a%26b+c",
    "/v3/payments?cvc": "/v3/payments?cvc",
    "/v3/payments?=1&&a==b": "/v3/payments?=1&&a==b",
    "/v3/payments?cvc=8731&limit=20": "/v3/payments?cvc=****&limit=20",
    "/v3/payments?limit=20;CVV2=8731": "/v3/payments?limit=20;CVV2=****",
    "/v3/payments?cvc=87%331&customer_id=a%26b": "/v3/payments?cvc=****&customer_id=a%26b",
    "/v3/payments?%63vc=8731": "/v3/payments?cvc=****",
    "/v3/payments?cvc%3D8731": "/v3/payments?cvc=****",
    "/v3/payments?payment_method[cvc]=8731": "/v3/payments?payment_method[cvc]=****",
    "/v3/payments?card.security-code=8731": "/v3/payments?card.security-code=****",
    "/v3/payments?security+code=8731": "/v3/payments?security+code=****",
    "/v3/payments?number=411111": "/v3/payments?number=******",
    "/v3/payments?pan=4111111111111112": "/v3/payments?pan=************1112",
    "/v3/payments/cvc=8731/refunds": "/v3/payments/cvc=****/refunds",
    "/v3/payments;cvc=8731?limit=1": "/v3/payments;cvc=****?limit=1",
    "/v3/payments?x=1%26cvc%3D8731": "/v3/payments?x=1&cvc=****",
    "/v3/payments?next=https%3A%2F%2Fshop%2F%3Fcvc%3D8731": "/v3/payments?next=https://shop/?cvc=****",
    f"/v3/payments/{VISA}": f"/v3/payments/{HIDDEN}",
    "/v3/payments?x=4111+1111+1111+1111": "/v3/payments?x=**** **** **** 1111",
}


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_kept_without_numbers_and_codes(target: str) -> None:
    """In a query or a path, encoded or not, under a nested key or inside another address."""
    shown = TARGETS[target]

    assert masked_target(target) == shown
    assert masked_target(shown) == shown


@pytest.mark.parametrize("text", ["cvc=" * 16_000, "a%26" * 16_000, "&" * 64_000, "x-" * 32_000])
def test_a_long_target_is_masked_in_one_pass(text: str) -> None:
    """Each piece is looked at once, whatever is in it: a quadratic search would take minutes."""
    assert len(masked_target(text)) >= len(text) / 2


TEXTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", ""),
    "broken JSON": (
        b'{"card_number": "4111111111111111", "cvc": 873, "amount": 25',
        '{"card_number": "****************", "cvc": ***, "amount": 25',
    ),
    "groups": (b"4111-1111-1111-1111", "****-****-****-****"),
    "pairs": (b"41 11 11 11 11 11 11 11", "** ** ** ** ** ** *1 11"),
    "bytes": (b"\xff123", "\N{REPLACEMENT CHARACTER}***"),
    "too much": (b"x" * TEXT_KEPT + b"y", "x" * TEXT_KEPT),
}


@pytest.mark.parametrize("case", TEXTS)
def test_a_body_that_is_no_json_is_kept_without_numbers(case: str) -> None:
    """Its start, with every run of three or more digits masked: nobody knows what they are."""
    body, shown = TEXTS[case]

    assert masked_text(body) == shown


@pytest.mark.parametrize("mask", [masked, lambda value: masked_text(value.encode())])
def test_masking_hides_a_number_at_the_cut(mask: Callable[[str], object]) -> None:
    """A number that the cut goes through is hidden too."""
    text = "x" * (TEXT_KEPT - 8) + VISA

    assert "4111" not in str(mask(text))
