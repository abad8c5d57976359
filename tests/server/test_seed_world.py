"""Tests POST /_sandbox/world/seed: payments of the past, in slices, completely or not at all."""

import asyncio
from typing import Any

import pytest

from payments_sandbox.core.errors import InvalidRequest
from payments_sandbox.rules.scenario import Generated
from payments_sandbox.scenarios.initial_state import fill_world
from payments_sandbox.world.world import World
from tests.support.http import Api, Control, ask, bearer, invalid, paid

NUMBERS = {"payments": 50, "customers": 4, "over": "10d"}


async def everything(api: Api, key: str | None = None) -> list[dict[str, Any]]:
    """Return the payments of a world, newest first."""
    headers = {} if key is None else bearer(key)
    page = await ask(api, "GET", "/v3/payments?limit=100", headers=headers)
    return list(page["data"])


async def test_seeding_a_world_makes_payments_with_events_spread_over_the_past(
    api: Api, control: Control
) -> None:
    """The reply is the world."""
    shown = await control("seed_world", NUMBERS)
    assert shown == await control("retrieve_world")
    found = await everything(api)
    events = (await control("list_events"))["data"]

    assert (sum(shown["payments"].values()), shown["events"], len(found)) == (50, 50, 50)
    created = [each["created_at"] for each in found]
    assert created == sorted(created, reverse=True)
    assert ("2030-01-05" <= created[-1] < created[0] <= "2030-01-15T10:30:00Z") is True
    assert {each["data"]["payment_id"] for each in events} == {each["id"] for each in found}


async def test_seeding_a_world_makes_the_same_payments_as_a_scenario_with_equal_numbers(
    api: Api, control: Control
) -> None:
    await control("seed_world", {**NUMBERS, "seed": 3})
    scenario = {"scenario": "past", "seed": 3, "given": {"generate": NUMBERS}}
    seed = (await control("retrieve_world"))["seed"]
    wishes = {"seed": seed, "clock": "2030-01-15T10:30:00Z", "scenarios": [scenario]}
    made = await control("create_world", wishes)
    assert await everything(api) == await everything(api, made["api_key"])


async def test_seeding_defaults_to_a_tenth_as_many_customers_30_days_and_the_worlds_seed(
    api: Api, control: Control
) -> None:
    await control("seed_world", {"payments": 30})
    seed = (await control("retrieve_world"))["seed"]
    first = await everything(api)
    await control("reset_world", {"only": ["payments"]})
    await control("seed_world", {"payments": 30, "customers": 3, "over": "30d", "seed": seed})
    assert await everything(api) == first


@pytest.mark.parametrize("what", ["payment", "event", "seed", "given"])
async def test_seeding_a_used_world_adds_older_payments_and_keeps_everything_else(
    api: Api, control: Control, what: str
) -> None:
    """They are listed last, and can be used."""
    match what:
        case "payment":
            await paid(api)
        case "event":
            await control("create_event", {"type": "payout.paid", "data": {}})
        case "seed":
            await control("seed_world", NUMBERS)
        case _:
            given = {"payments": [{"id": "pay_old", "amount": 1200, "currency": "EUR"}]}
            await control("put_active_scenarios", [{"scenario": "past", "given": given}])
    before, events = (
        await everything(api),
        (await control("list_events", query={"limit": "100"}))["data"],
    )
    shown = await control("seed_world", {"payments": 30, "over": "10d"})
    after = await everything(api)
    later = (await control("list_events", query={"limit": "100"}))["data"]

    assert (after[: len(before)], later[: len(events)]) == (before, events)
    assert (len(after), sum(shown["payments"].values())) == (len(before) + 30,) * 2
    assert (len(later), shown["events"]) == (len(events) + 30,) * 2
    created = [each["created_at"] for each in after]
    assert created == sorted(created, reverse=True)
    assert len({each["id"] for each in after}) == len(after)
    for each in after[-3:]:
        found = await ask(api, "GET", f"/v3/payments/{each['id']}")
        assert found.items() >= each.items()
    page = await ask(api, "GET", f"/v3/payments?limit=100&starting_after={after[0]['id']}")
    assert page["data"] == after[1:]


@pytest.mark.parametrize(
    ("body", "details"),
    [
        (
            {"payments": 3, "customers": 4},
            "/customers: expected at most the number of payments, 3.",
        ),
        (
            {"payments": 3, "over": "a month"},
            "/over: expected a duration such as 300ms, 5s, 10m, 2h or 45d.",
        ),
        ({"payments": 0}, "/payments: expected a whole number from 1 to 1000000."),
    ],
    ids=["customers", "over", "payments"],
)
async def test_invalid_seed_numbers_are_rejected_with_what_is_expected(
    control: Control, body: dict[str, object], details: str
) -> None:
    assert await control("seed_world", body, status=400) == invalid(details)


async def test_other_requests_are_served_while_a_world_is_seeded(
    api: Api, control: Control
) -> None:
    """The world stays as it was until all payments exist."""
    filling = asyncio.ensure_future(control("seed_world", {"payments": 20_000}))
    counts = []
    while not filling.done():
        counts.append(len(await everything(api)))
        await everything(api, "sk_test_other")
    await filling
    assert (set(counts[:-1]), len(counts) > 3) == ({0}, True)
    assert len(await everything(api)) == 100


async def test_seeded_payments_send_no_webhooks_and_are_not_in_the_stream(
    api: Api, control: Control, world: World
) -> None:
    await control("create_webhook_endpoint", {"url": "inbox:orders"})
    async with api.get("/_sandbox/stream") as stream:
        await stream.content.readuntil(b"\n\n")
        await control("seed_world", {"payments": 2_000})
        made = await paid(api)
        message = ": still here"
        while message.startswith(":"):
            message = (await stream.content.readuntil(b"\n\n")).decode()
    assert (message.splitlines()[0], made["id"] in message) == ("event: event", True)
    assert world.webhooks is not None
    assert len((await control("list_deliveries"))["data"]) == 1


def test_seeding_an_empty_world_that_is_used_meanwhile_is_rejected(world: World) -> None:
    """Its first event keeps its number."""
    steps = fill_world(world, Generated(1_000, 10, 86_400_000))
    next(steps)
    next(steps)
    world.make_event("payout.paid", {})
    with pytest.raises(InvalidRequest, match="try again"):
        list(steps)
    assert (world.ledger.events, len(world.ledger.payments)) == (1, 0)


def test_seeding_a_used_world_keeps_events_that_happen_meanwhile(world: World) -> None:
    world.make_event("payout.paid", {"n": 1})
    steps = fill_world(world, Generated(1_000, 10, 86_400_000))
    next(steps)
    next(steps)
    world.make_event("payout.paid", {"n": 2})
    list(steps)
    assert (world.ledger.event_numbers, len(world.ledger.payments)) == (range(-1_000, 2), 1_000)


def test_seeding_is_rejected_if_the_clock_is_reset_meanwhile(world: World) -> None:
    """Payments later than its now would be impossible."""
    list(world.advance(world.clock.now() + 1_000))  # type: ignore[arg-type]  # an Instant is a number
    steps = fill_world(world, Generated(1_000, 10, 86_400_000))
    next(steps)
    next(steps)
    world.start_clock(world.config.frozen_at)
    with pytest.raises(InvalidRequest, match="try again"):
        list(steps)
    assert len(world.ledger.payments) == 0


async def test_a_seeded_world_accepts_new_payments(api: Api, control: Control) -> None:
    first = await paid(api)
    await control("seed_world", {"payments": 5})
    second = await paid(api)
    page = await control("list_payments")

    assert [each["id"] for each in page["data"][:2]] == [second["id"], first["id"]]
    assert len(page["data"]) == 7


async def test_a_world_shows_its_progress_while_it_is_seeded(control: Control) -> None:
    """And not before or after."""
    filling = asyncio.ensure_future(control("seed_world", {"payments": 20_000}))
    told = []
    while not filling.done():
        world = await control("retrieve_world")
        told.append(world.get("filling"))

    seen = [each for each in told if each is not None]
    assert {each["wanted"] for each in seen} == {20_000}
    made = [each["made"] for each in seen]
    assert made == sorted(made)
    assert made[-1] > 0
    assert "filling" not in await control("retrieve_world")
