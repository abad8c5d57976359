"""Owns where requests begin and end in bytes that were read: aiohttp's parser is asked."""

import asyncio
from bisect import bisect_left
from typing import Final

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage

_HEAD_END: Final = b"\r\n\r\n"


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
