"""Owns how a call of the control API becomes an HTTP request, and what comes back a value."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

from payments_sandbox.client.errors import ControlApiError, Unreachable, UnreachableCause
from payments_sandbox.client.models import Page

CONTROL_PATH: Final = "/_sandbox"
TIMEOUT: Final = 330.0
"""Seconds without an answer after which a call fails: more than the 300 that `verify` may wait."""

OK: Final = 200
__tracebackhide__ = True

T = TypeVar("T")

_SUCCESS: Final = range(200, 300)
_NOT_READY: Final = 503
_TIMED_OUT: Final = "timed out"


class HttpRequest(NamedTuple):
    """A request as it is sent.

    Attributes:
        method: of HTTP.
        target: the path with its query.
        body: the bytes of the body, or None.
        headers: those of this request; what all requests carry is the transport's.
    """

    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = {}

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


class HttpResponse(NamedTuple):
    """A response that has arrived whole."""

    status: int
    body: bytes


def control_request(
    method: str,
    path: str,
    *,
    query: Mapping[str, object] | None = None,
    fields: Mapping[str, object] | None = None,
    body: object = None,
) -> HttpRequest:
    """Write the request of a route.

    Args:
        method: of HTTP.
        path: below `/_sandbox`.
        query: the parameters; those that are None are left out.
        fields: the fields of a JSON object as body; those that are None are left out.
        body: the whole body instead: bytes are YAML, anything else is sent as JSON.
    """
    parameters = urlencode(_given(query or {}))
    target = CONTROL_PATH + path + (f"?{parameters}" if parameters else "")
    if isinstance(body, bytes):
        return HttpRequest(method, target, body, {"Content-Type": "application/yaml"})
    value = body if fields is None else _given(fields)
    if value is None:
        return HttpRequest(method, target)
    headers = {"Content-Type": "application/json"}
    return HttpRequest(method, target, json.dumps(value).encode(), headers)


def read_response(
    model: type[T],  # noqa: ARG001 - for the type checker
    request: HttpRequest,
    response: HttpResponse,
) -> T:
    """Read the JSON of a success, which has the shape that its schema promises.

    Args:
        model: that shape.
        request: for the text of an error.
        response: what came.

    Returns:
        The value; None where the response has no body.

    Raises:
        ControlApiError: the response is an error of the control API.
        Unreachable: the body is not a JSON object, so no sandbox has sent it.
    """
    if response.status in _SUCCESS and not response.body:
        return cast("T", None)
    with suppress(ValueError):
        value = json.loads(response.body)
        if isinstance(value, dict):
            # 503 of `ready` is an answer, too.
            if response.status in _SUCCESS or (response.status == _NOT_READY and "ready" in value):
                return cast("T", value)
            if isinstance(value.get("error"), dict):
                raise ControlApiError(str(request), response.status, value)
    reason = f"status {response.status}"
    text = f"{request}: what answers is no payments-sandbox ({reason})."
    raise Unreachable(text, UnreachableCause.NOT_A_SANDBOX, reason)


def read_text(request: HttpRequest, response: HttpResponse) -> str:
    """Read the text of a success of a route that answers no JSON.

    Raises:
        ControlApiError, Unreachable: as `read_response`.
    """
    if response.status not in _SUCCESS:
        read_response(object, request, response)
    return response.body.decode()


def connection_failure(
    request: HttpRequest, address: str, error: Exception, *, is_http: bool = True
) -> Unreachable:
    """Describe what kept a request from being answered.

    Args:
        request: what was to be sent.
        address: where to.
        error: what was raised.
        is_http: whether the other side speaks HTTP, as far as is known.
    """
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    cause = UnreachableCause.NO_CONNECTION if is_http else UnreachableCause.NOT_HTTP
    if isinstance(error, TimeoutError):
        cause, reason = UnreachableCause.TIMEOUT, _TIMED_OUT
    # Told by its attribute, since `ssl` is loaded only where TLS is; aiohttp wraps it in its own.
    if doubt := getattr(getattr(error, "certificate_error", error), "verify_message", None):
        cause, reason = UnreachableCause.NOT_TRUSTED, str(doubt)
    return Unreachable(f"{request}: no answer from {address}: {reason}.", cause, reason)


def path_segment(value: str) -> str:
    """Encode a variable part of a path, whatever is in it."""
    return quote(value, safe="")


def common_headers(api_key: str | None, token: str | None) -> dict[str, str]:
    """Write the headers of every request: the world's key, and the control token."""
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return headers if token is None else headers | {"Sandbox-Token": token}


def parse_address(url: str) -> str:
    """Reduce a url to the server's address: without a path, such as that of one of its two APIs.

    Raises:
        ValueError: it is not the address of an HTTP server.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"expected an address such as http://127.0.0.1:8080, not {url!r}")
    return f"{parts.scheme}://{parts.netloc}"


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


class BaseClient:
    """What the blocking client and that for asyncio have in common: whom they ask, and for whom."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = parse_address(url)
        self.api_key = api_key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.api_key or 'no world'} at {self.url}>"


LARGEST_PAGE: Final = 1_000
"""Items that a page of the control API has at most."""


class ListPage(Protocol[T]):
    """A method of the client that gives a page of a list."""

    def __call__(self, *, limit: int, starting_after: str | None) -> Page[T]:
        """Ask for one page."""


def every(list_page: ListPage[T]) -> Iterator[T]:
    """Yield all items of a list, in the order of its pages."""
    cursor: str | None = None
    while True:
        page = list_page(limit=LARGEST_PAGE, starting_after=cursor)
        yield from page["data"]
        if (cursor := page["next_cursor"]) is None:
            return


class StreamMessage(NamedTuple):
    """One message of the event stream.

    Attributes:
        kind: what it is about: `request`, `event`, `delivery` or `held`.
        value: that, as the control API shows it; a delivery with its newest attempt alone, and of
            `held` the list of all calls that are held now.
        id: what to send as `last_event_id` to go on after it.
    """

    kind: str
    value: dict[str, Any]
    id: str


class MessageReader:
    """Makes messages of the lines of a stream; half a message at its end is dropped.

    `on_connected` is called once, when the first line arrives.
    """

    def __init__(self, on_connected: Callable[[], None] | None = None) -> None:
        self._on_connected = on_connected
        self._fields: dict[str, str] = {}

    def read(self, line: str) -> StreamMessage | None:
        """Take in a line without its end; returns the message that it completes."""
        if self._on_connected is not None:
            self._on_connected()
            self._on_connected = None
        name, _, value = line.partition(":")
        if name:
            self._fields[name] = value.removeprefix(" ")
        elif not line and "data" in self._fields:
            fields, self._fields = self._fields, {}
            value = json.loads(fields["data"])
            return StreamMessage(fields.get("event", ""), value, fields.get("id", ""))
        return None


def stream_request(last: int | None, last_event_id: str | None) -> HttpRequest:
    """Write the request for the stream: from the last requests on, or after a message's id."""
    request = control_request("GET", "/stream", query={"last": last})
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    return request._replace(headers=headers)
