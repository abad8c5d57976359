"""Tests reading and setting the rate limit in the control API."""

import pytest

from tests.support.http import Api, Control, Json, ask, invalid, paid
from tests.support.tables import for_each

RESET = 1894705200  # 2030-01-15T11:00:00Z
LIMIT = "/limit: expected an integer from 1 to 1000000000."
REMAINING = "/remaining: expected an integer from 0 to 1000000000."


def shown(limit: int, remaining: int) -> dict[str, int]:
    """Return the rate limit in the first hour."""
    return {"limit": limit, "remaining": remaining, "reset": RESET}


async def test_retrieving_the_rate_limit_uses_no_call(api: Api, control: Control) -> None:
    """Each call to `/v3` uses one."""
    assert await control("retrieve_rate_limit") == shown(1000, 1000)
    await ask(api, "GET", "/v3/payments")
    assert await control("retrieve_rate_limit") == shown(1000, 999)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"remaining": 0}, shown(1000, 0)),
        ({"remaining": 1000}, shown(1000, 1000)),
        ({"limit": 2000}, shown(2000, 1998)),
        ({"limit": 10}, shown(10, 8)),
        ({"limit": 1}, shown(1, 0)),
        ({"limit": 5, "remaining": 5}, shown(5, 5)),
    ],
    ids=str,
)
async def test_setting_the_limit_keeps_used_calls_and_setting_remaining_overrides_them(
    api: Api, control: Control, wanted: dict[str, int], expected: dict[str, int]
) -> None:
    for _ in range(2):
        await ask(api, "GET", "/v3/payments")
    assert await control("set_rate_limit", wanted) == expected
    assert await control("retrieve_rate_limit") == expected


@for_each(
    ("wanted", "details"),
    [
        ({"limit": 0}, LIMIT),
        ({"limit": "10"}, LIMIT),
        ({"limit": 1_000_000_001}, LIMIT),
        ({"remaining": -1}, REMAINING),
        ({"remaining": 1.5}, REMAINING),
        ({"remaining": 1001}, "/remaining: expected at most the limit, 1000."),
        ({"limit": 5, "remaining": 6}, "/remaining: expected at most the limit, 5."),
        ({}, "/: expected a JSON object with limit, remaining or both."),
    ],
)
async def test_an_invalid_rate_limit_is_rejected_with_its_json_pointer(
    control: Control, wanted: Json, details: str
) -> None:
    """And nothing is set."""
    assert await control("set_rate_limit", wanted, status=400) == invalid(details)
    assert await control("retrieve_rate_limit") == shown(1000, 1000)


async def test_a_set_limit_is_permanent_and_set_remaining_calls_last_for_the_hour(
    control: Control,
) -> None:
    await control("set_rate_limit", {"limit": 10, "remaining": 1})
    await control("advance_clock", {"by": "30m"})
    expected = {"limit": 10, "remaining": 10, "reset": RESET + 3600}
    assert await control("retrieve_rate_limit") == expected


async def test_a_world_can_be_made_with_its_own_rate_limit(api: Api, control: Control) -> None:
    wanted = {"api_key": "sk_test_a", "rate_limit": {"limit": 2, "remaining": 1}}
    await control("create_world", wanted)
    await paid(api, key="sk_test_a")
    await paid(api, 429, key="sk_test_a")
    assert await control("retrieve_rate_limit") == shown(1000, 1000)
