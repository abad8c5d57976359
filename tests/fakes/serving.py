"""Owns a sandbox in a thread, on a real socket, for clients that block."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.bootstrap import Sandbox, assemble
from sandbox.settings import Settings
from sandbox.web.server import listening


@dataclass(frozen=True, slots=True)
class Serving:
    """A sandbox that listens; touch its worlds only when no request is under way."""

    address: str
    sandbox: Sandbox

    @property
    def base_url(self) -> str:
        """Where the emulated API is."""
        return f"{self.address}/v3"


@contextlib.contextmanager
def serving(settings: Settings | None = None) -> Iterator[Serving]:
    """Serve on a free port until the block ends."""
    sandbox = assemble(settings or Settings(port=0, max_wall_delay=100))
    ready = threading.Event()
    shared: dict[str, object] = {}

    async def serve() -> None:
        stop = asyncio.Event()
        async with listening(sandbox.site, sandbox.parts) as address:
            shared.update(address=address, loop=asyncio.get_running_loop(), stop=stop)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10), "the sandbox did not start"
    loop, stop = shared["loop"], shared["stop"]
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert isinstance(stop, asyncio.Event)
    try:
        yield Serving(str(shared["address"]), sandbox)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        assert not thread.is_alive(), "the sandbox did not stop"
