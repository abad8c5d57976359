"""Tests the event stream: how its lines become messages, and that both clients read it."""

import asyncio

import pytest

from payments_sandbox.client.messages import MessageReader, StreamMessage, stream_request
from payments_sandbox.testing import (
    AsyncSandboxClient,
    ControlApiError,
    RunningSandbox,
    Sandbox,
    SandboxClient,
)
from tests.support.sockets import pay

LINES = (": connected", "", "event: request", "id: 1-0-0", 'data: {"id": "req_1"}', "")


def test_stream_lines_up_to_a_blank_one_make_one_message() -> None:
    """A comment makes none."""
    reader = MessageReader()
    found = [reader.read(line) for line in LINES]
    assert found == [None] * 5 + [StreamMessage("request", {"id": "req_1"}, "1-0-0")]


def test_an_unknown_field_in_a_stream_is_ignored() -> None:
    """As the standard of server-sent events requires; so is one space after the colon."""
    reader = MessageReader()
    assert [reader.read(line) for line in ("retry: 5", "event:delivery", "data:{}")] == [None] * 3
    assert reader.read("") == StreamMessage("delivery", {}, "")


def test_the_connected_callback_is_called_once_at_the_first_line() -> None:
    calls: list[str] = []
    reader = MessageReader(lambda: calls.append("connected"))
    for line in LINES:
        reader.read(line)
    assert calls == ["connected"]


def test_a_stream_request_resumes_with_the_last_event_id_header() -> None:
    request = stream_request(last=5, last_event_id="1-0-0")
    assert request.target == "/_sandbox/stream?last=5"
    assert request.headers == {"Last-Event-ID": "1-0-0"}
    assert stream_request(None, None).headers == {}


def test_a_payment_appears_in_the_stream_as_its_event_then_its_request(world: Sandbox) -> None:
    pay(world)
    stream = world.control.stream(last=1)
    kinds = [next(stream).kind]  # the stream is there
    pay(world)
    kinds += [next(stream).kind for _ in range(2)]
    stream.close()
    assert kinds == ["request", "event", "request"]


async def test_a_stream_is_read_without_blocking_the_event_loop(world: Sandbox) -> None:
    async with world.async_client() as control:
        stream = control.stream()
        first = asyncio.ensure_future(anext(stream))
        async with asyncio.timeout(5):
            while not first.done():
                await control.create_event("payout.paid", data={})
        assert (await first).kind == "event"
        await stream.aclose()


@pytest.mark.parametrize("waits", [False, True])
def test_a_rejected_stream_raises_control_api_error(server: RunningSandbox, *, waits: bool) -> None:

    async def read() -> None:
        async with AsyncSandboxClient(server.url) as client:
            async for _ in client.stream():
                raise AssertionError

    with pytest.raises(ControlApiError, match="invalid_api_key"):
        asyncio.run(read()) if waits else next(SandboxClient(server.url).stream())
