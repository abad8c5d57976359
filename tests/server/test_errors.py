"""Tests every error code of `/v3`, and paths and methods without an operation."""

import pytest

from payments_sandbox.api.gateway import HANDLERS
from payments_sandbox.contract.error_codes import CODES
from payments_sandbox.server.control import api as control_api
from tests.support.http import Api, Control, Json, ask, envelope, paid
from tests.support.tables import for_each
from tests.support.values import documented_create

PATHS = "The paths are /v3/payments, /v3/payments/{payment_id} and its /refunds."
APIS = "The APIs are /v3 and /_sandbox."

MESSAGES = {
    "invalid_request": (400, "The request is invalid"),
    "invalid_card": (400, "The card number provided is invalid"),
    "expired_card": (400, "The card has expired"),
    "invalid_cvc": (400, "The card's security code is invalid"),
    "card_declined": (400, "The card was declined"),
    "insufficient_funds": (400, "The card has insufficient funds"),
    "lost_card": (400, "The card has been reported lost"),
    "stolen_card": (400, "The card has been reported stolen"),
    "incorrect_cvc": (400, "The card's security code is incorrect"),
    "processing_error": (400, "The card's issuer could not process the payment"),
    "card_velocity_exceeded": (400, "The card has been used too often in a short time"),
    "fraud_suspected": (400, "The payment was blocked as suspected fraud"),
    "payment_not_refundable": (400, "The payment cannot be refunded"),
    "refund_exceeds_payment": (400, "The refund is larger than the amount left to refund"),
    "refund_declined": (400, "The refund was declined by the card's issuer"),
    "invalid_api_key": (401, "The API key is missing or invalid"),
    "payment_not_found": (404, "No payment with this id exists"),
    "not_found": (404, "This path does not exist"),
    "method_not_allowed": (405, "This path does not support the method"),
    "request_too_large": (413, "The request body is too large"),
    "rate_limit_exceeded": (429, "The rate limit is exceeded"),
    "internal_error": (500, "The server failed to process the request"),
}

CARDS = {
    "expired_card": "4000000000000069",
    "card_declined": "4000000000000002",
    "insufficient_funds": "4000000000009995",
    "lost_card": "4000000000009987",
    "stolen_card": "4000000000009979",
    "incorrect_cvc": "4000000000000127",
    "processing_error": "4000000000000119",
    "card_velocity_exceeded": "4000000000006975",
    "fraud_suspected": "4100000000000019",
    "rate_limit_exceeded": "4000009900000103",
    "internal_error": "4000009900000046",
}

CREATES: dict[str, dict[str, Json]] = {
    "invalid_request": {"amount": None},
    "invalid_card": {"card_number": "4111111111111112"},
    "invalid_cvc": {"cvc": "1234"},
    "request_too_large": {"description": "x" * 70_000},
    **{code: {"card_number": number} for code, number in CARDS.items()},
}

REFUNDS: dict[str, tuple[str, dict[str, Json]]] = {
    "payment_not_refundable": ("4000009900000038", {}),
    "refund_exceeds_payment": ("4111111111111111", {"amount": 2501}),
    "refund_declined": ("4000000000005126", {}),
}

REQUESTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "invalid_api_key": ("GET", "/v3/payments", {"Authorization": "Bearer sk_live_0"}),
    "payment_not_found": ("GET", "/v3/payments/pay_xyz789", {}),
    "not_found": ("GET", "/v3/customers", {}),
    "method_not_allowed": ("PUT", "/v3/payments", {}),
}

COLLECTION, ONE, OF_ONE = "GET,HEAD,POST", "GET,HEAD", "POST"
WRONG_METHODS = [
    ("PUT", "/v3/payments", COLLECTION),
    ("PATCH", "/v3/payments", COLLECTION),
    ("DELETE", "/v3/payments", COLLECTION),
    ("OPTIONS", "/v3/payments", COLLECTION),
    ("TRACE", "/v3/payments", COLLECTION),
    ("PROPFIND", "/v3/payments", COLLECTION),
    ("POST", "/v3/payments/pay_xyz789", ONE),
    ("PUT", "/v3/payments/pay_xyz789", ONE),
    ("DELETE", "/v3/payments/pay_xyz789", ONE),
    ("OPTIONS", "/v3/payments/pay_xyz789", ONE),
    ("GET", "/v3/payments/pay_xyz789/refunds", OF_ONE),
    ("DELETE", "/v3/payments/pay_xyz789/refunds", OF_ONE),
]

UNKNOWN_PATHS = [
    ("GET", "/v3", PATHS),
    ("GET", "/v3/", PATHS),
    ("GET", "/v3/payment", PATHS),
    ("GET", "/v3/refunds", PATHS),
    ("GET", "/v3/payments/pay_xyz789/refunds/ref_abc456", PATHS),
    ("GET", "/v3/payments/", "Did you mean /v3/payments?"),
    ("POST", "/v3/payments/", "Did you mean /v3/payments?"),
    ("GET", "/v3/payments/pay_xyz789/", "Did you mean /v3/payments/pay_xyz789?"),
    ("POST", "/v3/payments/pay_xyz789/refunds/", "Did you mean /v3/payments/pay_xyz789/refunds?"),
    (
        "POST",
        "/v3/payments//refunds",
        "The path has two slashes in a row; did you mean /v3/payments/{payment_id}/refunds?",
    ),
    ("OPTIONS", "/v3/customers", PATHS),
    ("GET", "/v3/PAYMENTS", PATHS),
    ("GET", "/", APIS),
    ("POST", "/", APIS),
    ("GET", "/v4/payments", "Did you mean /v3/payments?"),
    ("GET", "/payments", "Did you mean /v3/payments?"),
    ("GET", "/V3/payments", "Did you mean /v3/payments?"),
    ("GET", "/v3/v3/payments/pay_xyz789", "Did you mean /v3/payments/pay_xyz789?"),
    ("GET", "/v1/charges", APIS),
    ("GET", "/v1//payments", "The path has two slashes in a row; did you mean /v3/payments?"),
    ("GET", "/v1//charges", APIS),
    ("GET", "/v3payments", APIS),
    ("GET", "/favicon.ico", APIS),
]


async def provoke(api: Api, code: str) -> tuple[int, Json]:
    """Return the status and body of a request that is rejected with the code."""
    if code in CREATES:
        body = documented_create(**CREATES[code])
        request = api.post("/v3/payments", json=body)
    elif code in REFUNDS:
        card, body = REFUNDS[code]
        payment_id = (await paid(api, card_number=card))["id"]
        request = api.post(f"/v3/payments/{payment_id}/refunds", json=body)
    else:
        method, path, headers = REQUESTS[code]
        request = api.request(method, path, headers=headers)
    async with request as reply:
        return reply.status, await reply.json()


@pytest.mark.parametrize("code", CODES)
async def test_each_error_code_is_the_reply_to_some_request(api: Api, code: str) -> None:
    """With its status and message."""
    status, body = await provoke(api, code)
    details = body["error"].pop("details", "absent")
    expected_status, message = MESSAGES[code]
    assert (status, body) == (expected_status, {"error": {"code": code, "message": message}})
    assert isinstance(details, str)
    assert details


def test_the_table_of_expected_messages_covers_every_error_code() -> None:
    assert {name: (code.status, code.message) for name, code in CODES.items()} == MESSAGES


@for_each(("method", "path", "allow"), WRONG_METHODS)
async def test_an_unsupported_method_is_405_with_the_supported_ones(
    api: Api, method: str, path: str, allow: str
) -> None:
    """In `Allow` and in the details."""
    async with api.request(method, path) as reply:
        found = reply.status, reply.headers["Allow"], await reply.json()
    details = f"{method} is not supported here; use one of: {allow}."
    assert found == (405, allow, envelope("method_not_allowed", details))


@for_each(("method", "path", "details"), UNKNOWN_PATHS)
async def test_an_unknown_path_is_404_with_the_known_or_nearest_path(
    api: Api, method: str, path: str, details: str
) -> None:
    """Never a redirect."""
    async with api.request(method, path, allow_redirects=False) as reply:
        found = reply.status, reply.headers.get("Allow"), await reply.json()
    assert found == (404, None, envelope("not_found", details))


LOST = [
    ("/payments", "GET /v3/payments"),
    ("/v2//payments", "GET /v3/payments"),
    ("/v1/charges", "GET /v3/payments"),
]
NOBODYS = ["/", "/favicon.ico", "/_sandbx/worlds", "/_sandbox//cards", "/_sandbox/nothing"]


async def test_calls_past_the_base_path_are_reported_as_undocumented_but_not_counted(
    api: Api, control: Control
) -> None:
    """By their key; other paths and invalid keys are not reported."""
    for path in [each for each, _ in LOST] + NOBODYS:
        async with api.get(path) as reply:
            assert (reply.status, "X-RateLimit-Limit" in reply.headers) == (404, False)
    for header in ("Basic c2tfdGVzdDo=", "Bearer sk_live_0"):
        async with api.get("/payments", headers={"Authorization": header}) as reply:
            assert reply.status == 404
    lines = [("Authorization", f"Bearer sk_test_{name}") for name in ("alice", "bob")]
    async with api.get("/payments", headers=lines) as reply:
        assert reply.status == 404
    report = await control("retrieve_report")
    assert [(each["call"], each["nearest"]) for each in report["undocumented"]] == [
        (f"GET {path}", nearest) for path, nearest in LOST
    ]
    assert (await control("retrieve_rate_limit"))["remaining"] == 1_000


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v3/payments", 200), ("/v3/payments/pay_xyz789", 404), ("/v3", 404), ("/", 404)],
)
async def test_head_of_an_api_path_answers_as_get_without_the_body(
    api: Api, path: str, status: int
) -> None:
    """With the same Content-Length."""
    async with api.get(path) as full, api.head(path) as head:
        lengths = len(await full.read()), int(head.headers["Content-Length"])
        found = full.status, head.status, await head.read(), head.headers["Content-Type"]
    assert found == (status, status, b"", "application/json")
    assert lengths[0] == lengths[1]


async def test_an_unexpected_exception_in_the_api_is_a_500_with_its_traceback_in_the_log(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setitem(HANDLERS, "list_payments", broken)
    details = "The sandbox itself failed; its log has the traceback."
    assert await ask(api, "GET", "/v3/payments", 500) == envelope("internal_error", details)
    (record,) = caplog.records
    assert record.getMessage() == "unhandled error in GET /v3/payments"
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_an_unexpected_exception_in_the_control_api_is_a_500(
    control: Control, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(control_api, "handler_of", lambda _: broken)
    details = "The sandbox itself failed; its log has the traceback."
    refusal = await control("retrieve_clock", status=500)
    assert refusal == envelope("internal_error", details)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
