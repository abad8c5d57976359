"""Owns the reading of request bodies, with limits on their size and on the time they take."""

import asyncio
import contextlib
from typing import cast

from aiohttp import HttpVersion10, web
from aiohttp.streams import StreamReader

from payments_sandbox.core.errors import InvalidRequest, RequestTooLarge, SandboxError
from payments_sandbox.server.connection import NOT_HTTP, Connection
from payments_sandbox.server.request_headers import RequestHeaders

LIMIT = 64 * 1024
"""The default limit of a request body, in bytes."""

YAML = "application/yaml"

_MOMENT = 0.1
"""Seconds that a body may take to arrive after its head if nobody reads it."""


def buffered_body(request: web.BaseRequest, headers: RequestHeaders) -> bytes | SandboxError | None:
    """Return the body, or the error that it causes; None if it has not arrived completely.

    Nearly every body arrives together with its head, and then there is no need for a costly await.
    """
    return _refused_by_headers(headers, LIMIT) or _buffered(request, LIMIT)


async def read_body(
    request: web.BaseRequest, headers: RequestHeaders, *, limit: int
) -> bytes | SandboxError:
    """Read a JSON body; return its bytes, or an error, after which the connection must be closed.

    Args:
        request: the request whose body to read.
        headers: its header lines.
        limit: how many bytes it may have.

    Raises:
        ConnectionResetError: the client left.
    """
    if (refused := _refused_by_headers(headers, limit)) is not None:
        return refused
    return await read_any_body(request, limit=limit)


async def read_any_body(request: web.BaseRequest, *, limit: int = LIMIT) -> bytes | SandboxError:
    """Read a body of any type and encoding; return its bytes, or an error, as `read_body`.

    Raises:
        ConnectionResetError: the client left.
    """
    length = request.content_length
    if (length or 0) > limit:
        return RequestTooLarge(limit)
    if (body := _buffered(request, limit)) is not None:
        return body
    expects = request.headers.get("Expect", "").lower()
    if expects == "100-continue" and request.version != HttpVersion10:  # 1.0 has no 100
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    connection = cast("Connection", request.protocol)
    if length is None:  # chunked: its bytes are counted as they arrive
        reading = request.clone(client_max_size=limit).read()
    else:
        reading = _read_whole(request.content, length, connection)
    try:
        return await connection.in_time(reading)
    except TimeoutError:
        seconds = connection.timeout
        return InvalidRequest(f"/: expected the body to arrive within {seconds:g} s.")
    except web.HTTPRequestEntityTooLarge:
        return RequestTooLarge(limit)
    except NOT_HTTP:
        return InvalidRequest("/: expected a body that is framed correctly.")


async def await_unread_body(request: web.BaseRequest) -> None:
    """Wait a moment for a body that nobody has read, so that the connection can be reused.

    Many clients send the body in a separate segment, a moment after the head.
    """
    if "Expect" in request.headers or request.content.exception() is not None:
        return  # the client holds the body back until it gets a 100, or the body is broken
    with contextlib.suppress(TimeoutError, ConnectionResetError, *NOT_HTTP):
        async with asyncio.timeout(_MOMENT):
            await request.content.wait_eof()


async def _read_whole(content: StreamReader, length: int, connection: Connection) -> bytes:
    """Read a body of known length once it is complete, which costs less than piece by piece."""
    if content.exception() is None:
        content.set_read_chunk_size(length)  # reading is paused when the buffer is full
        connection.resume_reading()  # what came with the head may have filled the smaller one
        await content.wait_eof()
    return content.read_nowait()


def _buffered(request: web.BaseRequest, limit: int) -> bytes | SandboxError | None:
    """Return the body if it has arrived completely, without an error."""
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
