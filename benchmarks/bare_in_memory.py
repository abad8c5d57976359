"""Owns a POST to the bare aiohttp application without a socket: what the framework itself costs."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from benchmarks.bare import create_app
from benchmarks.in_process import HEADERS


class BareInMemory:
    """The bare application, whose requests are passed directly to its protocol.

    Args:
        loop: runs while requests are answered.
        protocol: a connection of the application.
        transport: what the protocol writes to.
    """

    def __init__(
        self, loop: asyncio.Runner, protocol: asyncio.Protocol, transport: "_Transport"
    ) -> None:
        self._loop: Final = loop
        self._protocol: Final = protocol
        self._transport: Final = transport

    def create(self, bodies: Sequence[bytes], times: int) -> float:
        """Post the bodies in rotation, each after the previous one is answered.

        Returns:
            The wall seconds that it took.
        """
        return self._loop.run(self._create([_request(body) for body in bodies], times))

    async def _create(self, requests: Sequence[bytes], times: int) -> float:
        loop, answered = asyncio.get_running_loop(), self._transport.answered
        started = loop.time()
        for nth in range(times):
            answered.clear()
            self._protocol.data_received(requests[nth % len(requests)])
            await answered.wait()
        return loop.time() - started


@contextmanager
def bare_in_memory(reply: bytes) -> Iterator[BareInMemory]:
    """The application with one connection, until the block ends.

    Args:
        reply: the body of each answer to a create.
    """
    runner = web.AppRunner(create_app({"create_payment": reply.decode()}), access_log=None)
    with asyncio.Runner() as loop:
        loop.run(runner.setup())
        assert runner.server is not None
        protocol, transport = runner.server(), _Transport()
        loop.get_loop().call_soon(protocol.connection_made, transport)
        yield BareInMemory(loop, protocol, transport)
        loop.run(runner.cleanup())


class _Transport(asyncio.Transport):
    """A connection without another end: what is written is discarded.

    Attributes:
        answered: set when something is written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answered = asyncio.Event()

    def write(self, _: bytes | bytearray | memoryview) -> None:
        """Wake up whoever waits for the answer."""
        self.answered.set()

    def is_closing(self) -> bool:
        """The connection stays open."""
        return False

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _request(body: bytes) -> bytes:
    head = b"".join(b"%b: %b\r\n" % header for header in HEADERS)
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST /v3/payments HTTP/1.1\r\n%b%b\r\n%b" % (head, length, body)
