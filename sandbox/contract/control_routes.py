"""Owns the one table of the control API's routes; the server and its OpenAPI document read it.

Paths are relative to `/_sandbox`. A new route is a new row.
"""

from dataclasses import dataclass
from typing import Final, Literal

CONTROL_PATH: Final = "/_sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRoute:
    """One route of the control API.

    Attributes:
        name: the route's name everywhere, its OpenAPI `operationId` among others.
        path: below `/_sandbox`, in URI-template form.
        tag: the chapter of the OpenAPI document.
        summary: what it does, in a few words.
        description: what else there is to know, in whole sentences.
        success: the HTTP status of a success.
        also: further statuses that are answered with the same body.
        request: name of the body's schema, or None when there is no body.
        query: name of the query's schema, or None when no parameter is known.
        response: name of the success body's schema, or None when it has none.
        media_type: what a success is sent as.
        needs_key: whether an API key names the world that the route is about.
        needs_token: whether a server that has a control token asks for it.
        refusals: codes of its own, beside those that follow from the rest of the row.
    """

    name: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    tag: str
    summary: str
    description: str
    success: int = 200
    also: tuple[int, ...] = ()
    request: str | None = None
    query: str | None = None
    response: str | None = None
    media_type: str = "application/json"
    needs_key: bool = True
    needs_token: bool = True
    refusals: tuple[str, ...] = ()


CONTROL_ROUTES: Final = (
    ControlRoute(
        name="live",
        method="GET",
        path="/live",
        tag="Server",
        summary="Whether the process is up",
        description="Answers as soon as the server listens.",
        response="control/responses/live",
        needs_key=False,
        needs_token=False,
    ),
    ControlRoute(
        name="ready",
        method="GET",
        path="/ready",
        tag="Server",
        summary="Whether the server is ready to serve",
        description="Answers 503 and the problems until everything is loaded.",
        also=(503,),
        response="control/responses/ready",
        needs_key=False,
        needs_token=False,
    ),
    ControlRoute(
        name="retrieve_openapi",
        method="GET",
        path="/openapi.json",
        tag="Server",
        summary="The OpenAPI document of the emulated API",
        description="OpenAPI 3.1, made of the schemas that requests are judged by.",
        needs_key=False,
    ),
    ControlRoute(
        name="retrieve_control_openapi",
        method="GET",
        path="/control-openapi.json",
        tag="Server",
        summary="The OpenAPI document of the control API",
        description="OpenAPI 3.1: this document.",
        needs_key=False,
    ),
    ControlRoute(
        name="list_cards",
        method="GET",
        path="/cards",
        tag="Server",
        summary="List the magic cards",
        description="Always comes whole, in one page.",
        response="control/responses/cards",
        needs_key=False,
    ),
    ControlRoute(
        name="create_world",
        method="POST",
        path="/worlds",
        tag="World",
        summary="Make a new world",
        description="A given clock instant starts the world frozen there.",
        success=201,
        request="control/requests/create_world",
        response="control/responses/world",
        needs_key=False,
    ),
    ControlRoute(
        name="retrieve_world",
        method="GET",
        path="/world",
        tag="World",
        summary="The world in summary",
        description="The world is the one of the API key.",
        response="control/responses/world",
    ),
    ControlRoute(
        name="delete_world",
        method="DELETE",
        path="/world",
        tag="World",
        summary="Drop the world",
        description="Everything that waits in it is cancelled.",
        success=204,
    ),
    ControlRoute(
        name="reset_world",
        method="POST",
        path="/world/reset",
        tag="World",
        summary="Empty the world, wholly or in part",
        description="Requests that are being held end without a reply, whatever is reset.",
        request="control/requests/reset_world",
        response="control/responses/world",
    ),
    ControlRoute(
        name="retrieve_snapshot",
        method="GET",
        path="/world/snapshot",
        tag="World",
        summary="The whole world as JSON",
        description="Only `format` and `version` are promised; send the rest back as it came.",
        response="control/objects/snapshot",
    ),
    ControlRoute(
        name="restore_snapshot",
        method="PUT",
        path="/world/snapshot",
        tag="World",
        summary="Put a snapshot in the place of the world",
        description="The restored world continues exactly where the snapshot was taken.",
        request="control/objects/snapshot",
        response="control/responses/world",
    ),
    ControlRoute(
        name="retrieve_clock",
        method="GET",
        path="/clock",
        tag="Clock",
        summary="The world's clock, and what waits for it",
        description="What falls due is listed soonest first.",
        response="control/responses/clock",
    ),
    ControlRoute(
        name="freeze_clock",
        method="POST",
        path="/clock/freeze",
        tag="Clock",
        summary="Stop the clock",
        description="Stops it now, or at a given instant that is not before now.",
        request="control/requests/freeze_clock",
        response="control/responses/clock",
    ),
    ControlRoute(
        name="advance_clock",
        method="POST",
        path="/clock/advance",
        tag="Clock",
        summary="Move the clock forward",
        description="Answers when all that became due has happened, in order.",
        request="control/requests/advance_clock",
        response="control/responses/advanced",
    ),
    ControlRoute(
        name="resume_clock",
        method="POST",
        path="/clock/resume",
        tag="Clock",
        summary="Let the clock run again",
        description="It continues at wall speed from the world's now.",
        request="control/requests/resume_clock",
        response="control/responses/clock",
    ),
    ControlRoute(
        name="retrieve_rate_limit",
        method="GET",
        path="/rate_limit",
        tag="Rate limit",
        summary="The world's rate limit",
        description="Asking does not count.",
        response="control/responses/rate_limit",
    ),
    ControlRoute(
        name="set_rate_limit",
        method="PUT",
        path="/rate_limit",
        tag="Rate limit",
        summary="Set the world's rate limit",
        description="`limit` holds for good, `remaining` until the hour turns.",
        request="control/requests/set_rate_limit",
        response="control/responses/rate_limit",
    ),
    ControlRoute(
        name="complete_payment",
        method="POST",
        path="/payments/{payment_id}/complete",
        tag="Payments",
        summary="Complete a pending payment",
        description="Its event follows as if it had completed by itself.",
        request="control/requests/complete_payment",
        response="control/responses/payment",
        refusals=("illegal_move",),
    ),
    ControlRoute(
        name="fail_payment",
        method="POST",
        path="/payments/{payment_id}/fail",
        tag="Payments",
        summary="Fail a pending payment",
        description="Its event follows as if it had failed by itself.",
        request="control/requests/fail_payment",
        response="control/responses/payment",
        refusals=("illegal_move",),
    ),
    ControlRoute(
        name="charge_back_payment",
        method="POST",
        path="/payments/{payment_id}/chargeback",
        tag="Payments",
        summary="Charge a completed payment back",
        description="Takes what is left unless told less.",
        request="control/requests/charge_back_payment",
        response="control/responses/chargeback",
        refusals=("illegal_move",),
    ),
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
        media_type="text/event-stream",
    ),
)
