"""Owns the routes about a world's clock."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

CLOCK: Final = (
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
)
