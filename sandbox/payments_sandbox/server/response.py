"""Owns the responses: JSON sent in one write, and a placeholder for a reply that was sent already.

aiohttp's own response creates a dozen objects to build and send a head, which takes a quarter of
the time of a bare request. Here a head is one `bytes` format.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from aiohttp import HttpVersion, HttpVersion10, HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time
from multidict import CIMultiDict

from payments_sandbox.api.call import RateLimitHeaders

SERVER: Final = {"Server": "payments-sandbox"}
"""The `Server` header of every reply; it shows no version, neither ours nor aiohttp's."""

EVERY_REPLY: Final = {"Content-Type": "application/json", **SERVER}
"""Header lines that all JSON replies have, in addition to their length and date."""

_REASONS: Final[dict[int, str]] = {status.value: status.phrase for status in HTTPStatus}
_LIMITS: Final = (
    b"%bX-RateLimit-Limit: %d\r\nX-RateLimit-Remaining: %d\r\nX-RateLimit-Reset: %d\r\n"
    b"%bContent-Length: %d\r\nDate: %b\r\n\r\n"
)
_LINES: Final = b"%b%b%bContent-Length: %d\r\nDate: %b\r\n\r\n"


class JsonResponse(web.StreamResponse):
    """A JSON reply whose body is complete when it is made.

    Args:
        status: the HTTP status.
        lines: header lines in addition to those of every reply; `headers` can add more.
        body: the body; a HEAD request gets only the head that goes with it.

    Raises:
        ValueError: a header has a line break in it, which would make it two.
    """

    def __init__(self, status: int, lines: Mapping[str, str], body: bytes) -> None:
        # No `super().__init__()`: everything that it creates is for methods overridden here.
        self._code = status
        self._lines = lines if type(lines) is RateLimitHeaders else _encoded(lines)
        self._added: CIMultiDict[str] | None = None
        self._whole = body
        self._stays_open = True

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._code

    @property
    def headers(self) -> "CIMultiDict[str]":
        """Further header lines to send, in addition to those passed to the constructor."""
        if self._added is None:
            self._added = CIMultiDict()
        return self._added

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can be used again."""
        return self._stays_open

    def force_close(self) -> None:
        """Close the connection after this reply."""
        self._stays_open = False

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send everything; aiohttp calls this once.

        Raises:
            ConnectionError: the client has left.
        """
        self._stays_open = self._stays_open and request.keep_alive
        start = _start(request.version, self._code, self._stays_open)
        added = b"" if self._added is None else _encoded(self._added)
        lines, length, date = self._lines, len(self._whole), rfc822_formatted_time().encode()
        if isinstance(lines, bytes):
            head = _LINES % (start, lines, added, length, date)
        else:
            limit, remaining, reset_at = lines.limit, lines.remaining, lines.reset_at
            head = _LIMITS % (start, limit, remaining, reset_at, added, length, date)
        await request.writer.write_eof(head if request.method == "HEAD" else head + self._whole)

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: `prepare` has sent everything."""


class AlreadySent(web.StreamResponse):
    """Stands for a response that was written to the socket already: aiohttp sends nothing more.

    Args:
        stays_open: whether the connection can be used again; otherwise aiohttp closes it.
    """

    def __init__(self, *, stays_open: bool = False) -> None:
        super().__init__()
        self._stays_open = stays_open

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can be used again."""
        return self._stays_open

    async def prepare(self, request: web.BaseRequest) -> None:  # noqa: ARG002 - aiohttp's
        """Send nothing.

        Raises:
            ConnectionResetError: the connection is to be closed. aiohttp takes this for a client
                that has left, closes, and logs nothing.
        """
        if not self._stays_open:
            raise ConnectionResetError("the exchange has ended")

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""


async def send_blocks(request: web.BaseRequest, blocks: Sequence[bytes]) -> web.StreamResponse:
    """Send a large JSON reply block by block, at the pace of its reader.

    Raises:
        ConnectionError: the client has left.
    """
    response = web.StreamResponse(headers=EVERY_REPLY)
    response.content_length = sum(map(len, blocks))
    await response.prepare(request)
    for block in () if request.method == "HEAD" else blocks:
        await response.write(block)
        await asyncio.sleep(0)  # noqa: TID251 - with a fast reader, `write` never lets others run
    return response


def _encoded(headers: Mapping[str, str]) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if not lines.count("\r") == lines.count("\n") == len(headers):
        raise ValueError("a header contains a line break")
    return lines.encode()


@lru_cache(maxsize=256)
def _start(version: HttpVersion, status: int, stays_open: bool) -> bytes:  # noqa: FBT001 - a keyword would cost as much as the cached look-up
    """Return the status line and the lines of every reply, which many replies share."""
    reason = _REASONS.get(status, "")
    start = f"HTTP/{version.major}.{version.minor} {status} {reason}\r\n".encode()
    connection = connection_option(version, stays_open=stays_open)
    return start + _encoded(EVERY_REPLY | ({"Connection": connection} if connection else {}))


def connection_option(version: HttpVersion, *, stays_open: bool) -> str:
    """Return the value of a reply's `Connection`; "" if it is its HTTP version's default."""
    if stays_open:
        return "keep-alive" if version == HttpVersion10 else ""
    return "close" if version == HttpVersion11 else ""
