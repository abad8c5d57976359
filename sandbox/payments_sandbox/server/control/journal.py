"""Owns the routes of the journal, and of the event stream."""

from functools import partial

from aiohttp import web

from payments_sandbox.core.errors import NotFound
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.control.page import Listing, page
from payments_sandbox.server.event_stream import serve_stream
from payments_sandbox.server.journal_json import entry_json


def list_requests(request: ControlRequest) -> dict[str, object]:
    """List the requests in the journal, newest first."""
    world, journal = request.world, request.world.journal

    def position_of(request_id: str) -> int | None:
        entry = journal.find(request_id)
        return None if entry is None else entry.number

    listing = Listing(
        noun="a request in the journal",
        position_of=position_of,
        items_after=journal.before,
        show=partial(entry_json, world),
    )
    return page(request, listing)


def retrieve_request(request: ControlRequest) -> dict[str, object]:
    """Return one request of the journal."""
    journal = request.world.journal
    if (entry := journal.find(request.path_parameter)) is None:
        raise NotFound("not_found", "No such request, or the journal has dropped it.")
    return entry_json(request.world, entry)


async def stream(request: ControlRequest) -> web.StreamResponse:
    """Send new requests, events and webhooks as server-sent events."""
    return await serve_stream(
        request.http,
        request.world,
        request.runtime.notifier,
        request.runtime.held_calls,
        last=request.query["last"],
    )
