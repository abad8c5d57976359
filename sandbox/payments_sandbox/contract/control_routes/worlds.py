"""Owns the routes about worlds as a whole."""

from typing import Final

from payments_sandbox.contract.control_routes.route import SCENARIO_BYTES, ControlRoute
from payments_sandbox.core.strict_json import MAX_DEPTH

WORLDS: Final = (
    ControlRoute(
        name="create_world",
        method="POST",
        path="/worlds",
        tag="World",
        summary="Create a new world",
        description="With a clock instant, the world starts frozen at it.",
        success=201,
        request="control/requests/create_world",
        body_limit=SCENARIO_BYTES,
        otherwise=(
            "GET /_sandbox/scenarios lists others; a later clock leaves room for past payments."
        ),
        refusals=("invalid_scenario",),
        response="control/objects/world",
        needs_key=False,
    ),
    ControlRoute(
        name="list_worlds",
        method="GET",
        path="/worlds",
        tag="World",
        summary="List the worlds of the server",
        description="A summary of each, most recently used first.",
        page_of="world",
        needs_key=False,
    ),
    ControlRoute(
        name="retrieve_world",
        method="GET",
        path="/world",
        tag="World",
        summary="A summary of the world",
        description="The world is the one of the API key.",
        response="control/objects/world",
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
        summary="Reset the world, entirely or in part",
        description="Requests that are being held end without a reply, whatever is reset.",
        request="control/requests/reset_world",
        response="control/objects/world",
    ),
    ControlRoute(
        name="seed_world",
        method="POST",
        path="/world/seed",
        tag="World",
        summary="Fill the world with past payments",
        description="Like those of a real shop, and the same for the same seed.",
        request="control/requests/seed_world",
        response="control/objects/world",
    ),
    ControlRoute(
        name="retrieve_snapshot",
        method="GET",
        path="/world/snapshot",
        tag="World",
        summary="The whole world as JSON",
        description="Sealed by its `digest`: send it back unchanged.",
        response="control/objects/snapshot",
    ),
    ControlRoute(
        name="restore_snapshot",
        method="PUT",
        path="/world/snapshot",
        tag="World",
        summary="Replace the world with a snapshot",
        description="The restored world continues exactly from the snapshot.",
        request="control/objects/snapshot",
        body_name="snapshot",
        body_limit=512 * 1024 * 1024,
        body_depth=MAX_DEPTH + 8,  # its journal holds bodies that are as deep as any
        response="control/objects/world",
    ),
)
