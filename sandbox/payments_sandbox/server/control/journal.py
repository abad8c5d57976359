"""Owns the routes of what the world has seen: its requests, and the stream of all there is."""

from itertools import islice

from aiohttp import web

from payments_sandbox.contract import representations
from payments_sandbox.core.errors import InvalidRequest, NotFound
from payments_sandbox.server.control.control_request import Ask
from payments_sandbox.server.event_stream import serve_stream
from payments_sandbox.server.journal_json import shown_entry


def list_requests(ask: Ask) -> dict[str, object]:
    """The journal, newest first."""
    journal = ask.world.journal
    start, limit = ask.query.get("starting_after"), ask.query["limit"]
    below = None
    if start is not None:
        if (after := journal.find(start)) is None:
            raise InvalidRequest("/starting_after: expected the id of a request in the journal.")
        below = after.number
    found = list(islice(journal.before(below), limit + 1))
    items = [shown_entry(journal, entry) for entry in found[:limit]]
    return representations.page(items, has_more=len(found) > limit)


def retrieve_request(ask: Ask) -> dict[str, object]:
    """One request of the journal."""
    journal = ask.world.journal
    if (entry := journal.find(ask.variable)) is None:
        raise NotFound("not_found", "No such request, or the journal has dropped it.")
    return shown_entry(journal, entry)


async def stream(ask: Ask) -> web.StreamResponse:
    """New requests, events and webhooks as they come, as server-sent events."""
    return await serve_stream(ask.request, ask.world, ask.parts.news, last=ask.query["last"])
