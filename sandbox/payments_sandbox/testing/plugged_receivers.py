"""Owns the receivers of webhooks that are plugged into a sandbox without a socket, by url."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from payments_sandbox.core.masking import mask_text
from payments_sandbox.server.webhooks.sender import MAX_ERROR
from payments_sandbox.webhooks.delivery import (
    AttemptResult,
    ReceiverResponse,
    receiver_response,
    why_failed,
)

if TYPE_CHECKING:
    import httpx

    Receiver = httpx.BaseTransport | httpx.AsyncBaseTransport
    """Answers requests: `httpx.WSGITransport(app)`, `httpx.ASGITransport(app)`, or any other."""

NOT_PLUGGED_IN: Final = (
    "a sandbox without a socket sends to inbox:NAME and to the receivers that it was given;"
    " running_sandbox() sends anywhere"
)


class PluggedReceivers:
    """Posts webhooks to receivers in this process.

    Args:
        receivers: by the beginning of their urls; the longest that fits answers.
        unlocked: lets others call the sandbox until the block ends.
    """

    def __init__(
        self,
        receivers: "Mapping[str, Receiver]",
        unlocked: Callable[[], AbstractContextManager[None]],
    ) -> None:
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
        """Post once; what a receiver raises counts as a failed attempt."""
        found = next((each for each in self._receivers if url.startswith(each)), None)
        if found is None:
            return AttemptResult(headers, None, NOT_PLUGGED_IN, 0.0)
        started = perf_counter()
        response = None
        try:
            with self._unlocked():
                response = _asked(self._receivers[found], url, headers, body)
            error = why_failed(response)
        except Exception as failure:  # noqa: BLE001 - whatever the receiver does wrong
            error = mask_text(f"{type(failure).__name__}: {failure}")[:MAX_ERROR]
        took = round((perf_counter() - started) * 1_000, 3)
        return AttemptResult(headers, response, error, took)

    async def close(self) -> None:
        """Nothing is open."""


def _asked(
    receiver: "Receiver", url: str, headers: Mapping[str, str], body: bytes
) -> ReceiverResponse:
    import httpx

    request = httpx.Request("POST", url, headers=dict(headers), content=body)
    if isinstance(receiver, httpx.BaseTransport):
        response = receiver.handle_request(request)
        response.read()
    else:
        response = _run(_awaited(receiver, request))
    return receiver_response(response.status_code, response.headers.raw, response.content)


async def _awaited(
    receiver: "httpx.AsyncBaseTransport", request: "httpx.Request"
) -> "httpx.Response":
    response = await receiver.handle_async_request(request)
    await response.aread()
    return response


def _run(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - what the work returns
    """Run in an event loop of its own: in a thread where this one has a loop that runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
