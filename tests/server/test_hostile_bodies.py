"""Tests bodies that no honest client sends: rejected with a reason, and without effect."""

import gzip
import json
from collections.abc import Mapping
from typing import Final

import pytest

from tests.support.sockets import (
    RawReply,
    RunningServer,
    exchange,
    rate_limit_of,
    raw_request,
    server_unharmed,
)
from tests.support.tables import for_each
from tests.support.values import documented_create

PAYMENTS: Final = "/v3/payments"
ALL_THREE: Final = {
    "x-ratelimit-limit": True,
    "x-ratelimit-remaining": True,
    "x-ratelimit-reset": True,
}
AMOUNT: Final = (
    "/amount: expected an integer from 1 to 99999999, in minor units (2500 is 25.00 USD)."
)
NUMBER: Final = (
    "/payment_method/card_number: expected a string of 1 to 32 digits, without spaces or dashes."
)
CVC: Final = (
    "/payment_method/cvc: expected a string of three or four digits, as printed on the card."
)
UNKNOWN: Final = (
    "/****************: is not a documented field; expected one of amount, currency,"
    " payment_method, description, customer_id."
)
OBJECT: Final = "/: expected a JSON object."


def create(**changes: object) -> bytes:
    """Return the documented create body, changed."""
    return json.dumps(documented_create(**changes)).encode()


def amount(literal: bytes) -> bytes:
    """Return the documented create body with these bytes as its amount."""
    return create(amount="@").replace(b'"@"', literal)


def description(literal: bytes) -> bytes:
    """Return the documented create body with these bytes as its description."""
    return create(description="@").replace(b'"@"', literal)


NOT_JSON: Final = {
    "NaN": (amount(b"NaN"), "NaN is not JSON"),
    "Infinity": (amount(b"Infinity"), "Infinity is not JSON"),
    "minus Infinity": (amount(b"-Infinity"), "-Infinity is not JSON"),
    "1e400": (amount(b"1e400"), "a number is out of range"),
    "5000 digits": (amount(b"1" * 5_000), "a number has more than 16 digits"),
    "plus sign": (amount(b"+1"), "Expecting value at line 1, column 12"),
    "a repeated key": (b'{"amount": 1, "amount": 100}', "an object contains the same key twice"),
    "unpaired surrogate": (description(b'"\\ud800"'), "a string contains an unpaired surrogate"),
    "byte order mark": (b"\xef\xbb\xbf" + create(), "it starts with a byte order mark"),
    "UTF-16": (create().decode().encode("utf-16"), "byte 0 is not UTF-8"),
    "UTF-32": (create().decode().encode("utf-32-be"), "Expecting value at line 1, column 1"),
    "Latin-1": (description(b'"\xe9"'), "byte 172 is not UTF-8"),
    "never closed": (b"[" * 60_000, "nested deeper than 32 levels"),
    "deep": (b"[" * 30_000 + b"]" * 30_000, "nested deeper than 32 levels"),
    "33 deep": (description(b"[" * 32 + b"]" * 32), "nested deeper than 32 levels"),
    "empty": (b"", "the body is empty"),
    "blank": (b"  \n", "the body is empty"),
    "NUL": (b"\0", "Expecting value at line 1, column 1"),
    "form": (b"amount=2500&currency=USD", "Expecting value at line 1, column 1"),
    "two bodies": (create() * 2, f"Extra data at line 1, column {len(create()) + 1}"),
}
NOT_DOCUMENTED: Final = {
    "2500.5": (amount(b"2500.5"), AMOUNT),
    "true": (amount(b"true"), AMOUNT),
    "a string": (amount(b'"2500"'), AMOUNT),
    "0": (amount(b"0"), AMOUNT),
    "-0.0": (amount(b"-0.0"), AMOUNT),
    "1e8": (amount(b"1e8"), AMOUNT),
    "newline after cvc": (create(cvc="123\n"), CVC),
    "full-width cvc": (create(cvc="\uff11\uff12\uff13"), CVC),
    "Arabic digits": (create(card_number="\u0664" + "\u0661" * 15), NUMBER),
    "NUL after digits": (create(card_number="4111111111111111\0"), NUMBER),
    "null": (b"null", OBJECT),
    "array": (b"[]", OBJECT),
    "object in an array": (b"[" + create() + b"]", OBJECT),
    "bare string": (b'"pay"', OBJECT),
    "bare number": (b"2500", OBJECT),
    "operator for text": (
        create(customer_id={"$ne": None}),
        "/customer_id: expected a string of 1 to 255 characters.",
    ),
    "card number as a key": (
        create(**{"4111111111111111": 1}),
        UNKNOWN,
    ),
}
JSON_ONLY: Final = "/: expected a body with Content-Type: application/json."
UTF_8: Final = "/: expected a body in UTF-8."
PLAIN: Final = "/: expected a body without Content-Encoding."
NOT_READ: Final[dict[str, tuple[Mapping[str, str | None], bytes, str]]] = {
    "no type": ({"Content-Type": None}, create(), JSON_ONLY),
    "text": ({"Content-Type": "text/plain"}, create(), JSON_ONLY),
    "form": ({"Content-Type": "application/x-www-form-urlencoded"}, b"amount=1", JSON_ONLY),
    "nonsense": ({"Content-Type": ";;;"}, create(), JSON_ONLY),
    "two types": ({"Content-Type": "text/plain, application/json"}, create(), JSON_ONLY),
    "other JSON": ({"Content-Type": "application/problem+json"}, create(), JSON_ONLY),
    "Latin-1": ({"Content-Type": "application/json; charset=latin-1"}, create(), UTF_8),
    "UTF-16": ({"Content-Type": "application/json; charset=utf-16"}, create(), UTF_8),
    "no charset": ({"Content-Type": "application/json; charset=\udcff"}, create(), UTF_8),
    "gzip": ({"Content-Encoding": "gzip"}, gzip.compress(create()), PLAIN),
    "half a gzip": ({"Content-Encoding": "gzip"}, gzip.compress(create())[:20], PLAIN),
    "gzip declared for plain JSON": ({"Content-Encoding": "gzip"}, create(), PLAIN),
    "unknown encoding": ({"Content-Encoding": "sdch"}, create(), PLAIN),
    "two encodings": ({"Content-Encoding": "identity, gzip"}, create(), PLAIN),
}
ACCEPTED: Final[dict[str, tuple[Mapping[str, str | None], bytes]]] = {
    "2500.0": ({}, amount(b"2500.0")),
    "25e2": ({}, amount(b"25e2")),
    "blanks around": ({}, b"\r\n\t " + create() + b"\n"),
    "UTF-8": ({"Content-Type": "application/json;charset=UTF-8"}, create()),
    "quoted": ({"Content-Type": 'Application/JSON; charset="utf-8"'}, create()),
    "identity": ({"Content-Encoding": "identity"}, create()),
}


def assert_refused(reply: RawReply, details: str) -> None:
    """Assert that the reply is the documented envelope, with the rate limit."""
    assert (reply.status, rate_limit_of(reply)) == (400, ALL_THREE)
    assert reply.json == {
        "error": {
            "code": "invalid_request",
            "message": "The request is invalid",
            "details": details,
        }
    }


@for_each(("body", "why"), NOT_JSON.values())
def test_a_body_that_is_not_strict_json_is_rejected_with_the_place(
    server: RunningServer, caplog: pytest.LogCaptureFixture, body: bytes, why: str
) -> None:
    """Two parsers could read it differently."""
    with server_unharmed(server, caplog):
        reply = exchange(server.address, raw_request("POST", PAYMENTS, body=body))
        assert_refused(reply, f"/: expected JSON; {why}.")


@for_each(("body", "details"), NOT_DOCUMENTED.values())
def test_a_json_body_with_an_invalid_field_is_rejected_with_its_json_pointer(
    server: RunningServer, caplog: pytest.LogCaptureFixture, body: bytes, details: str
) -> None:
    with server_unharmed(server, caplog):
        reply = exchange(server.address, raw_request("POST", PAYMENTS, body=body))
        assert_refused(reply, details)


@for_each(("headers", "body", "details"), NOT_READ.values())
def test_a_body_of_another_type_charset_or_encoding_is_rejected_unread(
    server: RunningServer,
    caplog: pytest.LogCaptureFixture,
    headers: Mapping[str, str | None],
    body: bytes,
    details: str,
) -> None:
    """The connection is closed, since the rest is not read."""
    with server_unharmed(server, caplog):
        reply = exchange(server.address, raw_request("POST", PAYMENTS, headers, body))
        assert_refused(reply, details)
        assert reply.closes


@pytest.mark.parametrize(("headers", "body"), ACCEPTED.values(), ids=ACCEPTED)
def test_equivalent_forms_of_the_documented_body_are_accepted(
    server: RunningServer, headers: Mapping[str, str | None], body: bytes
) -> None:
    """Whole numbers, blanks and UTF-8 in any spelling."""
    reply = exchange(server.address, raw_request("POST", PAYMENTS, headers, body))

    assert (reply.status, reply.json) == (
        201,
        {
            "id": reply.json["id"],
            "status": "completed",
            "amount": 2500,
            "currency": "USD",
            "created_at": "2030-01-15T10:30:00Z",
            "description": "Payment for order #12345",
        },
    )


@pytest.mark.parametrize(
    ("body", "why"), [pytest.param(*case, id=name) for name, case in NOT_JSON.items() if case[0]]
)
def test_the_control_api_rejects_a_body_that_is_not_strict_json(
    server: RunningServer, caplog: pytest.LogCaptureFixture, body: bytes, why: str
) -> None:
    """An absent body is an empty object there."""
    with server_unharmed(server, caplog):
        reply = exchange(server.address, raw_request("POST", "/_sandbox/worlds", body=body))
        assert (reply.status, reply.json) == (
            400,
            {
                "error": {
                    "code": "invalid_request",
                    "message": "The request is invalid",
                    "details": f"/: expected JSON; {why}.",
                }
            },
        )


def test_a_hostile_refund_body_leaves_the_payment_unchanged(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    made = exchange(server.address, raw_request("POST", PAYMENTS, body=create())).json
    target = f"{PAYMENTS}/{made['id']}/refunds"
    shown = raw_request("GET", f"{PAYMENTS}/{made['id']}")
    before = exchange(server.address, shown).json
    with server_unharmed(server, caplog):
        replies = [
            exchange(server.address, raw_request("POST", target, body=body))
            for body in (b'{"amount": NaN}', b'{"amount": 1, "amount": 2500}', b"", b"null")
        ]
        assert [reply.json["error"]["details"] for reply in replies] == [
            "/: expected JSON; NaN is not JSON.",
            "/: expected JSON; an object contains the same key twice.",
            "/: expected JSON; the body is empty; send {} to refund all that is left.",
            OBJECT,
        ]
    assert exchange(server.address, shown).json == before
