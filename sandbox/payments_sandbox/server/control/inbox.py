"""Owns the routes of inboxes, the built-in receivers: receive, read, script and empty them."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import orjson
from aiohttp import web

from payments_sandbox.core.errors import InvalidRequest, SandboxError, parse_field
from payments_sandbox.core.instants import SECOND, read_duration
from payments_sandbox.core.masking import contains_card_number, headers_by_name
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.page import Listing, page
from payments_sandbox.server.request_body import read_any_body
from payments_sandbox.server.response import EVERY_REPLY
from payments_sandbox.server.webhook_json import inbox_message_json
from payments_sandbox.webhooks.endpoint import INBOX_NAME
from payments_sandbox.webhooks.inbox import ANSWER, InboxMessage
from payments_sandbox.webhooks.verification import Received

LONGEST_WAIT: Final = 60 * SECOND
"""Wall milliseconds that a read may wait, at most."""


async def receive_webhook(request: ControlRequest) -> web.StreamResponse:
    """Accept a webhook with any body; the answer is 200 unless the inbox is scripted."""
    name, http = _name(request), request.http
    body = await read_any_body(http)
    if isinstance(body, SandboxError):
        raise body
    headers = headers_by_name(http.raw_headers)
    world, received = request.world, Received(headers, body)
    now, wall = world.clock.now(), world.wall()
    status = world.open_webhooks().receive(name, received, now=now, wall=wall)
    return web.Response(
        status=status,
        body=orjson.dumps({"received": True}) if status == ANSWER else None,
        headers=EVERY_REPLY,
    )


async def read_inbox(request: ControlRequest) -> dict[str, object]:
    """List the messages, oldest first; wait for them if `wait` says so."""
    if "wait" in request.query:
        await _wait(request, _duration(request.query["wait"]) / SECOND)
    listing = Listing(
        noun="a message",
        position_of=int,
        items_after=lambda _: _messages(request),
        show=inbox_message_json,
        cursor_of=lambda message: str(message.number),
    )
    return page(request, listing)


def script_inbox(request: ControlRequest) -> dict[str, object]:
    """Set the statuses with which the next messages are answered, one each; later ones get 200."""
    name = _name(request)
    inbox = request.world.open_webhooks().inboxes.get_or_create(name)
    inbox.script(request.body["respond"])
    return {"name": name, "respond": inbox.answers}


def empty_inbox(request: ControlRequest) -> None:
    """Remove all messages, and the script."""
    request.world.open_webhooks().inboxes.remove(_name(request))


async def _wait(request: ControlRequest, seconds: float) -> None:
    """Wait until `count` messages have arrived, the time is up, or the world is gone."""
    wanted: int = request.query["count"]

    def is_there() -> bool:
        return len(list(islice(_messages(request), wanted))) >= wanted

    await request.runtime.notifier.wait_until(request.world, is_there, seconds)


def _messages(request: ControlRequest) -> Iterator[InboxMessage]:
    start = request.query.get("starting_after")
    first = 0 if start is None else int(start) + 1
    name, webhooks = _name(request), request.world.webhooks
    inbox = None if webhooks is None else webhooks.inboxes.find(name)
    return iter(()) if inbox is None else inbox.since(first, request.query.get("type"))


def _name(request: ControlRequest) -> str:
    if not INBOX_NAME.fullmatch(request.path_parameter):
        raise InvalidRequest("/name: expected 1 to 64 letters, digits, '-' or '_'.")
    if contains_card_number(request.path_parameter):
        raise InvalidRequest("/name: expected a name without a card number.")
    return request.path_parameter


def _duration(text: str) -> int:
    wait = parse_field(read_duration, "wait", text)
    if wait > LONGEST_WAIT:
        raise InvalidRequest("/wait: expected a duration of at most 60s.")
    return wait
