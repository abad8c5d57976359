"""Owns the one way out: it posts webhooks through aiohttp's client and says what came of each."""

import asyncio
import errno
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import lru_cache, partial
from time import perf_counter
from typing import Any, Final, Self, cast
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from yarl import URL

from payments_sandbox.core.instants import SECOND
from payments_sandbox.core.masking import mask_text
from payments_sandbox.webhooks.delivery import (
    KEPT_BODY,
    AttemptResult,
    ReceiverResponse,
    receiver_response,
    why_failed,
)
from payments_sandbox.webhooks.target_policy import is_permitted

MAX_ERROR: Final = 300
"""Characters of the description of a failure, which may quote what came in place of an answer."""

MAX_HEADER: Final = 64 * 1024
"""Bytes of one header of an answer."""

RECEIVE_BUFFER: Final = 16 * 1024
"""Bytes of an answer that are parsed in one turn of the loop, whatever the receiver sends."""

KEEP_ALIVE: Final = 4
"""Seconds for which an idle connection is kept; many receivers close theirs after five."""

_PORTS: Final = {"http": 80, "https": 443}
_UNQUOTED: Final = "%/?:@!$&'()*+,;="
"""What stands in a path or a query as it is (RFC 3986); a url may have been quoted already."""


class HttpSender:
    """Posts webhooks; nothing is opened before the first.

    Args:
        public: whether webhooks may go to public addresses.
        tls: what verifies certificates; True takes the authorities that the system trusts.
    """

    def __init__(self, *, public: bool, tls: ssl.SSLContext | bool = True) -> None:
        self._open_session = partial(_open_session, public=public, tls=tls)
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> AttemptResult:
        """Post once; what the receiver or the network does wrong is returned, not raised.

        Args:
            url: http or https.
            headers: all but `Host` and `Content-Length`, which are added; no others are.
            body: as it goes out.
            timeout_ms: wall milliseconds for all of it: the name, the connection, the answer.
        """
        started = perf_counter()
        sent, response = headers, None
        try:
            target, host = _target(url)
            sent = {"Host": host, **headers, "Content-Length": str(len(body))}
            async with asyncio.timeout(timeout_ms / SECOND):
                response = await self._exchange(target, sent, body)
            error = why_failed(response)
        except (aiohttp.ClientError, OSError, ValueError) as failure:
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
        # A kept connection may have been closed by the receiver just now. In two turns the loop
        # sees what the system knows, and the session then takes another: no attempt is wasted.
        await asyncio.sleep(0)  # noqa: TID251 - no time passes
        await asyncio.sleep(0)  # noqa: TID251
        posted = await self._session.post(url, data=body, headers=headers, allow_redirects=False)
        response = cast("_Response", posted)
        try:
            start = await _read_start(response.content)
        finally:
            # A receiver that fails often closes its connection a moment later without saying so.
            if response.status >= 500 or not response.content.at_eof():  # noqa: PLR2004
                response.discard_connection()
            response.release()
        return receiver_response(response.status, response.raw_headers, start)


class _Response(aiohttp.ClientResponse):
    """Remembers its connection, which aiohttp keeps for the next post once the answer is read."""

    async def start(self, connection: Connection) -> Self:
        self._handler = cast(ResponseHandler, connection.protocol)  # there until it is released
        await super().start(connection)
        return self

    def discard_connection(self) -> None:
        """Let no other post use the connection."""
        self._handler.close()


def _open_session(*, public: bool, tls: ssl.SSLContext | bool) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        ssl=tls,
        resolver=_SystemResolver(),
        use_dns_cache=False,  # a name may lead elsewhere the next time
        keepalive_timeout=KEEP_ALIVE,
        limit=0,  # the dispatcher has the limits
        socket_factory=guarded_sockets(public=public),
    )
    return aiohttp.ClientSession(
        connector=connector,
        response_class=_Response,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),  # `post` has one of its own, to the millisecond
        max_line_size=MAX_HEADER,
        max_field_size=MAX_HEADER,
    )


async def _read_start(content: aiohttp.StreamReader) -> bytes:
    pieces, room = [], KEPT_BODY
    while room and (piece := await content.read(room)):
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces)


@lru_cache(maxsize=256)
def _target(url: str) -> tuple[URL, str]:
    """Return where to post, and what `Host` says: without the port that the scheme implies."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError("expected an http or https url")
    host = parts.netloc.lower().removesuffix(f":{_PORTS[parts.scheme]}")
    path, query = quote(parts.path or "/", _UNQUOTED), quote(parts.query, _UNQUOTED)
    target = f"{path}?{query}" if query else path
    return URL(f"{parts.scheme}://{parts.netloc}{target}", encoded=True), host


class TargetNotPermittedError(OSError):
    """A webhook was about to go to an address that none may go to."""


def guarded_sockets(*, public: bool) -> Callable[[Any], socket.socket]:
    """Return the maker of sockets, which refuses addresses that are not permitted.

    It sees what is connected to: any spelling, and names that lead elsewhere the second time.
    """

    def make_socket(info: Any) -> socket.socket:  # noqa: ANN401 - aiohttp's AddrInfoType is private
        family, kind, protocol, _, address = info
        if not is_permitted(ipaddress.ip_address(address[0].partition("%")[0]), public=public):
            reason = f"{address[0]} is not a permitted webhook target"
            raise TargetNotPermittedError(errno.EACCES, reason)
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return made

    return make_socket


class _SystemResolver(AbstractResolver):
    """Asks the system for addresses, each name in a thread of its own.

    asyncio's threads are few, and its loop ends after them: a silent name server would hold up
    every other name, and the exit.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        ask = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        try:
            addresses = [str(address[0]) for *_, address in await _in_a_thread(ask)]
        except UnicodeError as error:  # not a name by its form, such as a label of 64 letters
            raise OSError(str(error)) from error
        return [ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
                for each in addresses]  # fmt: skip

    async def close(self) -> None:
        """Do nothing: there is nothing open."""


async def _in_a_thread(ask: Callable[[], list[Any]]) -> list[Any]:
    done: Future[list[Any]] = Future()
    done.set_running_or_notify_cancel()  # whoever waits may leave; the thread ends all the same

    def work() -> None:
        try:
            done.set_result(ask())
        except Exception as error:  # noqa: BLE001 - the one who waits gets it
            done.set_exception(error)

    threading.Thread(target=work, name="payments-sandbox-names", daemon=True).start()
    return await asyncio.wrap_future(done)


def describe_failure(failure: Exception, timeout_ms: int) -> str:
    """Say why there was no answer within `timeout_ms`, in one line and without card numbers."""
    return mask_text(" ".join(_describe(failure, timeout_ms).split()))[:MAX_ERROR]


def _describe(failure: Exception, timeout_ms: int) -> str:
    match failure:
        case TimeoutError(errno=None):
            return f"no answer within {timeout_ms / SECOND:g} s"
        case aiohttp.ClientConnectorDNSError(host=host):
            return f"the host {host} is not known"
        case aiohttp.ClientConnectorError(os_error=cause):
            return _describe_os_error(cause)
        case aiohttp.ClientResponseError(message=message):
            return f"the answer is not HTTP: {message.rstrip('^ ')}"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return "the connection was closed before the answer was complete"
    return _describe_os_error(failure)


def _describe_os_error(failure: Exception) -> str:
    match failure:
        case TargetNotPermittedError(strerror=reason):
            return str(reason)
        case ssl.SSLError():
            return f"TLS failed: {failure}"
        case ConnectionRefusedError():
            return "the connection was refused"
        case ConnectionResetError() | OSError(errno=errno.EPIPE | errno.ECONNRESET):
            return "the connection was reset"
        case OSError(strerror=str(reason)):
            return f"cannot connect: {reason}"
    return f"{type(failure).__name__}: {failure}"
