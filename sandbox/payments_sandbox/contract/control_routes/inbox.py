"""Owns the routes about the built-in receivers of webhooks."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

INBOX: Final = (
    ControlRoute(
        name="receive_webhook",
        method="POST",
        path="/inbox/{name}",
        tag="Webhooks",
        summary="Post a webhook to a built-in receiver",
        description="Takes any body; answers as the inbox was told, 200 unless it was.",
        raw_body=True,
        response="control/responses/received",
        refusals=("request_too_large",),
    ),
    ControlRoute(
        name="read_inbox",
        method="GET",
        path="/inbox/{name}",
        tag="Webhooks",
        summary="What a built-in receiver has got",
        description="Oldest first; waits for it if asked to.",
        query="control/queries/inbox",
        page_of="inbox_message",
    ),
    ControlRoute(
        name="script_inbox",
        method="PUT",
        path="/inbox/{name}",
        tag="Webhooks",
        summary="Tell a built-in receiver what to answer",
        description="The next messages get these statuses, one each; later ones get 200.",
        request="control/requests/script_inbox",
        response="control/responses/inbox_script",
    ),
    ControlRoute(
        name="empty_inbox",
        method="DELETE",
        path="/inbox/{name}",
        tag="Webhooks",
        summary="Empty a built-in receiver",
        description="Forgets what has arrived, and what it was told to answer.",
        success=204,
    ),
)
