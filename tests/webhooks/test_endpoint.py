"""Holds endpoints to their filter and to the secrets that are valid."""

import pytest

from payments_sandbox.core.instants import Instant
from payments_sandbox.webhooks.endpoint import ROTATION, Endpoint


def endpoint(*events: str) -> Endpoint:
    """One that wants these."""
    return Endpoint(number=0, id="we_1", url="inbox:orders", secret="new", events=events)


@pytest.mark.parametrize(
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
def test_a_filter_lets_exact_names_families_or_everything_through(
    filters: tuple[str, ...], event: str, *, is_wanted: bool
) -> None:
    """All, a family, or a name."""
    assert endpoint(*filters).wants(event) is is_wanted


def test_the_old_secret_is_valid_beside_the_new_one_for_a_day() -> None:
    """The new one, and until a day after the rotation the old one behind it."""
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
