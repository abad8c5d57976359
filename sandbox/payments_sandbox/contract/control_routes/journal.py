"""Owns the routes about the requests that a world has received, and its event stream."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

JOURNAL: Final = (
    ControlRoute(
        name="list_requests",
        method="GET",
        path="/requests",
        tag="Records",
        summary="List the requests of the world",
        description="Newest first, cards masked, with the rule that answered, or why none did.",
        page_of="journal_entry",
    ),
    ControlRoute(
        name="retrieve_request",
        method="GET",
        path="/requests/{request_id}",
        tag="Records",
        summary="One request of the world",
        description="The same as in the list.",
        response="control/objects/journal_entry",
    ),
    ControlRoute(
        name="stream",
        method="GET",
        path="/stream",
        tag="Records",
        summary="What happens in the world, as it happens",
        description="Server-sent events; the connection stays open.",
        query="control/queries/stream",
        media_type="text/event-stream",
    ),
)
