"""Owns the server of a test process: it runs in its own thread, with its own event loop.

It therefore serves code of any kind, and cannot disturb the event loop of a test. aiohttp is
imported when the first server starts.

Blocking clients of its control API in the same process bypass the socket: they pass requests to
the handler in the server's loop. That is faster, and works even if a test has replaced sockets.
"""

import asyncio
import os
import sys
import threading
import time
from contextlib import AsyncExitStack, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, Unpack
from urllib.parse import urlsplit

from payments_sandbox.client.blocked_ports import blocked_ports
from payments_sandbox.client.messages import HttpRequest, HttpResponse, common_headers
from payments_sandbox.client.transport import (
    AsyncHttpTransport,
    AsyncTransport,
    HttpTransport,
    Transport,
)
from payments_sandbox.core.settings import Settings, settings_from
from payments_sandbox.testing.options import Options
from payments_sandbox.testing.sandbox import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from payments_sandbox.server.request_handler import RequestHandler
    from payments_sandbox.server.world_runtime import WorldRuntime

__tracebackhide__ = True

T = TypeVar("T")

STUCK: Final = 60.0
"""Seconds after which starting or stopping has failed; on a busy machine a start has taken ten."""

LOOK_AGAIN: Final = 1.0
"""Seconds between two checks that the server still runs while a call waits for its answer."""

Replies = SimpleQueue[HttpResponse | BaseException | None]
"""Carries the reply to one request, or the error; None if the server has stopped meanwhile."""

KEYS_OF_EACH: Final = 2**32
"""How many keys each of several servers with the same seed can make."""


def running_sandbox(**options: Unpack[Options]) -> "RunningSandbox":
    """Run a server on a free port for the length of a `with` or `async with` block.

    Args:
        **options: the settings of `payments-sandbox serve`, such as `seed=7`, `rate_limit=20`.

    Raises:
        TypeError, ValueError: an unknown option, or an invalid value.
    """
    return RunningSandbox(settings_from(options))


class RunningSandbox(Server):
    """A server in a thread. Starting takes milliseconds, and blocks in `async with`, too.

    Args:
        settings: the settings of the server.
        number: the number of this server among those with the same seed, so that no two of them
            make worlds with the same keys.

    Attributes:
        api_key, webhook_secret: those of the default world; empty until the server has started.
    """

    def __init__(self, settings: Settings, *, number: int = 0) -> None:
        super().__init__("", settings.control_token)
        self._settings = settings
        self._first_key = number * KEYS_OF_EACH
        self._settled = threading.Event()
        self._is_given_up = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="payments-sandbox", daemon=True)
        self._process = os.getpid()
        self._answering: set[asyncio.Task[None]] = set()
        self.api_key = self.webhook_secret = ""

    def start(self) -> Self:
        """Start the server; possible only once.

        Raises:
            OSError: the port is in use, or the host is not an address of this machine.
        """
        is_settled = False
        try:
            self._thread.start()
            is_settled = self._settled.wait(STUCK)
        finally:
            if not is_settled:  # also if a signal handler raises, such as that of a test's timeout
                self._give_up()
        if not is_settled:
            raise TimeoutError(f"the sandbox did not start within {STUCK:g} s")
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop the server and close its connections; does nothing if it is not running."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STUCK)
        if self._thread.is_alive():
            raise TimeoutError(f"the sandbox did not stop within {STUCK:g} s")

    def _give_up(self) -> None:
        """Stop the server as soon as it has started; nobody waits for it."""
        self._is_given_up = True
        with suppress(AttributeError, RuntimeError):  # it has no loop yet, or no longer
            self._loop.call_soon_threadsafe(self._stop.set)

    def _transport(self, api_key: str | None = None) -> Transport:
        """Make the transport of a client."""
        return LoopTransport(self, common_headers(api_key, self.token))

    def _async_transport(self, api_key: str | None = None) -> AsyncTransport:
        """Make the transport of an asynchronous client."""
        return AsyncHttpTransport(self.plain_url, common_headers(api_key, self.token))

    @property
    def plain_url(self) -> str:
        """The address for the control clients, which do not use TLS."""
        return self.url.replace("https://", "http://", 1)

    def ask(self, request: HttpRequest, headers: dict[str, str]) -> HttpResponse | None:
        """Pass a request to the handler; return None if the server is not in this process."""
        # A forked process has neither the thread nor its loop, but can use the socket.
        if os.getpid() != self._process:
            return None
        headers = {"Host": urlsplit(self.url).netloc, **headers}
        replies: Replies = SimpleQueue()
        try:
            self._loop.call_soon_threadsafe(self._begin, request, headers, replies)
        except RuntimeError:  # it has stopped
            return None
        while self._thread.is_alive():
            with suppress(Empty):
                reply = replies.get(timeout=LOOK_AGAIN)
                if isinstance(reply, BaseException):
                    raise reply
                return reply
        return None

    def use_runtime(self, work: "Callable[[WorldRuntime], Coroutine[Any, Any, T]]") -> T:
        """Run a coroutine in the server's loop, with its runtime."""
        return asyncio.run_coroutine_threadsafe(work(self._runtime), self._loop).result()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *_error: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        is_up = self._thread.is_alive() and bool(self.url)
        return super().__repr__() if is_up else "<RunningSandbox, not running>"

    def _begin(self, request: HttpRequest, headers: dict[str, str], replies: Replies) -> None:
        """Answer a request in a task, as `asyncio.run_coroutine_threadsafe` does, but sooner.

        The waiting thread wakes up in the same turn of the loop as the answer, not two turns later.
        """
        task = self._loop.create_task(self._answer(request, headers, replies))
        self._answering.add(task)
        task.add_done_callback(partial(self._end, replies))

    def _end(self, replies: Replies, task: "asyncio.Task[None]") -> None:
        self._answering.discard(task)
        replies.put(None if task.cancelled() else task.exception())  # unread if there is a reply

    async def _answer(
        self, request: HttpRequest, headers: dict[str, str], replies: Replies
    ) -> None:
        from payments_sandbox.testing.direct_connection import control_exchange

        scheme = urlsplit(self.url).scheme
        connection, made = control_exchange(request, headers, scheme=scheme)
        await connection.serve(self._handler, made)
        replies.put(connection.reply())

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised where somebody can see it
            self._failure = error
        finally:
            self._settled.set()

    async def _serve(self) -> None:
        from payments_sandbox.core.ids import DEFAULT_API_KEY
        from payments_sandbox.server.factory import assemble
        from payments_sandbox.server.http_server import listening
        from payments_sandbox.testing.replaced_files import need_no_files
        from payments_sandbox.world.config import DEFAULT_WEBHOOK_SECRET

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        # Tests stop time by patching the module `time`; timers of the server must still fire.
        self._loop.time = _real_clock()  # type: ignore[method-assign]
        need_no_files()
        sandbox = assemble(self._settings)
        self._handler: RequestHandler = sandbox.handler
        self._runtime: WorldRuntime = sandbox.runtime
        sandbox.runtime.worlds.begin_keys_at(self._first_key)
        async with AsyncExitStack() as stack:
            at = await stack.enter_async_context(listening(sandbox))
            if at.authority is not None:
                from payments_sandbox.server.listening.certificates import authority_files

                files = stack.enter_context(authority_files(at.authority))
                self.ca_file, self.ca_bundle = files.authority, files.bundle
            self.url = at.url
            self.tls_faults = {name: f"{url}/v3" for name, url in at.tls_faults.items()}
            self.api_key, self.webhook_secret = DEFAULT_API_KEY, DEFAULT_WEBHOOK_SECRET
            self._settled.set()
            if not self._is_given_up:
                await self._stop.wait()


def _real_clock() -> "Callable[[], float]":
    """Return a monotonic clock that runs even if a test has patched `time.monotonic` already."""
    if sys.platform == "win32":  # it has no other clock
        return time.monotonic
    return partial(time.clock_gettime, time.CLOCK_MONOTONIC)


class LoopTransport(HttpTransport):
    """Sends requests to a server in this process directly, and otherwise over a socket."""

    def __init__(self, server: RunningSandbox, headers: dict[str, str]) -> None:
        super().__init__(server.plain_url, headers)
        self._server = server

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return the response, whatever its status."""
        headers = {**self._headers, **blocked_ports(request)}
        return self._server.ask(request, headers) or super().send(request)
