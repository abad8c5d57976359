"""Owns the reading of request bodies: bounded in size and time, refused in words."""

import asyncio
import contextlib

from aiohttp import HttpVersion10, web

from payments_sandbox.core.errors import InvalidRequest, RequestTooLarge, SandboxError
from payments_sandbox.server.connection import NOT_HTTP
from payments_sandbox.server.request_headers import RequestHeaders, read_headers

LIMIT = 64 * 1024
"""Bytes of a request body that are read."""

YAML = "application/yaml"

_MOMENT = 0.1
"""Seconds in which the body that follows a head is there."""


def buffered_body(request: web.BaseRequest, headers: RequestHeaders) -> bytes | SandboxError | None:
    """The body, or the error that it is, if it has arrived; None when it is to be waited for.

    Nearly every body comes with its head, and waiting costs more than the reading.
    """
    return _refused_by_headers(headers, LIMIT) or _buffered(request, LIMIT)


async def read_body(
    request: web.BaseRequest, *, seconds: float, limit: int
) -> bytes | SandboxError:
    """The raw body, or the error that reading it ended in; the connection is then to be closed.

    Args:
        request: whose body to read.
        seconds: that the body may take to arrive.
        limit: bytes that it may have.

    Raises:
        ConnectionResetError: the client left.
    """
    if (refused := _refused_by_headers(read_headers(request), limit)) is not None:
        return refused
    return await read_any_body(request, seconds=seconds, limit=limit)


async def read_any_body(
    request: web.BaseRequest, *, seconds: float, limit: int = LIMIT
) -> bytes | SandboxError:
    """The raw body whatever its headers say of it, or the error that reading it ended in.

    Raises:
        ConnectionResetError: the client left.
    """
    if (request.content_length or 0) > limit:
        return RequestTooLarge(limit)
    if (body := _buffered(request, limit)) is not None:
        return body
    expects = request.headers.get("Expect", "").lower()
    if expects == "100-continue" and request.version != HttpVersion10:  # it would not understand
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    if limit != LIMIT or request.content_length is None:
        request = request.clone(client_max_size=limit)
    try:
        async with asyncio.timeout(seconds):
            return await request.read()
    except TimeoutError:
        return InvalidRequest(f"/: expected the body to arrive within {seconds:g} s.")
    except web.HTTPRequestEntityTooLarge:  # chunked: there was no length to check up front
        return RequestTooLarge(limit)
    except NOT_HTTP:
        return InvalidRequest("/: expected a body that is framed correctly.")


async def await_unread_body(request: web.BaseRequest) -> None:
    """Let a body that nobody reads arrive, if it follows its head: else the connection must end.

    Many clients send the two apart, a moment after each other.
    """
    if "Expect" in request.headers or request.content.exception() is not None:
        return  # it is held back until it is asked for, or does not come at all
    with contextlib.suppress(TimeoutError, ConnectionResetError, *NOT_HTTP):
        async with asyncio.timeout(_MOMENT):
            await request.content.wait_eof()


def _buffered(request: web.BaseRequest, limit: int) -> bytes | SandboxError | None:
    """The body, if it has arrived whole, and as it should."""
    if not request.content.is_eof() or request.content.exception() is not None:
        return None
    body = request.content.read_nowait()
    return body if len(body) <= limit else RequestTooLarge(limit)


def _refused_by_headers(headers: RequestHeaders, limit: int) -> SandboxError | None:
    if headers.is_encoded:
        return InvalidRequest("/: expected a body without Content-Encoding.")
    if headers.length > limit:
        return RequestTooLarge(limit)
    if headers.wrong_type is not None:
        return InvalidRequest(f"/: {headers.wrong_type}")
    return None
