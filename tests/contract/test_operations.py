"""Tests that an undocumented path or method is matched to the nearest operation."""

from payments_sandbox.contract.operations import nearest_call
from tests.support.tables import for_each


@for_each(
    ("method", "target", "meant"),
    [
        ("POST", "/v3/payment", "POST /v3/payments"),
        ("GET", "/v3/payment?limit=5", "GET /v3/payments"),
        ("HEAD", "/v3//payments/", "GET /v3/payments"),
        ("PUT", "/v3/payments/pay_x/refund", "POST /v3/payments/{payment_id}/refunds"),
        ("GET", "/v3/payments/pay_x/refunds", "POST /v3/payments/{payment_id}/refunds"),
        ("DELETE", "/v3/payments/pay_x", "GET /v3/payments/{payment_id}"),
        ("POST", "/payments", "POST /v3/payments"),
        ("GET", "/api/v2/payments/pay_x", "GET /v3/payments/{payment_id}"),
        ("GET", "/v3/v3/payments", "GET /v3/payments"),
        ("POST", "/v3/charges", "POST /v3/payments"),
        ("GET", f"/v3/{'x' * 9_000}", "GET /v3/payments"),
    ],
)
def test_an_undocumented_call_is_matched_to_the_nearest_operation(
    method: str, target: str, meant: str
) -> None:
    """By the path, then by the method."""
    assert nearest_call(method, target) == meant
