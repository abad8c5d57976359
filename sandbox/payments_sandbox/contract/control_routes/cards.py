"""Owns the routes about the magic cards."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

CARDS: Final = (
    ControlRoute(
        name="list_cards",
        method="GET",
        path="/cards",
        tag="Server",
        summary="List the magic cards",
        description="Always complete, in one page.",
        query="control/queries/none",
        page_of="magic_card",
        needs_key=False,
    ),
)
