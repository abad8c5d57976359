"""Tests what the server reads from header lines, and which lines it caches."""

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
    """Return what a reader reads of a request with these headers."""
    return reader.read(make_mocked_request("POST", "/v3/payments", headers))


def test_usual_header_lines_are_read_once_and_cached() -> None:
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
    ids=["a custom name", "a card number", "a card number as a key", "long lines"],
)
def test_header_lines_that_may_contain_a_secret_are_not_cached(headers: Mapping[str, str]) -> None:
    reader = HeaderReader()
    assert read(reader, headers) is not read(reader, headers)


def test_the_cache_of_header_lines_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many clients there are."""
    monkeypatch.setattr(request_headers, "_KNOWN_AT_MOST", 8)
    reader = HeaderReader()
    first = read(reader, USUAL)
    for number in range(7):
        read(reader, {**USUAL, "User-Agent": f"client {number}"})
    assert read(reader, USUAL) is first
    read(reader, {**USUAL, "User-Agent": "client 7"})

    assert read(reader, USUAL) is not first


def test_a_second_authorization_header_is_an_invalid_key() -> None:
    """Which of them is meant would be a guess."""
    request = make_mocked_request("GET", "/v3/payments", [("Authorization", "a")] * 2)
    key = read_headers(request).key

    assert isinstance(key, InvalidApiKey)
    assert key.details == "Send exactly one Authorization header."


def test_a_cached_invalid_key_has_no_traceback() -> None:
    """Its frames would keep the request in memory."""
    key = read(HeaderReader(), USUAL | {"Authorization": "Basic a"}).key

    assert isinstance(key, InvalidApiKey)
    assert key.__traceback__ is None
