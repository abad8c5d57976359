"""Owns a sandbox that runs beside a test: a server in a thread and an event loop of its own.

So it serves code of any kind, and quarrels with nobody's event loop. aiohttp is imported when the
first one starts.

Blocking clients of its control API in this process ask its handler, in its loop, without a socket:
they work whatever a test has put in the place of sockets, and are quicker.
"""

import asyncio
import os
import sys
import threading
import time
from concurrent.futures import CancelledError, Future
from contextlib import AsyncExitStack, suppress
from functools import partial
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
"""Seconds after which a server that has not started, or not stopped, never will: a start on a busy
machine has taken more than ten."""

LOOK_AGAIN: Final = 1.0
"""Seconds between two looks whether the server that is waited for still runs."""

KEYS_OF_EACH: Final = 2**32
"""Keys of one server among several of one seed."""


def running_sandbox(**options: Unpack[Options]) -> "RunningSandbox":
    """A server on a free port, until the block ends: `with` and `async with` will both do.

    Args:
        **options: the settings of `payments-sandbox serve`, such as `seed=7`, `rate_limit=20`.

    Raises:
        TypeError, ValueError: an option that does not exist, or a value that makes no sense.
    """
    return RunningSandbox(settings_from(options))


class RunningSandbox(Server):
    """A server in a thread. Starting takes milliseconds, and `async with` waits for it, too.

    Args:
        settings: of the server.
        number: among servers of one seed; no two of them make worlds of the same keys.

    Attributes:
        api_key, webhook_secret: of the world that every server has; there once it has started.
    """

    def __init__(self, settings: Settings, *, number: int = 0) -> None:
        super().__init__("", settings.control_token)
        self._settings = settings
        self._first_key = number * KEYS_OF_EACH
        self._settled = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="payments-sandbox", daemon=True)
        self._process = os.getpid()
        self._answering: set[asyncio.Task[None]] = set()
        self.api_key = self.webhook_secret = ""

    def start(self) -> Self:
        """Start, once.

        Raises:
            OSError: the port is taken, or the host is not ours.
        """
        self._thread.start()
        if not self._settled.wait(STUCK):
            raise TimeoutError(f"the sandbox did not start within {STUCK:g} s")
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop; everything that is open ends. A server that does not run is left alone."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STUCK)
        if self._thread.is_alive():
            raise TimeoutError(f"the sandbox did not stop within {STUCK:g} s")

    def _transport(self, api_key: str | None = None) -> Transport:
        """What carries the requests of a client."""
        return LoopTransport(self, common_headers(api_key, self.token))

    def _async_transport(self, api_key: str | None = None) -> AsyncTransport:
        """The same of one for code that must not block its event loop."""
        return AsyncHttpTransport(self.plain_url, common_headers(api_key, self.token))

    @property
    def plain_url(self) -> str:
        """The address for our own clients, which speak no TLS."""
        return self.url.replace("https://", "http://", 1)

    def ask(self, request: HttpRequest, headers: dict[str, str]) -> HttpResponse | None:
        """Let the handler answer a request of a client; None when this is not its process."""
        # A process that was forked has neither the thread nor its loop, but can use the socket.
        if not self._thread.is_alive() or os.getpid() != self._process:
            return None
        headers = {"Host": urlsplit(self.url).netloc, **headers}
        reply = Future[HttpResponse]()
        with suppress(RuntimeError):  # it has just stopped
            self._loop.call_soon_threadsafe(self._begin, request, headers, reply)
        while self._thread.is_alive():
            with suppress(TimeoutError, CancelledError):  # it takes long, or the loop has ended
                reply.exception(LOOK_AGAIN)
            if reply.done():
                return None if reply.cancelled() else reply.result()
        return None

    def use_runtime(self, work: "Callable[[WorldRuntime], Coroutine[Any, Any, T]]") -> T:
        """Let a coroutine look into the server, in its loop."""
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

    def _begin(
        self, request: HttpRequest, headers: dict[str, str], reply: "Future[HttpResponse]"
    ) -> None:
        """Answer a request in a task, as `asyncio.run_coroutine_threadsafe` does, but sooner.

        Who waits is told in the turn of the loop in which there is an answer, not two later.
        """
        task = self._loop.create_task(self._answer(request, headers, reply))
        self._answering.add(task)
        task.add_done_callback(partial(self._end, reply))

    def _end(self, reply: "Future[HttpResponse]", task: "asyncio.Task[None]") -> None:
        self._answering.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            reply.set_exception(error)
        reply.cancel()  # unless there is an answer

    async def _answer(
        self, request: HttpRequest, headers: dict[str, str], reply: "Future[HttpResponse]"
    ) -> None:
        from payments_sandbox.testing.direct_connection import control_exchange

        scheme = urlsplit(self.url).scheme
        connection, made = control_exchange(request, headers, scheme=scheme)
        await connection.serve(self._handler, made)
        reply.set_result(connection.reply())

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
        # Tests stop time by replacing what the module `time` has; waits of the server still end.
        self._loop.time = _real_time  # type: ignore[method-assign]
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
            await self._stop.wait()


def _real_time() -> float:
    """Seconds that pass even where a test had stopped `time.monotonic` before the server began."""
    if sys.platform == "win32":  # there is no other clock there
        return time.monotonic()
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class LoopTransport(HttpTransport):
    """Asks a server in a thread of this process; where that cannot be, over sockets."""

    def __init__(self, server: RunningSandbox, headers: dict[str, str]) -> None:
        super().__init__(server.plain_url, headers)
        self._server = server

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request; returns the response, whatever its status."""
        headers = {**self._headers, **blocked_ports(request)}
        return self._server.ask(request, headers) or super().send(request)
