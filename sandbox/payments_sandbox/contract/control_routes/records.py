"""Owns the routes about what a world has seen and done."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

RECORDS: Final = (
    ControlRoute(
        name="list_events",
        method="GET",
        path="/events",
        tag="Records",
        summary="List the events",
        description="Newest first; each is the body of its webhook.",
        query="control/queries/page",
        response="control/responses/events",
    ),
    ControlRoute(
        name="create_event",
        method="POST",
        path="/events",
        tag="Records",
        summary="Send an event by hand",
        description="About a payment, about one that is made for it, or with any data.",
        success=201,
        request="control/requests/create_event",
        response="control/objects/event",
    ),
    ControlRoute(
        name="resend_event",
        method="POST",
        path="/events/{event_id}/resend",
        tag="Records",
        summary="Send an event once more",
        description="The same id and bytes to whoever wants it; it is not retried.",
        request="control/requests/resend_event",
        response="control/responses/deliveries",
    ),
    ControlRoute(
        name="list_requests",
        method="GET",
        path="/requests",
        tag="Records",
        summary="List the requests that the world has seen",
        description="Newest first, cards masked; with what answered each, or why no rule did.",
        query="control/queries/page",
        response="control/responses/requests",
    ),
    ControlRoute(
        name="retrieve_request",
        method="GET",
        path="/requests/{request_id}",
        tag="Records",
        summary="One request that the world has seen",
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
