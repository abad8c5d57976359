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
        summary="Freeze the clock",
        description="Now, or at a given later instant.",
        request="control/requests/freeze_clock",
        response="control/responses/clock",
    ),
    ControlRoute(
        name="advance_clock",
        method="POST",
        path="/clock/advance",
        tag="Clock",
        summary="Move the clock forward",
        description="Answers when everything that became due has happened, in order.",
        request="control/requests/advance_clock",
        response="control/responses/advanced",
    ),
    ControlRoute(
        name="resume_clock",
        method="POST",
        path="/clock/resume",
        tag="Clock",
        summary="Resume the clock",
        description="It continues at the speed of real time from its present time.",
        request="control/requests/resume_clock",
        response="control/responses/clock",
    ),
)
