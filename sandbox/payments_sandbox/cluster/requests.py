"""Owns what is read of requests to know whose they are, and where they begin and end in bytes.

aiohttp's parser is asked for all of it.
"""

import asyncio
from bisect import bisect_left
from functools import lru_cache
from typing import Final, NamedTuple

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage

from payments_sandbox.api.gateway import valid_key
from payments_sandbox.contract.operations import BASE_PATH

BELOW_EMULATED: Final = f"{BASE_PATH}/"

_HEAD_END: Final = b"\r\n\r\n"


class Head(NamedTuple):
    """What the head of a request says of where it belongs, and where it ends.

    Attributes:
        key: the valid key that decides whose it is, if it has one.
        authorization: what stands for the key in it.
        length: of its body, if it says so.
    """

    key: str | None
    authorization: bytes
    length: int | None


NO_HEAD: Final = Head(None, b"", None)


def read_head(request: web.BaseRequest) -> Head:
    """Read the head of a request."""
    text = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
    return Head(_key_of(request), text, request.content_length)


def key_in_head(head: RawRequestMessage) -> str | None:
    """The key of a head, where it decides whatever the body is and wherever the path leads."""
    has_no_other = head.method != "POST" or head.path.startswith(BELOW_EMULATED)
    return _key_of(head) if has_no_other else None


def behind(count: int, raw: bytes) -> bytes:
    """What follows the first so many requests in bytes that begin with a request.

    Args:
        count: of requests that are there whole.
        raw: the bytes; what is behind those requests may be anything.
    """
    if count == 0:
        return raw
    # A request is whole with its last byte: with a byte less there is one less of them.
    end = bisect_left(range(len(raw)), count, key=lambda size: _whole_requests(raw[:size]))
    return raw[end:]


def first_head(raw: bytes) -> RawRequestMessage | None:
    """The head of the first request in bytes; None where it is not whole, or no HTTP."""
    end = raw.find(_HEAD_END)
    if end < 0:
        return None
    try:
        messages, _, _ = _parser(raw).feed_data(raw[: end + len(_HEAD_END)])
    except HttpProcessingError:
        return None
    return messages[0][0] if messages else None


def _whole_requests(raw: bytes) -> int:
    """How many requests are there with all of their bodies; too many where one is not HTTP."""
    try:
        messages, _, _ = _parser(raw).feed_data(raw)
    except HttpProcessingError:
        return len(raw)  # what is wrong is behind all that was answered
    return sum(payload.is_eof() for _, payload in messages)


def _parser(raw: bytes) -> HttpRequestParser:
    """A parser that nothing pauses in these bytes."""
    loop = asyncio.get_running_loop()
    return HttpRequestParser(
        BaseProtocol(loop),
        loop,
        len(raw) + 1,
        payload_exception=web.RequestPayloadError,
        auto_decompress=False,
    )


def _key_of(request: web.BaseRequest | RawRequestMessage) -> str | None:
    given = request.headers.getall("Authorization", ())
    return _valid_key(given[0]) if len(given) == 1 else None


@lru_cache(maxsize=4_096)
def _valid_key(authorization: str) -> str | None:
    return valid_key(authorization)
