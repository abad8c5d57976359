"""Owns the event stream: each new request, event and webhook of a world, to any number of readers.

A reader is a cursor into the world's own records, so nothing is queued for it: a slow reader misses
what the records have dropped meanwhile, and never slows anybody else.
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
"""Seconds after which a quiet stream says that it is still there."""

PROBE: Final = 1
"""The same for a reader that has closed its sending side: only an RST shows that it is gone."""

_EVENT_ID: Final = re.compile(r"([0-9]{1,15})-([0-9]{1,15})-([0-9]{1,15})")


_HEADERS: Final = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", **SERVER}


class _Cursor(NamedTuple):
    """How many requests, events and attempts a reader has seen, and which list of held calls.

    The last is told again to who comes back, and is no part of a message's id.
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
    """Send news as server-sent events until the reader leaves or the world ends.

    It begins where `Last-Event-ID` says that the reader has left off, or else with the `last`
    requests of the journal.
    """
    response = web.StreamResponse(headers=_HEADERS)
    if request.method == "HEAD":
        return response
    seen = _left_off(request, world, last)
    name = world.config.name
    quiet = f": connected{'' if name is None else f' to {name}'}\n\n".encode()
    with suppress(ConnectionResetError), notifier.subscribe(world) as subscriber:  # the reader left
        await response.prepare(request)
        while not subscriber.is_over:
            # Those who have seen the same are sent the same bytes, however many they are.
            make = partial(_news_since, world, held_calls, seen)
            seen, news = notifier.shared(world, seen, make)
            await response.write(news or quiet)
            quiet = b": still here\n\n"
            await subscriber.wait(PROBE if is_half_closed(request) else HEARTBEAT)
            if is_half_closed(request) and has_failed(request):
                break
    return response


def _left_off(request: web.BaseRequest, world: World, last: int) -> _Cursor:
    """Where the reader left off by its `Last-Event-ID`, else now, and some requests before."""
    if found := _EVENT_ID.fullmatch(request.headers.get("Last-Event-ID", "")):
        return _Cursor(*map(int, found.groups()))
    now = _now(world)
    return now._replace(requests=max(0, now.requests - last))


def _now(world: World) -> _Cursor:
    attempts = 0 if world.webhooks is None else world.webhooks.outbox.attempted
    return _Cursor(world.journal.count, world.ledger.events, attempts)


def _news_since(world: World, held_calls: HeldCalls, seen: _Cursor) -> tuple[_Cursor, bytes]:
    """The messages that a reader has not seen."""
    upto = _now(world)._replace(held=held_calls.version(world))
    news = b"".join(_news(world, seen, upto))
    if seen.held != upto.held:
        now = [held_call_json(each) for each in held_calls.of(world)]
        news += _message("held", upto, now)
    return upto, news


def _news(world: World, seen: _Cursor, upto: _Cursor) -> Iterator[bytes]:
    """The facts first, then the requests that made them known, then who was told of them."""
    for number in range(max(seen.events, world.ledger.preexisting_events), upto.events):
        body = representations.event(world.ledger.any_event(number))
        seen = seen._replace(events=number + 1)
        yield _message("event", seen, body)
    for entry in world.journal.since(seen.requests):
        seen = seen._replace(requests=entry.number + 1)
        yield _message("request", seen, entry_json(world, entry))
    if world.webhooks is not None:
        from payments_sandbox.server.webhook_json import attempts_json  # noqa: PLC0415 - most have none

        for body in attempts_json(world.webhooks.outbox, seen.attempts, upto.attempts):
            seen = seen._replace(attempts=seen.attempts + 1)
            yield _message("delivery", seen, body)


def _message(kind: str, seen: _Cursor, body: object) -> bytes:
    head = f"event: {kind}\nid: {'-'.join(map(str, seen[:3]))}\ndata: ".encode()
    return head + orjson.dumps(body) + b"\n\n"
