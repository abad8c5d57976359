"""Requests that a card holds back: what exists meanwhile, and everything that ends the wait."""

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
    """A sandbox that would hold a reply for a minute."""
    return Settings(clock="2030-01-15T10:30:00Z", seed=7, max_wall_delay=60_000)


async def held(api: Api, sandbox: AssembledServer, card: str) -> "asyncio.Task[object]":
    """A payment that is under way and waits."""
    task = asyncio.create_task(paid(api, card_number=card))
    await until(api, lambda: len(sandbox.runtime.delayed_replies) == 1)
    return task


async def ended(task: "asyncio.Task[object]") -> bool:
    """Whether the request has ended without a reply."""
    async with asyncio.timeout(LONGEST_WAIT):
        with suppress(ClientConnectionError):
            await task
            return False
    return True


async def test_a_slow_payment_exists_at_once(api: Api, sandbox: AssembledServer) -> None:
    """Only the reply is held back: the payment can be listed while its create still waits."""
    task = await held(api, sandbox, SLOW_MS)
    (payment_id,) = await listed(api)
    assert not task.done()
    payment = await ask(api, "GET", f"/v3/payments/{payment_id}")
    assert payment["status"] == "completed"
    sandbox.runtime.delayed_replies.wake_all()
    assert await ended(task)


@pytest.mark.parametrize("card", [SLOW_MS, TIMEOUT, TIMEOUT_AFTER])
@pytest.mark.parametrize("route", ["reset_world", "delete_world", "restore_snapshot"])
async def test_the_end_of_a_world_ends_its_waits(
    api: Api, control: Control, sandbox: AssembledServer, route: str, card: str
) -> None:
    """Reset, dropped or replaced: a request of the old world gets no reply, and at once."""
    snapshot = await control("retrieve_snapshot") if route == "restore_snapshot" else None
    task = await held(api, sandbox, card)
    await control(route, snapshot)
    assert await ended(task)
    await until(api, lambda: len(sandbox.runtime.delayed_replies) == 0)
    assert await listed(api) == []


async def test_another_worlds_reset_ends_nothing(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    """A neighbour's reset does not reach into this world."""
    task = await held(api, sandbox, TIMEOUT)
    await control("reset_world", key="sk_test_other")
    await control("delete_world", key="sk_test_other")
    assert (len(sandbox.runtime.delayed_replies), task.done()) == (1, False)
    await control("delete_world")
    assert await ended(task)


@pytest.mark.parametrize("card", [TIMEOUT, TIMEOUT_AFTER])
async def test_the_request_of_a_client_that_leaves_a_fault_stops_waiting(
    api: Api, sandbox: AssembledServer, card: str
) -> None:
    """Its request stops waiting; what it had done stays done."""
    task = await held(api, sandbox, card)
    task.cancel()
    await until(api, lambda: len(sandbox.runtime.delayed_replies) == 0)
    assert len(await listed(api)) == (0 if card == TIMEOUT else 1)


async def test_the_clock_does_not_shorten_a_wait(
    api: Api, control: Control, sandbox: AssembledServer
) -> None:
    """What a client feels is wall time: advancing the world's clock does not end it."""
    task = await held(api, sandbox, TIMEOUT)
    await control("advance_clock", {"by": "45d"})
    assert (len(sandbox.runtime.delayed_replies), task.done()) == (1, False)
    await control("reset_world")
    assert await ended(task)


async def test_who_asks_is_told_of_a_client_that_has_just_left(
    api: Api, control: Control, sandbox: AssembledServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when it is looked for next: a test that is over then would have missed it."""
    monkeypatch.setattr(delayed_replies, "CHECK_EVERY", 3_600)
    task = await held(api, sandbox, SLOW_MS)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    [entry] = (await control("list_requests"))["data"]
    assert (entry["fault"], entry["committed"]) == ("abandoned", True)
    sandbox.runtime.delayed_replies.wake_all()
    await until(api, lambda: len(sandbox.runtime.delayed_replies) == 0)


async def test_a_reply_that_nobody_may_read_is_not_in_the_journal(
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
