"""Tests worlds: made by hand or by their key, shown, listed, dropped."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson
import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.ids import DEFAULT_API_KEY
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from tests.support.http import Api, Control, Json, ask, bearer, client_of, invalid, paid, refunded
from tests.support.tables import for_each
from tests.support.values import API_KEY, MILLISECOND, Matching, documented_create

DEFAULT_WEBHOOK_SECRET = "whsec_cGF5bWVudHMtc2FuZGJveC1kZWZhdWx0LXNlY3JldCE="
SECRET = Matching("whsec_[A-Za-z0-9+/]{43}=")
EMPTY = {"pending": 0, "completed": 0, "failed": 0}
PENDING = "4000009900000012"

REFUSED: dict[str, tuple[Json, str]] = {
    "key without its prefix": (
        {"api_key": "checkout"},
        "/api_key: expected sk_test_ followed by 1 to 64 letters, digits, underscores or dashes.",
    ),
    "key in use": (
        {"api_key": "sk_test_sandbox"},
        (
            "/api_key: expected a key that has no world yet;"
            " DELETE /_sandbox/world with this key drops its current world."
        ),
    ),
    "negative seed": ({"seed": -1}, "/seed: expected an integer from 0 to 9007199254740991."),
    "seed as a string": ({"seed": "7"}, "/seed: expected an integer from 0 to 9007199254740991."),
    "invalid clock": (
        {"clock": "noon"},
        (
            "/clock: expected an ISO 8601 date, or date and time with Z or an offset,"
            " such as 2025-01-15T10:30:00Z, or live."
        ),
    ),
    "limit of zero": (
        {"rate_limit": {"limit": 0}},
        "/rate_limit/limit: expected an integer from 1 to 1000000000.",
    ),
    "more remaining than the limit": (
        {"rate_limit": {"limit": 5, "remaining": 6}},
        "/rate_limit/remaining: expected at most the limit, 5.",
    ),
    "more remaining than the default limit": (
        {"rate_limit": {"remaining": 1001}},
        "/rate_limit/remaining: expected at most the limit, 1000.",
    ),
    "typo in the limit": (
        {"rate_limit": {"remainin": 1}},
        "/rate_limit/remainin: is not a documented field; did you mean 'remaining'?",
    ),
}


async def test_a_world_is_made_with_the_given_key_seed_clock_and_limit(
    api: Api, control: Control
) -> None:
    """The reply has the addresses of its APIs."""
    wanted = {
        "api_key": "sk_test_checkout",
        "seed": 7,
        "clock": "2030-01-15T09:00:00Z",
        "rate_limit": {"limit": 5, "remaining": 2},
    }
    origin = f"http://127.0.0.1:{api.port}"
    made = await control("create_world", wanted)
    assert made == {
        "api_key": "sk_test_checkout",
        "base_url": f"{origin}/v3",
        "sandbox_url": f"{origin}/_sandbox",
        "webhook_secret": SECRET,
        "seed": 7,
        "created_at": MILLISECOND,
        "clock": {"now": "2030-01-15T09:00:00Z", "mode": "frozen", "due": []},
        "rate_limit": {"limit": 5, "remaining": 2, "reset": 1894701600},
        "payments": EMPTY,
        "refunds": 0,
        "chargebacks": 0,
        "events": 0,
        "requests": {"kept": 0, "dropped": 0},
        "restarted": None,
    }
    assert await control("retrieve_world", key="sk_test_checkout") == made


async def test_worlds_are_listed_in_pages_the_last_used_first(control: Control) -> None:
    """An unknown key is rejected as a cursor."""
    for name in ("one", "two", "three"):
        await control("create_world", {"api_key": f"sk_test_{name}", "name": name})
    await control("retrieve_world", key="sk_test_one")
    first = await control("list_worlds", query={"limit": "2"})
    assert [each["api_key"] for each in first["data"]] == ["sk_test_one", "sk_test_three"]
    assert [each["name"] for each in first["data"]] == ["one", "three"]
    assert [each["used_at"] for each in first["data"]] == [MILLISECOND, MILLISECOND]
    assert (first["has_more"], first["next_cursor"]) == (True, "sk_test_three")
    rest = await control("list_worlds", query={"starting_after": "sk_test_three"})
    assert [each["api_key"] for each in rest["data"]] == ["sk_test_two", API_KEY]
    assert not rest["has_more"]
    refused = await control("list_worlds", query={"starting_after": "sk_test_none"}, status=400)
    assert refused == invalid(
        "/starting_after: expected the id of a world (its API key);"
        " GET /_sandbox/worlds returns the first page."
    )


async def test_the_name_of_a_world_is_in_its_summary_requests_and_log(
    api: Api, control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    """Escaped and masked; a snapshot keeps it."""
    caplog.set_level("INFO")
    name = "tests/test_shop.py::test_pays[a\nb-4242424242424242]"
    shown = "tests/test_shop.py::test_pays[a\\nb-************4242]"
    made = await control("create_world", {"api_key": "sk_test_shop", "name": name})
    await paid(api, key="sk_test_shop")
    [entry] = (await control("list_requests", key="sk_test_shop"))["data"]
    kept = await control("retrieve_snapshot", key="sk_test_shop")
    restored = await control("restore_snapshot", kept, key="sk_test_shop")
    other = await control("restore_snapshot", kept)
    await control("delete_world", key="sk_test_shop")

    assert [each["name"] for each in (made, restored)] == [shown] * 2
    assert entry["world"] == shown
    assert "name" not in other, "the name is of the world, not of what is in it"
    assert f"world {shown} (sk_test_shop) is gone: dropped by DELETE world" in caplog.messages


async def test_the_event_stream_begins_with_the_name_of_its_world(
    api: Api, control: Control
) -> None:
    """In a comment."""
    await control("create_world", {"api_key": "sk_test_shop", "name": "a test"})
    async with api.get("/_sandbox/stream", headers=bearer("sk_test_shop")) as stream:
        assert await stream.content.readuntil(b"\n\n") == b": connected to a test\n\n"


async def test_a_world_made_without_fields_has_a_generated_key_and_the_servers_settings(
    control: Control,
) -> None:
    """And its own secret."""
    first, second = await control("create_world", {}), await control("create_world")
    assert (first["api_key"], first["clock"], first["rate_limit"]) == (
        API_KEY,
        {"now": "2030-01-15T10:30:00Z", "mode": "frozen", "due": []},
        {"limit": 1000, "remaining": 1000, "reset": 1894705200},
    )
    assert first["api_key"] != second["api_key"]
    assert first["webhook_secret"] != second["webhook_secret"]


async def test_a_live_world_can_be_made_on_a_frozen_server(control: Control) -> None:
    made = await control("create_world", {"clock": "live"})
    assert made["clock"] == {"now": MILLISECOND, "mode": "live", "due": []}


async def test_all_problems_of_an_invalid_world_are_reported_at_once(control: Control) -> None:
    """First the form of its fields, then their meaning and its scenarios."""
    formed = {"seed": -1, "clock": "tomorrow", "rate_limit": {"limit": -1}, "sed": 7}
    meant = {
        "clock": "2030-02-31",
        "rate_limit": {"limit": 1, "remaining": 2},
        "scenarios": ["lost-reply", {"scenario": "x"}],
    }
    first = await control("create_world", formed, status=400)
    second = await control("create_world", meant, status=400)
    third = await control("create_world", meant | {"scenarios": ["lost-repyl"]}, status=400)

    assert [part.partition(":")[0] for part in first["error"]["details"].split("; /")] == [
        "/seed",
        "clock",
        "rate_limit/limit",
        "sed",
    ]
    assert second["error"]["details"] == (
        "/rate_limit/remaining: expected at most the limit, 1; /clock: expected a date and time"
        " that exist, or live; /scenarios/1: a scenario needs rules, expect or given."
    )
    assert [each["message"] for each in second["problems"]] == [
        "a scenario needs rules, expect or given"
    ]
    assert third["error"]["code"] == "invalid_request"
    assert "did you mean 'lost-reply'?" in third["error"]["details"]


@for_each(("body", "details"), REFUSED.values())
async def test_an_invalid_world_is_rejected_with_its_json_pointer_and_not_made(
    control: Control, sandbox: AssembledServer, body: Json, details: str
) -> None:
    assert await control("create_world", body, status=400) == invalid(details)
    assert len(sandbox.runtime.worlds) == 1


async def test_worlds_with_equal_seeds_give_equal_replies(api: Api, control: Control) -> None:
    """Ids come from the seed and a counter, not from the key."""
    bodies = []
    for key in ("sk_test_a", "sk_test_b"):
        await control("create_world", {"api_key": key, "seed": 99})
        created = await paid(api, key=key)
        page = await ask(api, "GET", "/v3/payments", headers=bearer(key))
        bodies.append((created, page, await control("list_events", key=key)))
    assert bodies[0] == bodies[1]


async def test_servers_with_equal_seeds_make_equal_worlds_and_keys(
    aiohttp_client: AiohttpClient,
) -> None:
    """If the world is given no seed."""
    settings = Settings(clock="2030-01-15T10:30:00Z", seed=42)
    found = []
    for _ in range(2):
        api = await client_of(aiohttp_client, assemble(settings), headers=bearer("sk_test_a"))
        made = await ask(api, "POST", "/_sandbox/worlds", 201, json={})
        found.append((made["api_key"], made["seed"], (await paid(api))["id"]))
    assert found[0] == found[1]


async def test_the_webhook_secret_of_the_home_world_is_constant(control: Control) -> None:
    """Also after the world was dropped, so webhooks verify across restarts."""
    before = (await control("retrieve_world"))["webhook_secret"]
    await control("delete_world")
    assert (before, (await control("retrieve_world"))["webhook_secret"]) == (
        DEFAULT_WEBHOOK_SECRET,
    ) * 2


async def test_the_summary_of_a_world_counts_its_records(api: Api, control: Control) -> None:
    payment_id = (await paid(api))["id"]
    await refunded(api, payment_id)
    pending = (await paid(api, card_number=PENDING))["id"]
    await paid(api, 400, card_number="4000000000000002")
    await control("charge_back_payment", {"amount": 5}, payment_id=payment_id)
    await control("set_rate_limit", {"limit": 50})
    await control("advance_clock", {"by": "10m"})
    world = await control("retrieve_world")
    counted = ("payments", "refunds", "chargebacks", "events", "requests", "rate_limit", "clock")
    assert {name: world[name] for name in counted} == {
        "payments": {"pending": 1, "completed": 1, "failed": 1},
        "refunds": 1,
        "chargebacks": 1,
        "events": 4,
        "requests": {"kept": 4, "dropped": 0},
        "rate_limit": {"limit": 50, "remaining": 46, "reset": 1894705200},
        "clock": {
            "now": "2030-01-15T10:40:00Z",
            "mode": "frozen",
            "due": [
                {
                    "at": "2030-01-15T11:30:00Z",
                    "what": "payment.completed",
                    "payment_id": pending,
                }
            ],
        },
    }


async def test_the_key_of_a_dropped_world_works_at_once_with_an_empty_world(
    api: Api, control: Control
) -> None:
    await paid(api, key="sk_test_a")
    assert await control("delete_world", key="sk_test_a") is None
    world = await control("retrieve_world", key="sk_test_a")
    assert (world["payments"], world["restarted"]) == (EMPTY, None)


async def test_a_world_can_be_made_again_after_it_was_dropped(control: Control) -> None:
    """As the error for a key in use advises."""
    await control("create_world", {"api_key": "sk_test_a"})
    await control("create_world", {"api_key": "sk_test_a"}, status=400)
    await control("delete_world", key="sk_test_a")
    await control("create_world", {"api_key": "sk_test_a"})


async def test_a_world_dropped_for_another_says_so_when_it_is_used_again(
    aiohttp_client: AiohttpClient,
) -> None:
    """In its summary and its report."""
    sandbox = assemble(Settings(clock="2030-01-15T10:30:00Z", max_worlds=2))
    api = await client_of(aiohttp_client, sandbox)
    control = Control(api, sandbox.contract)
    await control("retrieve_world", key="sk_test_a")
    await control("retrieve_world", key="sk_test_b")
    again = await control("retrieve_world", key="sk_test_a")
    assert again["restarted"] == (
        "An earlier world of this key was the longest idle of 2 worlds (--max-worlds)."
    )
    reported = await control("retrieve_report", key="sk_test_a")
    assert reported["restarted"] == again["restarted"]
    assert "restarted" not in await control("retrieve_report", key=DEFAULT_API_KEY)


@pytest.mark.parametrize("route", ["delete_world", "restore_snapshot"])
async def test_a_dropped_or_replaced_live_world_has_no_timer(
    api: Api, control: Control, sandbox: AssembledServer, route: str
) -> None:
    await control("create_world", {"api_key": "sk_test_a", "clock": "live"})
    empty = await control("retrieve_snapshot", key="sk_test_a")
    await paid(api, key="sk_test_a", card_number=PENDING)
    assert len(sandbox.runtime.timers) == 1
    await control(route, empty if route == "restore_snapshot" else None, key="sk_test_a")
    assert len(sandbox.runtime.timers) == 0


@dataclass
class Upload:
    """A body whose second half is sent on demand."""

    body: object
    started: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def halves(self) -> AsyncIterator[bytes]:
        """Yield the body in two pieces."""
        raw = orjson.dumps(self.body)
        yield raw[: len(raw) // 2]
        self.started.set()
        await self.let_go.wait()
        yield raw[len(raw) // 2 :]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/v3/payments", 201), ("PUT", "/_sandbox/world/snapshot", 200)],
)
async def test_a_request_uploaded_during_the_drop_of_its_world_uses_the_new_world(  # noqa: PLR0913 - the columns of the table
    api: Api, control: Control, sandbox: AssembledServer, method: str, path: str, status: int
) -> None:
    key = bearer("sk_test_a")
    await control("create_world", {"api_key": "sk_test_a", "clock": "live"})
    await paid(api, key="sk_test_a")
    snapshot = await control("retrieve_snapshot", key="sk_test_a")
    body = snapshot if method == "PUT" else documented_create(card_number=PENDING)
    upload = Upload(body)
    headers = {**key, "Content-Type": "application/json"}
    request = ask(api, method, path, status, data=upload.halves(), headers=headers)
    task = asyncio.create_task(request)
    await upload.started.wait()
    await control("delete_world", key="sk_test_a")
    upload.let_go.set()
    await task
    found = (await ask(api, "GET", "/v3/payments", headers=key))["data"]
    assert [payment["status"] for payment in found] == [
        "completed" if method == "PUT" else "pending"
    ]
    worlds = [world for world in sandbox.runtime.worlds if world.timeline.next_due is not None]
    assert len(sandbox.runtime.timers) == sum(world.clock.mode.value == "live" for world in worlds)
