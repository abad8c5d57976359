"""Tests replies that a magic card delays: what exists meanwhile, and what ends the delay."""

import asyncio
from contextlib import suppress

import pytest
from aiohttp import ClientConnectionError

from payments_sandbox.core.settings import Settings
from payments_sandbox.server import delayed_replies
from payments_sandbox.server.factory import AssembledServer
from tests.support.http import Api, Control, ask, listed, paid, until
from tests.support.values import KEY, LONGEST_WAIT

SLOW_MS, TIMEOUT, TIMEOUT_AFTER = "4000009900000129", "4000009900000087", "4000009900000095"


@pytest.fixture
def settings() -> Settings:
    """The settings of a sandbox that may hold a reply for a minute."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, max_wall_delay=60_000)


async def held(api: Api, sandbox: AssembledServer, card: str) -> "asyncio.Task[object]":
    """Start a payment; return its task once its reply is delayed."""
    task = asyncio.create_task(paid(api, card_number=card))
    await until(api, lambda: len(sandbox.runtime.delayed_replies) == 1)
    return task


async def ended(task: "asyncio.Task[object]") -> bool:
    """Return whether the request has ended without a reply."""
    async with asyncio.timeout(LONGEST_WAIT):
        with suppress(ClientConnectionError):
            await task
            return False
    return True


async def test_a_payment_with_a_delayed_reply_can_be_listed_at_once(
    api: Api, sandbox: AssembledServer
) -> None:
    task = await held(api, sandbox, SLOW_MS)
    (payment_id,) = await listed(api)
    assert not task.done()
    payment = await ask(api, "GET", f"/v3/payments/{payment_id}")
    assert payment["status"] == "completed"
    sandbox.runtime.delayed_replies.wake_all()
    assert await ended(task)


@pytest.mark.parametrize("card", [SLOW_MS, TIMEOUT, TIMEOUT_AFTER])
@pytest.mark.parametrize("route", ["reset_world", "delete_world", "restore_snapshot"])
async def test_resetting_dropping_or_restoring_a_world_ends_its_delayed_replies_at_once(
    api: Api, control: Control, sandbox: AssembledServer, route: str, card: str
) -> None:
    snapshot = await control("retrieve_snapshot") if route == "restore_snapshot" else None
    task = await held(api, sandbox, card)
    await control(route, snapshot)
    assert await ended(task)
    await until(api, lambda: len(sandbox.runtime.delayed_replies) == 0)
    assert await listed(api) == []


async def test_resetting_another_world_does_not_end_a_delayed_reply(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    task = await held(api, sandbox, TIMEOUT)
    await control("reset_world", key="sk_test_other")
    await control("delete_world", key="sk_test_other")
    assert (len(sandbox.runtime.delayed_replies), task.done()) == (1, False)
    await control("delete_world")
    assert await ended(task)


@pytest.mark.parametrize("card", [TIMEOUT, TIMEOUT_AFTER])
async def test_a_hanging_request_ends_when_its_client_disconnects(
    api: Api, sandbox: AssembledServer, card: str
) -> None:
    """What it has done stays done."""
    task = await held(api, sandbox, card)
    task.cancel()
    await until(api, lambda: len(sandbox.runtime.delayed_replies) == 0)
    assert len(await listed(api)) == (0 if card == TIMEOUT else 1)


async def test_advancing_the_clock_does_not_end_a_delayed_reply(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    """The delay is in wall time."""
    task = await held(api, sandbox, TIMEOUT)
    await control("advance_clock", {"by": "45d"})
    assert (len(sandbox.runtime.delayed_replies), task.done()) == (1, False)
    await control("reset_world")
    assert await ended(task)


async def test_reading_the_journal_notices_a_client_that_has_just_disconnected(
    api: Api, control: Control, sandbox: AssembledServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that ends then must not miss it."""
    monkeypatch.setattr(delayed_replies, "CHECK_EVERY", 3_600)
    task = await held(api, sandbox, SLOW_MS)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    [entry] = (await control("list_requests"))["data"]
    assert (entry["fault"], entry["committed"]) == ("abandoned", True)
    sandbox.runtime.delayed_replies.wake_all()
    await until(api, lambda: len(sandbox.runtime.delayed_replies) == 0)


async def test_a_delayed_reply_whose_client_left_is_journalled_as_abandoned_at_once(
    api: Api, sandbox: AssembledServer
) -> None:
    """At once: a slow payment whose client left has committed, and was answered with nothing.

    The reply is still held, since the client may have closed no more than its sending side.
    """
    task = await held(api, sandbox, SLOW_MS)
    (entry,) = sandbox.runtime.worlds.get_or_create(KEY).journal.since(0)
    task.cancel()
    await until(api, lambda: entry.fault == "abandoned")
    assert (entry.committed, entry.status) == (True, None)
    assert len(sandbox.runtime.delayed_replies) == 1
    sandbox.runtime.delayed_replies.wake_all()
    await until(api, lambda: len(sandbox.runtime.delayed_replies) == 0)
    assert (entry.fault, entry.status) == ("abandoned", None)
