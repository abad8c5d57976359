"""Owns a sandbox that runs beside a test: a server in a thread and an event loop of its own.

So it serves code of any kind, and quarrels with nobody's event loop. aiohttp is imported when the
first one starts.
"""

import asyncio
import threading
from typing import Final, Self, Unpack

from payments_sandbox.core.settings import Settings, settings_from
from payments_sandbox.testing.options import Options
from payments_sandbox.testing.server import Server

STUCK: Final = 10.0
"""Seconds after which a server that has not started, or not stopped, never will."""


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

    Attributes:
        api_key, webhook_secret: of the world that every server has; there once it has started.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__("", settings.control_token)
        self._settings = settings
        self._settled = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="payments-sandbox", daemon=True)
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
        """Stop; everything that is open ends."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STUCK)
        if self._thread.is_alive():
            raise TimeoutError(f"the sandbox did not stop within {STUCK:g} s")

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

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised where somebody can see it
            self._failure = error
        finally:
            self._settled.set()

    async def _serve(self) -> None:
        from payments_sandbox.core.resources import read_all_data
        from payments_sandbox.server.factory import assemble
        from payments_sandbox.server.http_server import listening
        from payments_sandbox.world.registry import DEFAULT_API_KEY, DEFAULT_WEBHOOK_SECRET

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        read_all_data()  # a test may take the file system away
        sandbox = assemble(self._settings)
        async with listening(sandbox) as self.url:
            self.api_key, self.webhook_secret = DEFAULT_API_KEY, DEFAULT_WEBHOOK_SECRET
            self._settled.set()
            await self._stop.wait()
