"""Tests decisions of docs/fidelity.md that belong to no single operation: order and headers."""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from email.utils import formatdate, parsedate_to_datetime
from typing import Final

import pytest
from aiohttp import ClientConnectionError
from pytest_aiohttp import AiohttpClient
from yarl import URL

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import assemble
from tests.support.http import (
    Api,
    Control,
    Json,
    ask,
    client_of,
    envelope,
    invalid,
    listed,
    paid,
    refunded,
)
from tests.support.tables import for_each
from tests.support.values import AUTHORIZED, documented_create

PATH: Final = "/v3/payments"
PENDING: Final = "4000009900000038"
DECLINED: Final = "4000000000000002"
REFUND_DECLINED: Final = "4000000000005126"

DOOR: Final = "expected a local Host; start the sandbox with --allow-host NAME to allow another."
KEY: Final = "The Authorization header must be 'Bearer ' followed by the key."
OVER: Final = "The hour ends at 2030-01-15T11:00:00Z on the world's clock."
LARGE: Final = "The body is larger than 65536 bytes."
SYNTAX: Final = "Expecting property name enclosed in double quotes at line 1, column 2"
AMOUNT: Final = (
    "/amount: expected an integer from 1 to 99999999, in minor units (2500 is 25.00 USD)."
)

# Each fault with its refusal, in the order in which they are looked for.
BEFORE_THE_BODY: Final = {
    "door": invalid(f"/: {DOOR}"),
    "key": envelope("invalid_api_key", KEY),
    "limit": envelope("rate_limit_exceeded", OVER),
    "size": envelope("request_too_large", LARGE),
    "type": invalid("/: expected a body with Content-Type: application/json."),
    "syntax": invalid(f"/: expected JSON; {SYNTAX}."),
    "query": invalid("/expand: is not a documented parameter; there are none."),
}
OF_A_CREATE: Final = {
    **BEFORE_THE_BODY,
    "field": invalid(AMOUNT),
    "number": envelope("invalid_card"),
    "expiry": envelope(
        "expired_card", "The card's expiry date is in the past on the world's clock."
    ),
    "cvc": envelope("invalid_cvc", "The cvc of this brand has 3 digits."),
    "issuer": envelope("card_declined"),
}
OF_A_REFUND: Final = {
    **BEFORE_THE_BODY,
    "payment": envelope("payment_not_found"),
    "field": invalid(AMOUNT),
    "too much": envelope("refund_exceeds_payment", "2500 of 2500 is left to refund."),
    "issuer": envelope("refund_declined"),
}


def faulty_headers(faults: Iterable[str]) -> dict[str, str]:
    """Return the headers of a request with these faults."""
    wrong = {
        "door": {"Host": "evil.test"},
        "key": {"Authorization": "sk_test_sandbox"},
        "type": {"Content-Type": "text/plain"},
    }
    headers = {"Content-Type": "application/json", **AUTHORIZED}
    for fault in faults:
        headers |= wrong.get(fault, {})
    return headers


def faulty_body(faults: Iterable[str], body: Mapping[str, Json]) -> bytes:
    """Return a body with these faults."""
    text = "{" if "syntax" in faults else json.dumps(body)
    return text.encode().ljust(70_000 if "size" in faults else 0)


async def refusals(
    api: Api, control: Control, path: str, faults: list[str], bodies: list[dict[str, Json]]
) -> list[Json]:
    """What a POST with all faults is answered, then without the first, and so on.

    There is a body for each number of faults that are cured.
    """
    found = []
    for cured, body in enumerate(bodies):
        left = faults[cured:]
        await control("set_rate_limit", {"remaining": 0 if "limit" in left else 9})
        target = f"{PATH}/pay_xyz789/refunds" if "payment" in left else path
        target += "?expand=card" if "query" in left else ""
        raw = faulty_body(left, body)
        async with api.post(target, data=raw, headers=faulty_headers(left)) as reply:
            found.append(await reply.json())
    return found


async def test_of_several_faults_in_a_create_the_first_in_the_documented_order_is_answered(
    api: Api, control: Control
) -> None:
    """Origin guard, key, limit, body, query, fields, the card's own checks, its issuer."""
    faults = list(OF_A_CREATE)
    wrong: dict[str, dict[str, Json]] = {
        "field": {"amount": 0},
        "number": {"card_number": "4000000000000003"},
        "expiry": {"exp_year": 2029},
        "cvc": {"cvc": "1234"},
    }
    bodies = [
        documented_create(
            **{"card_number": DECLINED} | _merged(wrong, faults[cured:])  # the issuer comes last
        )
        for cured in range(len(faults))
    ]
    assert await refusals(api, control, PATH, faults, bodies) == list(OF_A_CREATE.values())


async def test_of_several_faults_in_a_refund_the_first_in_the_documented_order_is_answered(
    api: Api, control: Control
) -> None:
    """Origin guard, key, limit, body, query, payment, fields, what is left, the issuer."""
    payment_id = (await paid(api, card_number=REFUND_DECLINED))["id"]
    faults = list(OF_A_REFUND)
    wrong: dict[str, dict[str, Json]] = {"too much": {"amount": 2501}, "field": {"amount": 0}}
    bodies = [_merged(wrong, reversed(faults[cured:])) for cured in range(len(faults))]
    path = f"{PATH}/{payment_id}/refunds"
    assert await refusals(api, control, path, faults, bodies) == list(OF_A_REFUND.values())


async def test_a_request_rejected_by_the_origin_guard_is_neither_counted_nor_journalled(
    api: Api, control: Control
) -> None:
    """It is rejected before the key is read."""
    for headers in ({"Host": "evil.test"}, {"Origin": "https://evil.test"}):
        await ask(api, "POST", PATH, 400, json=documented_create(), headers=headers)
    assert (await control("retrieve_rate_limit"))["remaining"] == 1_000
    assert (await control("list_requests"))["data"] == []


async def test_a_request_whose_reply_is_lost_counts_against_the_rate_limit(
    api: Api, control: Control
) -> None:
    for card in ("4000009900000061", "4000009900000079"):
        with pytest.raises(ClientConnectionError):
            await paid(api, card_number=card)
    assert (await control("retrieve_rate_limit"))["remaining"] == 998


async def test_a_preflight_is_neither_counted_nor_journalled(aiohttp_client: AiohttpClient) -> None:
    """It has no key."""
    settings = Settings(clock="2030-01-15T10:30:00Z", cors=frozenset({"https://shop.example"}))
    sandbox = assemble(settings)
    api = await client_of(aiohttp_client, sandbox, headers=AUTHORIZED)
    async with api.options(PATH, headers={"Origin": "https://shop.example"}) as reply:
        found = reply.status, [name for name in reply.headers if name.startswith("X-")]
    assert found == (204, [])
    assert (await Control(api, sandbox.contract)("list_requests"))["data"] == []


PLAIN: Final = ["Content-Length", "Content-Type", "Date", "Server"]
LIMITS: Final = ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"]


@pytest.mark.parametrize(
    ("headers", "method", "status", "expected"),
    [
        ({"Authorization": "Bearer sk_live_0"}, "GET", 401, [*PLAIN, "WWW-Authenticate"]),
        ({"Host": "evil.test"}, "GET", 400, PLAIN),
        ({}, "POST", 400, sorted([*PLAIN, *LIMITS])),
        ({}, "DELETE", 405, sorted([*PLAIN, *LIMITS, "Allow"])),
        ({}, "GET", 200, [*PLAIN, *LIMITS]),
    ],
    ids=["invalid key", "foreign host", "invalid body", "other method", "success"],
)
async def test_a_reply_has_only_the_documented_headers_and_those_of_http(
    api: Api, headers: dict[str, str], method: str, status: int, expected: list[str]
) -> None:
    """WWW-Authenticate of a 401 is one of HTTP's own."""
    async with api.request(method, PATH, headers=headers) as reply:
        assert (reply.status, sorted(reply.headers)) == (status, expected)


async def test_the_date_header_is_real_time_and_not_the_worlds_clock(api: Api) -> None:
    """Caches and proxies depend on it."""
    made = await paid(api)
    async with api.get(PATH, headers=AUTHORIZED) as reply:
        date = parsedate_to_datetime(reply.headers["Date"])
    assert made["created_at"].startswith("2030-01-15")
    assert abs(parsedate_to_datetime(formatdate(usegmt=True)) - date) < timedelta(days=1)


async def test_undocumented_headers_such_as_idempotency_key_have_no_effect(api: Api) -> None:
    """The same request twice makes two payments."""
    headers = {"Idempotency-Key": "k", "Accept": "text/html", "X-Request-Id": "r"}
    first, second = [
        await ask(api, "POST", PATH, 201, json=documented_create(), headers=headers)
        for _ in range(2)
    ]
    assert {**first, "id": ""} == {**second, "id": ""}
    assert await listed(api) == [second["id"], first["id"]]


async def test_a_body_of_a_get_is_neither_validated_nor_journalled(
    api: Api, control: Control
) -> None:
    """The connection stays usable."""
    payment_id = (await paid(api))["id"]
    for path in (PATH, f"{PATH}/{payment_id}"):
        await ask(api, "GET", path, data=b'{"card_number": ', headers={"Content-Type": "text/x"})
        (entry,) = (await control("list_requests", query={"limit": "1"}))["data"]
        assert (entry["path"], entry["request"]["body"]) == (path, None)


async def test_a_reply_is_compact_json_in_utf_8_without_a_charset(api: Api) -> None:
    """No blanks between tokens, no escapes for letters."""
    created = await paid(api, description="Größe")
    async with api.get(f"{PATH}/{created['id']}") as reply:
        found = reply.headers["Content-Type"], await reply.read()
    assert found == (
        "application/json",
        f'{{"id":"{created["id"]}","status":"completed","amount":2500,"currency":"USD",'
        '"payment_method":{"type":"card","last4":"1111","brand":"visa"},'
        '"created_at":"2030-01-15T10:30:00Z","description":"Größe",'
        '"customer_id":"cust_abc123"}'.encode(),
    )


@for_each(
    ("path", "status"),
    [
        ("/v3/%70ayments/{0}", 200),
        ("/v3/payments/%70%61%79_{1}", 200),
        ("/v%33/payments/{0}", 200),
        ("/v3%2Fpayments/{0}", 404),
        ("/v3/payments%2F{0}", 404),
    ],
)
async def test_a_path_is_percent_decoded_within_its_segments(
    api: Api, path: str, status: int
) -> None:
    """`%2F` does not separate segments."""
    payment_id = (await paid(api))["id"]
    url = URL(path.format(payment_id, payment_id.removeprefix("pay_")), encoded=True)
    async with api.get(url) as reply:
        assert (reply.url.raw_path, reply.status) == (url.raw_path, status)


@pytest.mark.parametrize("written", ["J%20D%26Co", "J+D%26Co", "%4A%20D%26%43o"])
async def test_a_query_is_decoded_like_a_form(api: Api, written: str) -> None:
    """`+` is a blank, and so is `%20`."""
    payment_id = (await paid(api, customer_id="J D&Co"))["id"]
    async with api.get(URL(f"{PATH}?customer_id={written}", encoded=True)) as reply:
        assert [item["id"] for item in (await reply.json())["data"]] == [payment_id]


@pytest.mark.parametrize(
    "wanted", ["4111111111111111", "************1111"], ids=["the number", "the mask"]
)
async def test_a_customer_id_that_is_a_card_number_is_found_by_the_filter(
    api: Api, wanted: str
) -> None:
    """The filter is masked as the payment is."""
    payment_id = (await paid(api, customer_id="4111111111111111"))["id"]
    await paid(api)
    assert await listed(api, customer_id=wanted) == [payment_id]


async def test_committed_is_true_false_or_null_by_what_happened_to_the_call(
    api: Api, control: Control
) -> None:
    """False if a rule or the issuer prevented it, null if the call could change nothing."""
    payment_id = (await paid(api, card_number=REFUND_DECLINED))["id"]
    await refunded(api, payment_id, 400)
    await paid(api, 400, card_number=DECLINED)
    await paid(api, card_number=PENDING)
    await paid(api, 400, amount=0)
    await paid(api, 400, card_number="4111111111111112")
    await ask(api, "GET", PATH)
    await refunded(api, (await paid(api))["id"])
    entries = (await control("list_requests"))["data"][::-1]
    assert [entry["committed"] for entry in entries] == [
        True, False, False, True, None, None, None, True, True,
    ]  # fmt: skip


def test_the_default_body_timeout_is_30_seconds() -> None:
    """No option changes it; other tests use shorter ones."""
    assert Settings().body_timeout == 30


def _merged(wrong: Mapping[str, dict[str, Json]], faults: Iterable[str]) -> dict[str, Json]:
    merged: dict[str, Json] = {}
    for fault in faults:
        merged |= wrong.get(fault, {})
    return merged
