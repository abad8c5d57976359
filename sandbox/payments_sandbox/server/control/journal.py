"""Owns the routes of what the world has seen: its requests, and the stream of all there is."""

from itertools import islice

from aiohttp import web

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidRequest, NotFound
from payments_sandbox.server.control.control_request import ControlRequest
from payments_sandbox.server.event_stream import serve_stream
from payments_sandbox.server.journal_json import shown_entry


def list_requests(request: ControlRequest) -> dict[str, object]:
    """The journal, newest first."""
    journal = request.world.journal
    start, limit = request.query.get("starting_after"), request.query["limit"]
    below = None
    if start is not None:
        if (after := journal.find(start)) is None:
            raise InvalidRequest("/starting_after: expected the id of a request in the journal.")
        below = after.number
    found = list(islice(journal.before(below), limit + 1))
    items = [shown_entry(journal, entry) for entry in found[:limit]]
    return representations.page(items, has_more=len(found) > limit)


def retrieve_request(request: ControlRequest) -> dict[str, object]:
    """One request of the journal."""
    journal = request.world.journal
    if (entry := journal.find(request.path_parameter)) is None:
        raise NotFound("not_found", "No such request, or the journal has dropped it.")
    return shown_entry(journal, entry)


async def stream(request: ControlRequest) -> web.StreamResponse:
    """New requests, events and webhooks as they come, as server-sent events."""
    return await serve_stream(
        request.http, request.world, request.runtime.notifier, last=request.query["last"]
    )
