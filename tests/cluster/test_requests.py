"""The head of the first request in the bytes read so far."""

import pytest

from payments_sandbox.cluster.requests import first_head

REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\na\r\n\r\nb\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
)


@pytest.mark.parametrize("request_", REQUESTS)
async def test_the_head_of_the_first_request_is_parsed_as_soon_as_it_is_complete(
    request_: bytes,
) -> None:
    """With and without its body, and whatever follows."""
    start = request_.find(b"\r\n\r\n") + 4
    for raw in (request_, request_[:start], request_ + REQUESTS[3], request_ + b"j\0nk"):
        head = first_head(raw)
        assert head is not None
        assert (head.method.encode(), head.headers["Host"]) == (request_.split()[0], "a")
    assert first_head(request_[: start - 1]) is None


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"j\0nk\r\n\r\n", b"\x16\x03\x01"])
async def test_bytes_without_a_valid_head_give_none(raw: bytes) -> None:
    assert first_head(raw) is None
