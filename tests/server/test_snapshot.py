"""Snapshots: a world put back, into its own place or another server's, goes on byte for byte."""

import asyncio
import copy
import json
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import assemble
from payments_sandbox.world.snapshot import restoring
from payments_sandbox.world.world import World
from tests.support.bodies import AUTHORIZED, documented_create
from tests.support.clients import (
    Api,
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
from tests.support.control import Control

PATH = "/_sandbox/world/snapshot"
THEN_COMPLETED, CHARGED_BACK, FAILS_TWICE = (
    "4000009900000012", "4000000000000259", "4000009900000111",
)  # fmt: skip
NUMBERS = ("4111111111111111", THEN_COMPLETED, CHARGED_BACK, FAILS_TWICE)

FORMAT = "/format: is required: expected the words payments-sandbox/world"

JUNK: list[Json] = [None, -1, 10**15, 2**31, 1.5, True, "x", [], {}]


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
    """Everything that the world now shows, and what it answers to the same calls from here on."""
    shown = [await ask(api, "GET", "/v3/payments?limit=100"), await control("list_events")]
    shown += [await control("list_requests"), await control("retrieve_clock")]
    answers = [await paid(api, 500, card_number=FAILS_TWICE), await paid(api)]
    answers += [await paid(api, card_number=FAILS_TWICE), await refunded(api, answers[1]["id"])]
    later = await control("advance_clock", {"by": "2d"})
    rest = [await control("list_events"), await control("retrieve_rate_limit")]
    return [shown, answers, later, rest]


async def test_the_same_world_goes_on_byte_for_byte(api: Api, control: Control) -> None:
    """What happened after the snapshot is undone, and happens again in the same way."""
    await lived_in(api, control)
    kept = await control("retrieve_snapshot")
    first = await future(api, control)
    await control("restore_snapshot", kept)
    assert without_durations(await future(api, control)) == without_durations(first)


async def test_a_snapshot_of_a_restored_world_is_the_same(api: Api, control: Control) -> None:
    """Putting it back loses nothing and adds nothing."""
    await lived_in(api, control)
    kept = await control("retrieve_snapshot")
    summary = await control("restore_snapshot", kept)
    assert await control("retrieve_snapshot") == kept
    assert await control("retrieve_world") == summary


async def test_another_server_goes_on_byte_for_byte(
    api: Api, control: Control, aiohttp_client: AiohttpClient
) -> None:
    """Under another key, on a server with other settings: same ids, same events, same secret."""
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


async def test_no_secret_of_a_card_is_in_it(api: Api, control: Control) -> None:
    """Neither numbers nor codes nor the key, wherever the client had put them."""
    await lived_in(api, control)
    await ask(api, "GET", f"/v3/payments?customer_id={NUMBERS[0]}")
    await ask(api, "GET", f"/v3/payments/{NUMBERS[0]}", 404)
    await ask(api, "POST", "/v3/payments", 400, json=documented_create(pan=NUMBERS[0], cvc="987"))
    async with api.get(PATH) as reply:
        text = await reply.text()
    assert [secret for secret in (*NUMBERS, '"987"', "sk_test_sandbox") if secret in text] == []


async def test_a_live_world_is_paced_again(aiohttp_client: AiohttpClient) -> None:
    """What waits in it gets a timer of its own."""
    sandbox = assemble(Settings(seed=7))
    api = await client_of(aiohttp_client, sandbox, headers=AUTHORIZED)
    await paid(api, card_number=THEN_COMPLETED)
    kept = await ask(api, "GET", PATH)
    await ask(api, "PUT", PATH, json=kept)
    assert len(sandbox.runtime.timers) == 1


async def test_a_body_of_any_depth_that_was_journalled(api: Api, control: Control) -> None:
    """Whatever the journal took, the snapshot carries, and PUT takes back."""
    deepest = "[" * 32 + "]" * 32
    headers = {"Content-Type": "application/json"}
    await ask(api, "POST", "/v3/payments", 400, data=deepest, headers=headers)
    await control("restore_snapshot", await control("retrieve_snapshot"))


async def test_a_large_snapshot(api: Api, control: Control) -> None:
    """A snapshot may be larger than any other body."""
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
            f"{FORMAT}; /version: is required: expected an integer, as the snapshot was written.",
        ),
        (
            {"format": "payments-sandbox/world", "version": 1},
            "/version: expected a snapshot of format payments-sandbox/world, version 2.",
        ),
        (
            {"format": "other", "version": 1},
            "/format: expected the words payments-sandbox/world.",
        ),
    ],
    ids=["nothing", "another version", "another format"],
)
async def test_what_is_no_snapshot(api: Api, control: Control, body: Json, details: str) -> None:
    """Refused in words; the world is left as it is."""
    payment_id = (await paid(api))["id"]
    assert await control("restore_snapshot", body, status=400) == invalid(details)
    assert await listed(api) == [payment_id]


def places(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a JSON value; of a list, its first two items."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value[:2]):
            yield from places(item, (*path, position))


def replaced(value: Json, path: tuple[Any, ...], junk: Json) -> Json:
    """A copy with something else at a path."""
    if not path:
        return junk
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], junk)
    return changed


async def test_no_snapshot_breaks_a_world(
    api: Api, control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is put in any place: it is refused, or it gives a world that works in full."""
    await lived_in(api, control)
    kept = await control("retrieve_snapshot")
    kept["journal"]["entries"] = kept["journal"]["entries"][-1:]
    broken = set()
    for path in places(kept):
        for junk in JUNK:
            if await breaks(api, replaced(kept, path, junk)):
                broken.add((path, str(junk)))
    assert not broken
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def breaks(api: Api, snapshot: Json) -> bool:
    """Whether a snapshot is answered with a 500, or is taken and then something else is."""
    async with api.put(PATH, json=snapshot) as reply:
        if reply.status != 200:
            return reply.status != 400
    for path in ("world", "requests", "events", "clock", "world/snapshot"):
        async with api.get(f"/_sandbox/{path}") as reply:
            if reply.status != 200:
                return True
    async with api.get("/v3/payments?limit=100") as page:
        return page.status not in (200, 429)


async def test_others_are_served_while_a_world_is_put_back(
    api: Api, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The world itself too, as it was; what happens in it meanwhile is undone at the end."""
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


@pytest.mark.parametrize(
    ("place", "details"),
    [
        (("ledger", "events", 0, 0), "/ledger/events/1: expected a payment that has completed"),
        (("clock", "now"), "/clock/now: expected not to be before the ledger's last, 2030-01-15T"),
        (("timeline", "due", 0, 0), "/timeline/due: expected nothing to be due before the clock."),
    ],
    ids=str,
)
async def test_parts_that_contradict_each_other(
    api: Api, control: Control, place: tuple[Any, ...], details: str
) -> None:
    """Refused with the part and what it should have been; the world is left as it is."""
    await lived_in(api, control)
    kept = await control("retrieve_snapshot")
    junk = "payment.failed" if place[0] == "ledger" else 1_000
    refusal = await control("restore_snapshot", replaced(kept, place, junk), status=400)

    assert refusal["error"]["details"].startswith(details)
    assert await control("retrieve_snapshot") == kept


def without_durations(value: Json) -> Json:
    """The value without what was measured on the wall, and what the client's socket was called."""
    if isinstance(value, dict):
        measured = ("duration_ms", "Host")
        return {key: without_durations(item) for key, item in value.items() if key not in measured}
    return [without_durations(item) for item in value] if isinstance(value, list) else value


async def test_events_keep_their_ids(api: Api, control: Control) -> None:
    """A webhook that was sent before the snapshot names an event that is there after it."""
    await lived_in(api, control)
    before = await events(api)
    await control("restore_snapshot", await control("retrieve_snapshot"))
    assert await events(api) == before
