"""Tests how requests are written, and how responses are read."""

import json

import pytest

from payments_sandbox.client.errors import ControlApiError, Unreachable, UnreachableCause
from payments_sandbox.client.messages import (
    HttpRequest,
    HttpResponse,
    common_headers,
    connection_failure,
    control_request,
    path_segment,
    read_response,
)

REQUEST = HttpRequest("GET", "/_sandbox/world")


def test_parameters_and_fields_with_the_value_none_are_left_out_of_the_request() -> None:
    """If all fields are None, an empty object is sent."""
    request = control_request("POST", "/x", query={"a": 1, "b": None}, fields={"c": 2, "d": None})
    assert (request.target, request.body) == ("/_sandbox/x?a=1", b'{"c": 2}')
    assert control_request("POST", "/x", fields={"c": None}).body == b"{}"


def test_a_body_given_whole_is_sent_unchanged_including_nulls() -> None:
    request = control_request("PUT", "/x", body={"a": None})
    assert json.loads(request.body or b"") == {"a": None}
    assert request.headers == {"Content-Type": "application/json"}


def test_a_body_of_bytes_is_sent_as_yaml() -> None:
    """Bytes are the contents of a file."""
    request = control_request("PUT", "/x", body=b"scenario: down")
    assert (request.body, request.headers["Content-Type"]) == (
        b"scenario: down",
        "application/yaml",
    )


def test_a_request_without_a_body_has_no_content_type() -> None:
    assert control_request("GET", "/x") == HttpRequest("GET", "/_sandbox/x")


def test_slashes_in_an_id_are_percent_encoded_in_the_path() -> None:
    assert path_segment("../a b") == "..%2Fa%20b"


@pytest.mark.parametrize(
    ("key", "token", "headers"),
    [
        (None, None, {}),
        ("sk_test_a", None, {"Authorization": "Bearer sk_test_a"}),
        (None, "t", {"Sandbox-Token": "t"}),
    ],
)
def test_the_api_key_and_the_token_are_sent_as_headers_if_given(
    key: str | None, token: str | None, headers: dict[str, str]
) -> None:
    assert common_headers(key, token) == headers


@pytest.mark.parametrize(
    ("status", "body", "value"),
    [(200, b'{"a": 1}', {"a": 1}), (204, b"", None), (503, b'{"ready": false}', {"ready": False})],
)
def test_a_successful_response_is_returned_as_its_json(
    status: int, body: bytes, value: object
) -> None:
    """So is the 503 of `ready`."""
    assert read_response(object, REQUEST, HttpResponse(status, body)) == value


def test_an_error_response_is_raised_with_all_its_problems() -> None:
    """Each with its place and its hint."""
    body = {
        "error": {"code": "invalid_scenario", "message": "No.", "details": "9:14: what"},
        "problems": [
            {"line": 9, "column": 14, "path": "/rules/0", "message": "is wrong", "hint": "try x"},
            {"line": None, "column": None, "path": "/name", "message": "is missing", "hint": None},
        ],
    }
    with pytest.raises(ControlApiError) as caught:
        read_response(object, REQUEST, HttpResponse(400, json.dumps(body).encode()))
    assert str(caught.value).splitlines() == [
        "GET /_sandbox/world: 400 invalid_scenario: No.",
        "  9:14: what",
        "  9:14: /rules/0: is wrong (try x)",
        "  /name: is missing",
    ]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"detail": "Not Found"}'])
def test_an_error_without_the_sandbox_envelope_is_reported_as_another_server(body: bytes) -> None:
    with pytest.raises(Unreachable, match=r"not a payments-sandbox \(status 404\)") as caught:
        read_response(object, REQUEST, HttpResponse(404, body))
    assert caught.value.cause is UnreachableCause.NOT_A_SANDBOX


@pytest.mark.parametrize(
    ("error", "is_http", "cause", "reason"),
    [
        (TimeoutError("x"), True, UnreachableCause.TIMEOUT, "timed out"),
        (OSError(111, "Refused"), True, UnreachableCause.NO_CONNECTION, "Refused"),
        (ValueError(), False, UnreachableCause.NOT_HTTP, "ValueError"),
    ],
    ids=["timeout", "refused", "not http"],
)
def test_a_failed_connection_is_reported_with_its_cause_and_reason(
    error: Exception, *, is_http: bool, cause: UnreachableCause, reason: str
) -> None:
    """In the system's words if there are any."""
    found = connection_failure(REQUEST, "http://127.0.0.1:1", error, is_http=is_http)
    assert (found.cause, found.reason) == (cause, reason)
    assert str(found) == f"GET /_sandbox/world: no answer from http://127.0.0.1:1: {reason}."
