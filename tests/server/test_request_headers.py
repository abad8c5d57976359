"""What the server reads of header lines, and which lines it remembers."""

from collections.abc import Mapping

import pytest
from aiohttp.test_utils import make_mocked_request

from payments_sandbox.core.errors import InvalidApiKey
from payments_sandbox.server import request_headers
from payments_sandbox.server.request_headers import HeaderReader, RequestHeaders, read_headers

USUAL = {
    "Host": "localhost:8080",
    "Authorization": "Bearer sk_test_sandbox",
    "Content-Type": "application/json",
}


def read(reader: HeaderReader, headers: Mapping[str, str]) -> RequestHeaders:
    """What a reader reads of a request with these headers."""
    return reader.read(make_mocked_request("POST", "/v3/payments", headers))


def test_usual_lines_are_read_once() -> None:
    """The second request with the same lines gets the same value."""
    reader = HeaderReader()
    first = read(reader, USUAL)

    assert read(reader, USUAL) is first
    assert (first.host, first.key) == ("localhost:8080", "sk_test_sandbox")
    assert not first.is_from_another_site


@pytest.mark.parametrize(
    "headers",
    [
        {**USUAL, "X-Card": "1"},
        {**USUAL, "User-Agent": "4111111111111111"},
        {**USUAL, "Authorization": "Bearer 4111 1111 1111 1111"},
        {**USUAL, "User-Agent": "a" * 2_048},
    ],
    ids=["a name of somebody's own", "a card number", "a card number as a key", "long lines"],
)
def test_lines_that_may_hold_a_secret_are_not_remembered(headers: Mapping[str, str]) -> None:
    """They are read again with each request."""
    reader = HeaderReader()
    assert read(reader, headers) is not read(reader, headers)


def test_lines_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many clients there are, little is kept."""
    monkeypatch.setattr(request_headers, "_KNOWN_AT_MOST", 8)
    reader = HeaderReader()
    first = read(reader, USUAL)
    for number in range(7):
        read(reader, {**USUAL, "User-Agent": f"client {number}"})
    assert read(reader, USUAL) is first
    read(reader, {**USUAL, "User-Agent": "client 7"})

    assert read(reader, USUAL) is not first


def test_a_second_authorization_is_refused() -> None:
    """Which of them is meant is not for the server to guess."""
    request = make_mocked_request("GET", "/v3/payments", [("Authorization", "a")] * 2)
    key = read_headers(request).key

    assert isinstance(key, InvalidApiKey)
    assert key.details == "Send exactly one Authorization header."


def test_a_key_that_is_none_keeps_no_request() -> None:
    """The error is remembered with the lines, without the frames that it was raised in."""
    key = read(HeaderReader(), USUAL | {"Authorization": "Basic a"}).key

    assert isinstance(key, InvalidApiKey)
    assert key.__traceback__ is None
