"""Owns how a call of the control API becomes an HTTP request, and a response becomes a value."""

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
        method: the HTTP method.
        target: the path with its query.
        body: the bytes of the body, or None.
        headers: the headers of this request; the transport adds those of all requests.
    """

    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = {}

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


class HttpResponse(NamedTuple):
    """A response whose body was read completely."""

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
    """Make the request of a route.

    Args:
        method: the HTTP method.
        path: the path below `/_sandbox`.
        query: the parameters; those that are None are left out.
        fields: the fields of a JSON object to send as body; those that are None are left out.
        body: the whole body instead: bytes are sent as YAML, anything else as JSON.
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
    """Return the JSON of a successful response.

    Args:
        model: the type of the value; it is not checked at run time.
        request: the request, for the text of an error.
        response: the response.

    Returns:
        The value; None if the response has no body.

    Raises:
        ControlApiError: the response is an error of the control API.
        Unreachable: the response is not from a sandbox: its body is not a JSON object, or it is
            an error without the API's envelope.
    """
    if response.status in _SUCCESS and not response.body:
        return cast("T", None)
    with suppress(ValueError):
        value = json.loads(response.body)
        if isinstance(value, dict):
            # The 503 of `ready` is a value, too, and not an error.
            if response.status in _SUCCESS or (response.status == _NOT_READY and "ready" in value):
                return cast("T", value)
            if isinstance(value.get("error"), dict):
                raise ControlApiError(str(request), response.status, value)
    reason = f"status {response.status}"
    text = f"{request}: the server is not a payments-sandbox ({reason})."
    raise Unreachable(text, UnreachableCause.NOT_A_SANDBOX, reason)


def read_text(request: HttpRequest, response: HttpResponse) -> str:
    """Return the text of a successful response, for routes that do not answer JSON.

    Raises:
        ControlApiError, Unreachable: as `read_response`.
    """
    if response.status not in _SUCCESS:
        read_response(object, request, response)
    return response.body.decode()


def connection_failure(
    request: HttpRequest, address: str, error: Exception, *, is_http: bool = True
) -> Unreachable:
    """Make the error for a request that got no response.

    Args:
        request: the request.
        address: the address of the server.
        error: what was raised.
        is_http: False if the error shows that the other side does not speak HTTP.
    """
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    cause = UnreachableCause.NO_CONNECTION if is_http else UnreachableCause.NOT_HTTP
    if isinstance(error, TimeoutError):
        cause, reason = UnreachableCause.TIMEOUT, _TIMED_OUT
    # Recognised by its attribute, since `ssl` may not be imported; aiohttp wraps it in its own.
    if doubt := getattr(getattr(error, "certificate_error", error), "verify_message", None):
        cause, reason = UnreachableCause.NOT_TRUSTED, str(doubt)
    return Unreachable(f"{request}: no answer from {address}: {reason}.", cause, reason)


def path_segment(value: str) -> str:
    """Percent-encode a variable part of a path."""
    return quote(value, safe="")


def common_headers(api_key: str | None, token: str | None) -> dict[str, str]:
    """Return the headers of every request: the world's key, and the control token."""
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return headers if token is None else headers | {"Sandbox-Token": token}


def parse_address(url: str) -> str:
    """Return the server's address from a URL: scheme, host and port, without any path.

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
    """The common part of the blocking client and that for asyncio: the address and the API key."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = parse_address(url)
        self.api_key = api_key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.api_key or 'no world'} at {self.url}>"


LARGEST_PAGE: Final = 1_000
"""Items on a page of the control API, at most."""


class ListPage(Protocol[T]):
    """A method of the client that returns a page of a list."""

    def __call__(self, *, limit: int, starting_after: str | None) -> Page[T]:
        """Return one page."""


def every(list_page: ListPage[T]) -> Iterator[T]:
    """Yield all items of a list, page after page."""
    cursor: str | None = None
    while True:
        page = list_page(limit=LARGEST_PAGE, starting_after=cursor)
        yield from page["data"]
        if (cursor := page["next_cursor"]) is None:
            return


class StreamMessage(NamedTuple):
    """One message of the event stream.

    Attributes:
        kind: `request`, `event`, `delivery` or `held`.
        value: the item, in the control API's JSON. A delivery has only its newest attempt; for
            `held`, the value is the list of all calls that are held now.
        id: the `last_event_id` with which a new stream continues after this message.
    """

    kind: str
    value: dict[str, Any]
    id: str


class MessageReader:
    """Turns the lines of a stream into messages; an incomplete one at its end is dropped.

    Args:
        on_connected: called once, when the first line arrives.
    """

    def __init__(self, on_connected: Callable[[], None] | None = None) -> None:
        self._on_connected = on_connected
        self._fields: dict[str, str] = {}

    def read(self, line: str) -> StreamMessage | None:
        """Read a line, without its line break; return the message that it completes, if any."""
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
    """Make the request for the stream: from the last requests on, or after a message's id."""
    request = control_request("GET", "/stream", query={"last": last})
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    return request._replace(headers=headers)
