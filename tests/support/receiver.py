"""Owns a webhook receiver on a real socket, with scripted answers and recorded requests."""

import asyncio
import contextlib
import itertools
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final, Self

import orjson

from tests.support.values import LONGEST_WAIT

SELF_SIGNED: Final = Path(__file__).with_name("self_signed.pem")


class End(Enum):
    """What happens to the connection after an answer."""

    KEPT = auto()
    CLOSED = auto()
    RESET = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer.

    Attributes:
        raw: bytes that are sent instead of a well-formed answer.
        gate: the answer waits until the test opens it.
        after: seconds before the answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: bytes | None = None
    gate: asyncio.Event | None = None
    after: float = 0
    end: End = End.KEPT

    @property
    def bytes(self) -> bytes:
        """Return the bytes to send."""
        if self.raw is not None:
            return self.raw
        lines = [f"HTTP/1.1 {self.status} Whatever", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


OK: Final = Answer()


@dataclass(frozen=True, slots=True)
class Hit:
    """One received request, with lower-case header names and the exact body."""

    target: str
    headers: dict[str, str]
    lines: tuple[str, ...]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        """The body's JSON value."""
        return orjson.loads(self.body)

    @property
    def event_id(self) -> str:
        """The event id in the body."""
        return str(self.json["id"])


class Receiver:
    """Receives requests; each is answered with the next of the script, then with `usual`.

    Attributes:
        hits: the received requests, in order.
        on_hit: called with each request before it is answered.
        most: the highest number of concurrent requests.
    """

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self.usual = OK
        self.on_hit: Callable[[Hit], object] | None = None
        self.most = 0
        self._under_way = 0
        self._script: deque[Answer] = deque()
        self._connections = itertools.count()
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self._arrived = asyncio.Condition()
        self.origin = ""

    @property
    def url(self) -> str:
        """The URL for webhooks."""
        return f"{self.origin}/webhooks"

    @property
    def bodies(self) -> list[bytes]:
        """The body of each request."""
        return [hit.body for hit in self.hits]

    def script(self, *answers: Answer | int) -> Self:
        """Set the answers to the next requests; a number is a status."""
        self._script.extend(
            Answer(status=each) if isinstance(each, int) else each for each in answers
        )
        return self

    async def arrived(self, count: int) -> list[Hit]:
        """Wait until a number of requests have arrived, and return all."""
        async with asyncio.timeout(LONGEST_WAIT), self._arrived:
            await self._arrived.wait_for(lambda: len(self.hits) >= count)
        return self.hits

    async def open(self, *, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=tls)
        port = self._server.sockets[0].getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    async def close(self) -> None:
        """Stop listening, and drop every connection."""
        assert self._server is not None
        self._server.close()
        under_way = list(self._open)
        for task, writer in self._open.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None or not self._server.is_serving():  # accepted as it was closed
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(reader, writer))
        self._open[task] = writer
        task.add_done_callback(self._open.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(self._connections)
        try:
            while (hit := await _read(reader, number)) is not None:
                self._under_way += 1
                self.most = max(self.most, self._under_way)
                try:
                    end = await self._answer(hit, writer)
                finally:
                    self._under_way -= 1
                if end is not End.KEPT:
                    break
        except ConnectionError:
            pass  # the sender closed the connection
        finally:
            writer.close()

    async def _answer(self, hit: Hit, writer: asyncio.StreamWriter) -> End:
        self.hits.append(hit)
        answer = self._script.popleft() if self._script else self.usual
        if self.on_hit is not None:
            self.on_hit(hit)
        async with self._arrived:
            self._arrived.notify_all()
        if answer.gate is not None:
            await answer.gate.wait()
        if answer.after:
            await _pass(answer.after)
        if answer.end is End.RESET:
            _reset(writer)
        writer.write(answer.bytes)
        await writer.drain()
        return answer.end


async def _read(reader: asyncio.StreamReader, connection: int) -> Hit | None:
    """Return the next request, or None if the sender has closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    pairs = (line.partition(": ") for line in lines)
    headers = {name.lower(): value for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Hit(first.split()[1], headers, tuple(lines), body, connection)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Make closing the connection a reset."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _pass(seconds: float) -> None:
    """Let wall time pass, as slow receivers do."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def receiving(*, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run a receiver until the block ends."""
    receiver = Receiver()
    await receiver.open(tls=tls)
    try:
        yield receiver
    finally:
        await receiver.close()
