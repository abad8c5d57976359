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
        description="Accepts any body; answers with the scripted status, or 200.",
        raw_body=True,
        response="control/responses/received",
        refusals=("request_too_large",),
    ),
    ControlRoute(
        name="read_inbox",
        method="GET",
        path="/inbox/{name}",
        tag="Webhooks",
        summary="The messages of a built-in receiver",
        description="Oldest first; can wait for them.",
        query="control/queries/inbox",
        page_of="inbox_message",
    ),
    ControlRoute(
        name="script_inbox",
        method="PUT",
        path="/inbox/{name}",
        tag="Webhooks",
        summary="Script the answers of a built-in receiver",
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
        description="Removes its messages and its script.",
        success=204,
    ),
)
