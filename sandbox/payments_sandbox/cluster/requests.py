"""Owns where requests end in bytes that were read: aiohttp's parser is asked, and nobody else."""

import asyncio
from bisect import bisect_left

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser


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


def _whole_requests(raw: bytes) -> int:
    """How many requests are there with all of their bodies; too many where one is not HTTP."""
    parser = HttpRequestParser(
        BaseProtocol(asyncio.get_running_loop()),
        asyncio.get_running_loop(),
        len(raw) + 1,  # nothing pauses it
        payload_exception=web.RequestPayloadError,
        auto_decompress=False,
    )
    try:
        messages, _, _ = parser.feed_data(raw)
    except HttpProcessingError:
        return len(raw)  # what is wrong is behind all that was answered
    return sum(payload.is_eof() for _, payload in messages)
