"""Tests GET coverage: which failures the calls and webhooks of all worlds have met."""

import pytest

from payments_sandbox.core.settings import Settings
from tests.support.http import Api, Control, bearer, invalid, paid

OTHER = "sk_test_other"


@pytest.fixture
def settings() -> Settings:
    return Settings(clock="2030-01-15T09:00:00Z", seed=7, coverage=True)


async def test_coverage_counts_the_calls_of_all_worlds_including_dropped_ones(
    api: Api, control: Control
) -> None:
    """No key is needed."""
    await paid(api)
    await paid(api, 400, card_number="4000000000000002")
    await paid(api, 400, key=OTHER, card_number="4000000000000002")
    await api.delete("/_sandbox/world", headers=bearer(OTHER))
    reply = await api.get("/v3/payments", headers=bearer("nonsense"))
    assert reply.status == 401

    counted = await control("retrieve_coverage")
    assert [tuple(each.values()) for each in counted["calls"]] == [
        ("create_payment", "card_declined", False, 2),
        ("create_payment", None, None, 1),
        ("list_payments", "invalid_api_key", None, 1),
    ]
    assert counted["webhooks"] == []


@pytest.mark.parametrize("settings", [Settings(seed=7)])
async def test_coverage_without_the_option_is_rejected_with_how_to_enable_it(
    api: Api, control: Control
) -> None:
    await paid(api)

    assert await control("retrieve_coverage", status=400) == invalid(
        "/: this server does not count failures; start it with --coverage or coverage=True."
    )
