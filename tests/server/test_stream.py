"""Tests GET stream: events and requests as they come, to any number of readers."""

import asyncio
from contextlib import AsyncExitStack
from http.client import HTTPConnection
from unittest.mock import Mock

import pytest
from aiohttp import ClientConnectionError
from aiohttp.web import StreamResponse

from payments_sandbox.api.call import Call
from payments_sandbox.core.settings import Settings
from payments_sandbox.server import event_stream
from payments_sandbox.server.factory import AssembledServer
from payments_sandbox.server.journal_json import entry_json
from tests.support.http import (
    Api,
    Control,
    StreamMessage,
    StreamReader,
    ask,
    bearer,
    invalid,
    paid,
    refunded,
    until,
)
from tests.support.sockets import running_server
from tests.support.tables import for_each
from tests.support.values import AUTHORIZED, KEY, LONGEST_WAIT

PATH = "/_sandbox/stream"


def brief(messages: list[StreamMessage]) -> list[tuple[str, str]]:
    """Return the kind of each message, and the event's type or the request's operation."""
    return [
        (each.kind, each.data["type"] if each.kind == "event" else each.data["operation"])
        for each in messages
    ]


async def resumed(api: Api, last_id: str, count: int) -> list[StreamMessage]:
    """Return the messages for a reader that reconnects with the id of the last one it saw."""
    async with api.get(PATH, headers={"Last-Event-ID": last_id}) as reply:
        async with asyncio.timeout(LONGEST_WAIT):
            return await StreamReader(reply).take(count)


async def test_the_event_stream_has_the_headers_of_server_sent_events(api: Api) -> None:
    """It is not cached."""
    async with api.get(PATH) as reply:
        names = ("Content-Type", "Cache-Control", "Server")
        found = reply.status, [reply.headers[name] for name in names]
    assert found == (200, ["text/event-stream", "no-store", "payments-sandbox"])


async def test_the_stream_sends_the_event_of_a_payment_then_its_request(
    api: Api, control: Control
) -> None:
    """Each as the control API lists it."""
    async with api.get(PATH) as reply, asyncio.timeout(LONGEST_WAIT):
        await paid(api)
        event, request = await StreamReader(reply).take(2)
    assert (event.kind, [event.data]) == ("event", (await control("list_events"))["data"])
    assert (request.kind, [request.data]) == ("request", (await control("list_requests"))["data"])
    assert (event.id, request.id) == ("0-1-0", "1-1-0")


async def test_a_stream_starts_with_new_messages_by_default(api: Api) -> None:
    await paid(api)
    async with api.get(PATH) as reply, asyncio.timeout(LONGEST_WAIT):
        await ask(api, "GET", "/v3/payments")
        messages = await StreamReader(reply).take(1)
    assert brief(messages) == [("request", "list_payments")]


@pytest.mark.parametrize(("last", "shown"), [(0, 0), (1, 1), (2, 2), (1_000, 3)])
async def test_last_starts_the_stream_with_that_many_requests_of_the_journal(
    api: Api, last: int, shown: int
) -> None:
    """Oldest first."""
    operations = ["create_payment", "list_payments", "retrieve_payment", "create_refund"]
    payment_id = (await paid(api))["id"]
    await ask(api, "GET", "/v3/payments")
    await ask(api, "GET", f"/v3/payments/{payment_id}")
    async with api.get(PATH, params={"last": last}) as reply, asyncio.timeout(LONGEST_WAIT):
        await refunded(api, payment_id)
        messages = await StreamReader(reply).take(shown + 2)
    wanted = [("request", name) for name in operations[3 - shown :]]
    assert brief(messages) == [*wanted[:-1], ("event", "refund.created"), wanted[-1]]


async def test_last_event_id_takes_precedence_over_last(api: Api) -> None:
    await paid(api)
    headers = {"Last-Event-ID": "1-1-0"}
    async with api.get(PATH, params={"last": 9}, headers=headers) as reply:
        async with asyncio.timeout(LONGEST_WAIT):
            await ask(api, "GET", "/v3/payments")
            messages = await StreamReader(reply).take(1)
    assert brief(messages) == [("request", "list_payments")]


@pytest.mark.parametrize("last", ["-1", "1001", "all"])
async def test_an_invalid_last_is_rejected_with_its_range(api: Api, last: str) -> None:
    refused = invalid("/last: expected an integer from 0 to 1000.")
    assert await ask(api, "GET", PATH, 400, params={"last": last}) == refused


async def test_the_stream_shows_a_delivery_as_it_was_after_each_attempt(
    api: Api, control: Control
) -> None:
    """Also to a reader who connects later."""
    await control("create_webhook_endpoint", {"url": "inbox:orders"})
    await control("script_inbox", {"respond": [500, 500, 200]}, ids={"name": "orders"})
    await paid(api)
    await control("advance_clock", {"by": "1h"})
    messages = await resumed(api, "1-1-0", 3)
    assert [
        (each.kind, each.data["status"], each.data["next_attempt_at"]) for each in messages
    ] == [
        ("delivery", "pending", "2030-01-15T10:30:05Z"),
        ("delivery", "pending", "2030-01-15T10:35:05Z"),
        ("delivery", "delivered", None),
    ]
    assert [len(each.data["attempts"]) for each in messages] == [1, 1, 1]


async def test_a_slow_stream_reader_gets_messages_that_arrive_while_one_is_written(
    api: Api, sandbox: AssembledServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = StreamResponse.write
    world = sandbox.runtime.worlds.get_or_create(KEY)

    async def slow(response: StreamResponse, data: bytes) -> None:
        if b"create_payment" in data:
            sandbox.gateway.answer(world, Call("list_payments", "GET", "/v3/payments", ()))
        await write(response, data)

    monkeypatch.setattr(StreamResponse, "write", slow)
    async with api.get(PATH) as reply, asyncio.timeout(LONGEST_WAIT):
        await paid(api)
        sandbox.runtime.notifier.notify(world)
        messages = await StreamReader(reply).take(3)
    assert brief(messages)[1:] == [("request", "create_payment"), ("request", "list_payments")]


async def test_the_stream_sends_events_of_control_api_moves_but_not_its_calls(
    api: Api, control: Control
) -> None:
    async with api.get(PATH) as reply, asyncio.timeout(LONGEST_WAIT):
        payment_id = (await paid(api, card_number="4000009900000012"))["id"]
        await control("advance_clock", {"by": "1h"})
        await control("charge_back_payment", payment_id=payment_id)
        messages = await StreamReader(reply).take(3)
    assert brief(messages) == [
        ("request", "create_payment"),
        ("event", "payment.completed"),
        ("event", "chargeback.created"),
    ]


async def test_the_stream_sends_a_request_without_a_reply_when_its_fault_is_over(api: Api) -> None:
    async with api.get(PATH) as reply, asyncio.timeout(LONGEST_WAIT):
        with pytest.raises(ClientConnectionError):
            await paid(api, card_number="4000009900000061")
        (message,) = await StreamReader(reply).take(1)
    assert (message.data["response"], message.data["fault"]) == (None, "drop")


async def test_a_reader_that_reconnects_after_any_message_gets_each_of_the_rest_once(
    api: Api,
) -> None:
    async with api.get(PATH) as reply, asyncio.timeout(LONGEST_WAIT):
        await refunded(api, (await paid(api))["id"])
        await ask(api, "GET", "/v3/payments")
        everything = await StreamReader(reply).take(5)
    assert brief(everything) == [
        ("event", "payment.completed"),
        ("request", "create_payment"),
        ("event", "refund.created"),
        ("request", "create_refund"),
        ("request", "list_payments"),
    ]
    for seen in range(5):
        last_id = everything[seen - 1].id if seen else "0-0-0"
        rest = everything[seen:]
        again = await resumed(api, last_id, len(rest))
        assert sorted(each.data["id"] for each in again) == sorted(each.data["id"] for each in rest)


@for_each("last_id", ["", "x", "1", "1-2", "1-2-3-4", "-1-0-0", "9" * 16 + "-0-0", "99-99-99"])
async def test_an_unknown_last_event_id_starts_with_new_messages(api: Api, last_id: str) -> None:
    await paid(api)
    async with api.get(PATH, headers={"Last-Event-ID": last_id}) as reply:
        async with asyncio.timeout(LONGEST_WAIT):
            await ask(api, "GET", "/v3/payments")
            messages = await StreamReader(reply).take(1)
    assert brief(messages) == [("request", "list_payments")]


async def test_several_stream_readers_each_get_every_message(api: Api) -> None:
    """One that leaves does not affect the others."""
    async with AsyncExitStack() as opened, asyncio.timeout(LONGEST_WAIT):
        replies = [await opened.enter_async_context(api.get(PATH)) for _ in range(5)]
        replies.pop().close()
        await paid(api)
        found = [await StreamReader(reply).take(2) for reply in replies]
    assert [brief(messages) for messages in found] == [brief(found[0])] * 4
    assert brief(found[0])[0] == ("event", "payment.completed")


async def test_an_entry_is_written_as_json_once_for_many_readers(
    api: Api, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of streams and of waiting verifications."""
    readers, payments, shown = 40, 10, Mock(wraps=entry_json)
    monkeypatch.setattr(event_stream, "entry_json", shown)
    wanted = {"expect": [{"payments": {}, "count": payments}], "within": "60s"}
    async with AsyncExitStack() as opened, asyncio.timeout(LONGEST_WAIT):
        replies = [await opened.enter_async_context(api.get(PATH)) for _ in range(readers)]
        streams = [StreamReader(reply) for reply in replies]
        waiting = [asyncio.ensure_future(control("verify", wanted)) for _ in range(readers)]
        for _ in range(payments):
            await paid(api)
        heard = [brief(await stream.take(2 * payments)) for stream in streams]
        met = [await each for each in waiting]

    assert [each for each in heard if each != heard[0]] == []
    assert heard[0].count(("request", "create_payment")) == payments
    assert all(each["passed"] for each in met)
    assert payments <= shown.call_count < payments * readers // 4


async def test_a_stream_sends_nothing_of_other_worlds(api: Api) -> None:
    async with api.get(PATH) as reply, asyncio.timeout(LONGEST_WAIT):
        await paid(api, key="sk_test_other")
        await ask(api, "GET", "/v3/payments")
        messages = await StreamReader(reply).take(1)
    assert brief(messages) == [("request", "list_payments")]


async def test_a_stream_reader_that_disconnects_is_removed(
    api: Api, sandbox: AssembledServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the next message."""
    monkeypatch.setattr(event_stream, "PROBE", 0.05)
    async with api.get(PATH) as reply:
        assert len(sandbox.runtime.notifier) == 1
        reply.close()
    await paid(api)
    await until(api, lambda: len(sandbox.runtime.notifier) == 0)


@pytest.mark.parametrize("route", ["delete_world", "restore_snapshot"])
async def test_a_stream_ends_when_its_world_is_dropped_or_replaced(
    api: Api, control: Control, route: str
) -> None:
    """And can be opened again."""
    snapshot = await control("retrieve_snapshot") if route == "restore_snapshot" else None
    async with api.get(PATH) as reply, asyncio.timeout(LONGEST_WAIT):
        await control(route, snapshot)
        assert await StreamReader(reply).ends()
    async with api.get(PATH) as reply, asyncio.timeout(LONGEST_WAIT):
        await paid(api)
        assert brief(await StreamReader(reply).take(1)) == [("event", "payment.completed")]


async def test_a_stream_continues_after_a_reset_with_numbers_from_the_start(
    api: Api, control: Control
) -> None:
    async with api.get(PATH) as reply, asyncio.timeout(LONGEST_WAIT):
        reader = StreamReader(reply)
        await paid(api)
        before = await reader.take(2)
        await control("reset_world")
        await paid(api)
        after = await reader.take(2)
    assert [(each.kind, each.id) for each in after] == [(each.kind, each.id) for each in before]


async def test_head_of_the_stream_ends_after_its_headers(api: Api) -> None:
    async with asyncio.timeout(LONGEST_WAIT):
        async with api.head(PATH) as reply:
            found = reply.status, reply.headers["Content-Type"], await reply.read()
        await ask(api, "GET", "/_sandbox/live")
    assert found == (200, "text/event-stream", b"")


async def test_the_stream_requires_a_key(api: Api) -> None:
    await ask(api, "GET", PATH, 401, headers=bearer("sk_live_0"))


def test_open_streams_end_when_the_server_stops() -> None:
    """They do not delay the shutdown."""
    with running_server(Settings(port=0)) as server:
        connection = HTTPConnection(server.address.removeprefix("http://"), timeout=LONGEST_WAIT)
        connection.request("GET", PATH, headers=AUTHORIZED)
        reply = connection.getresponse()
        assert [reply.readline(), reply.readline()] == [b": connected\n", b"\n"]
    assert reply.read() == b""
    connection.close()
