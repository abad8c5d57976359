"""Owns how requests are read to find their key, and where they begin and end in bytes.

All of it is left to aiohttp's parser.
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
    """What the head of a request says about its owner and its end.

    Attributes:
        key: the valid key that decides who owns the request, if it has one.
        authorization: the raw value of the header that has the key.
        length: of its body, if the head has it.
    """

    key: str | None
    authorization: bytes
    length: int | None


NO_HEAD: Final = Head(None, b"", None)


def read_head(request: web.BaseRequest) -> Head:
    """Read the head of a request."""
    text = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
    return Head(_key_of(request), text, request.content_length)


def first_key(raw: bytes) -> str | None:
    """The key of the first request in bytes, if its head decides on its own who owns it.

    None also if the head is incomplete or not HTTP.
    """
    end = raw.find(_HEAD_END)
    return None if end < 0 else _deciding_key(raw[: end + len(_HEAD_END)])


@lru_cache(maxsize=128)  # a client whose connection moves back and forth repeats its heads
def _deciding_key(raw: bytes) -> str | None:
    """The key of a complete head; None if the body or the path may decide in its place."""
    try:
        messages, _, _ = _parser(raw).feed_data(raw)
    except HttpProcessingError:
        return None
    if not messages:
        return None
    head = messages[0][0]
    is_decisive = head.method != "POST" or head.path.startswith(BELOW_EMULATED)
    return _key_of(head) if is_decisive else None


def behind(count: int, raw: bytes) -> bytes:
    """Return the bytes after the first `count` requests.

    Args:
        count: how many complete requests to skip.
        raw: bytes that begin with a request; what follows those requests may be anything.
    """
    if count == 0:
        return raw
    # A request is complete with its last byte: with one byte less, there is one request less.
    end = bisect_left(range(len(raw)), count, key=lambda size: _whole_requests(raw[:size]))
    return raw[end:]


def _whole_requests(raw: bytes) -> int:
    """Count the requests whose bodies are complete; too many if one of them is not HTTP."""
    try:
        messages, _, _ = _parser(raw).feed_data(raw)
    except HttpProcessingError:
        return len(raw)  # the error is after everything that was answered
    return sum(payload.is_eof() for _, payload in messages)


def _parser(raw: bytes) -> HttpRequestParser:
    """A parser whose limit for pausing is above the length of these bytes."""
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
