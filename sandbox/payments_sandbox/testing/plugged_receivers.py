"""Owns the webhook receivers of a sandbox without a socket, selected by url."""

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from inspect import iscoroutinefunction
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from payments_sandbox.core.masking import mask_text
from payments_sandbox.server.webhooks.sender import MAX_ERROR
from payments_sandbox.webhooks.delivery import (
    KEPT_BODY,
    AttemptResult,
    ReceiverResponse,
    receiver_response,
    why_failed,
)

if TYPE_CHECKING:
    import httpx

    from payments_sandbox.testing.direct_server import Unlocked

    Receiver = httpx.BaseTransport | httpx.AsyncBaseTransport
    """An httpx transport, such as `httpx.WSGITransport(app)` or `httpx.ASGITransport(app)`."""

__tracebackhide__ = True

T = TypeVar("T")

_SCHEMES: Final = ("http://", "https://")

NOT_PLUGGED_IN: Final = (
    "a sandbox without a socket sends only to inbox:NAME and to its receivers;"
    " running_sandbox() sends anywhere"
)


class PluggedReceivers:
    """Posts webhooks to receivers in this process.

    Args:
        receivers: transports by the beginning of the url; the longest match answers.
        unlocked: unlocks the sandbox for other calls until a receiver has answered.
    """

    def __init__(self, receivers: "Mapping[str, Receiver]", unlocked: "Unlocked") -> None:
        self._receivers = dict(sorted(receivers.items(), key=lambda each: -len(each[0])))
        self._unlocked = unlocked

    async def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_ms: int,  # noqa: ARG002 - a call within the process is not cut short
    ) -> AttemptResult:
        """Post once; an exception of the receiver is a failed attempt."""
        found = next((each for each in self._receivers if url.startswith(each)), None)
        if found is None:
            return AttemptResult(headers, None, NOT_PLUGGED_IN, 0.0)
        started = perf_counter()
        response = None
        try:
            response = self._unlocked(partial(_ask, self._receivers[found], url, headers, body))
            error = why_failed(response)
        # Any failure of the receiver. `DirectServer` raises other than Exceptions after the call.
        except BaseException as failure:  # noqa: BLE001
            error = mask_text(f"{type(failure).__name__}: {failure}")[:MAX_ERROR]
        took = round((perf_counter() - started) * 1_000, 3)
        return AttemptResult(headers, response, error, took)

    async def close(self) -> None:
        """Do nothing: nothing is open."""


def checked_receivers(receivers: "Mapping[str, Receiver]") -> "dict[str, Receiver]":
    """Return the receivers if they are valid transports for valid urls.

    Raises:
        TypeError, ValueError: one is not; the message says which, and what would have worked.
    """
    if not isinstance(receivers, Mapping):
        raise TypeError(
            "receivers: expected a dict of transports by url, such as"
            " {'https://shop.example/': httpx.WSGITransport(app)}"
        )
    for url, receiver in receivers.items():
        if not any(url.startswith(each) or each.startswith(url) for each in _SCHEMES):
            raise ValueError(
                "receivers: expected the beginning of a url, such as https://shop.example/, got"
                f" {url!r}"
            )
        if not _is_transport(receiver):
            raise TypeError(
                f"receivers: expected an httpx transport for {url}, such as"
                " httpx.WSGITransport(app) or httpx.ASGITransport(app)"
            )
    return dict(receivers)


def _is_transport(receiver: object) -> bool:
    import httpx

    return isinstance(receiver, httpx.BaseTransport | httpx.AsyncBaseTransport)


def _ask(
    receiver: "Receiver", url: str, headers: Mapping[str, str], body: bytes
) -> ReceiverResponse:
    import httpx

    request = httpx.Request("POST", url, headers=dict(headers), content=body)
    # `MockTransport` is a transport of both kinds; its handler decides which one applies.
    is_async = iscoroutinefunction(getattr(receiver, "handler", None))
    if isinstance(receiver, httpx.BaseTransport) and not is_async:
        response = receiver.handle_request(request)
        with contextlib.closing(response):
            start = _start_of(cast("Iterable[bytes]", response.stream))
    else:
        response, start = _run(_awaited(cast("httpx.AsyncBaseTransport", receiver), request))
    return receiver_response(response.status_code, tuple(response.headers.raw), start)


async def _awaited(
    receiver: "httpx.AsyncBaseTransport", request: "httpx.Request"
) -> "tuple[httpx.Response, bytes]":
    response = await receiver.handle_async_request(request)
    async with contextlib.aclosing(response):
        stream = cast("AsyncIterable[bytes]", response.stream)
        return response, await _start_of_async(stream)


def _start_of(stream: Iterable[bytes]) -> bytes:
    """Read the part of a raw body that is kept; the body may be endless or badly encoded."""
    start = bytearray()
    for piece in stream:
        start += piece[:KEPT_BODY]
        if len(start) >= KEPT_BODY:
            break
    return bytes(start)


async def _start_of_async(stream: AsyncIterable[bytes]) -> bytes:
    start = bytearray()
    async for piece in stream:
        start += piece[:KEPT_BODY]
        if len(start) >= KEPT_BODY:
            break
    return bytes(start)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run in a new event loop; in another thread if this one has a running loop."""
    if not _has_loop():
        return asyncio.run(work)
    context, done = copy_context(), Future[T]()

    def run() -> None:
        try:
            done.set_result(context.run(asyncio.run, work))
        except BaseException as error:  # noqa: BLE001 - the one who waits gets it
            done.set_exception(error)

    # A daemon, so that a receiver that never answers does not keep the process from ending.
    threading.Thread(target=run, name="payments-sandbox-receiver", daemon=True).start()
    return done.result()


def _has_loop() -> bool:
    """Whether an event loop of asyncio or trio runs in this thread."""
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop() is not None
    if (sniffio := sys.modules.get("sniffio")) is None:  # which comes with trio
        return False
    try:
        return bool(sniffio.current_async_library())
    except sniffio.AsyncLibraryNotFoundError:
        return False
