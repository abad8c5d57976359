"""Owns the one way out: a webhook is posted, and what came back is told in words."""

import asyncio
import errno
import ssl
from collections.abc import Mapping
from functools import lru_cache
from time import perf_counter
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from payments_sandbox.core.instants import SECOND
from payments_sandbox.core.masking import mask_text
from payments_sandbox.server.webhooks.connections import Connections, Origin, UnknownHostError
from payments_sandbox.server.webhooks.guard import NotPermittedError
from payments_sandbox.server.webhooks.replies import CutOffError, NotHttpError, Reply
from payments_sandbox.webhooks.delivery import Answer, Outcome, verdict_on

LONGEST: Final = 300
"""Characters of what is said of a failure: it may quote what came in place of an answer."""

_PORTS: Final = {"http": 80, "https": 443}
_KEPT: Final = "%/?:@!$&'()*+,;="
"""What stands in a path or a query as it is (RFC 3986); a url may have been quoted already."""


class _Target(NamedTuple):
    """What a url says: where the connection leads, and what goes to the head of a request."""

    origin: Origin
    host: str
    path: str


class HttpSender:
    """Posts webhooks; nothing is opened before the first.

    Args:
        public: whether they may go to public addresses.
    """

    def __init__(self, *, public: bool) -> None:
        self._connections = Connections(public=public)

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> Outcome:
        """Post once; never raises for what a receiver does."""
        started = perf_counter()
        sent, answer = headers, None
        try:
            target = _target(url)
            sent = {"Host": target.host, **headers, "Content-Length": str(len(body))}
            request = _request(target.path, sent, body)
            async with asyncio.timeout(timeout_ms / SECOND):
                answer = _answer(await self._connections.post(target.origin, request))
            error = verdict_on(answer)
        except (OSError, ValueError, NotHttpError, CutOffError) as failure:
            error = in_words(failure, timeout_ms)
        return Outcome(sent, answer, error, round((perf_counter() - started) * 1_000, 3))

    async def close(self) -> None:
        """Close every connection."""
        self._connections.close()


@lru_cache(maxsize=256)
def _target(url: str) -> _Target:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError("expected an http or https url")
    host, default = parts.hostname or "", _PORTS[parts.scheme]
    port = default if parts.port is None else parts.port
    path, query = quote(parts.path or "/", _KEPT), quote(parts.query, _KEPT)
    return _Target(
        Origin(parts.scheme == "https", host, port),
        parts.netloc.lower().removesuffix(f":{default}"),
        f"{path}?{query}" if query else path,
    )


def _request(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    if not "".join([*headers, *headers.values()]).isprintable():
        raise ValueError("a header would end before its end")
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def _answer(reply: Reply) -> Answer:
    headers = {name: mask_text(value) for name, value in reply.headers.items()}
    asked = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    return Answer(reply.status, headers, mask_text(reply.body.decode("utf-8", "replace")), asked)


def in_words(failure: Exception, timeout_ms: int) -> str:
    """Why there was no answer, as a developer would say it, in one line."""
    return mask_text(" ".join(_words(failure, timeout_ms).split()))[:LONGEST]


def _words(failure: Exception, timeout_ms: int) -> str:
    match failure:
        case TimeoutError(errno=None):
            return f"no answer within {timeout_ms / SECOND:g} s"
        case UnknownHostError():
            return f"the host {failure} is not known"
        case ssl.SSLError():
            return f"TLS failed: {failure}"
        case NotHttpError():
            return f"the answer is not HTTP: {failure}"
        case CutOffError():
            return "the connection was closed before the answer was complete"
    return _of_the_system(failure)


def _of_the_system(failure: Exception) -> str:
    match failure:
        case NotPermittedError(strerror=reason):
            return str(reason)
        case ConnectionRefusedError():
            return "the connection was refused"
        case ConnectionResetError() | OSError(errno=errno.EPIPE):
            return "the connection was reset"
        case OSError(strerror=str(reason)):
            return f"cannot connect: {reason}"
    return f"{type(failure).__name__}: {failure}"
