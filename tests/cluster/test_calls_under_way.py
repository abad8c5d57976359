"""Holds the count of calls that are under way to whom it lets go on."""

import asyncio

import pytest

from payments_sandbox.cluster.calls_under_way import CallsUnderWay


async def turns() -> None:
    """Let whoever can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop


async def test_a_world_stays_until_the_last_call_of_its_key_has_ended() -> None:
    """Whoever waits for the key goes on then, and not with the calls of another."""
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


def test_nobody_waits_for_a_key_without_calls() -> None:
    """There is no turn of the loop in between, in which one could begin."""
    with pytest.raises(StopIteration):
        CallsUnderWay().until_ended("one").send(None)
