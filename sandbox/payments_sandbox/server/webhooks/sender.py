"""Owns the server's only outgoing connections: it posts webhooks with aiohttp's client."""

import asyncio
import errno
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import lru_cache, partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from payments_sandbox.core.instants import SECOND
from payments_sandbox.core.masking import mask_text
from payments_sandbox.server.webhooks.answer_reader import (
    RECEIVE_BUFFER,
    AnswerReader,
    NotTakenError,
)
from payments_sandbox.webhooks.delivery import (
    KEPT_BODY,
    AttemptResult,
    ReceiverResponse,
    receiver_response,
    why_failed,
)
from payments_sandbox.webhooks.target_policy import PORTS, is_permitted

MAX_ERROR: Final = 300
"""Characters of a failure's description, which may quote what the receiver has sent."""

MAX_HEADER: Final = 64 * 1024
"""Bytes of one header line of an answer, at most."""

KEEP_ALIVE: Final = 4
"""Seconds that an idle connection is kept: less than the five after which many receivers close."""

_TRUST: Final = "; --webhook-ca FILE trusts the certificates in a file"

_NO_SUCH_NAME: Final = frozenset(
    getattr(socket, name)
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_FAIL", "EAI_ADDRFAMILY")
    if hasattr(socket, name)
)
"""The errors for a name that does not exist, unlike those for a failed look-up."""

_UNQUOTED: Final = "%/?:@!$&'()*+,;="
"""Characters that are not quoted in a path or a query (RFC 3986).

They include `%`, since a URL may have been quoted already.
"""


class HttpSender:
    """Posts webhooks; its session is opened with the first one.

    Args:
        public: whether webhooks may go to public addresses.
        tls: the context that verifies certificates; True for the authorities of the system.
    """

    def __init__(self, *, public: bool, tls: ssl.SSLContext | bool = True) -> None:
        self._open_session = partial(_open_session, public=public, tls=tls)
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> AttemptResult:
        """Make one attempt; failures of the receiver or the network are returned, not raised.

        Args:
            url: an http or https URL.
            headers: all headers except `Host` and `Content-Length`, which are added here; among
                them `Content-Type` and `User-Agent`.
            body: the body, as it is sent.
            timeout_ms: wall milliseconds for look-up, connection and answer together.
        """
        started = perf_counter()
        sent, response = headers, None
        try:
            target, host = _target(url)
            sent = {"Host": host, **headers, "Content-Length": str(len(body))}
            async with asyncio.timeout(timeout_ms / SECOND):
                response = await self._exchange(target, sent, body)
            error = why_failed(response)
        # The last one is raised by aiohttp's parser in pure Python, for a body.
        except (aiohttp.ClientError, OSError, ValueError, HttpProcessingError) as failure:
            error = describe_failure(failure, timeout_ms)
        return AttemptResult(sent, response, error, round((perf_counter() - started) * 1_000, 3))

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def _exchange(
        self, url: URL, headers: Mapping[str, str], body: bytes
    ) -> ReceiverResponse:
        if self._session is None:
            self._session = self._open_session()
        while True:  # each turn uses up one kept connection, and a new one ends the loop
            try:
                response = await self._session.post(
                    url, data=body, headers=headers, allow_redirects=False
                )
            except NotTakenError:
                continue
            break
        try:
            start = await _read_start(response.content)
        finally:
            if not response.closed:
                response.close()  # the rest of the body is still to come
        return receiver_response(response.status, response.raw_headers, start)


class _Request(aiohttp.ClientRequest):
    """A request with no headers that we have not written."""

    DEFAULT_HEADERS = {}  # noqa: RUF012 - nobody changes it, as in the base class


def trusting(certificates: Path | None) -> ssl.SSLContext | bool:
    """Return what verifies receivers: the system's authorities, and those of a file."""
    if certificates is None:
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(certificates)
    return context


def _open_session(*, public: bool, tls: ssl.SSLContext | bool) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        ssl=tls,
        resolver=_SystemResolver(),
        use_dns_cache=False,  # a name may resolve to another address the next time
        keepalive_timeout=KEEP_ALIVE,
        limit=0,  # the dispatcher has the limits
        socket_factory=guarded_sockets(public=public),
    )
    reader: Callable[..., ResponseHandler] = AnswerReader
    # aiohttp has no option for it.
    connector._factory = partial(reader, loop=asyncio.get_running_loop())  # noqa: SLF001
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        request_class=_Request,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),  # `post` has its own, exact to the millisecond
        max_line_size=MAX_HEADER,
        max_field_size=MAX_HEADER,
    )


async def _read_start(content: aiohttp.StreamReader) -> bytes:
    pieces, room = [], KEPT_BODY
    while room and not content.at_eof():
        piece = await content.read(room)
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces)


@lru_cache(maxsize=256)
def _target(url: str) -> tuple[URL, str]:
    """Return the URL to post to, and the `Host`, without the scheme's default port."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        raise ValueError("expected an http or https url")
    host = parts.netloc.lower().removesuffix(f":{PORTS[parts.scheme]}")
    path, query = quote(parts.path or "/", _UNQUOTED), quote(parts.query, _UNQUOTED)
    target = f"{path}?{query}" if query else path
    return URL(f"{parts.scheme}://{parts.netloc}{target}", encoded=True), host


class TargetNotPermittedError(OSError):
    """A webhook was about to be sent to an address that is not permitted."""


def guarded_sockets(*, public: bool) -> Callable[[Any], socket.socket]:
    """Return a socket factory that refuses addresses that are not permitted.

    It checks the address that is really connected to, so that neither its spelling nor a name that
    resolves differently the second time gets around the check.
    """

    def make_socket(info: Any) -> socket.socket:  # noqa: ANN401 - aiohttp's AddrInfoType is private
        family, kind, protocol, _, address = info
        if not is_permitted(ipaddress.ip_address(address[0].partition("%")[0]), public=public):
            reason = f"{address[0]} is not a permitted webhook target"
            raise TargetNotPermittedError(errno.EACCES, reason)
        made = socket.socket(family, kind, protocol)
        # Set before connecting, since that negotiates the window.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return made

    return make_socket


class _SystemResolver(AbstractResolver):
    """Resolves names with the system's resolver, each in its own thread.

    asyncio has few threads for this, and its loop waits for them at the end: a silent name server
    would block all other look-ups, and the exit.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        # Names below localhost are loopback (RFC 6761); not every resolver knows that.
        asked = "localhost" if host.rstrip(".").lower().endswith(".localhost") else host
        ask = partial(socket.getaddrinfo, asked, port, family, socket.SOCK_STREAM)
        try:
            addresses = [str(address[0]) for *_, address in await _in_a_thread(ask)]
        except UnicodeError as error:  # not a valid name, such as a label of 64 letters
            raise OSError(str(error)) from error
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "the host has no address")
        return [ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
                for each in addresses]  # fmt: skip

    async def close(self) -> None:
        """Do nothing: nothing is open."""


async def _in_a_thread(ask: Callable[[], list[Any]]) -> list[Any]:
    done: Future[list[Any]] = Future()
    done.set_running_or_notify_cancel()  # cannot be cancelled: the thread sets it in any case

    def work() -> None:
        try:
            done.set_result(ask())
        except Exception as error:  # noqa: BLE001 - the waiting caller gets it
            done.set_exception(error)

    try:
        threading.Thread(target=work, name="payments-sandbox-names", daemon=True).start()
    except RuntimeError as error:  # the system cannot start another thread
        raise OSError(errno.EAGAIN, str(error)) from error
    return await asyncio.wrap_future(done)


def describe_failure(failure: Exception, timeout_ms: int) -> str:
    """Say why there was no answer within `timeout_ms`, in one line and without card numbers."""
    return mask_text(" ".join(_describe(failure, timeout_ms).split()))[:MAX_ERROR]


def _describe(failure: Exception, timeout_ms: int) -> str:
    match failure:
        case TimeoutError(errno=None):
            return f"no answer within {timeout_ms / SECOND:g} s"
        case aiohttp.ClientConnectorDNSError(host=host, os_error=cause):
            return _describe_lookup(host, cause)
        case aiohttp.ClientConnectorError(os_error=cause):
            return _describe_os_error(cause)
        case aiohttp.ClientResponseError(message=message) | HttpProcessingError(message=message):
            return f"the answer is not HTTP: {message.rstrip('^ ')}"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return "the connection was closed before the answer was complete"
    return _describe_os_error(failure)


def _describe_lookup(host: str, failure: OSError) -> str:
    """Say that a name does not exist, or why it could not be looked up."""
    if failure.errno is None or failure.errno in _NO_SUCH_NAME:
        return f"cannot resolve the host {host}"
    return f"cannot resolve the host {host}: {failure.strerror}"


def _describe_os_error(failure: Exception) -> str:
    match failure:
        case TargetNotPermittedError(strerror=reason):
            return str(reason)
        case ssl.SSLError():
            is_distrusted = isinstance(failure, ssl.SSLCertVerificationError)
            return f"TLS failed: {failure}{_TRUST if is_distrusted else ''}"
        case ConnectionRefusedError():
            return "the connection was refused"
        case ConnectionResetError() | OSError(errno=errno.EPIPE | errno.ECONNRESET):
            return "the connection was reset"
        case OSError(strerror=str(reason)):
            return f"cannot connect: {reason}"
    return f"{type(failure).__name__}: {failure}"
