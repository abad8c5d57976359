"""Tests the clock routes: freeze, advance by, to and next, resume, and what falls due."""

import asyncio

import pytest
from pytest_aiohttp import AiohttpClient

from payments_sandbox.core.instants import read_instant
from payments_sandbox.core.settings import Settings
from payments_sandbox.server.factory import AssembledServer, assemble
from tests.support.http import (
    Api,
    Control,
    Json,
    StreamReader,
    ask,
    client_of,
    events,
    invalid,
    listed,
    paid,
)
from tests.support.tables import for_each
from tests.support.values import AUTHORIZED, EVENT_ID, LONGEST_WAIT, WHOLE_SECOND

THEN_COMPLETED, THEN_FAILED = "4000009900000012", "4000009900000020"
CHARGED_BACK = "4000000000000259"

NOT_BACK = (
    "expected an instant at or after the world's current time, 2030-01-15T10:30:00Z: time never"
    " goes back."
    " POST /_sandbox/worlds creates a world that starts earlier."
)
NO_INSTANT = (
    "expected an ISO 8601 date, or date and time with Z or an offset, such as 2025-01-15T10:30:00Z."
)
NO_DURATION = "/by: expected a duration such as 300ms, 5s, 10m, 2h or 45d."
TOO_LONG = "expected a duration of at most 99999d, 999999h or 99999999m, in whole milliseconds"
ONE_OF = "/: expected a JSON object with exactly one of by, to and next."

REFUSED: list[tuple[str, Json, str]] = [
    ("freeze_clock", {"at": "2030-01-15T10:29:59Z"}, f"/at: {NOT_BACK}"),
    ("freeze_clock", {"at": "noon"}, f"/at: {NO_INSTANT}"),
    ("advance_clock", {"to": "2030-01-15T10:29:59Z"}, f"/to: {NOT_BACK}"),
    ("advance_clock", {"to": "2030-01-15 10:31"}, f"/to: {NO_INSTANT}"),
    ("advance_clock", {"to": "9999-12-31"}, "/to: expected a date from 1970 to 2999."),
    ("advance_clock", {"by": "3 days"}, NO_DURATION),
    ("advance_clock", {"by": "-1h"}, NO_DURATION),
    ("advance_clock", {"by": "3600"}, NO_DURATION),
    ("advance_clock", {"by": "999999d"}, f"/by: {TOO_LONG}."),
    ("advance_clock", {"by": "9999999999999s"}, f"/by: {TOO_LONG}."),
    ("advance_clock", {"next": False}, "/next: expected true."),
    ("advance_clock", {}, ONE_OF),
    ("advance_clock", {"by": "1d", "next": True}, ONE_OF),
]


@pytest.fixture
async def live(aiohttp_client: AiohttpClient) -> Api:
    """A client of a sandbox with live clocks."""
    return await client_of(aiohttp_client, assemble(Settings(seed=7)), headers=AUTHORIZED)


def due(at: str, what: str, payment_id: str) -> dict[str, str]:
    """Return one line of what waits for the clock."""
    return {"at": at, "what": what, "payment_id": payment_id}


async def test_payments_on_a_frozen_clock_are_created_at_its_instant(
    api: Api, control: Control
) -> None:
    clock = {"now": "2030-01-15T10:30:00Z", "mode": "frozen", "due": []}
    assert await control("retrieve_clock") == clock
    assert await control("freeze_clock") == clock
    assert (await paid(api))["created_at"] == "2030-01-15T10:30:00Z"


async def test_the_clock_lists_what_is_due_soonest_first(api: Api, control: Control) -> None:
    """Simultaneous entries in their order of arrival."""
    ids = [
        (await paid(api, card_number=card))["id"]
        for card in (CHARGED_BACK, THEN_COMPLETED, THEN_FAILED)
    ]
    assert (await control("retrieve_clock"))["due"] == [
        due("2030-01-15T11:30:00Z", "payment.completed", ids[1]),
        due("2030-01-15T11:30:00Z", "payment.failed", ids[2]),
        due("2030-01-16T10:30:00Z", "chargeback.created", ids[0]),
    ]


async def test_advancing_the_clock_by_a_duration_does_what_falls_due_in_order(
    api: Api, control: Control
) -> None:
    """Each at its own instant, with its event."""
    first = (await paid(api, card_number=THEN_COMPLETED))["id"]
    second = (await paid(api, card_number=CHARGED_BACK))["id"]
    await control("advance_clock", {"by": "30m"})
    third = (await paid(api, card_number=THEN_FAILED))["id"]
    advanced = await control("advance_clock", {"by": "3d"})
    assert advanced == {
        "now": "2030-01-18T11:00:00Z",
        "happened": [
            {**due("2030-01-15T11:30:00Z", "payment.completed", first), "event_id": EVENT_ID},
            {**due("2030-01-15T12:00:00Z", "payment.failed", third), "event_id": EVENT_ID},
            {**due("2030-01-16T10:30:00Z", "chargeback.created", second), "event_id": EVENT_ID},
        ],
    }
    latest = [(each["id"], each["created_at"]) for each in (await events(api))[:3]]
    assert latest[::-1] == [(each["event_id"], each["at"]) for each in advanced["happened"]]


async def test_the_clock_lists_its_moves_by_hand(control: Control) -> None:
    assert "moves" not in await control("retrieve_clock")
    await control("advance_clock", {"by": "1h"})
    await control("freeze_clock", {"at": "2030-01-16"})
    assert (await control("retrieve_clock"))["moves"] == [
        {"at": "2030-01-15T10:30:00Z", "to": "2030-01-15T11:30:00Z"},
        {"at": "2030-01-15T11:30:00Z", "to": "2030-01-16T00:00:00Z"},
    ]


async def test_a_payment_settles_exactly_at_its_instant_and_not_a_millisecond_earlier(
    api: Api, control: Control
) -> None:
    await paid(api, card_number=THEN_COMPLETED)
    assert (await control("advance_clock", {"by": "3599999ms"}))["happened"] == []
    assert len(await listed(api, status="pending")) == 1
    assert len((await control("advance_clock", {"by": "1ms"}))["happened"]) == 1
    assert len(await listed(api, status="completed")) == 1


async def test_advancing_the_clock_to_an_instant_with_an_offset_stops_there(
    api: Api, control: Control
) -> None:
    """What is due later waits."""
    payment_id = (await paid(api, card_number=THEN_COMPLETED))["id"]
    await paid(api, card_number=CHARGED_BACK)
    advanced = await control("advance_clock", {"to": "2030-01-15T13:00:00+01:00"})
    assert (advanced["now"], [each["payment_id"] for each in advanced["happened"]]) == (
        "2030-01-15T12:00:00Z",
        [payment_id],
    )


async def test_advancing_the_clock_to_next_does_everything_due_at_the_next_instant(
    api: Api, control: Control
) -> None:
    """If nothing is due, the clock does not move."""
    for card in (THEN_COMPLETED, CHARGED_BACK, THEN_FAILED):
        await paid(api, card_number=card)
    steps = [await control("advance_clock", {"next": True}) for _ in range(3)]
    assert [(step["now"], [each["what"] for each in step["happened"]]) for step in steps] == [
        ("2030-01-15T11:30:00Z", ["payment.completed", "payment.failed"]),
        ("2030-01-16T10:30:00Z", ["chargeback.created"]),
        ("2030-01-16T10:30:00Z", []),
    ]


async def test_a_shown_due_instant_can_be_used_to_advance_the_clock(
    api: Api, control: Control
) -> None:
    """Including its fraction of a second."""
    await control("advance_clock", {"by": "700ms"})
    await paid(api, card_number=THEN_COMPLETED)
    (waiting,) = (await control("retrieve_clock"))["due"]
    advanced = await control("advance_clock", {"to": waiting["at"]})
    assert [each["what"] for each in advanced["happened"]] == ["payment.completed"]


async def test_the_clock_can_be_advanced_or_frozen_to_its_shown_now(control: Control) -> None:
    advanced = await control("advance_clock", {"by": "700ms"})
    await control("advance_clock", {"to": advanced["now"]})
    await control("freeze_clock", {"at": advanced["now"]})


async def test_freezing_the_clock_at_a_later_instant_does_what_falls_due(
    api: Api, control: Control
) -> None:
    payment_id = (await paid(api, card_number=THEN_COMPLETED))["id"]
    clock = await control("freeze_clock", {"at": "2030-01-16"})
    assert clock == {"now": "2030-01-16T00:00:00Z", "mode": "frozen", "due": []}
    assert await listed(api, status="completed") == [payment_id]


@for_each(("route", "body", "details"), REFUSED)
async def test_an_invalid_move_of_the_clock_is_rejected_with_its_json_pointer(
    api: Api, control: Control, route: str, body: Json, details: str
) -> None:
    """The clock does not move."""
    await paid(api, card_number=THEN_COMPLETED)
    before = await control("retrieve_clock")
    assert await control(route, body, status=400) == invalid(details)
    assert await control("retrieve_clock") == before


async def test_a_due_settlement_of_a_payment_completed_by_hand_is_skipped(
    api: Api, control: Control
) -> None:
    payment_id = (await paid(api, card_number=THEN_COMPLETED))["id"]
    await control("complete_payment", payment_id=payment_id)
    advanced = await control("advance_clock", {"by": "1h"})
    skipped = "payment.completed skipped: You cannot complete a payment that is completed."
    assert advanced["happened"] == [
        {**due("2030-01-15T11:30:00Z", skipped, payment_id), "event_id": None}
    ]
    assert len(await events(api)) == 1


async def test_a_resumed_clock_runs_from_the_worlds_now(api: Api, control: Control) -> None:
    """Even if it was frozen years ahead; freezing stops it again."""
    await control("advance_clock", {"to": "2040-01-01"})
    resumed = await control("resume_clock")
    created = (await paid(api, exp_year=2050))["created_at"]
    frozen = await control("freeze_clock")
    assert (resumed["mode"], frozen["mode"]) == ("live", "frozen")
    start, before, made, after, end = map(
        read_instant,
        ("2040-01-01", resumed["now"], created, frozen["now"], "2040-01-01T00:01:00Z"),
    )
    assert start <= before <= after < end
    assert start <= made <= after


async def test_the_control_api_shows_milliseconds_and_the_payments_api_seconds(
    api: Api, control: Control
) -> None:
    """So the order of requests can be seen."""
    await control("freeze_clock", {"at": "2030-01-15T10:30:00.0429999999999Z"})
    payment = await paid(api)
    (entry,) = (await control("list_requests"))["data"]
    (event, *_) = (await control("list_events"))["data"]
    clock = await control("retrieve_clock")

    assert {entry["at"], clock["now"]} == {"2030-01-15T10:30:00.042Z"}
    assert {payment["created_at"], event["created_at"]} == {"2030-01-15T10:30:00Z"}


async def test_advancing_the_clock_beyond_the_year_2999_is_rejected(control: Control) -> None:
    await control("advance_clock", {"to": "2999-01-01"})
    refused = await control("advance_clock", {"by": "365d"}, status=400)
    assert refused["error"]["details"] == (
        "/by: expected an instant up to the year 2999. POST /_sandbox/world/reset with"
        ' {"only": ["payments", "clock"]} resets the clock.'
    )


async def test_an_advanced_live_clock_does_what_is_due_and_keeps_running(live: Api) -> None:
    await paid(live, card_number=THEN_COMPLETED)
    before = await ask(live, "GET", "/_sandbox/clock")
    advanced = await ask(live, "POST", "/_sandbox/clock/advance", json={"by": "1h"})
    after = await ask(live, "GET", "/_sandbox/clock")
    assert [each["what"] for each in advanced["happened"]] == ["payment.completed"]
    assert (before["mode"], after["mode"], after["due"]) == ("live", "live", [])
    assert before["now"] < advanced["now"] <= after["now"]


async def test_a_payment_on_a_live_clock_settles_without_a_request(live: Api) -> None:
    """The event arrives on the stream."""
    async with live.get("/_sandbox/stream") as reply, asyncio.timeout(LONGEST_WAIT):
        payment_id = (await paid(live, card_number=THEN_COMPLETED))["id"]
        await ask(live, "POST", "/_sandbox/clock/advance", json={"by": "3599900ms"})
        event = await StreamReader(reply).next("event")
    assert event.data == {
        "id": EVENT_ID,
        "type": "payment.completed",
        "created_at": WHOLE_SECOND,
        "data": {"payment_id": payment_id, "amount": 2500, "currency": "USD"},
    }


async def test_a_pending_payment_settles_after_the_clock_is_resumed(
    api: Api, control: Control
) -> None:
    await paid(api, card_number=THEN_COMPLETED)
    await control("advance_clock", {"by": "3599900ms"})
    async with api.get("/_sandbox/stream") as reply, asyncio.timeout(LONGEST_WAIT):
        await control("resume_clock")
        event = await StreamReader(reply).next("event")
    assert event.data["type"] == "payment.completed"


async def test_only_a_live_world_with_something_due_has_a_timer(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    await paid(api, card_number=THEN_COMPLETED)
    frozen = len(sandbox.runtime.timers)
    await control("resume_clock")
    running = len(sandbox.runtime.timers)
    await control("freeze_clock")
    assert (frozen, running, len(sandbox.runtime.timers)) == (0, 1, 0)


INSTANTS = [
    "2031-01-15T10:30:00.1234567Z",
    "2031-01-15T10:30:00.123456789Z",
    f"2031-01-15T10:30:00.123{'9' * 40}Z",
    "2031-01-15T10:30:00,123Z",
    "2031-01-15t11:30:00.123+01",
    "2031-01-15T11:30:00.123+0100",
    "20310115T103000.123Z",
    "20310115T103000.123-00:00",
]


@for_each("text", INSTANTS)
async def test_the_iso_8601_variants_of_languages_are_accepted_everywhere(
    api: Api, control: Control, text: str
) -> None:
    """In bodies, queries and scenarios, truncated to the millisecond."""
    shown = "2031-01-15T10:30:00.123Z"
    made = await control("create_world", {"clock": text})
    scenario = {
        "scenario": "then",
        "clock": text,
        "given": {"payments": [{"amount": 5, "currency": "EUR", "created": text}]},
    }
    assert made["clock"]["now"] == shown
    assert (await control("check_scenario", scenario))["problems"] == []
    assert (await control("freeze_clock", {"at": text}))["now"] == shown
    assert (await control("advance_clock", {"to": text}))["now"] == shown
    await paid(api)
    async with api.get("/v3/payments", params={"created_after": text}) as reply:
        assert (reply.status, (await reply.json())["data"]) == (200, [])


async def test_a_leap_second_is_read_as_the_first_second_of_the_next_day(control: Control) -> None:
    """RFC 3339 allows it; no clock of a world shows it."""
    frozen = await control("freeze_clock", {"at": "2030-12-31T23:59:60Z"})
    assert frozen["now"] == "2031-01-01T00:00:00Z"
