"""Tests snapshots: a world restored in place or on another server continues exactly."""

import asyncio
import json
import time
from collections.abc import Generator
from typing import Any

import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.settings import Settings
from payments_sandbox.core.slices import SLICE
from payments_sandbox.server.factory import assemble
from payments_sandbox.world.snapshot import restoring
from payments_sandbox.world.world import World
from tests.support.http import (
    Api,
    Control,
    Json,
    ask,
    bearer,
    client_of,
    events,
    invalid,
    listed,
    paid,
    refunded,
)
from tests.support.values import AUTHORIZED, JsonPath, documented_create, with_value, without

PATH = "/_sandbox/world/snapshot"
THEN_COMPLETED, CHARGED_BACK, FAILS_TWICE = (
    "4000009900000012", "4000000000000259", "4000009900000111",
)  # fmt: skip
NUMBERS = ("4111111111111111", THEN_COMPLETED, CHARGED_BACK, FAILS_TWICE)

FORMAT = "/format: is required: expected the text payments-sandbox/world"

DIGEST = (
    "/digest: expected the digest of the rest; this snapshot was changed after GET world/snapshot"
    " returned it."
)
ANOTHER_VERSION = (
    "/version: expected a snapshot of format payments-sandbox/world, version 4. This one has"
    " version 1, so only the release of payments-sandbox that made it can read it."
)
NO_TEXT = (
    "/digest: expected the digest that GET /_sandbox/world/snapshot returned; send the snapshot"
    " back unchanged."
)


async def lived_in(api: Api, control: Control) -> None:
    """Leave something in every part of the home world."""
    payment_id = (await paid(api))["id"]
    await refunded(api, payment_id)
    await control("charge_back_payment", {"amount": 5}, payment_id=payment_id)
    for card in (THEN_COMPLETED, CHARGED_BACK):
        await paid(api, card_number=card, customer_id="cust_b", description=None)
    await paid(api, 400, card_number="4000000000000002")
    await paid(api, 500, card_number=FAILS_TWICE)
    await ask(api, "GET", "/v3/payments?page=1", 400)
    await ask(api, "POST", "/v3/payments", 400, json={"amount": 0.5, "deep": [[[[[]]]]]})
    await control("set_rate_limit", {"limit": 500})
    await control("advance_clock", {"by": "1234ms"})


async def future(api: Api, control: Control) -> list[Any]:
    """Return all that the world shows, and what it answers to the same calls from here on."""
    shown = [await ask(api, "GET", "/v3/payments?limit=100"), await control("list_events")]
    shown += [await control("list_requests"), await control("retrieve_clock")]
    answers = [await paid(api, 500, card_number=FAILS_TWICE), await paid(api)]
    answers += [await paid(api, card_number=FAILS_TWICE), await refunded(api, answers[1]["id"])]
    later = await control("advance_clock", {"by": "2d"})
    rest = [await control("list_events"), await control("retrieve_rate_limit")]
    return [shown, answers, later, rest]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_other_requests_are_served_while_a_large_snapshot_is_sent(
    api: Api, control: Control, method: str
) -> None:
    """HEAD gets only its headers."""
    await control("seed_world", {"payments": 4 * SLICE})
    served = 0
    async with api.request(method, PATH) as reply:
        reading = asyncio.ensure_future(reply.read())
        while not reading.done():
            await ask(api, "GET", "/_sandbox/live")
            served += 1
        body = await reading
    length = int(reply.headers["Content-Length"])

    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert length > 2**17
    assert len(body) == (length if method == "GET" else 0)
    assert served >= 1


async def test_a_world_restored_in_place_continues_exactly(api: Api, control: Control) -> None:
    """What happened after the snapshot is undone, and happens again in the same way."""
    await lived_in(api, control)
    kept = await control("retrieve_snapshot")
    first = await future(api, control)
    await control("restore_snapshot", kept)
    assert without_durations(await future(api, control)) == without_durations(first)


async def test_the_snapshot_of_a_restored_world_equals_the_original(
    api: Api, control: Control
) -> None:
    await lived_in(api, control)
    kept = await control("retrieve_snapshot")
    summary = await control("restore_snapshot", kept)
    assert await control("retrieve_snapshot") == kept
    again = await control("retrieve_world")
    assert again == summary


async def test_a_world_restored_on_another_server_continues_exactly(
    api: Api, control: Control, aiohttp_client: AiohttpClient
) -> None:
    """With another key and other settings: same ids, same events, same secret."""
    await lived_in(api, control)
    kept = await control("retrieve_snapshot")
    sandbox = assemble(Settings(seed=1, rate_limit=3))
    other = await client_of(aiohttp_client, sandbox, headers=bearer("sk_test_other"))
    elsewhere = Control(other, sandbox.contract)
    await elsewhere("restore_snapshot", kept)
    secrets = [await each("retrieve_world") for each in (control, elsewhere)]
    assert secrets[0]["webhook_secret"] == secrets[1]["webhook_secret"]
    there, here = await future(other, elsewhere), await future(api, control)
    assert without_durations(there) == without_durations(here)


async def test_a_snapshot_contains_no_card_numbers_security_codes_or_keys(
    api: Api, control: Control
) -> None:
    """Wherever the client has put them."""
    await lived_in(api, control)
    await ask(api, "GET", f"/v3/payments?customer_id={NUMBERS[0]}")
    await ask(api, "GET", f"/v3/payments/{NUMBERS[0]}", 404)
    await ask(api, "POST", "/v3/payments", 400, json=documented_create(pan=NUMBERS[0], cvc="987"))
    async with api.get(PATH) as reply:
        text = await reply.text()
    assert [secret for secret in (*NUMBERS, '"987"', "sk_test_sandbox") if secret in text] == []


async def test_a_restored_live_world_has_a_timer_for_what_is_due(
    aiohttp_client: AiohttpClient,
) -> None:
    sandbox = assemble(Settings(seed=7))
    api = await client_of(aiohttp_client, sandbox, headers=AUTHORIZED)
    await paid(api, card_number=THEN_COMPLETED)
    kept = await ask(api, "GET", PATH)
    await ask(api, "PUT", PATH, json=kept)
    assert len(sandbox.runtime.timers) == 1


@pytest.mark.parametrize("real", [-(10**15), 10**17], ids=["1938", "5138"])
async def test_a_snapshot_taken_with_an_absurd_wall_clock_can_be_restored(
    aiohttp_client: AiohttpClient, monkeypatch: pytest.MonkeyPatch, real: int
) -> None:
    """A machine's clock may be wrong by any number of years."""
    monkeypatch.setattr(time, "time_ns", lambda: real * 1_000)
    api = await client_of(aiohttp_client, assemble(Settings(seed=7)), headers=AUTHORIZED)
    await ask(api, "GET", "/v3/payments")
    await ask(api, "PUT", PATH, json=await ask(api, "GET", PATH))


async def test_a_snapshot_with_the_deepest_accepted_body_can_be_restored(
    api: Api, control: Control
) -> None:
    deepest = "[" * 32 + "]" * 32
    headers = {"Content-Type": "application/json"}
    await ask(api, "POST", "/v3/payments", 400, data=deepest, headers=headers)
    await control("restore_snapshot", await control("retrieve_snapshot"))


async def test_a_snapshot_may_exceed_the_maximum_size_of_other_bodies(
    api: Api, control: Control
) -> None:
    for _ in range(40):
        await paid(api, description="\U0001f355" * 500)
    kept = await control("retrieve_snapshot")
    assert len(json.dumps(kept)) > 64 * 1024
    await control("restore_snapshot", kept)
    assert len(await listed(api, limit=100)) == 40


@pytest.mark.parametrize(
    ("body", "details"),
    [
        (
            {},
            f"{FORMAT}; /version: is required: expected the version of the snapshot, an integer.",
        ),
        (
            {"format": "payments-sandbox/world", "version": 1},
            ANOTHER_VERSION,
        ),
        ({"format": "payments-sandbox/world", "version": 4}, DIGEST),
        (
            {"format": "payments-sandbox/world", "version": 4, "digest": 5},
            NO_TEXT,
        ),
        (
            {"format": "other", "version": 1},
            "/format: expected the text payments-sandbox/world.",
        ),
    ],
    ids=["nothing", "another version", "no digest", "no text", "another format"],
)
async def test_an_invalid_snapshot_is_rejected_and_the_world_is_unchanged(
    api: Api, control: Control, body: Json, details: str
) -> None:
    payment_id = (await paid(api))["id"]
    assert await control("restore_snapshot", body, status=400) == invalid(details)
    assert await listed(api) == [payment_id]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seed",), 8),
        (("digest",), f"sha256:{'0' * 64}"),
        (("clock", "now"), 1_000),
        (("ledger", "events", 0, 0), "payment.failed"),
        (("ledger", "payments", 0, 5), NUMBERS[0]),
        (("journal", "entries", 0, "status"), "201"),
        (("more",), None),
    ],
    ids=str,
)
async def test_a_changed_snapshot_is_rejected_and_the_world_is_unchanged(
    api: Api, control: Control, path: JsonPath, value: Json
) -> None:
    await lived_in(api, control)
    kept = await control("retrieve_snapshot")
    refusal = await control("restore_snapshot", with_value(kept, path, value), status=400)

    assert refusal == invalid(DIGEST)
    assert await control("retrieve_snapshot") == kept


async def test_a_snapshot_with_a_missing_part_is_rejected(api: Api, control: Control) -> None:
    """Whole parts, and keys of one."""
    await lived_in(api, control)
    kept = await control("retrieve_snapshot")
    for path in (("journal",), ("digest",), ("clock", "now"), ("ledger", "events", 0)):
        refusal = await control("restore_snapshot", without(kept, path), status=400)
        assert refusal == invalid(DIGEST)
    assert await control("retrieve_snapshot") == kept


async def test_a_reformatted_snapshot_can_be_restored(api: Api, control: Control) -> None:
    """Only the values count: keys may be sorted, and blanks added."""
    await lived_in(api, control)
    kept = await control("retrieve_snapshot")
    text = json.dumps(kept, sort_keys=True, indent=1)
    await ask(api, "PUT", PATH, data=text, headers={"Content-Type": "application/json"})

    assert await control("retrieve_snapshot") == kept


async def test_other_requests_are_served_while_a_world_is_restored(
    api: Api, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The world itself too; what happens in it meanwhile is undone at the end."""
    await lived_in(api, control)
    kept = await control("retrieve_snapshot")
    before = await listed(api)
    may_end = False

    def held(*given: Any, **named: Any) -> Generator[None, None, World]:  # noqa: ANN401 - whatever it stands in for takes
        while not may_end:
            yield
        return (yield from restoring(*given, **named))

    monkeypatch.setattr("payments_sandbox.server.control.worlds.restoring", held)
    putting = asyncio.create_task(control("restore_snapshot", kept))
    await ask(api, "GET", "/_sandbox/live")
    late = (await paid(api))["id"]
    assert await listed(api) == [late, *before]
    assert not putting.done()
    may_end = True
    await putting

    assert await listed(api) == before


def without_durations(value: Json) -> Json:
    """Return the value without measured times and the client's address."""
    if isinstance(value, dict):
        measured = ("duration_ms", "Host")
        return {key: without_durations(item) for key, item in value.items() if key not in measured}
    return [without_durations(item) for item in value] if isinstance(value, list) else value


async def test_restored_events_keep_their_ids(api: Api, control: Control) -> None:
    """A webhook sent before names an event that exists after."""
    await lived_in(api, control)
    before = await events(api)
    await control("restore_snapshot", await control("retrieve_snapshot"))
    assert await events(api) == before
