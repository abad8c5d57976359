"""A loop on time of its own: it comes as far as it was asked to, and not a hair less."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payments_sandbox.testing.memory.still_loop import TICK, StillLoop

WAITS = st.floats(0, 100_000)


@pytest.fixture(scope="module")
def loop() -> Iterator[StillLoop]:
    """One whose time has passed for others before."""
    loop = StillLoop()
    yield loop
    loop.close()


@given(WAITS, WAITS)
@example(0.1, 0.2)
@example(1e5, 1e-9)
def test_nobody_is_woken_early(loop: StillLoop, before: float, wait: float) -> None:
    """Whoever looks then, and waits for what is left, would otherwise do so for ever."""

    async def waited() -> float:
        await asyncio.sleep(before)  # noqa: TID251 - it takes no time
        started = loop.time()
        await asyncio.sleep(wait)  # noqa: TID251 - as above
        return loop.time() - started

    assert wait <= loop.run_until_complete(waited()) <= wait + TICK


@given(WAITS, WAITS)
@example(0.1, 0.2)
def test_a_deadline_is_over_when_it_is_said_to_be(
    loop: StillLoop, before: float, wait: float
) -> None:
    """It is the time that was asked for, or the next tick."""

    async def late() -> float:
        await asyncio.sleep(before)  # noqa: TID251 - it takes no time
        deadline = loop.time() + wait
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await loop.create_future()
        return loop.time() - deadline

    assert 0 <= loop.run_until_complete(late()) < TICK


def test_a_wait_without_an_end() -> None:
    """It is said, and not waited for."""
    loop = StillLoop()

    async def never() -> None:
        await loop.create_future()

    with pytest.raises(RuntimeError, match=r"^nothing is going to happen in this sandbox any more"):
        loop.run_until_complete(never())
    loop.close()
