"""Owns the routes about calls that a step holds until they are decided."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

HELD: Final = (
    ControlRoute(
        name="list_held_calls",
        method="GET",
        path="/held",
        tag="Records",
        summary="List the calls that are held now",
        description="Oldest first, cards masked; none of them has happened. Always complete.",
        query="control/queries/none",
        page_of="held_call",
    ),
    ControlRoute(
        name="decide_held_call",
        method="POST",
        path="/held/{held_id}",
        tag="Records",
        summary="Decide a held call",
        description=(
            "By any step of the scenario language: pass answers as if it had not been held, hold"
            " keeps it longer. Answers once it is carried out, with its id in the journal."
        ),
        request="control/requests/decide_held_call",
        response="control/objects/held_call",
        takes_yaml=True,
        refusals=("invalid_scenario", "not_held"),
    ),
)
