"""The counts of calls under way: when waiting for the end of a key's calls ends."""

import asyncio

import pytest

from payments_sandbox.cluster.calls_under_way import CallsUnderWay


async def turns() -> None:
    """Let every task run that can run."""
    for _ in range(5):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop


async def test_waiters_for_a_key_continue_when_its_last_call_has_ended() -> None:
    """The calls of another key neither delay nor release them."""
    calls = CallsUnderWay()
    for key in ("one", "one", "other"):
        calls.begin(key)
    waiting = [asyncio.create_task(calls.until_ended("one")) for _ in range(2)]
    for key in ("one", "other"):
        await turns()
        calls.end(key)
        await turns()
        assert not any(each.done() for each in waiting)
    assert ("one" in calls, "other" in calls) == (True, False)

    calls.end("one")

    await asyncio.gather(*waiting)
    assert "one" not in calls


def test_waiting_for_a_key_without_calls_returns_at_once_without_yielding() -> None:
    """The loop does not run in between, so no call can begin there."""
    with pytest.raises(StopIteration):
        CallsUnderWay().until_ended("one").send(None)
