"""The rate limit seen and set by hand."""

import pytest

from tests.support.http import Api, Control, Json, ask, invalid, paid

RESET = 1894705200  # 2030-01-15T11:00:00Z
LIMIT = "/limit: expected an integer from 1 to 1000000000."
REMAINING = "/remaining: expected an integer from 0 to 1000000000."


def shown(limit: int, remaining: int) -> dict[str, int]:
    """The rate limit in the first hour."""
    return {"limit": limit, "remaining": remaining, "reset": RESET}


async def test_looking_at_the_limit_does_not_count(api: Api, control: Control) -> None:
    """A new world has its whole hour; each call to `/v3` takes one."""
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
async def test_the_limit_and_what_remains_are_set(
    api: Api, control: Control, wanted: dict[str, int], expected: dict[str, int]
) -> None:
    """A new limit keeps what was used as used; `remaining` is set as it is."""
    for _ in range(2):
        await ask(api, "GET", "/v3/payments")
    assert await control("set_rate_limit", wanted) == expected
    assert await control("retrieve_rate_limit") == expected


@pytest.mark.parametrize(
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
    ids=str,
)
async def test_a_rate_limit_that_cannot_be_is_refused(
    control: Control, wanted: Json, details: str
) -> None:
    """The details name the field and what would have worked; nothing is set."""
    assert await control("set_rate_limit", wanted, status=400) == invalid(details)
    assert await control("retrieve_rate_limit") == shown(1000, 1000)


async def test_the_limit_holds_for_good_and_the_rest_for_the_hour(control: Control) -> None:
    """When the hour turns, the new limit is there in full."""
    await control("set_rate_limit", {"limit": 10, "remaining": 1})
    await control("advance_clock", {"by": "30m"})
    expected = {"limit": 10, "remaining": 10, "reset": RESET + 3600}
    assert await control("retrieve_rate_limit") == expected


async def test_a_world_is_made_with_a_lower_limit(api: Api, control: Control) -> None:
    """`POST worlds` sets both at once, for that world alone."""
    wanted = {"api_key": "sk_test_a", "rate_limit": {"limit": 2, "remaining": 1}}
    await control("create_world", wanted)
    await paid(api, key="sk_test_a")
    await paid(api, 429, key="sk_test_a")
    assert await control("retrieve_rate_limit") == shown(1000, 1000)
