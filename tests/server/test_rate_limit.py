"""Tests RATE LIMITING: which replies have the headers, what counts, and when the hour ends."""

import asyncio

import pytest

from tests.support.http import Api, Control, ask, envelope, events, listed, paid
from tests.support.values import documented_create

PATH = "/v3/payments"
ELEVEN = "1894705200"  # 2030-01-15T11:00:00Z

REPLIES = {
    "200": ("GET", PATH, None, 200),
    "201": ("POST", PATH, {}, 201),
    "400 of a field": ("POST", PATH, {"amount": 0}, 400),
    "400 of a decline": ("POST", PATH, {"card_number": "4000000000000002"}, 400),
    "400 of a parameter": ("GET", f"{PATH}?limit=0", None, 400),
    "404 of a payment": ("GET", f"{PATH}/pay_xyz789", None, 404),
    "404 of a path": ("GET", "/v3/customers", None, 404),
    "405": ("DELETE", PATH, None, 405),
    "413": ("POST", PATH, {"description": "x" * 70_000}, 413),
    "500": ("POST", PATH, {"card_number": "4000009900000046"}, 500),
    "HEAD": ("HEAD", PATH, None, 200),
    "OPTIONS": ("OPTIONS", PATH, None, 405),
}


async def limits(
    api: Api, method: str = "GET", path: str = PATH, json: object = None
) -> tuple[int, str, str, str]:
    """Return the status of a reply, and its three rate-limit headers."""
    async with api.request(method, path, json=json) as reply:
        names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
        limit, remaining, reset = (reply.headers[name] for name in names)
        return reply.status, limit, remaining, reset


@pytest.mark.parametrize(
    ("method", "path", "changes", "status"), REPLIES.values(), ids=REPLIES.keys()
)
async def test_every_authenticated_reply_has_the_rate_limit_headers(
    api: Api, method: str, path: str, changes: dict[str, object] | None, status: int
) -> None:
    """And counts."""
    json = None if changes is None else documented_create(**changes)
    assert await limits(api, method, path, json) == (status, "1000", "999", ELEVEN)


async def test_each_request_uses_one_call_of_the_rate_limit(api: Api) -> None:
    found = [(await limits(api))[2] for _ in range(3)]
    assert found == ["999", "998", "997"]


async def test_a_call_over_the_rate_limit_is_429_without_effect_and_not_counted(
    api: Api, control: Control
) -> None:
    await control("set_rate_limit", {"remaining": 1})
    await paid(api)
    details = "The hour ends at 2030-01-15T11:00:00Z on the world's clock."
    for _ in range(2):
        assert await paid(api, 429) == envelope("rate_limit_exceeded", details)
        assert await limits(api) == (429, "1000", "0", ELEVEN)
    await control("set_rate_limit", {"remaining": 10})
    assert len(await listed(api)) == 1
    assert len(await events(api)) == 1
    assert (await control("retrieve_rate_limit"))["remaining"] == 9


async def test_the_rate_limit_is_checked_before_path_method_and_body(
    api: Api, control: Control
) -> None:
    await control("set_rate_limit", {"remaining": 0})
    found = [
        (await limits(api, method, path))[0]
        for method, path in (("GET", "/v3/nope"), ("DELETE", PATH), ("POST", PATH), ("GET", "/v3"))
    ]
    assert found == [429] * 4


async def test_a_429_has_no_retry_after(api: Api, control: Control) -> None:
    """The documentation has none: clients read X-RateLimit-Reset."""
    await control("set_rate_limit", {"remaining": 0})
    async with api.get(PATH) as reply:
        assert (reply.status, "Retry-After" in reply.headers) == (429, False)


async def test_the_rate_limit_is_renewed_at_the_hour_of_the_worlds_clock(
    api: Api, control: Control
) -> None:
    """Not a millisecond earlier."""
    await control("set_rate_limit", {"remaining": 0})
    await control("advance_clock", {"to": "2030-01-15T10:59:59.999Z"})
    assert await limits(api) == (429, "1000", "0", ELEVEN)
    await control("advance_clock", {"by": "1ms"})
    assert await limits(api) == (200, "1000", "999", str(int(ELEVEN) + 3600))


async def test_of_30_simultaneous_calls_exactly_the_remaining_20_succeed(
    api: Api, control: Control
) -> None:
    await control("set_rate_limit", {"remaining": 20})
    found = await asyncio.gather(*(limits(api) for _ in range(30)))
    assert sorted(status for status, *_ in found) == [200] * 20 + [429] * 10
    assert sorted(int(left) for _, _, left, _ in found) == [0] * 11 + list(range(1, 20))


async def test_a_request_with_an_invalid_key_does_not_count(api: Api) -> None:
    await ask(api, "GET", PATH, 401, headers={"Authorization": "Bearer sk_live_0"})
    assert (await limits(api))[2] == "999"


async def test_control_api_calls_do_not_count_and_have_no_rate_limit_headers(
    api: Api, control: Control
) -> None:
    await control("retrieve_world")
    await control("freeze_clock")
    async with api.get("/_sandbox/world") as reply:
        assert [name for name in reply.headers if name.startswith("X-")] == []
    assert (await limits(api))[2] == "999"


async def test_a_lowered_limit_keeps_used_calls_and_stays_after_the_hour(
    api: Api, control: Control
) -> None:
    await limits(api)
    await control("set_rate_limit", {"limit": 3})
    assert await limits(api) == (200, "3", "1", ELEVEN)
    await control("advance_clock", {"by": "1h"})
    assert await limits(api) == (200, "3", "2", str(int(ELEVEN) + 3600))
