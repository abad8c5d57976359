"""Tests the event filter of endpoints and their valid secrets."""

from payments_sandbox.core.instants import Instant
from payments_sandbox.webhooks.endpoint import ROTATION, Endpoint
from tests.support.tables import for_each


def endpoint(*events: str) -> Endpoint:
    """Return an endpoint that receives these events."""
    return Endpoint(number=0, id="we_1", url="inbox:orders", secret="new", events=events)


@for_each(
    ("filters", "event", "is_wanted"),
    [
        (("*",), "payment.completed", True),
        (("*",), "payout.paid", True),
        (("payment.*",), "payment.failed", True),
        (("payment.*",), "payment", True),
        (("payment.*",), "payments.failed", False),
        (("payment.*",), "refund.created", False),
        (("refund.created",), "refund.created", True),
        (("refund.created",), "refund.created.again", False),
        (("refund.created", "chargeback.*"), "chargeback.created", True),
        ((), "payment.completed", False),
    ],
)
def test_an_endpoint_filters_events_by_name_by_family_or_not_at_all(
    filters: tuple[str, ...], event: str, *, is_wanted: bool
) -> None:
    assert endpoint(*filters).wants(event) is is_wanted


def test_the_previous_secret_is_valid_after_the_new_one_until_a_day_after_rotation() -> None:
    rotated = Endpoint(
        number=0,
        id="we_1",
        url="inbox:orders",
        secret="new",
        previous="old",
        previous_until=Instant(ROTATION),
    )
    assert rotated.secrets_at(Instant(ROTATION - 1)) == ("new", "old")
    assert rotated.secrets_at(Instant(ROTATION)) == ("new",)
    assert endpoint().secrets_at(Instant(0)) == ("new",)
