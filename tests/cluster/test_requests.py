"""The key of the first request in the bytes read so far, and where answered requests end."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.cluster.requests import behind, first_key

KEY = "sk_test_first_key"
LINES = f"Host: a\r\nAuthorization: Bearer {KEY}\r\n".encode()
REQUESTS = (
    b"GET / HTTP/1.1\r\n%b\r\n" % LINES,
    b"\r\nGET / HTTP/1.1\r\n%b\r\n" % LINES,
    b"POST /v3/a HTTP/1.1\r\n%bContent-Length: 8\r\n\r\na\r\n\r\nb\r\n" % LINES,
    b"POST /v3/a HTTP/1.1\r\n%bContent-Length: 0\r\n\r\n" % LINES,
    b"POST /v3/a HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" % LINES,
    b"PUT / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n" % LINES,
)


@pytest.mark.parametrize("request_", REQUESTS)
async def test_the_key_of_the_first_request_is_known_as_soon_as_its_head_is_complete(
    request_: bytes,
) -> None:
    """With and without its body, whatever follows, and as often as it comes."""
    start = request_.find(b"\r\n\r\n") + 4
    other = REQUESTS[3].replace(KEY.encode(), b"sk_test_other_key")
    for raw in (request_, request_[:start], request_ + other, request_ + b"j\0nk"):
        assert first_key(raw) == KEY
    assert first_key(other + request_) == "sk_test_other_key"
    assert first_key(request_[: start - 1]) is None


@pytest.mark.parametrize("path", [b"/_sandbox/worlds", b"/v3"])
async def test_a_head_whose_body_may_have_another_key_gives_none(path: bytes) -> None:
    assert first_key(b"POST %b HTTP/1.1\r\n%b\r\n" % (path, LINES)) is None


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"j\0nk\r\n\r\n", b"\x16\x03\x01"])
async def test_bytes_without_a_valid_head_give_none(raw: bytes) -> None:
    assert first_key(raw) is None


RESTS = (
    b"G",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
    b"j\0nk",
    b"GET / HTTP/1.1\r\n\r\n",
    REQUESTS[0] + b"j\0nk",
)


@given(st.lists(st.sampled_from(REQUESTS), max_size=5), st.sampled_from(RESTS))
async def test_the_bytes_after_answered_requests_are_found_whatever_they_are(
    requests: list[bytes], rest: bytes
) -> None:
    raw = b"".join([*requests, rest])
    ends = [0, *accumulate(map(len, requests))]
    assert [behind(count, raw) for count in range(len(ends))] == [raw[end:] for end in ends]


@pytest.mark.parametrize("body", [b"", b"a" * 100_000])
async def test_the_end_of_a_request_is_found_behind_a_body_of_any_size(body: bytes) -> None:
    """A body that aiohttp would read in parts."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert behind(1, head + body + REQUESTS[0]) == REQUESTS[0]
