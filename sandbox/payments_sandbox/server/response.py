"""Owns how a reply of the emulated API is sent: head and body, known as a whole, in one write.

aiohttp's own response would take a dozen calls to build and send the head: a quarter of what a
bare request costs.
"""

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from aiohttp import HttpVersion, HttpVersion10, HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time

SERVER: Final = {"Server": "payments-sandbox"}
"""What every reply says of who sent it, and of nothing else: no version of ours or of aiohttp."""

EVERY_REPLY: Final = {"Content-Type": "application/json", **SERVER}
"""Header lines that all replies have, beside their length and date."""

_REASONS: Final[dict[int, str]] = {status.value: status.phrase for status in HTTPStatus}


class JsonResponse(web.StreamResponse):
    """A JSON reply that is all there.

    Args:
        status: the HTTP status.
        lines: header lines beside those that every reply has; `headers` adds more.
        body: what the head promises; a HEAD request gets the head alone.

    Raises:
        ValueError: a line has a break in it, and would be two.
    """

    def __init__(self, status: int, lines: Mapping[str, str], body: bytes) -> None:
        super().__init__(status=status)
        self._lines = _checked(lines)
        self._whole = body
        self._stays_open = True

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can be used again."""
        return self._stays_open

    def force_close(self) -> None:
        """Let this be the connection's last reply."""
        self._stays_open = False

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send everything; aiohttp calls this once.

        Raises:
            ConnectionError: the client has left.
        """
        self._stays_open = self._stays_open and request.keep_alive
        head = self._head(request.version)
        await request.writer.write_eof(head if request.method == "HEAD" else head + self._whole)

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""

    def _head(self, version: HttpVersion) -> bytes:
        start = _start(version, self.status, stays_open=self._stays_open)
        added = _lines(self.headers) if self.headers else ""
        return _head(start, self._lines + added, self._whole)


def _head(start: str, lines: str, body: bytes) -> bytes:
    end = f"Content-Length: {len(body)}\r\nDate: {rfc822_formatted_time()}\r\n\r\n"
    return f"{start}{lines}{end}".encode()


def _checked(headers: Mapping[str, str]) -> str:
    lines = _lines(headers)
    if not lines.count("\r") == lines.count("\n") == len(headers):
        raise ValueError("a header line has a line break in it")
    return lines


def _lines(headers: Mapping[str, str]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


@lru_cache(maxsize=256)
def _start(version: HttpVersion, status: int, *, stays_open: bool) -> str:
    """The lines that many replies begin with."""
    reason = _REASONS.get(status, "")
    start = f"HTTP/{version.major}.{version.minor} {status} {reason}\r\n"
    start += _lines(EVERY_REPLY)
    if stays_open and version == HttpVersion10:
        return f"{start}Connection: keep-alive\r\n"
    if not stays_open and version == HttpVersion11:
        return f"{start}Connection: close\r\n"
    return start
