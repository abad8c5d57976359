"""The event stream: its lines make messages, and both clients read it."""

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


def test_lines_up_to_a_blank_one_make_a_message() -> None:
    """A comment makes none."""
    reader = MessageReader()
    found = [reader.read(line) for line in LINES]
    assert found == [None] * 5 + [StreamMessage("request", {"id": "req_1"}, "1-0-0")]


def test_a_field_that_is_not_known_is_ignored() -> None:
    """As the standard of server-sent events wants it; so is one blank behind the colon."""
    reader = MessageReader()
    assert [reader.read(line) for line in ("retry: 5", "event:delivery", "data:{}")] == [None] * 3
    assert reader.read("") == StreamMessage("delivery", {}, "")


def test_the_first_line_tells_that_the_stream_has_begun() -> None:
    """Once, whatever follows."""
    calls: list[str] = []
    reader = MessageReader(lambda: calls.append("connected"))
    for line in LINES:
        reader.read(line)
    assert calls == ["connected"]


def test_the_request_goes_on_after_the_last_message() -> None:
    """By the header that browsers send."""
    request = stream_request(last=5, last_event_id="1-0-0")
    assert request.target == "/_sandbox/stream?last=5"
    assert request.headers == {"Last-Event-ID": "1-0-0"}
    assert stream_request(None, None).headers == {}


def test_a_stream_tells_of_a_payment_by_its_event_and_its_request(world: Sandbox) -> None:
    """The stream tells of a payment: the event, then the request."""
    pay(world)
    stream = world.control.stream(last=1)
    kinds = [next(stream).kind]  # the stream is there
    pay(world)
    kinds += [next(stream).kind for _ in range(2)]
    stream.close()
    assert kinds == ["request", "event", "request"]


async def test_a_stream_is_read_without_blocking_the_event_loop(world: Sandbox) -> None:
    """The same, for who shares a loop."""
    async with world.async_client() as control:
        stream = control.stream()
        first = asyncio.ensure_future(anext(stream))
        async with asyncio.timeout(5):
            while not first.done():
                await control.create_event("payout.paid", data={})
        assert (await first).kind == "event"
        await stream.aclose()


@pytest.mark.parametrize("waits", [False, True])
def test_a_refused_stream_raises_the_refusal(server: RunningSandbox, *, waits: bool) -> None:
    """The refusal is raised, not read as a message."""

    async def read() -> None:
        async with AsyncSandboxClient(server.url) as client:
            async for _ in client.stream():
                raise AssertionError

    with pytest.raises(ControlApiError, match="invalid_api_key"):
        asyncio.run(read()) if waits else next(SandboxClient(server.url).stream())
