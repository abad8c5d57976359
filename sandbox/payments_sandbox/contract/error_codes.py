"""Owns the one table of `/v3` error codes: status, message, operations and provenance.

The replies, the OpenAPI document, the magic cards and the scenario lint all read this table.
Source: sections "ERROR HANDLING" and "CREATE PAYMENT" of the API documentation.
"""

from typing import Final, Literal, NamedTuple

from payments_sandbox.contract.operations import BY_NAME

Provenance = Literal["documented", "decided"]

EVERYWHERE: Final = tuple(BY_NAME)


class Code(NamedTuple):
    """One error code of the emulated API.

    Attributes:
        status: its HTTP status.
        message: the `message` in the error's body.
        operations: the operations that may answer with it; empty if it belongs to none.
        provenance: whether the API documentation names it, or it was decided here.
        is_decline: whether the card's issuer declines, so that a failed payment is stored.
    """

    status: int
    message: str
    operations: tuple[str, ...]
    provenance: Provenance = "decided"
    is_decline: bool = False


def _decline(message: str) -> Code:
    return Code(400, message, ("create_payment",), is_decline=True)


def _of(status: int, message: str, *operations: str, provenance: Provenance = "decided") -> Code:
    return Code(status, message, operations, provenance)


CODES: Final[dict[str, Code]] = {
    "invalid_request": _of(400, "The request is invalid", *EVERYWHERE),
    "invalid_card": _of(
        400, "The card number provided is invalid", "create_payment", provenance="documented"
    ),
    "expired_card": _decline("The card has expired"),
    "invalid_cvc": _of(400, "The card's security code is invalid", "create_payment"),
    "card_declined": _decline("The card was declined"),
    "insufficient_funds": _decline("The card has insufficient funds"),
    "lost_card": _decline("The card has been reported lost"),
    "stolen_card": _decline("The card has been reported stolen"),
    "incorrect_cvc": _decline("The card's security code is incorrect"),
    "processing_error": _decline("The card's issuer could not process the payment"),
    "card_velocity_exceeded": _decline("The card has been used too often in a short time"),
    "fraud_suspected": _decline("The payment was blocked as suspected fraud"),
    "payment_not_refundable": _of(400, "The payment cannot be refunded", "create_refund"),
    "refund_exceeds_payment": _of(
        400, "The refund is larger than the amount left to refund", "create_refund"
    ),
    "refund_declined": _of(400, "The refund was declined by the card's issuer", "create_refund"),
    "invalid_api_key": _of(401, "The API key is missing or invalid", *EVERYWHERE),
    "payment_not_found": _of(
        404, "No payment with this id exists", "retrieve_payment", "create_refund"
    ),
    "not_found": _of(404, "This path does not exist"),
    "method_not_allowed": _of(405, "This path does not support the method"),
    "request_too_large": _of(413, "The request body is too large"),
    "rate_limit_exceeded": _of(429, "The rate limit is exceeded", *EVERYWHERE),
    "internal_error": _of(500, "The server failed to process the request", *EVERYWHERE),
}

CONTROL_CODES: Final[dict[str, Code]] = {
    "invalid_scenario": _of(400, "The scenario is not valid"),
    "illegal_move": _of(400, "The payment is not in a state that allows this"),
    "not_held": _of(409, "The call is no longer held"),
    "invalid_token": _of(401, "The Sandbox-Token header is missing or wrong"),
    "cross_site_request": _of(403, "Pages of other sites may not make this request"),
    "unknown_host": _of(421, "The Host header names another server"),
}
"""The codes that only the control API has; none of them is documented."""


def code_of(name: str) -> Code:
    """The code with a name, from either table."""
    return CODES.get(name) or CONTROL_CODES[name]


def documented_for(operation: str) -> dict[str, Code]:
    """The codes that an operation may answer with, in the table's order."""
    return {name: code for name, code in CODES.items() if operation in code.operations}
