"""Owns a client that costs less than any server: keep-alive, prepared bytes, hardly any parsing.

Of an answer it reads only the status, and where the body ends.
"""

import asyncio
import importlib
import importlib.util
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle
from time import perf_counter
from typing import Final, cast

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\nContent-Length: "
_GOOD: Final = ord("2")


class _Connection(asyncio.Protocol):
    """One connection with one request at a time, until the time is up."""

    def __init__(self, requests: Iterator[bytes], latencies: "array[float]", until: float) -> None:
        self._requests = requests
        self._latencies = latencies
        self._until = until
        self._held = b""
        self._sent = 0.0
        self._transport: asyncio.Transport
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        if self._held:
            data = self._held + data
        self._held = data
        if _is_whole(data):
            now = perf_counter()
            self._latencies.append(now - self._sent)
            self._held = b""
            if data[9] != _GOOD:
                self._end(RuntimeError(f"The server said {data!r}."))
            elif now < self._until:
                self._send()
            else:
                self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionResetError("The server closed a connection."))

    def _send(self) -> None:
        self._sent = perf_counter()
        self._transport.write(next(self._requests))

    def _end(self, error: Exception | None) -> None:
        if not self.ended.done():
            if error is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error)
            self._transport.close()


def drive(
    port: int, requests: Sequence[bytes], *, connections: int, seconds: float
) -> tuple[list[float], float]:
    """Send requests in rotation; return the seconds of each, and of all together.

    Raises:
        RuntimeError: an answer was not a success.
        ConnectionError: the server closed a connection.
    """
    turns = cycle(requests)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_drive(port, [turns] * connections, seconds))


def drive_each(
    port: int, requests: Sequence[Sequence[bytes]], *, seconds: float
) -> tuple[list[float], float]:
    """The same with several sequences of requests, each on a connection of its own.

    Raises:
        RuntimeError: an answer was not a success.
        ConnectionError: the server closed a connection.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_drive(port, [cycle(each) for each in requests], seconds))


async def _drive(
    port: int, turns: Sequence[Iterator[bytes]], seconds: float
) -> tuple[list[float], float]:
    latencies = array("d")
    loop = asyncio.get_running_loop()
    started = perf_counter()
    opened = [
        await loop.create_connection(
            partial(_Connection, each, latencies, started + seconds), "127.0.0.1", port
        )
        for each in turns
    ]
    await asyncio.gather(*(connection.ended for _, connection in opened))
    return latencies.tolist(), perf_counter() - started


def _is_whole(data: bytes) -> bool:
    end = data.find(_HEAD_END)
    if end < 0:
        return False
    start = data.index(_LENGTH) + len(_LENGTH)
    return len(data) >= end + len(_HEAD_END) + int(data[start : data.index(b"\r", start)])


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Use uvloop if it is installed: it halves the client's cost."""
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(
        "uvloop"
    ).new_event_loop
    return factory
