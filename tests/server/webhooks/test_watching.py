"""Tests that the event stream sends each attempt as it ends."""

import asyncio

from tests.support.http import StreamReader, WebhookApi
from tests.support.receiver import Receiver
from tests.support.values import LONGEST_WAIT

PATH = "/_sandbox/stream"


async def test_the_stream_sends_the_delivery_with_each_attempt_as_it_ends(
    webhooks: WebhookApi, receiver: Receiver
) -> None:
    """With that attempt alone."""
    receiver.script(500)
    await webhooks.create_endpoint(receiver.url)
    async with webhooks.api.get(PATH) as reply, asyncio.timeout(LONGEST_WAIT):
        await webhooks.pay()
        first = await StreamReader(reply).next("delivery")
        await webhooks.advance("5s")
        second = await StreamReader(reply).next("delivery")
    (delivery,) = await webhooks.deliveries()

    assert first.data == delivery | {
        "status": "pending",
        "attempts": delivery["attempts"][:1],
        "next_attempt_at": "2030-01-15T10:30:05Z",
    }
    assert second.data == delivery | {"attempts": delivery["attempts"][1:]}
    assert (first.id, second.id) == ("1-1-1", "1-1-2")


async def test_a_reconnecting_stream_reader_gets_missed_attempts_once_in_order(
    webhooks: WebhookApi,
) -> None:
    await webhooks.create_endpoint("inbox:orders")
    for _ in range(3):
        await webhooks.pay()
    deliveries = await webhooks.settle()
    headers = {"Last-Event-ID": "3-3-1"}
    async with webhooks.api.get(PATH, headers=headers) as reply, asyncio.timeout(LONGEST_WAIT):
        missed = await StreamReader(reply).take(2)

    assert [each.data for each in missed] == deliveries[1:]
    assert [each.id for each in missed] == ["3-3-2", "3-3-3"]
