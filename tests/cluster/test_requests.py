"""The key of the first request in the bytes read so far."""

import pytest

from payments_sandbox.cluster.requests import first_key

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
