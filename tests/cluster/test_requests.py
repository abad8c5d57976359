"""Where requests end in what was read, whatever they are and whatever follows."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments_sandbox.cluster.requests import behind, first_head

REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\na\r\n\r\nb\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
)
RESTS = (
    b"G",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
    b"j\0nk",
    b"GET / HTTP/1.1\r\n\r\n",
    REQUESTS[0] + b"j\0nk",
)


@given(st.lists(st.sampled_from(REQUESTS), max_size=5), st.sampled_from(RESTS))
async def test_what_follows_requests_is_found(requests: list[bytes], rest: bytes) -> None:
    """For each of them that has been answered."""
    raw = b"".join([*requests, rest])
    ends = [0, *accumulate(map(len, requests))]
    assert [behind(count, raw) for count in range(len(ends))] == [raw[end:] for end in ends]


@pytest.mark.parametrize("body", [b"", b"a" * 100_000])
async def test_nothing_is_too_long(body: bytes) -> None:
    """A body that aiohttp would read in parts."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert behind(1, head + body + REQUESTS[0]) == REQUESTS[0]


@pytest.mark.parametrize("request_", REQUESTS)
async def test_the_head_of_the_first_request_is_known_once_it_is_there(request_: bytes) -> None:
    """Whether its body is there or not, and whatever follows."""
    start = request_.find(b"\r\n\r\n") + 4
    for raw in (request_, request_[:start], request_ + REQUESTS[3], request_ + b"j\0nk"):
        head = first_head(raw)
        assert head is not None
        assert (head.method.encode(), head.headers["Host"]) == (request_.split()[0], "a")
    assert first_head(request_[: start - 1]) is None


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"j\0nk\r\n\r\n", b"\x16\x03\x01"])
async def test_what_is_no_head_is_none(raw: bytes) -> None:
    """It is for whoever reads it to say so."""
    assert first_head(raw) is None
