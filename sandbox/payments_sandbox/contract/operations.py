"""Owns the one table of the emulated API's routes; the server, OpenAPI and scenarios read it.

Source: section "ENDPOINTS" of the API documentation. Paths are relative to the base URL.
"""

from typing import Final, Literal, NamedTuple

from payments_sandbox.core.wording import nearest

BASE_PATH: Final = "/v3"
DOCUMENTED_URL: Final = "https://api.payments.example.com/v3"
"""The base URL in the API documentation."""


class Operation(NamedTuple):
    """One documented endpoint.

    Attributes:
        name: the operation's name everywhere: OpenAPI `operationId`, scenarios, journal.
        section: the section of the API documentation it comes from.
        path: the documented path below the base URL, as a URI template.
        success: the documented status of a success.
        request: the name of the body's schema, or None if there is no body.
        query: the name of the query's schema, or None if no parameter is documented.
        response: the name of the schema of a success body.
    """

    name: str
    section: str
    method: Literal["GET", "POST"]
    path: str
    success: int
    response: str
    request: str | None = None
    query: str | None = None


OPERATIONS: Final = (
    Operation(
        name="create_payment",
        section="1. CREATE PAYMENT",
        method="POST",
        path="/payments",
        success=201,
        request="requests/create_payment",
        response="responses/create_payment",
    ),
    Operation(
        name="retrieve_payment",
        section="2. RETRIEVE PAYMENT",
        method="GET",
        path="/payments/{payment_id}",
        success=200,
        response="responses/retrieve_payment",
    ),
    Operation(
        name="list_payments",
        section="3. LIST PAYMENTS",
        method="GET",
        path="/payments",
        success=200,
        query="queries/list_payments",
        response="responses/list_payments",
    ),
    Operation(
        name="create_refund",
        section="4. REFUND PAYMENT",
        method="POST",
        path="/payments/{payment_id}/refunds",
        success=201,
        request="requests/create_refund",
        response="responses/create_refund",
    ),
)

BY_NAME: Final = {operation.name: operation for operation in OPERATIONS}

READS: Final = frozenset(each.name for each in OPERATIONS if each.method == "GET")
"""The operations that change nothing."""

PAYMENT_SEGMENT: Final = 3
"""The index of the payment's id in a whole path that is split at its slashes."""

_LONGEST: Final = 200
"""How many characters of a path are compared to find what was meant."""


def nearest_call(method: str, target: str) -> str:
    """The documented method and path that are most similar to an undocumented one.

    The result looks like `POST /v3/payments/{payment_id}/refunds`.
    """
    path = target[:_LONGEST].partition("?")[0].lower()
    segments = [each for each in path.split("/") if each]
    if "payments" in segments:  # whatever precedes it, such as another version
        segments = [BASE_PATH.strip("/"), *segments[segments.index("payments") :]]
    segments = ["", *segments]
    if len(segments) > PAYMENT_SEGMENT:
        segments[PAYMENT_SEGMENT] = "{payment_id}"
    found = nearest("/".join(segments), [BASE_PATH + each.path for each in OPERATIONS], 0.0)
    alike = [each for each in OPERATIONS if BASE_PATH + each.path == found] or OPERATIONS
    wanted = "GET" if method == "HEAD" else method
    meant = next((each for each in alike if each.method == wanted), alike[0])
    return f"{meant.method} {BASE_PATH}{meant.path}"
