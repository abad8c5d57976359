"""Owns the event stream: it sends a world's new requests, events and webhooks to any readers.

A reader is a cursor into the world's own records, and nothing is queued for it. A slow reader
misses what the records have dropped meanwhile, and never slows down anything else.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

import orjson
from aiohttp import web

from payments_sandbox.contract import representations
from payments_sandbox.server.change_notifier import ChangeNotifier
from payments_sandbox.server.connection import has_failed, is_half_closed
from payments_sandbox.server.held_calls import HeldCalls
from payments_sandbox.server.journal_json import entry_json, held_call_json
from payments_sandbox.server.response import SERVER
from payments_sandbox.world.world import World

HEARTBEAT: Final = 15
"""Seconds of silence after which the stream sends a comment, to show that it is alive."""

PROBE: Final = 1
"""The same for a reader that has closed its sending side: only an RST shows that it has left."""

_EVENT_ID: Final = re.compile(r"([0-9]{1,15})-([0-9]{1,15})-([0-9]{1,15})")


_HEADERS: Final = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", **SERVER}


class _Cursor(NamedTuple):
    """How many requests, events and attempts a reader has seen, and which version of held calls.

    `held` is not part of a message's id: a reader that reconnects gets the held calls again.
    """

    requests: int
    events: int
    attempts: int
    held: int = 0


async def serve_stream(
    request: web.BaseRequest,
    world: World,
    notifier: ChangeNotifier,
    held_calls: HeldCalls,
    *,
    last: int,
) -> web.StreamResponse:
    """Send what is new as server-sent events, until the reader leaves or the world ends.

    The stream continues behind the request's `Last-Event-ID`; without one it begins with the
    `last` requests of the journal.
    """
    response = web.StreamResponse(headers=_HEADERS)
    if request.method == "HEAD":
        return response
    seen = _start_cursor(request, world, last)
    name = world.config.name
    quiet = f": connected{'' if name is None else f' to {name}'}\n\n".encode()
    with suppress(ConnectionResetError), notifier.subscribe(world) as subscriber:  # the reader left
        await response.prepare(request)
        while not subscriber.is_over:
            # Readers at the same position share the same bytes, which are made only once.
            make = partial(_messages_since, world, held_calls, seen)
            seen, news = notifier.shared(world, seen, make)
            await response.write(news or quiet)
            quiet = b": still here\n\n"
            await subscriber.wait(PROBE if is_half_closed(request) else HEARTBEAT)
            if is_half_closed(request) and has_failed(request):
                break
    return response


def _start_cursor(request: web.BaseRequest, world: World, last: int) -> _Cursor:
    """Return the cursor of the `Last-Event-ID`, or one that is `last` requests before now."""
    if found := _EVENT_ID.fullmatch(request.headers.get("Last-Event-ID", "")):
        return _Cursor(*map(int, found.groups()))
    now = _now(world)
    return now._replace(requests=max(0, now.requests - last))


def _now(world: World) -> _Cursor:
    attempts = 0 if world.webhooks is None else world.webhooks.outbox.attempted
    return _Cursor(world.journal.count, world.ledger.events, attempts)


def _messages_since(world: World, held_calls: HeldCalls, seen: _Cursor) -> tuple[_Cursor, bytes]:
    """Return the cursor of now, and the messages between `seen` and it."""
    upto = _now(world)._replace(held=held_calls.version(world))
    news = b"".join(_make_messages(world, seen, upto))
    if seen.held != upto.held:
        now = [held_call_json(each) for each in held_calls.in_world(world)]
        news += _message("held", upto, now)
    return upto, news


def _make_messages(world: World, seen: _Cursor, upto: _Cursor) -> Iterator[bytes]:
    """Yield the messages: events first, then the requests that caused them, then deliveries."""
    for number in range(max(seen.events, world.ledger.preexisting_events), upto.events):
        body = representations.event(world.ledger.any_event(number))
        seen = seen._replace(events=number + 1)
        yield _message("event", seen, body)
    for entry in world.journal.since(seen.requests):
        seen = seen._replace(requests=entry.number + 1)
        yield _message("request", seen, entry_json(world, entry))
    if world.webhooks is not None:
        from payments_sandbox.server.webhook_json import attempts_json  # noqa: PLC0415 - most worlds have none

        for body in attempts_json(world.webhooks.outbox, seen.attempts, upto.attempts):
            seen = seen._replace(attempts=seen.attempts + 1)
            yield _message("delivery", seen, body)


def _message(kind: str, seen: _Cursor, body: object) -> bytes:
    head = f"event: {kind}\nid: {'-'.join(map(str, seen[:3]))}\ndata: ".encode()
    return head + orjson.dumps(body) + b"\n\n"
