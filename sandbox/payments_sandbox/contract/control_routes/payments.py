"""Owns the routes that show payments in full and move them by hand."""

from typing import Final

from payments_sandbox.contract.control_routes.route import ControlRoute

PAYMENTS: Final = (
    ControlRoute(
        name="list_payments",
        method="GET",
        path="/payments",
        tag="Payments",
        summary="List the payments in full",
        description="Newest first, with refunds and chargebacks; reading leaves no trace.",
        query="control/queries/payments",
        page_of="payment",
    ),
    ControlRoute(
        name="retrieve_payment",
        method="GET",
        path="/payments/{payment_id}",
        tag="Payments",
        summary="One payment in full",
        description="The same as in the list.",
        response="control/objects/payment",
    ),
    ControlRoute(
        name="complete_payment",
        method="POST",
        path="/payments/{payment_id}/complete",
        tag="Payments",
        summary="Complete a pending payment",
        description="Its event follows as if it had completed on its own.",
        request="control/requests/complete_payment",
        response="control/objects/payment",
        refusals=("illegal_move",),
    ),
    ControlRoute(
        name="fail_payment",
        method="POST",
        path="/payments/{payment_id}/fail",
        tag="Payments",
        summary="Fail a pending payment",
        description="Its event follows as if it had failed on its own.",
        request="control/requests/fail_payment",
        response="control/objects/payment",
        refusals=("illegal_move",),
    ),
    ControlRoute(
        name="charge_back_payment",
        method="POST",
        path="/payments/{payment_id}/chargeback",
        tag="Payments",
        summary="Charge a completed payment back",
        description="Takes what is left by default.",
        request="control/requests/charge_back_payment",
        response="control/responses/chargeback",
        refusals=("illegal_move",),
    ),
)
