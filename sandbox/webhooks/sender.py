"""Owns the one way out: a webhook is posted, and what came back is told in words."""

import asyncio
import errno
import ssl
from collections.abc import Mapping
from time import perf_counter
from typing import Final

import aiohttp

from sandbox.domain.cards import mask_in
from sandbox.domain.instants import SECOND
from sandbox.engine.deliveries import Answer, Outcome, verdict_on
from sandbox.webhooks.guard import NotPermittedError, guarded

SHOWN: Final = 20 * 1024
"""Bytes of an answer's body that are kept; the rest is not read."""

LONGEST: Final = 300
"""Characters of what is said of a failure: it may quote what came in place of an answer."""

KEEP_ALIVE: Final = 4
"""Seconds that an idle connection is kept; many receivers close theirs after five."""


class HttpSender:
    """Posts webhooks over one session; nothing is imported or opened before the first."""

    def __init__(self, *, public: bool) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                socket_factory=guarded(public=public), limit=0, keepalive_timeout=KEEP_ALIVE
            ),
            timeout=aiohttp.ClientTimeout(),
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept-Encoding",),
        )
        self._tls: ssl.SSLContext | None = None

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> Outcome:
        """Post once; never raises for what a receiver does."""
        started = perf_counter()
        sent, answer = headers, None
        try:
            async with (
                asyncio.timeout(timeout_ms / SECOND),
                self._session.post(
                    url, data=body, headers=headers, allow_redirects=False, ssl=self._context(url)
                ) as response,
            ):
                sent = _plain(response.request_info.headers)
                answer = _answer(response, await _start_of(response))
            error = verdict_on(answer)
        except (OSError, TimeoutError, aiohttp.ClientError, ValueError) as failure:
            answer, error = None, in_words(failure, timeout_ms)
        return Outcome(sent, answer, error, round((perf_counter() - started) * 1_000, 3))

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    def _context(self, url: str) -> ssl.SSLContext | bool:
        """The certificates are read when the first https url is called."""
        if not url.startswith("https:"):
            return True
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


async def _start_of(response: aiohttp.ClientResponse) -> bytes:
    """The first bytes of the body; a connection that has more to say is not used again."""
    kept = b""
    while len(kept) < SHOWN:
        if not (piece := await response.content.read(SHOWN - len(kept))):
            return kept
        kept += piece
    if not response.content.at_eof():
        response.close()
    return kept


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as ordinary text: the client's keys are of a kind that JSON does not take."""
    return {str(name): str(value) for name, value in headers.items()}


def _answer(response: aiohttp.ClientResponse, body: bytes) -> Answer:
    headers = {name: mask_in(value) for name, value in _plain(response.headers).items()}
    text = mask_in(body.decode("utf-8", "replace"))
    return Answer(response.status, headers, text, response.headers.get("Retry-After"))


def in_words(failure: Exception, timeout_ms: int) -> str:
    """Why there was no answer, as a developer would say it, in one line."""
    return mask_in(" ".join(_words(failure, timeout_ms).split()))[:LONGEST]


def _words(failure: Exception, timeout_ms: int) -> str:
    match failure:
        case TimeoutError():
            return f"no answer within {timeout_ms / SECOND:g} s"
        case aiohttp.ClientConnectorDNSError():
            return f"the host {failure.host} is not known"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return f"TLS failed: {failure}"
        case aiohttp.ClientResponseError():
            return f"the answer is not HTTP: {failure.message}"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return "the connection was closed before the answer was complete"
    return _of_the_system(failure)


def _of_the_system(failure: Exception) -> str:
    match getattr(failure, "os_error", failure):
        case NotPermittedError(strerror=reason):
            return str(reason)
        case OSError(errno=errno.ECONNREFUSED):
            return "the connection was refused"
        case OSError(errno=errno.ECONNRESET | errno.EPIPE):
            return "the connection was reset"
        case OSError(strerror=str(reason)):
            return f"cannot connect: {reason}"
    return f"{type(failure).__name__}: {failure}"
