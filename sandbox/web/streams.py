"""Owns the event stream: each new request and event of a world, to any number of readers.

A reader is a cursor into the world's own journal and events, so nothing is queued for it: a slow
reader misses what the journal has dropped meanwhile, and never slows anybody else.
"""

import asyncio
import contextlib
import re
from collections.abc import Iterator

import orjson
from aiohttp import web

from sandbox.contract import representations
from sandbox.engine.world import World
from sandbox.web.journal_view import shown_entry

HEARTBEAT = 15
"""Seconds after which a quiet stream says that it is still there."""

_EVENT_ID = re.compile(r"([0-9]{1,15})-([0-9]{1,15})")


class Streams:
    """The open streams of one server."""

    def __init__(self) -> None:
        self._readers: dict[World, set[asyncio.Event]] = {}
        self._closing = False

    def __len__(self) -> int:
        return sum(map(len, self._readers.values()))

    def publish(self, world: World) -> None:
        """Tell the readers of a world that there may be news."""
        for news in self._readers.get(world, ()):
            news.set()

    def close(self, world: World) -> None:
        """End the streams of a world."""
        self.publish(world)
        self._readers.pop(world, None)

    def close_all(self) -> None:
        """End every stream: the server stops."""
        self._closing = True
        for world in list(self._readers):
            self.close(world)

    async def serve(self, request: web.BaseRequest, world: World) -> web.StreamResponse:
        """Send news as server-sent events until the reader leaves or the world ends."""
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "Server": "payments-sandbox",
            }
        )
        if request.method == "HEAD":
            return response
        requests, events = _cursor(request, world)
        news = asyncio.Event()
        readers = self._readers.setdefault(world, set())
        readers.add(news)
        try:
            await response.prepare(request)
            quiet = b": connected\n\n"
            while not self._closing and self._readers.get(world) is readers:
                news.clear()
                upto = world.journal.count, world.ledger.events
                await response.write(b"".join(_news(world, (requests, events), upto)) or quiet)
                requests, events = upto
                quiet = b": still here\n\n"
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT):
                        await news.wait()
        except ConnectionResetError:
            pass  # the reader left
        finally:
            readers.discard(news)
            if not readers and self._readers.get(world) is readers:
                del self._readers[world]
        return response


def _cursor(request: web.BaseRequest, world: World) -> tuple[int, int]:
    """Where the reader left off by its `Last-Event-ID`, else now."""
    if found := _EVENT_ID.fullmatch(request.headers.get("Last-Event-ID", "")):
        return int(found[1]), int(found[2])
    return world.journal.count, world.ledger.events


def _news(world: World, seen: tuple[int, int], upto: tuple[int, int]) -> Iterator[bytes]:
    """The facts first, then the requests that made them known."""
    for number in range(seen[1], upto[1]):
        body = representations.event(world.ledger.event(number))
        yield _message("event", seen[0], number + 1, body)
    for entry in world.journal.since(seen[0]):
        body = shown_entry(world.journal, entry)
        yield _message("request", entry.number + 1, upto[1], body)


def _message(kind: str, requests: int, events: int, body: object) -> bytes:
    head = f"event: {kind}\nid: {requests}-{events}\ndata: ".encode()
    return head + orjson.dumps(body) + b"\n\n"
