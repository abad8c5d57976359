"""Tests the lists of events and requests: as webhooks send them, as requests came, in pages."""

from collections.abc import Mapping
from urllib.parse import unquote_plus

import pytest
from aiohttp import ClientConnectionError
from yarl import URL

from payments_sandbox.world.journal import KEPT
from payments_sandbox.world.world import World
from tests.support.http import Api, Control, Json, ask, envelope, invalid, paid, refunded
from tests.support.tables import for_each
from tests.support.values import EVENT_ID, REQUEST_ID, digits_of, documented_create

PATH = "/v3/payments"
NUMBER = "4111111111111111"
LIMIT = "/limit: expected an integer from 1 to 1000."


async def walked(control: Control, name: str, limit: int) -> list[list[str]]:
    """Return the ids of every page, following the cursor to its end."""
    pages: list[list[str]] = []
    query = {"limit": str(limit)}
    while True:
        page = await control(name, query=query)
        pages.append([item["id"] for item in page["data"]])
        if not page["has_more"]:
            assert page["next_cursor"] is None
            return pages
        assert page["next_cursor"] == pages[-1][-1]
        query["starting_after"] = page["next_cursor"]


async def last_request(control: Control) -> dict[str, Json]:
    """Return the newest entry of the journal."""
    (entry,) = (await control("list_requests", query={"limit": "1"}))["data"]
    return dict(entry)


async def test_a_new_world_has_no_events_and_no_requests(control: Control) -> None:
    empty = {"data": [], "has_more": False, "next_cursor": None}
    assert await control("list_events") == await control("list_requests") == empty


async def test_events_are_listed_newest_first_as_webhook_bodies(api: Api, control: Control) -> None:
    """Those of refunds and chargebacks have their ids."""
    payment_id = (await paid(api))["id"]
    refund = await refunded(api, payment_id)
    chargeback = await control("charge_back_payment", payment_id=payment_id)
    of_it = {"payment_id": payment_id, "currency": "USD"}
    facts = [
        ("chargeback.created", {"amount": 1500, "chargeback_id": chargeback["id"],
                                "reason": "fraudulent"}),
        ("refund.created", {"amount": 1000, "refund_id": refund["id"]}),
        ("payment.completed", {"amount": 2500}),
    ]  # fmt: skip
    assert await control("list_events") == {
        "data": [
            {
                "id": EVENT_ID,
                "type": type_,
                "created_at": "2030-01-15T10:30:00Z",
                "data": {**of_it, **extra},
            }
            for type_, extra in facts
        ],
        "has_more": False,
        "next_cursor": None,
    }


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("name", ["list_events", "list_requests"])
async def test_following_the_cursor_lists_every_record_once(
    api: Api, control: Control, name: str, limit: int
) -> None:
    """Every page but the last is full, and none is empty."""
    for _ in range(6):
        await paid(api)
    everything = [item["id"] for item in (await control(name))["data"]]
    pages = await walked(control, name, limit)
    assert len(set(everything)) == 6
    assert pages == [everything[start : start + limit] for start in range(0, 6, limit)]


@for_each(
    ("name", "query", "details"),
    [
        ("list_events", {"limit": "0"}, LIMIT),
        ("list_requests", {"limit": "1001"}, LIMIT),
        ("list_requests", {"limit": "ten"}, LIMIT),
        (
            "list_events",
            {"starting_after": "evt_abc123"},
            (
                "/starting_after: expected the id of an event; GET /_sandbox/events returns the"
                " first page."
            ),
        ),
        (
            "list_requests",
            {"starting_after": "req_abc123"},
            (
                "/starting_after: expected the id of a request in the journal;"
                " GET /_sandbox/requests returns the first page."
            ),
        ),
        (
            "list_events",
            {"starting_after": ""},
            "/starting_after: expected the next_cursor of the previous page.",
        ),
    ],
)
async def test_an_invalid_limit_or_cursor_of_records_is_rejected(
    control: Control, name: str, query: dict[str, str], details: str
) -> None:
    """With what is expected."""
    assert await control(name, query=query, status=400) == invalid(details)


async def test_a_journal_entry_shows_request_and_response_with_secrets_masked(
    api: Api, control: Control
) -> None:
    """Key, card number and security code."""
    created = await paid(api)
    entry = await last_request(control)
    headers = entry["request"].pop("headers")
    duration = entry.pop("duration_ms")
    body = documented_create(card_number="************1111", cvc="***")
    assert entry == {
        "id": REQUEST_ID,
        "at": "2030-01-15T10:30:00Z",
        "operation": "create_payment",
        "method": "POST",
        "path": PATH,
        "request": {"body": body},
        "response": {
            "status": 201,
            "headers": {
                "Content-Type": "application/json",
                "X-RateLimit-Limit": "1000",
                "X-RateLimit-Remaining": "999",
                "X-RateLimit-Reset": "1894705200",
            },
            "body": created,
        },
        "fault": None,
        "rule": None,
        "step": None,
        "committed": True,
        "considered": [],
    }
    assert (headers["Authorization"], headers["Content-Type"]) == (
        "Bearer sk_test_\u2026",
        "application/json",
    )
    assert duration > 0


async def test_a_request_retrieved_by_its_id_equals_its_item_in_the_list(
    api: Api, control: Control
) -> None:
    await paid(api)
    entry = await last_request(control)
    assert await control("retrieve_request", request_id=entry["id"]) == entry


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("4000009900000061", {"response": None, "fault": "drop", "committed": False}),
        ("4000009900000079", {"response": None, "fault": "drop", "committed": True}),
        ("4000009900000095", {"response": None, "fault": "hang", "committed": True}),
        ("4000009900000046", {"fault": None, "committed": False, "step": 1}),
        ("4000009900000053", {"fault": None, "committed": True, "step": 1}),
    ],
)
async def test_the_journal_entry_of_a_magic_card_names_rule_step_fault_and_commit(
    api: Api, control: Control, card: str, expected: Mapping[str, Json]
) -> None:
    try:
        await paid(api, 500, card_number=card)
    except ClientConnectionError:
        assert expected["fault"] is not None
    entry = await last_request(control)
    assert {name: entry[name] for name in expected} == expected
    assert entry["rule"].startswith("card:")


@pytest.mark.parametrize(
    ("method", "path", "operation", "status"),
    [
        ("GET", f"{PATH}?limit=5&status=failed", "list_payments", 200),
        ("GET", f"{PATH}?page=1", "list_payments", 400),
        ("GET", f"{PATH}/pay_xyz789", "retrieve_payment", 404),
        ("POST", f"{PATH}/pay_xyz789/refunds", "create_refund", 400),
        ("DELETE", PATH, None, 405),
        ("GET", "/v3/customers?a=%20b", None, 404),
    ],
)
async def test_successful_and_rejected_calls_are_in_the_journal_with_their_path(  # noqa: PLR0913 - the columns of the table
    api: Api, control: Control, method: str, path: str, operation: str | None, status: int
) -> None:
    """The path as it was sent."""
    async with api.request(method, path) as reply:
        answered = await reply.json()
    entry = await last_request(control)
    assert (entry["method"], entry["path"], entry["operation"]) == (method, path, operation)
    assert (entry["response"]["status"], entry["response"]["body"]) == (status, answered)


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b'{"amount": 4111111111111111', '{"amount": ****************'),
        (b"card=4111-1111-1111-1111&cvc=123", "card=****-****-****-****&cvc=***"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
async def test_a_body_that_is_not_json_is_journalled_as_text_without_digits(
    api: Api, control: Control, raw: bytes, kept: str
) -> None:
    headers = {"Content-Type": "application/json"}
    await ask(api, "POST", PATH, 400, data=raw, headers=headers)
    assert (await last_request(control))["request"]["body"] == kept


@for_each(
    "path",
    [
        f"{PATH}?customer_id={NUMBER}",
        f"{PATH}?customer_id=4111%201111%201111%201111",
        f"{PATH}?customer_id=4111+1111+1111+1111",
        f"{PATH}?customer_id=4111-1111-1111-1111",
        f"{PATH}/{NUMBER}",
        f"{PATH}?customer_id=%34{NUMBER[1:]}",
        f"/v3/{NUMBER}?{NUMBER}={NUMBER}",
    ],
)
async def test_card_numbers_in_a_path_are_masked_in_journal_and_snapshot(
    api: Api, control: Control, path: str
) -> None:
    """However they are written."""
    async with api.get(URL(path, encoded=True)):
        pass
    for record in (await last_request(control), await control("retrieve_snapshot")):
        assert NUMBER not in digits_of(unquote_plus(str(record)))


@pytest.mark.parametrize("where", ["X-Card", "User-Agent", "Cookie"])
async def test_card_numbers_in_headers_are_masked_in_the_journal(
    api: Api, control: Control, where: str
) -> None:
    await ask(api, "GET", PATH, headers={where: f"paid with {NUMBER}"})
    assert NUMBER not in str(await last_request(control))


async def test_card_data_in_unknown_fields_is_masked_in_the_journal(
    api: Api, control: Control
) -> None:
    """Numbers and codes, whatever the field is called."""
    body = documented_create(pan=NUMBER, note=[f"old: {NUMBER}"], cvc2=123, n=int(NUMBER))
    body[NUMBER] = 1
    await ask(api, "POST", PATH, 400, json=body)
    entry = await last_request(control)
    assert NUMBER not in str(entry)
    assert entry["request"]["body"]["cvc2"] == "***"


async def test_an_unknown_request_is_404(api: Api, control: Control) -> None:
    """So is a request of another key."""
    await paid(api, key="sk_test_other")
    (foreign,) = (await control("list_requests", key="sk_test_other"))["data"]
    for request_id in ("req_abc123", foreign["id"], "4111111111111111"):
        refusal = await control("retrieve_request", status=404, request_id=request_id)
        details = (
            "No such request, or the journal has dropped it."
            " GET /_sandbox/requests lists what exists."
        )
        message = "The requested object does not exist"
        assert refusal == envelope("not_found", details, message)


async def test_the_oldest_journal_entries_are_dropped_and_counted(
    api: Api, control: Control, world: World
) -> None:
    """The rest can be listed."""
    await ask(api, "GET", PATH)
    first = (await last_request(control))["id"]
    world.limiter.set(limit=None, remaining=1_000)
    for _ in range(KEPT):
        await ask(api, "GET", PATH)
    summary = await control("retrieve_world")
    pages = await walked(control, "list_requests", 300)
    assert summary["requests"] == {"kept": KEPT, "dropped": 1}
    assert [len(page) for page in pages] == [300, 300, 300, 100]
    await control("retrieve_request", status=404, request_id=first)
    await control("list_requests", query={"starting_after": first}, status=400)


async def test_fractions_are_shown_as_they_were_sent_in_journal_and_event_data(
    api: Api, control: Control
) -> None:
    await paid(api, 400, amount=2500.5)
    assert (await last_request(control))["request"]["body"]["amount"] == 2500.5
    data = {"rate": 1.25, "rates": [0.5, {"deep": -2.5e-3}]}
    event = await control("create_event", {"type": "payout.paid", "data": data})
    assert event["data"] == data
    snapshot = await control("retrieve_snapshot")
    await control("restore_snapshot", snapshot)
    assert (await control("list_events"))["data"] == [event]


@pytest.mark.parametrize(
    ("method", "path", "nearest"),
    [
        ("POST", "/v3/payment", "POST /v3/payments"),
        ("DELETE", "/v3/payments/pay_unknown", "GET /v3/payments/{payment_id}"),
        ("GET", "/v3/payments/pay_unknown", None),
    ],
)
async def test_the_journal_entry_of_an_undocumented_call_names_the_nearest_operation(
    api: Api, control: Control, method: str, path: str, nearest: str | None
) -> None:
    """A documented call with an unknown id has none."""
    async with api.request(method, path, json={}):
        pass
    entry = await last_request(control)

    assert (entry["operation"] is None, entry.get("nearest")) == (nearest is not None, nearest)
