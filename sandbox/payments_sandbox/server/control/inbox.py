"""Owns the routes of the built-in receivers: what arrives, what they have, what they answer."""

import asyncio
import contextlib
from collections.abc import Iterator
from itertools import islice
from typing import Final

import orjson
from aiohttp import web

from payments_sandbox.core.errors import InvalidRequest, SandboxError
from payments_sandbox.core.instants import SECOND, read_duration
from payments_sandbox.server.control.control_request import Ask, read_as
from payments_sandbox.server.delivery_json import shown_message
from payments_sandbox.server.request_body import read_any_body
from payments_sandbox.server.response import EVERY_REPLY
from payments_sandbox.webhooks.endpoint import INBOX_NAME
from payments_sandbox.webhooks.inbox import ANSWER, Message
from payments_sandbox.webhooks.verification import Received
from payments_sandbox.world.journal import shown_headers

LONGEST_WAIT: Final = 60 * SECOND
"""Wall milliseconds that a read may wait."""


async def receive_webhook(ask: Ask) -> web.StreamResponse:
    """Take in a webhook of any form; the answer is 200 unless the inbox was told otherwise."""
    name, request = _name(ask), ask.request
    body = await read_any_body(request, seconds=ask.parts.settings.body_patience)
    if isinstance(body, SandboxError):
        raise body
    headers = {key.lower(): value for key, value in shown_headers(request.raw_headers).items()}
    world, wall = ask.world, ask.parts.worlds.laws.wall()
    status = world.open_webhooks().receive(
        name, Received(headers, body), now=world.clock.now(), wall=wall
    )
    return web.Response(
        status=status,
        body=orjson.dumps({"received": True}) if status == ANSWER else None,
        headers=EVERY_REPLY,
    )


async def read_inbox(ask: Ask) -> dict[str, object]:
    """What has arrived, oldest first; waits for it if asked to."""
    limit = ask.query["limit"]
    if "wait" in ask.query:
        await _wait(ask, _duration(ask.query["wait"]) / SECOND)
    found = list(islice(_messages(ask), limit + 1))
    has_more = len(found) > limit
    return {
        "data": [shown_message(each) for each in found[:limit]],
        "has_more": has_more,
        "next_cursor": str(found[limit - 1].number) if has_more else None,
    }


def script_inbox(ask: Ask) -> dict[str, object]:
    """Answer the next messages with these statuses, one each; later ones get 200."""
    name = _name(ask)
    inbox = ask.world.open_webhooks().inboxes.of(name)
    inbox.script(ask.body["respond"])
    return {"name": name, "respond": inbox.answers}


def empty_inbox(ask: Ask) -> None:
    """Forget what has arrived, and the script."""
    ask.world.open_webhooks().inboxes.remove(_name(ask))


async def _wait(ask: Ask, seconds: float) -> None:
    """Until as many messages are there as are wanted, time is up, or the world is gone."""
    wanted = ask.query["count"]
    with ask.parts.news.reader(ask.world) as reader, contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not reader.is_over and len(list(islice(_messages(ask), wanted))) < wanted:
                await reader.wait(seconds)


def _messages(ask: Ask) -> Iterator[Message]:
    start = ask.query.get("starting_after")
    first = 0 if start is None else int(start) + 1
    name, webhooks = _name(ask), ask.world.webhooks
    inbox = None if webhooks is None else webhooks.inboxes.find(name)
    return iter(()) if inbox is None else inbox.since(first, ask.query.get("type"))


def _name(ask: Ask) -> str:
    if not INBOX_NAME.fullmatch(ask.variable):
        raise InvalidRequest("/name: expected 1 to 64 letters, digits, '-' or '_'.")
    return ask.variable


def _duration(text: str) -> int:
    wait = read_as(read_duration, "wait", text)
    if wait > LONGEST_WAIT:
        raise InvalidRequest("/wait: expected a duration of at most 60s.")
    return wait
