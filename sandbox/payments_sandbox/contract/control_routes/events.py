"""Owns the routes about events."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

EVENTS: Final = (
    ControlRoute(
        name="list_events",
        method="GET",
        path="/events",
        tag="Records",
        summary="List the events",
        description="Newest first; each is the body of its webhook.",
        page_of="event",
    ),
    ControlRoute(
        name="create_event",
        method="POST",
        path="/events",
        tag="Records",
        summary="Send an event by hand",
        description="About a payment, about one that is created for it, or with any data.",
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
        description="With the same id and bytes, to each endpoint that subscribes; not retried.",
        request="control/requests/resend_event",
        query="control/queries/none",
        page_of="delivery",
    ),
)
