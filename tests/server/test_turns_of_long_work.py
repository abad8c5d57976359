"""Tests how often long work lets others go first: neither too rarely nor too often."""

import asyncio
from math import inf

import pytest

from payments_sandbox.core.slices import Slices
from payments_sandbox.server import slices
from payments_sandbox.server.slices import MOST, run_in_slices

YIELDS = 10 * MOST


def work() -> Slices[str]:
    """Work that could let others go first many times."""
    for _ in range(YIELDS):
        yield
    return "done"


async def turns_of_others() -> int:
    """Return how many turns of the loop others have during the work."""
    turns = 0

    async def go_first() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
            turns += 1

    others = asyncio.create_task(go_first())
    assert await run_in_slices(work()) == "done"
    others.cancel()
    return turns


@pytest.mark.parametrize(("longest", "turns"), [(inf, YIELDS // MOST), (-inf, YIELDS)])
def test_long_work_yields_after_a_time_limit_or_a_number_of_slices(
    longest: float, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after each slice: a large journal would take seconds longer."""
    monkeypatch.setattr(slices, "LONGEST", longest)
    assert abs(asyncio.run(turns_of_others()) - turns) <= 1
